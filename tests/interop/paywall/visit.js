// Visits of the paywall page: each a browser of its own, so to say, which nobody knows yet.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import assert from 'node:assert/strict';
import { look, watch } from './browser.js';

const run = promisify(execFile);
const READ_QR = fileURLToPath(new URL('read_qr.py', import.meta.url));
export const ENDPOINT = '/.well-known/l402/settled';
/** The longest time for what takes a moment, in milliseconds. */
const SOON = { timeout: 30_000 };
// The browser itself says so of each answer that is no success, also where that is what was asked for.
const NO_SUCCESS = /^Failed to load resource: the server responded with a status of (\d+)/;

/** Selects a part of the page by its hook, which stands in its template. */
export const part = (name) => `[data-l402=${name}]`;

/**
 * Opens a tab of a visitor whom nobody knows. `statuses` are those that the console may complain of beside 402, and
 * `near` are addresses of which something may be asked beside the shop's.
 */
export async function visit(browser, address, { statuses = [], near = [], ...options } = {}) {
  const context = await browser.createBrowserContext();
  const tab = await context.newPage();
  const may = [402, ...statuses].map(String);
  const isExpected = (text) => may.includes(NO_SUCCESS.exec(text)?.[1]) || (options.isOffline && /net::ERR_/.test(text));
  const wrong = watch(tab, '', isExpected);
  const requests = [];
  await tab.setRequestInterception(true);
  tab.on('request', (it) => {
    const url = it.url();
    requests.push({ url, method: it.method(), body: it.postData(), isPage: it.isNavigationRequest() });
    const isOwn = [address, ...near].some((own) => url.startsWith(`${own}/`)) || url.startsWith('data:');
    if (!isOwn) wrong.push(`asks ${url}`);
    if (!isOwn) it.abort();
    else if (!options.intercept?.(it)) it.continue();
  });
  return { context, tab, wrong, requests, address, close: () => context.close() };
}

/** Opens a path, which must be answered 402 by the page. */
export async function meetPrice(visitor, path) {
  const answer = await visitor.tab.goto(visitor.address + path);
  assert.equal(answer.status(), 402, path);
  assert.match(answer.headers()['content-type'], /^text\/html/);
  return answer;
}

export const invoiceOf = ({ tab }) => tab.$eval(part('invoice'), (it) => it.value);

export const stateOf = ({ tab }) => tab.$eval(part('page'), (it) => it.dataset.state);

export const waitForState = ({ tab }, state) => tab.waitForFunction(
  (selector, state) => document.querySelector(selector)?.dataset.state === state, SOON, part('page'), state);

/** Waits until the page says this of what happens. */
export const waitForWord = ({ tab }, word) => tab.waitForFunction(
  (selector, word) => new RegExp(word).test(document.querySelector(selector).textContent), SOON, part('status'), word.source);

/** Waits until the tab shows what was bought. */
export const waitForGoods = ({ tab }, title = 'Bought') => tab.waitForFunction((title) => document.title === title, SOON, title);

/** Waits for something that a program, and no page, will show. */
export async function until(isSo, what) {
  for (const end = Date.now() + SOON.timeout; Date.now() < end; await new Promise((go) => setTimeout(go, 50))) {
    if (await isSo()) return;
  }
  assert.fail(`never came: ${what}`);
}

/** Makes a picture of what the window shows of the QR code, as a phone would see it. */
export async function photograph({ tab }, viewport, scheme) {
  await look(tab, viewport, scheme);
  await tab.$eval('svg', (it) => it.scrollIntoView({ block: 'center' }));
  const path = join(tmpdir(), `${Math.random().toString(36).slice(2)}.png`);
  await tab.screenshot({ path });
  return path;
}

/** Reads the QR codes of pictures by another process. */
export async function readCodes(...pictures) {
  const { stdout } = await run(process.env.PYTHON, [READ_QR, ...pictures]);
  return stdout.trim().split('\n');
}

/** Lets another process pay what it reads in a picture, and returns the preimage that it got. */
export async function payByPicture(program, picture) {
  const { stdout } = await run(process.env.PYTHON, [READ_QR, '--pay', program, picture]);
  return JSON.parse(stdout).preimage;
}

/** Gives the visitor a WebLN wallet that does this with an invoice. */
export async function giveWebln({ tab }, sendPayment) {
  await tab.exposeFunction('askWallet', async (invoice) => {
    try { return { done: await sendPayment(invoice) }; } catch (error) { return { refused: error.message }; }
  });
  await tab.evaluateOnNewDocument(() => {
    let isEnabled = false;
    window.webln = {
      enable: async () => { isEnabled = true; },
      sendPayment: async (invoice) => {
        if (!isEnabled) throw new Error('not enabled');
        const { done, refused } = await window.askWallet(invoice);
        if (refused) throw new Error(refused);
        return done;
      },
    };
  });
}

/** What the page has left in the browser, where it must leave nothing but the cookie that no script sees. */
const leftBehind = async () => ({
  cookie: document.cookie,
  local: Object.entries(localStorage),
  session: Object.entries(sessionStorage),
  databases: (await indexedDB.databases()).length,
  caches: (await caches.keys()).length,
  workers: (await navigator.serviceWorker.getRegistrations()).length,
  name: window.name,
});
const NOTHING = { cookie: '', local: [], session: [], databases: 0, caches: 0, workers: 0, name: '' };

/** Returns the cookies, after a look at all that is stored. */
export async function checkStorage({ context, tab }) {
  assert.deepEqual(await tab.evaluate(leftBehind), NOTHING);
  const cookies = await context.cookies();
  for (const it of cookies) {
    assert.match(it.name, /^(__Host-)?l402-[0-9a-f]{8}$/);
    assert.deepEqual([it.httpOnly, it.sameSite, it.path, it.domain], [true, 'Lax', '/', '127.0.0.1']);
    assert.ok(!it.session && it.expires > Date.now() / 1000, 'the cookie has an end');
    assert.equal(it.secure, it.name.startsWith('__Host-'));
  }
  return cookies;
}

/** Fails if a preimage stands in anything that these bytes or texts hold, in whichever form. */
export function checkNoPreimage(preimages, things) {
  assert.ok(preimages.length > 0 && things.length > 0, 'nothing was looked at');
  for (const preimage of preimages) {
    const raw = Buffer.from(preimage, 'hex');
    const forms = [preimage, preimage.toUpperCase(), raw, raw.toString('base64').slice(0, 42), raw.toString('base64url').slice(0, 42)];
    for (const thing of things) {
      for (const form of forms) assert.ok(!Buffer.from(thing).includes(form), 'a preimage has come to the browser');
    }
  }
}
