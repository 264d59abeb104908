// Arrow keys, space, Home and End move; on a prediction the first key shows the answer; n shows the speaker's notes, s opens them in a window of their own. Page up and page down, which clickers send, move whatever has the focus; Escape gives the other keys back. The number of the slide stands in the address.
const slides = [...document.querySelectorAll('section')];
function show(n) {
  n = Math.min(Math.max(n, 0), slides.length - 1);
  slides.forEach((slide, i) => slide.classList.toggle('shown', i === n));
  document.querySelector('nav').textContent = `${n + 1} / ${slides.length}`;
  history.replaceState(null, '', `#${n + 1}`);
  fit(slides[n]);
  tell();
}
const spills = box => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
function fit(slide) {  // letters shrink to 18 px of 720 at the least; formulas grow until they fill the slide
  for (const formula of slide.querySelectorAll('.formula')) {
    for (let size = 9; size >= 2.5; size -= 0.25) {
      formula.style.fontSize = `${size}vh`;
      if (formula.scrollWidth <= formula.clientWidth + 1 && (!spills(slide) || size <= 5.56)) break;
    }
  }
  const panels = slide.querySelector('.explorable .panels');
  for (let wide = innerWidth * 0.9; panels && wide > 240; wide -= 20) {  // as large as they fit
    panels.style.gridTemplateColumns = `repeat(auto-fit, ${wide}px)`;
    if (!spills(slide)) break;
  }
  for (const printed of slide.querySelectorAll('div:not(.exercise) > pre')) {  // a table keeps its columns
    printed.style.cssText = 'white-space: pre';
    if (spills(printed)) printed.style.fontSize = '2.5vh';
    if (spills(printed)) printed.style.whiteSpace = '';
  }
  for (let size = 100; size >= 74; size -= 3) {
    slide.style.fontSize = `${size}%`;
    if (![slide, ...slide.querySelectorAll('.middle')].some(spills)) return;
  }
}
const at = () => slides.findIndex(slide => slide.classList.contains('shown'));
const steps = {ArrowRight: 1, ArrowDown: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -1e6, End: 1e6};
function answered(slide) {  // a vote first: the key that would go on opens the options
  const closed = slide.querySelectorAll('.course-option:not([open])');
  closed.forEach(option => { option.open = true; });
  fit(slide);
  return closed.length > 0;
}
let desk = null;  // the speaker's window
function tell() {
  if (!desk || desk.closed) return;
  const notes = [...slides[at()].querySelectorAll('aside')].map(aside => aside.innerHTML);
  desk.document.body.innerHTML = `<p>${document.querySelector('nav').textContent}</p>${notes.join('')}`;
}
function openDesk() {
  desk = open('', 'notes', 'width=720,height=540');
  if (!desk) return;
  desk.document.title = 'Notes';
  desk.document.head.innerHTML = '<style>body { font: 20px/1.45 system-ui, sans-serif; margin: 1.5em; } mjx-assistive-mml { display: none; }</style>';
  tell();
}
addEventListener('keydown', event => {
  const inside = event.target.closest && event.target.closest('.explorable, summary');
  if (event.key === 'Escape') document.activeElement.blur();
  else if (event.key === 'n') document.body.classList.toggle('notes');
  else if (event.key === 's') openDesk();
  else if (event.key in steps && (!inside || event.key.startsWith('Page'))) {
    event.preventDefault();
    event.stopPropagation();
    document.activeElement.blur();
    if (steps[event.key] !== 1 || !answered(slides[at()])) show(at() + steps[event.key]);
  }
}, true);
addEventListener('click', event => {  // a button pressed with the mouse does not keep the keys
  const button = event.detail && event.target.closest('button, summary');
  if (button) button.blur();
});
addEventListener('resize', () => fit(slides[at()]));
addEventListener('hashchange', () => show(Number(location.hash.slice(1)) - 1));
show((Number(location.hash.slice(1)) || 1) - 1);
addEventListener('load', () => {  // formulas are set late
  const set = window.MathJax && MathJax.startup ? MathJax.startup.promise : Promise.resolve();
  set.then(() => fit(slides[at()]));
});
