// The states of the page, each made to stay, for whoever looks at them.
import { press } from './browser.js';
import { ENDPOINT, giveWebln, meetPrice, part, visit, waitForState } from './visit.js';

const isPoll = (request) => request.url().endsWith(ENDPOINT);

/** Answers polls in place of the gateway. */
export const answerPolls = (status, body, headers = {}) => (request) => isPoll(request)
  && (request.respond({ status, headers, contentType: 'application/json', body: JSON.stringify(body) }), true);

async function inState(browser, shop, state, options) {
  const visitor = await visit(browser, shop.address, options);
  await meetPrice(visitor, '/film/');
  await waitForState(visitor, state);
  return visitor;
}

async function withoutScript(browser, shop, path) {
  const visitor = await visit(browser, shop.address, { statuses: [404] });
  await visitor.tab.setJavaScriptEnabled(false);
  await visitor.tab.goto(shop.address + path);
  // For axe; the script of a document that is there already stays off.
  await visitor.tab.setJavaScriptEnabled(true);
  return visitor;
}

/** The four states of docs/paywall.md. */
export const STATES = {
  unpaid: async (browser, shop) => {
    const visitor = await visit(browser, shop.address);
    await giveWebln(visitor, () => new Promise(() => {}));
    await meetPrice(visitor, '/film/');
    await visitor.tab.waitForSelector(part('webln'), { visible: true });
    return visitor;
  },
  paid: async (browser, shop) => {
    const visitor = await visit(browser, shop.address, { intercept: answerPolls(200, { state: 'settled' }) });
    // The reload that follows is held off.
    await visitor.tab.evaluateOnNewDocument(() => {
      navigation.addEventListener('navigate', (it) => { if (it.navigationType === 'reload') it.preventDefault(); });
    });
    await meetPrice(visitor, '/film/');
    await waitForState(visitor, 'paid');
    return visitor;
  },
  expired: (browser, shop) => inState(browser, shop, 'expired', { statuses: [410], intercept: answerPolls(410, { state: 'ended' }) }),
  error: (browser, shop) => inState(browser, shop, 'error', {
    statuses: [503], intercept: answerPolls(503, { state: 'node_unavailable' }, { 'retry-after': '30' }),
  }),
};

/** What else a visitor may see: an end of all questions, no script, and the pages of other refusals. */
export const OTHERS = {
  stopped: (browser, shop) => inState(browser, shop, 'error', { statuses: [401], intercept: answerPolls(401, { state: 'invalid_token' }) }),
  plain: (browser, shop) => withoutScript(browser, shop, '/film/'),
  early: async (browser, shop) => {
    const visitor = await withoutScript(browser, shop, '/article/40');
    await press(visitor.tab, `${part('form')} button`);
    return visitor;
  },
  nothing: (browser, shop) => withoutScript(browser, shop, '/nothing/here'),
};
