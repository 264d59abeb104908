// What of the shown slide is too small, clipped, or too little: a list of words, empty where all is well.
() => {
  const slide = document.querySelector('section.shown'), wrong = [], w = innerWidth, h = innerHeight;
  const seen = e => e.checkVisibility() && e.getClientRects().length;
  const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !seen(parent) || parent.closest('style, script, mjx-container, svg, aside')) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize) * (parent.currentCSSZoom || 1);
    if (size < 17.9) wrong.push(`${size} px: ${text.slice(0, 40)}`);
    if (parent.closest('pre') && parent.closest('code') && size < 21.9) wrong.push(`code: ${size} px`);
  }
  for (const e of [slide, ...slide.querySelectorAll('.middle, pre, .formula')])
    if (e.className === 'formula' ? e.scrollWidth > e.clientWidth + 1 : spills(e)) wrong.push(`clipped: ${e.className || e.tagName}`);
  for (const img of slide.querySelectorAll('.picture img')) {
    const {naturalWidth: a, naturalHeight: b} = img, box = img.getBoundingClientRect();
    const scale = Math.min(box.width / a, box.height / b);
    if (a * scale < 0.7 * w && b * scale < 0.7 * h) wrong.push(`a picture of ${a * scale} x ${b * scale}`);
  }
  for (const f of slide.querySelectorAll('.formula')) {
    const size = parseFloat(getComputedStyle(f).fontSize), set = f.querySelector('mjx-container svg');
    const wide = set ? set.getBoundingClientRect().width : 0;
    if (set && size < 39.9 && wide < 0.8 * w) wrong.push(`a formula of ${size} px, ${wide} wide`);
  }
  return wrong;
}
