// Ways to pay, and what is open after it. Each check says in a few words what it has seen.
import { createHash } from 'node:crypto';
import assert from 'node:assert/strict';
import { SIZES, press } from './browser.js';
import { SHORT_SECS } from './shop.js';
import {
  ENDPOINT, checkStorage, giveWebln, invoiceOf, meetPrice, part, payByPicture, photograph, readCodes, stateOf, until, visit,
  waitForGoods, waitForState, waitForWord,
} from './visit.js';

const posts = ({ requests }) => requests.filter((it) => it.method === 'POST' && it.url.endsWith(ENDPOINT));

export async function webln(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  let preimage;
  await giveWebln(visitor, async (invoice) => { preimage = await shop.pay(invoice); return { preimage }; });
  await meetPrice(visitor, '/article/1');
  await tab.waitForSelector(part('webln'), { visible: true });
  await tab.click(part('webln'));
  await waitForGoods(visitor);
  const sent = posts(visitor).map((it) => JSON.parse(it.body).preimage).filter(Boolean);
  assert.deepEqual([...new Set(sent)], [preimage], 'the preimage is used');
  await checkStorage(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'an injected wallet pays, and the page opens by its preimage';
}

/** Looks at the page that was bought, where everything behind the same service must have loaded. */
async function checkFilm({ tab, requests }, shop) {
  const shown = await tab.evaluate(async () => {
    await Promise.all([...document.images].map((it) => it.decode()));
    const video = document.querySelector('video');
    await video.play();
    await new Promise((go) => { video.ontimeupdate = () => { if (video.currentTime > 0.5) go(); }; });
    video.currentTime = 3.5;
    await new Promise((go) => { video.onseeked = go; });
    return { images: [...document.images].map((it) => it.naturalWidth), at: Math.round(video.currentTime * 10) / 10, wide: video.videoWidth };
  });
  assert.deepEqual(shown, { images: [80, 80], at: 3.5, wide: 160 });
  const asked = requests.map((it) => new URL(it.url).pathname);
  for (const name of ['one.svg', 'two.svg', 'clip.webm']) assert.ok(asked.includes(`/film/${name}`), name);
  const ranges = shop.upstream.seen.filter((it) => it.path === '/film/clip.webm').map((it) => it.headers.range);
  assert.ok(ranges.length > 1 && ranges.every((it) => /^bytes=\d+-/.test(it)), `ranges: ${ranges}`);
}

/** The upstream must see nothing of what the browser paid with. */
function checkUpstream({ upstream }) {
  for (const { headers } of upstream.seen) {
    assert.doesNotMatch(headers.cookie ?? '', /l402-/);
    assert.equal(headers.authorization, undefined);
  }
  assert.ok(upstream.seen.some((it) => /theme=dark/.test(it.headers.cookie)), "the visitor's other cookies pass");
}

export async function qr(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  await visitor.context.setCookie({ name: 'theme', value: 'dark', domain: '127.0.0.1', path: '/' });
  const start = Date.now();
  await meetPrice(visitor, '/film/');
  assert.equal(await tab.$eval(part('webln'), (it) => it.hidden), true, 'a button without a wallet');
  const picture = await photograph(visitor, SIZES.narrow, 'dark');
  shop.preimages.push(await payByPicture(shop.program, picture));
  await waitForGoods(visitor, 'Film');
  const polls = posts(visitor).length;
  assert.ok(polls >= 1 && polls <= (Date.now() - start) / 1000 + 1, `${polls} polls`);
  assert.ok(posts(visitor).every((it) => JSON.parse(it.body).preimage === undefined));
  await checkFilm(visitor, shop);
  assert.equal((await tab.reload()).status(), 200);
  assert.equal((await tab.goto(`${shop.address}/film/`)).status(), 200, 'typed into the address bar');
  assert.equal((await tab.goto(`${shop.address}/article/of-another-service`)).status(), 402);
  assert.equal((await visitor.context.cookies()).filter((it) => it.httpOnly).length, 1);
  checkUpstream(shop);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a picture of the code is paid by another process; images and a video load after it';
}

export async function once(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  await meetPrice(visitor, '/article/2?part=1');
  const first = await invoiceOf(visitor);
  await shop.pay(first);
  await waitForGoods(visitor);
  assert.equal(new URL(tab.url()).search, '?part=1');
  const [cookie] = await checkStorage(visitor);
  assert.ok(cookie, 'there is a cookie');
  const again = await tab.reload();
  assert.equal(again.status(), 402, 'once means once');
  assert.notEqual(await invoiceOf(visitor), first);
  await waitForWord(visitor, /Scan the code/);
  assert.match(await tab.$eval('main', (it) => it.innerText), /has been used up/);
  await meetPrice(visitor, '/article/2?part=2');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment for one request opens this address once, and no other';
}

export async function elsewhere(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await meetPrice(visitor, '/article/3');
  const invoice = await invoiceOf(visitor);
  // Another address of the same service with the cookie that was not used up.
  const other = await visitor.context.newPage();
  await shop.pay(invoice);
  await until(async () => (await visitor.context.cookies()).length > 0, 'the cookie');
  const answer = await other.goto(`${shop.address}/article/4`);
  assert.equal(answer.status(), 402);
  await waitForGoods(visitor);
  await visitor.close();
  return 'the cookie of one address opens no other address';
}

export async function uses(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await meetPrice(visitor, '/gallery/a');
  await shop.pay(await invoiceOf(visitor));
  await waitForGoods(visitor);
  const statuses = [];
  for (const name of ['b', 'c', 'd', 'e']) statuses.push((await visitor.tab.goto(`${shop.address}/gallery/${name}`)).status());
  assert.deepEqual(statuses, [200, 200, 200, 402]);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'four uses are four';
}

export async function revoked(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await meetPrice(visitor, '/film/');
  const preimage = await shop.pay(await invoiceOf(visitor));
  await waitForGoods(visitor, 'Film');
  await shop.revoke(createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex'));
  await until(async () => (await visitor.tab.reload()).status() === 402, 'the revocation');
  assert.match(await visitor.tab.$eval('main', (it) => it.innerText), /The seller has taken back/);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a revocation ends the cookie, and the page says so';
}

export async function expiry(browser, shop) {
  const visitor = await visit(browser, shop.address, { statuses: [410] });
  const { tab } = visitor;
  await meetPrice(visitor, '/soon/1');
  const first = await invoiceOf(visitor);
  const left = await tab.$eval(part('left'), (it) => it.textContent);
  assert.match(left, /^0:1\d$/);
  await tab.waitForFunction((selector, left) => document.querySelector(selector).textContent !== left, {}, part('left'), left);
  await waitForState(visitor, 'expired');
  assert.equal(await tab.$eval('svg', (it) => it.checkVisibility()), false, 'a code that nobody can pay any more');
  await tab.waitForSelector(part('fresh'), { visible: true });
  const answer = await press(tab, part('fresh'));
  assert.equal(answer.status(), 402);
  assert.equal(await stateOf(visitor), 'unpaid');
  const second = await invoiceOf(visitor);
  assert.notEqual(second, first);
  await shop.pay(second);
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return `an invoice ends after ${SHORT_SECS} seconds, and a fresh one is paid`;
}

export async function noScript(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  await tab.setJavaScriptEnabled(false);
  await meetPrice(visitor, '/article/5?x=1&y=2');
  const invoice = await invoiceOf(visitor);
  assert.deepEqual(await readCodes(await photograph(visitor, SIZES.wide, 'light')), [invoice.toLowerCase()]);
  for (const name of ['webln', 'copy']) assert.equal(await tab.$eval(part(name), (it) => it.checkVisibility()), false, name);
  const early = await press(tab, `${part('form')} button`);
  assert.match(early.headers()['content-type'], /^text\/html/);
  assert.ok(early.status() < 300 || early.status() === 402, `not paid yet: ${early.status()}`);
  const text = await tab.$eval('main', (it) => it.innerText);
  assert.match(text, /not (been )?paid|not (yet )?arrived/i);
  await shop.pay(invoice);
  // The node is asked once a second, so what a moment ago was open may be said once more.
  await until(async () => {
    await press(tab, `${part('form')} button`);
    return await tab.title() === 'Bought';
  }, 'the goods');
  assert.equal(await tab.$eval('h1', (it) => it.textContent), 'Bought /article/5');
  assert.equal(tab.url(), `${shop.address}/article/5?x=1&y=2`);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'code, text and form do without script';
}

/** Follows a link of another site to a path of the shop. */
async function follow({ tab }, shop, path) {
  await tab.goto(shop.other.link(shop.address + path));
  return press(tab, 'a');
}

export async function link(browser, shop) {
  const visitor = await visit(browser, shop.address, { near: [shop.other.site] });
  for (const [path, title] of [['/article/6', 'Bought'], ['/article/7?a=b#part', 'Bought'], ['/film/', 'Film']]) {
    const answer = await follow(visitor, shop, path);
    assert.equal(answer.status(), 402);
    await shop.pay(await invoiceOf(visitor));
    await waitForGoods(visitor, title);
    assert.equal(visitor.tab.url(), shop.address + path);
  }
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'whoever comes by a link of another site pays once and is in';
}

export async function linkAgain(browser, shop) {
  const visitor = await visit(browser, shop.address, { near: [shop.other.site] });
  await meetPrice(visitor, '/film/');
  await shop.pay(await invoiceOf(visitor));
  await waitForGoods(visitor, 'Film');
  const answer = await follow(visitor, shop, '/film/');
  assert.equal(answer.status(), 402, 'a link of another site spends nothing');
  const text = await visitor.tab.$eval('main', (it) => it.innerText);
  assert.match(text, /paid for this already/);
  await press(visitor.tab, part('go-on'));
  assert.equal(visitor.tab.url(), `${shop.address}/film/`);
  assert.equal(await visitor.tab.title(), 'Film');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a link of another site to what is paid leads on by one click';
}
