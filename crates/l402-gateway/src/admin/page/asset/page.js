// Puts fresh numbers in the place of those that the page came with. Without this script a reload does.
(() => {
  const EVERY = 2000;
  const marked = document.querySelectorAll('[data-live]');
  if (marked.length === 0) return;
  let failures = 0;

  const show = (values) => {
    for (const it of marked) {
      const value = values[it.dataset.live];
      if (typeof value !== 'string') continue;
      if (it.localName === 'path') it.setAttribute('d', value);
      else if (it.textContent !== value) it.textContent = value;
    }
  };

  const look = async () => {
    // A page that nobody sees asks for nothing.
    if (!document.hidden) {
      try {
        const answer = await fetch('/live.json', { cache: 'no-store', credentials: 'same-origin' });
        // The session has ended: the page says so when it is loaded again.
        if (answer.status === 401) { location.reload(); return; }
        if (answer.ok) { show(await answer.json()); failures = 0; }
      } catch {
        failures += 1;
      }
      document.documentElement.classList.toggle('stale', failures > 2);
    }
    setTimeout(look, EVERY);
  };
  setTimeout(look, EVERY);
})();
