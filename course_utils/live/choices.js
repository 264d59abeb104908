// Keeps which option of a prediction a reader opened first, in this browser only, and fills every
// `.course-tally` with how many were right. `localStorage` may be missing or refuse (private windows, frames).
(() => {
  const KEY = 'course-choices';
  const kept = () => {
    try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; }
  };
  const tell = () => {
    const choices = Object.entries(kept()), wrong = {};
    const right = choices.filter(([, yes]) => yes).length;
    for (const [id, yes] of choices) if (!yes) wrong[id.slice(1, 3)] = (wrong[id.slice(1, 3)] || 0) + 1;
    const most = Object.keys(wrong).sort((a, b) => wrong[b] - wrong[a])[0];
    const text = choices.length === 0 ? 'You have made no prediction yet.'
      : `You were right about ${right} of ${choices.length} predictions` + (most ? `; most often wrong in lesson ${most}.` : '.');
    document.querySelectorAll('.course-tally').forEach(place => { place.textContent = text; });
  };
  tell();
  if (window.courseChoices) return;
  window.courseChoices = true;
  document.addEventListener('toggle', event => {  // does not bubble, so it is caught on its way down
    const option = event.target;
    const name = option.className && /\b(p\d\d-[0-9a-f]{6})-[A-E]\b/.exec(option.className);
    if (!name || !option.open) return;
    const choices = kept(), id = name[1];
    if (!(id in choices)) choices[id] = option.classList.contains('course-right');
    try { localStorage.setItem(KEY, JSON.stringify(choices)); } catch { /* then nothing is kept */ }
    tell();
  }, true);
})();
