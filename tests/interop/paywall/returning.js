// Who pays and comes back to another page than the one whose invoice they paid: by a reload, by "Back", or too late.
import assert from 'node:assert/strict';
import { press } from './browser.js';
import { answerPolls } from './states.js';
import { ENDPOINT, checkStorage, invoiceOf, meetPrice, part, stateOf, until, visit, waitForGoods, waitForState, waitForWord } from './visit.js';

const tokens = ({ requests }) => requests.filter((it) => it.url.endsWith(ENDPOINT)).map((it) => JSON.parse(it.body).token);
const timesSold = ({ upstream }, path) => upstream.seen.filter((it) => it.path === path).length;

/** Opens a shop whose endpoint answers by `answer` until the page is loaded a second time. */
async function visitCutOff(browser, shop, answer, options) {
  let loads = 0;
  const intercept = (it) => {
    if (it.isNavigationRequest() && it.url().startsWith(shop.address)) loads += 1;
    return loads < 2 && it.url().endsWith(ENDPOINT) && answer(it);
  };
  return visit(browser, shop.address, { intercept, ...options });
}
const cut = (request) => { request.abort(); return true; };

/** The page of the goods must find nothing of what was paid, nor may a second payment have been asked for. */
async function checkGoods(visitor, shop, path) {
  await waitForGoods(visitor);
  assert.equal(timesSold(shop, path), 1);
  assert.equal((await checkStorage(visitor)).length, 1, 'one payment');
  const [settled] = tokens(visitor);
  const state = await visitor.tab.evaluate(() => JSON.stringify(history.state));
  assert.ok(!state.includes(settled), 'what was paid is forgotten');
}

export async function reload(browser, shop) {
  const visitor = await visitCutOff(browser, shop, cut, { isOffline: true });
  const { tab } = visitor;
  await meetPrice(visitor, '/article/50');
  const first = await invoiceOf(visitor);
  await shop.pay(first);
  await until(() => tokens(visitor).length > 0, 'a poll');
  assert.equal((await tab.reload()).status(), 402);
  await checkGoods(visitor, shop, '/article/50');
  // What was used up is not asked about again and again.
  assert.equal((await tab.reload()).status(), 402, 'once means once');
  const pages = visitor.requests.filter((it) => it.isPage).length;
  await waitForWord(visitor, /Scan the code/);
  await new Promise((go) => setTimeout(go, 3000));
  assert.equal(visitor.requests.filter((it) => it.isPage).length, pages, 'it reloads again and again');
  assert.equal(await stateOf(visitor), 'unpaid');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment is not lost by a reload before the page has heard of it';
}

/** The first of several invoices is paid after the page was loaded anew. */
export async function reloads(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab } = visitor;
  await meetPrice(visitor, '/article/51');
  const first = await invoiceOf(visitor);
  await tab.evaluate(() => history.replaceState({ ...history.state, theirs: 1 }, ''));
  for (let count = 0; count < 2; count += 1) assert.equal((await tab.reload()).status(), 402);
  assert.equal(await tab.evaluate(() => history.state.theirs), 1, 'what others keep there stays');
  assert.notEqual(await invoiceOf(visitor), first);
  await until(() => new Set(tokens(visitor)).size === 3, 'questions about all');
  await shop.pay(first);
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'an earlier invoice opens the page, too';
}

export async function back(browser, shop) {
  const visitor = await visitCutOff(browser, shop, cut, { isOffline: true, near: [shop.other.site] });
  const { tab } = visitor;
  await meetPrice(visitor, '/article/52');
  await shop.pay(await invoiceOf(visitor));
  await until(() => tokens(visitor).length > 0, 'a poll');
  await tab.goto(shop.other.page('elsewhere'));
  await tab.goBack();
  await checkGoods(visitor, shop, '/article/52');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment is not lost by leaving the page and coming back';
}

/** The invoice has ended before the payment is known, and its owner asks for a fresh one. */
export async function fresh(browser, shop) {
  const ended = answerPolls(410, { state: 'ended' });
  const visitor = await visitCutOff(browser, shop, ended, { statuses: [410] });
  // Browsers may take a link to the very same address for a reload, but not from a part of the page.
  await meetPrice(visitor, '/soon/2#part');
  await shop.pay(await invoiceOf(visitor));
  await waitForState(visitor, 'expired');
  await visitor.tab.waitForSelector(part('fresh'), { visible: true });
  assert.equal((await press(visitor.tab, part('fresh'))).status(), 402);
  await checkGoods(visitor, shop, '/soon/2');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment is not lost by a fresh invoice';
}

/** A payment that arrives in the last moment is seen, though the node has said that it has ended. */
export async function late(browser, shop) {
  let isEnded = true;
  const ended = answerPolls(410, { state: 'ended' });
  const visitor = await visit(browser, shop.address, { statuses: [410], intercept: (it) => isEnded && ended(it) });
  await meetPrice(visitor, '/article/53');
  const invoice = await invoiceOf(visitor);
  await waitForState(visitor, 'expired');
  await shop.pay(invoice);
  isEnded = false;
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment of the last moment is seen';
}

/** A minute after the end nothing is asked any more. */
export async function over(browser, shop) {
  const visitor = await visit(browser, shop.address, { statuses: [410], intercept: answerPolls(410, { state: 'ended' }) });
  const { tab } = visitor;
  await tab.evaluateOnNewDocument(() => {
    const now = Date.now.bind(Date);
    window.later = 0;
    Date.now = () => now() + window.later;
  });
  await meetPrice(visitor, '/soon/3');
  await until(() => tokens(visitor).length > 1, 'a question after the first 410');
  await tab.evaluate(() => { window.later = 90_000; });
  await new Promise((go) => setTimeout(go, 2500));
  const before = tokens(visitor).length;
  await new Promise((go) => setTimeout(go, 4500));
  assert.equal(tokens(visitor).length, before, 'it asks for ever');
  assert.equal(await stateOf(visitor), 'expired');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a minute after the end of an invoice nothing is asked any more';
}

/** Nobody may look at the payment at the moment, which is not the same as a payment that has not come. */
export async function unsure(browser, shop) {
  let isBusy = true;
  const busy = answerPolls(202, { state: 'busy' });
  const visitor = await visit(browser, shop.address, { intercept: (it) => isBusy && busy(it) });
  await meetPrice(visitor, '/article/54');
  await waitForWord(visitor, /cannot be checked/);
  assert.equal(await stateOf(visitor), 'error');
  await shop.pay(await invoiceOf(visitor));
  isBusy = false;
  await waitForGoods(visitor);
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'a payment that cannot be checked at the moment is said, and asked about again';
}
