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
