// Asks if the payment has arrived, and opens the page then. It keeps no preimage, and a token in the entry of the history
// alone: a page that is loaded anew has a new token and invoice, but its owner may have paid the one before.
(() => {
  'use strict';
  const root = document.querySelector('[data-l402=page]');
  if (!root) return;
  const { token, path, endpoint, invoice, lasts } = root.dataset;
  const part = (name) => document.querySelector(`[data-l402=${name}]`);
  const word = (name) => root.getAttribute(`data-word-${name}`) || '';
  const show = (name, visible) => { const it = part(name); if (it) it.hidden = !visible; };

  const opened = Date.now();
  const passed = () => (Date.now() - opened) / 1000;
  const left = () => Number(lasts) - passed();
  let over = false, asking = false, timer = 0, said = '';

  // This offer, and the last ones of this address that its entry of the history knows.
  const mine = { token, path, ends: opened + Number(lasts) * 1000 };
  const own = () => (typeof history.state === 'object' && history.state) || {};
  const kept = Object(own().l402);
  let earlier = (Array.isArray(kept.offers) ? kept.offers : [])
    .filter((it) => it && it.path === path && typeof it.token === 'string' && it.token !== token).slice(-3);
  let turn = 0;
  const forget = (it) => {
    if (it === mine) mine.isGone = true;
    earlier = earlier.filter((other) => other !== it);
  };
  const keep = (came) => {
    const offers = mine.isGone ? earlier : [...earlier, mine];
    history.replaceState({ ...own(), l402: { came, offers } }, '');
  };
  // The offers to ask about: all of them at first and when somebody comes back, else an earlier one in turn and this one,
  // as long as a payment may be on its way. The earlier ones come first, since they lead on sooner.
  const due = (all) => {
    const old = all ? earlier : passed() < 600 && earlier.length ? [earlier[turn % earlier.length]] : [];
    return mine.isGone || !(all || left() > -60) ? old : [...old, mine];
  };

  const say = (text) => {
    said = text;
    const it = part('status');
    if (it && it.textContent !== text) it.textContent = text;
  };
  const state = (name, text) => { root.dataset.state = name; say(text); };
  // Ends it: nothing more is asked, and nothing more is to be paid here.
  const stop = (text) => {
    over = true;
    clearTimeout(timer);
    root.dataset.stop = '';
    state('error', text);
    const again = part('fresh');
    if (again) again.textContent = word('again');
  };
  const wait = () => {
    if (left() > 0) state('unpaid', word('waiting'));
    else state('expired', word('expired'));
  };

  const paid = (offer) => {
    over = true;
    state('paid', word('paid'));
    setTimeout(() => {
      // The page that comes next must know that this one led to it, or a browser that keeps no cookie
      // would show its owner a second invoice. What was bought is forgotten: asked about again, it would lead
      // on again when it is used up.
      forget(offer);
      keep(Date.now());
      location.reload();
    }, 700);
  };

  const send = async ({ token }, preimage) => {
    const body = preimage ? { token, path, preimage } : { token, path };
    const answer = await fetch(endpoint, {
      method: 'POST', cache: 'no-store', credentials: 'same-origin', redirect: 'error', body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    });
    return [answer, await answer.json().catch(() => ({}))];
  };

  // Returns what an answer says of an offer, if the page has to show it.
  const react = (it, { status }, told) => {
    if (status === 200 && told.state === 'settled') paid(it);
    // 202 alone does not say that it is unpaid: the node may not be asked at every moment.
    else if (status === 429 || status >= 500 || told.state === 'busy') return 'busy';
    else if (status === 410) {
      // It may have been paid in the last moment.
      if (!(Date.now() < it.ends + 60000)) forget(it);
      if (it === mine) return 'expired';
    } else if (it !== mine) { if (status === 401) forget(it); }
    else if (status === 401) stop(word('invalid'));
    else if (status === 403) stop(word('blocked'));
    else if (status !== 202) stop(word('refused').replace('{why}', () => told.detail || told.title || status));
    return '';
  };
  const trouble = (name) => { root.dataset.trouble = name; state('error', word(name)); };

  // Returns the seconds until the next question.
  const askAll = async (offers, preimage) => {
    const heard = [];
    let wish = 0;
    for (const it of offers) {
      const [answer, told] = await send(it, preimage);
      wish = Math.max(wish, Math.min(Number(answer.headers.get('retry-after')) || 0, 60));
      heard.push(react(it, answer, told));
      if (over) return 0;
    }
    if (heard.includes('busy')) {
      trouble('busy');
      return Math.max(wish, 3);
    }
    if (heard.includes('expired')) state('expired', word('expired'));
    else if (root.dataset.state !== 'error' || root.dataset.trouble) wait();
    delete root.dataset.trouble;
    return Math.max(wish, passed() < 60 ? 1 : 2);
  };
  const ask = async (preimage, all) => {
    if (over || asking) return;
    asking = true;
    turn += 1;
    let pause = 3;
    try { pause = await askAll(preimage ? [mine] : due(all), preimage); } catch { trouble('lost'); }
    asking = false;
    next(pause);
  };
  const next = (secs) => {
    clearTimeout(timer);
    if (!over && !document.hidden && due().length) timer = setTimeout(ask, secs * 1000);
  };
  // Whoever comes back from a wallet wants to see at once that it is paid, also after the end.
  document.addEventListener('visibilitychange', () => { if (!document.hidden) ask('', true); });

  const tick = () => {
    const secs = Math.max(0, Math.ceil(left()));
    const two = (number) => String(number).padStart(2, '0');
    const hours = Math.floor(secs / 3600), minutes = Math.floor(secs / 60) % 60;
    const it = part('left');
    if (it) it.textContent = (hours ? `${hours}:${two(minutes)}` : minutes) + ':' + two(secs % 60);
    if (secs === 0 && !over && root.dataset.state !== 'expired') wait();
    if (secs > 0 && !over) setTimeout(tick, 250);
  };

  // A link would begin the entry of the history anew, and forget what was offered before.
  part('fresh')?.addEventListener('click', (it) => {
    if (it.ctrlKey || it.metaKey || it.shiftKey) return;
    it.preventDefault();
    location.reload();
  });

  const copy = part('copy');
  copy?.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(invoice); } catch {
      part('invoice')?.select();
      document.execCommand('copy');
    }
    const before = said, button = copy.textContent;
    say(word('copied'));
    copy.textContent = word('copied');
    setTimeout(() => { copy.textContent = button; if (said === word('copied')) say(before); }, 2000);
  });

  const webln = part('webln');
  const offer = () => { if (webln && window.webln) webln.hidden = false; };
  webln?.addEventListener('click', async () => {
    webln.disabled = true;
    try {
      await window.webln.enable();
      const { preimage } = await window.webln.sendPayment(invoice) || {};
      // A question may be on its way, and is answered soon.
      while (asking) await new Promise((go) => setTimeout(go, 50));
      await ask(preimage);
    } catch (error) {
      const why = String(error?.message || error).slice(0, 160);
      if (!over) state('error', word('wallet').replace('{why}', () => why));
    }
    webln.disabled = false;
  });
  window.addEventListener('webln:ready', offer);
  [0, 300, 1500].forEach((ms) => setTimeout(offer, ms));

  show('form', false);
  show('copy', true);
  const label = part('label');
  if (label) label.textContent = word('left');
  part('status')?.classList.add('live');
  // The server says why there is an invoice again, if it knows.
  const came = 'told' in root.dataset ? -1 : Date.now() - (kept.came || 0);
  const trap = came >= 0 && came < 5000 ? 'stuck' : navigator.cookieEnabled ? '' : 'cookies';
  // What is not to be paid need not be asked about.
  if (trap) forget(mine);
  try { keep(0); } catch { /* What this browser does not keep, it can buy all the same. */ }
  if (trap) { stop(word(trap)); return; }
  wait();
  tick();
  if (earlier.length) ask('', true);
  else next(1);
})();
