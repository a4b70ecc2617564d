// A page of the operator's own, and the cookie over TLS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { lookAtAll } from './sound.js';
import { checkStorage, invoiceOf, meetPrice, part, visit, waitForGoods, waitForWord } from './visit.js';

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>alert(1)</script><rect width="40" height="40" fill="teal"/></svg>';
const PAGE = `[page]
title = "The Film Club"
logo = "logo.svg"
template = "paywall.html"
[page.words.en]
open = "Pay now"
`;

/** The page that docs/paywall.md shows, as somebody would copy it, with a style and a script of their own. */
function documented() {
  const template = /```html\n([^]*?)```/.exec(readFileSync('docs/paywall.md', 'utf8'))[1];
  const more = '<style>h1 { text-transform: uppercase; }</style>{{logo}}<p id="own"></p>'
    + '<script>document.getElementById("own").textContent = "a script of our own";</script>';
  return template.replace('<h1>', `${more}<h1>`);
}

export async function own(browser, shop) {
  const { address, stop } = await shop.startOwn(PAGE, { 'logo.svg': LOGO, 'paywall.html': documented() });
  try {
    const visitor = await visit(browser, address);
    await meetPrice(visitor, '/film/');
    const seen = await visitor.tab.evaluate(() => ({
      own: document.getElementById('own').textContent,
      style: getComputedStyle(document.querySelector('h1')).textTransform,
      logo: document.images[0].naturalWidth,
      open: document.querySelector('a[href^="lightning:"].button').textContent,
    }));
    assert.deepEqual(seen, { own: 'a script of our own', style: 'uppercase', logo: 40, open: 'Pay now' });
    await waitForWord(visitor, /opens by itself/);
    await lookAtAll(visitor);
    await shop.pay((await visitor.tab.$eval('a[href^="lightning:"]', (it) => it.href)).slice('lightning:'.length));
    await waitForGoods(visitor, 'Film');
    await visitor.close();
    assert.deepEqual(visitor.wrong, []);
  } finally {
    stop();
  }
  return 'the page of docs/paywall.md, with a logo, a style and a script of its own, sells';
}

export async function secure(browser, shop) {
  const { address, stop } = await shop.startSecure();
  try {
    const visitor = await visit(browser, address);
    const cdp = await visitor.tab.createCDPSession();
    await cdp.send('Security.setIgnoreCertificateErrors', { ignore: true });
    await meetPrice(visitor, '/article/8');
    await shop.pay(await invoiceOf(visitor));
    await waitForGoods(visitor);
    const [cookie] = await checkStorage(visitor);
    assert.match(cookie.name, /^__Host-l402-/);
    await visitor.close();
    assert.deepEqual(visitor.wrong, []);
  } finally {
    stop();
  }
  return 'over TLS the cookie is __Host- and Secure';
}
