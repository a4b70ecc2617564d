// Pages of another site, which try to use what the visitor has paid for.
import assert from 'node:assert/strict';
import { press } from './browser.js';
import { ENDPOINT, invoiceOf, meetPrice, until, visit, waitForGoods } from './visit.js';

const DONE = '<script>addEventListener("load", () => setTimeout(() => { document.title = "done"; }, 500))</script>';

/** What a page of another site may try without a click. */
const attempts = (address, token) => `
<img src="${address}/gallery/image"> <iframe src="${address}/gallery/frame"></iframe>
<link rel="prefetch" href="${address}/gallery/prefetch"> <video src="${address}/gallery/video" autoplay muted></video>
<script>
  const send = (path, options) => fetch("${address}" + path, { credentials: "include", ...options }).catch(() => {});
  send("/gallery/fetch");
  send("/gallery/no-cors", { mode: "no-cors" });
  send("/gallery/post", { mode: "no-cors", method: "POST" });
  send("${ENDPOINT}", { mode: "no-cors", method: "POST", body: JSON.stringify({ token: "${token}", path: "/gallery/a" }) });
</script>${DONE}`;

/** Buys four uses of the gallery, and uses one. */
async function buyGallery(browser, shop) {
  const visitor = await visit(browser, shop.address, { near: [shop.other.site] });
  await meetPrice(visitor, '/gallery/a');
  await shop.pay(await invoiceOf(visitor));
  await waitForGoods(visitor);
  const { body } = visitor.requests.find((it) => it.url.endsWith(ENDPOINT));
  return { visitor, token: JSON.parse(body).token };
}

const countUses = (shop) => shop.upstream.seen.filter((it) => it.path.startsWith('/gallery/')).length;

export async function attack(browser, shop) {
  const { visitor, token } = await buyGallery(browser, shop);
  const { tab } = visitor;
  const statuses = new Map();
  tab.on('response', (it) => statuses.set(new URL(it.url()).pathname, it.status()));
  const before = countUses(shop);
  await tab.goto(shop.other.page(attempts(shop.address, token)));
  await tab.waitForFunction(() => document.title === 'done', { timeout: 15_000 });
  const tried = visitor.requests.map((it) => new URL(it.url).pathname);
  for (const name of ['image', 'frame', 'fetch', 'no-cors', 'post', 'video']) assert.ok(tried.includes(`/gallery/${name}`), name);
  assert.equal(countUses(shop), before, 'another site has used what was paid for');
  assert.equal(statuses.get(ENDPOINT), 403);
  const uses = [];
  for (const name of ['b', 'c', 'd', 'e']) uses.push((await tab.goto(`${shop.address}/gallery/${name}`)).status());
  assert.deepEqual(uses, [200, 200, 200, 402], 'all uses are still there');
  await visitor.close();
  return 'pages of another site use up nothing, and get nothing';
}

/** A form of another site that is sent by a click leads the visitor there, but without a cookie. */
export async function form(browser, shop) {
  const { visitor, token } = await buyGallery(browser, shop);
  const { tab } = visitor;
  await visitor.context.deleteCookie(...await visitor.context.cookies());
  const before = countUses(shop);
  await tab.goto(shop.other.page(`<form method="post" action="${shop.address}${ENDPOINT}">
    <input name="token" value="${token}"><input name="path" value="/gallery/a"><button>x</button></form>`));
  const answer = await press(tab, 'button');
  assert.equal(answer.status(), 403);
  assert.deepEqual(await visitor.context.cookies(), []);
  await tab.goto(shop.other.page(`<form method="post" action="${shop.address}/gallery/form"><button>x</button></form>`));
  await press(tab, 'button');
  await until(() => visitor.requests.some((it) => it.url.endsWith('/gallery/form')), 'the form');
  assert.equal(countUses(shop), before);
  await visitor.close();
  return 'a form of another site gets no cookie and uses nothing';
}
