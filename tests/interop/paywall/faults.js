// What goes wrong, and what the page makes of it.
import assert from 'node:assert/strict';
import { answerPolls } from './states.js';
import {
  ENDPOINT, checkStorage, giveWebln, invoiceOf, meetPrice, part, stateOf, until, visit, waitForGoods, waitForState,
} from './visit.js';

const said = ({ tab }) => tab.$eval(part('status'), (it) => it.textContent);

export async function refused(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await giveWebln(visitor, async () => { throw new Error('User <b>rejected</b>'); });
  await meetPrice(visitor, '/article/20');
  await visitor.tab.waitForSelector(part('webln'), { visible: true });
  await visitor.tab.click(part('webln'));
  await waitForState(visitor, 'error');
  assert.match(await said(visitor), /User <b>rejected<\/b>/);
  await shop.pay(await invoiceOf(visitor));
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a wallet that refuses is an error with its words, and the code can still be paid';
}

/** A wallet that lies gets nothing by it, and one that shows no preimage is believed by the node's word. */
export async function lies(browser, shop) {
  const visitor = await visit(browser, shop.address, { statuses: [400, 401, 403, 410, 422] });
  await giveWebln(visitor, async () => ({ preimage: '00'.repeat(32) }));
  await meetPrice(visitor, '/article/21');
  await visitor.tab.waitForSelector(part('webln'), { visible: true });
  await visitor.tab.click(part('webln'));
  await until(() => visitor.requests.some((it) => /"preimage"/.test(it.body)), 'the lie');
  await visitor.tab.waitForNetworkIdle({ idleTime: 300 });
  assert.notEqual(await stateOf(visitor), 'paid');
  assert.deepEqual(await visitor.context.cookies(), []);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  const silent = await visit(browser, shop.address);
  await giveWebln(silent, async (invoice) => { await shop.pay(invoice); return {}; });
  await meetPrice(silent, '/article/22');
  await silent.tab.waitForSelector(part('webln'), { visible: true });
  await silent.tab.click(part('webln'));
  await waitForGoods(silent);
  await silent.close();
  assert.deepEqual(silent.wrong, []);
  return 'a preimage that is none opens nothing; a wallet that shows none has paid all the same';
}

export async function lost(browser, shop) {
  const visitor = await visit(browser, shop.address, { isOffline: true });
  await meetPrice(visitor, '/article/23');
  const invoice = await invoiceOf(visitor);
  shop.cut(true);
  try {
    await waitForState(visitor, 'error');
    await shop.pay(invoice);
  } finally {
    shop.cut(false);
  }
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a connection that is lost is said, and the page goes on when it is back';
}

export async function busy(browser, shop) {
  let isBusy = true;
  const unavailable = answerPolls(503, { state: 'node_unavailable' }, { 'retry-after': '1' });
  const visitor = await visit(browser, shop.address, { statuses: [503], intercept: (it) => isBusy && unavailable(it) });
  await meetPrice(visitor, '/article/24');
  await waitForState(visitor, 'error');
  assert.notEqual(await said(visitor), '');
  isBusy = false;
  await waitForState(visitor, 'unpaid');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a node that is away is said, and asked again';
}

/** A browser that keeps no cookie is told so, and does not reload for ever. */
export async function noCookie(browser, shop) {
  const visitor = await visit(browser, shop.address, { intercept: answerPolls(200, { state: 'settled' }) });
  await meetPrice(visitor, '/article/25');
  const pages = () => visitor.requests.filter((it) => it.isPage).length;
  await until(() => pages() === 2, 'the reload');
  await waitForState(visitor, 'error');
  const invoice = await invoiceOf(visitor);
  // Longer than the page takes from its start to its first poll and its reload.
  await new Promise((go) => setTimeout(go, 4000));
  assert.equal(pages(), 2, 'it reloads again and again');
  assert.equal(await invoiceOf(visitor), invoice);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'one reload that leads nowhere is followed by no other';
}

/** Whoever looks at another tab asks nothing, and whoever comes back sees at once that it is paid. */
export async function hidden(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  await tab.evaluateOnNewDocument(() => {
    window.isAway = false;
    Object.defineProperty(document, 'hidden', { get: () => window.isAway });
    Object.defineProperty(document, 'visibilityState', { get: () => window.isAway ? 'hidden' : 'visible' });
  });
  const turn = (isAway) => tab.evaluate((isAway) => {
    window.isAway = isAway;
    document.dispatchEvent(new Event('visibilitychange'));
  }, isAway);
  await meetPrice(visitor, '/article/26');
  const polls = () => visitor.requests.filter((it) => it.url.endsWith(ENDPOINT)).length;
  await until(() => polls() > 0, 'a poll');
  await turn(true);
  await tab.waitForNetworkIdle({ idleTime: 1500 });
  const before = polls();
  await shop.pay(await invoiceOf(visitor));
  // Longer than the pause between two polls.
  await new Promise((go) => setTimeout(go, 2500));
  assert.ok(polls() <= before + 1, `${polls() - before} polls of a hidden page`);
  await turn(false);
  await waitForGoods(visitor);
  await checkStorage(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a hidden page asks nothing';
}
