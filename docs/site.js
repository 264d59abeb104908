// A button on every piece of code that copies it, as long as the browser lets a page write to the clipboard.
addEventListener('DOMContentLoaded', () => {
  if (!navigator.clipboard) return;
  for (const code of document.querySelectorAll('.bd-article div.highlight > pre')) {
    const inside = code.closest('.cell_output');
    if (inside) continue;  // what a cell has printed
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'course-copy';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(code.textContent.trimEnd());
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    });
    code.parentElement.append(button);
  }
});

// What has been printed in columns keeps its lines. What is wider than its place gets the class course-more, as long as there is more to the right.
addEventListener('DOMContentLoaded', () => {
  const mark = box => box.classList.toggle('course-more', box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
  for (const box of document.querySelectorAll('.bd-article .cell_output pre')) {
    box.classList.toggle('course-columns', /\S {2,}\S/.test(box.textContent));
  }
  const sizes = new ResizeObserver(entries => entries.forEach(({target}) => mark(target.querySelector('mjx-container') || target)));
  document.querySelectorAll('.bd-article :is(pre, .cell_output .output, div.math, .pst-scrollable-table-container)')
    .forEach(box => sizes.observe(box));
  document.addEventListener('scroll', event => { if (event.target.closest?.('.bd-article')) mark(event.target); }, true);
});

// A reader who comes to the glossary from the search is led to the shortest name with what was searched for.
addEventListener('DOMContentLoaded', () => {
  const asked = /\/search\.html\?/.test(document.referrer) && new URL(document.referrer).searchParams.get('q')?.toLowerCase();
  if (!asked || location.hash) return;
  const [name] = [...document.querySelectorAll('.bd-article li span[id]')]
    .flatMap(anchor => anchor.parentElement.textContent.split('):')[0].toLowerCase().split(/ \(|[,，] */).map(text => ({text, anchor})))
    .filter(({text}) => text.includes(asked))
    .sort((a, b) => a.text.length - b.text.length);
  if (name) location.replace(`#${name.anchor.id}`);
});
