// Adds a button that copies to each block of code. Without this script there is no button.
(() => {
  if (!navigator.clipboard) return;
  for (const block of document.querySelectorAll('.code')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy ' + (block.dataset.name || 'the code'));
    const told = document.createElement('span');
    told.className = 'vh';
    told.setAttribute('role', 'status');
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(block.querySelector('code').textContent);
      button.textContent = told.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; told.textContent = ''; }, 2000);
    });
    block.append(button, told);
  }
})();
