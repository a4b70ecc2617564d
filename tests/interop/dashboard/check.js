// Looks at the dashboard in headless Chromium: axe, the console, the DOM, the login, without script, and numbers
// that go on. `check.js PROGRAM [--pictures FOLDER]`. CHROMIUM names another browser.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { SCHEMES, SIZES, launch, look, open, press, violations } from './browser.js';
import { signIn } from './sign_in.js';

const [program, flag, folder] = process.argv.slice(2);
const SMALLEST = { width: 360, height: 700 };
// A run is long, so each look asks for what can differ from those before: colours are the same in each size.
const COLOURS = { runOnly: ['color-contrast'] };
const NO_AXE = null;
const LOOKS = [
  ['wide', SIZES.wide, 'light', {}],
  ['wide', SIZES.wide, 'dark', COLOURS],
  ['narrow', SIZES.narrow, 'light', {}],
  ['smallest', SMALLEST, 'light', NO_AXE],
];
// Of hostile texts the document alone can suffer, and its width.
const HOSTILE_LOOKS = [['wide', SIZES.wide, 'light', NO_AXE], ['smallest', SMALLEST, 'light', NO_AXE]];
// Made as another page is: one look is enough.
const VARIANTS = ['hours', 'week', 'services', 'unattributed', 'nothing'];
const HEADERS = {
  'content-security-policy': /default-src 'none';.*frame-ancestors 'none'/,
  'x-content-type-options': /^nosniff$/,
  'cache-control': /^no-store$/,
};

/** Starts the example. It ends when its stdin does. */
async function serve(...args) {
  const server = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: server.stdout })) {
    const [address, token] = line.split(' ');
    return { address, token, stop: () => server.stdin.end() };
  }
  throw new Error('the example did not start');
}

/** What the parsed document has that it must not have. */
function odd() {
  const found = [];
  for (const it of document.querySelectorAll('*')) {
    for (const { name, value } of it.attributes) {
      if (/^on/i.test(name) || name === 'style' || name === 'srcdoc') found.push(`${it.localName} ${name}`);
      if (/^(href|src|action|formaction|xlink:href)$/i.test(name) && new URL(value, location.href).origin !== location.origin) {
        found.push(`${name} ${value}`);
      }
    }
  }
  const scripts = [...document.scripts].map((it) => new URL(it.src).pathname);
  if (String(scripts) !== '/static/page.js') found.push(`scripts ${scripts}`);
  for (const name of ['iframe', 'object', 'embed', 'base', 'style', 'img', 'textarea']) {
    if (document.querySelector(name)) found.push(name);
  }
  if (document.documentElement.scrollWidth > innerWidth) {
    found.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  }
  return found;
}

/** What axe finds, if it is asked. */
const axeFinds = async (tab, options) => options === NO_AXE ? [] : violations(tab, options);

/** Opens everything that can be opened, so that axe sees it. */
const unfold = () => { for (const it of document.querySelectorAll('details')) it.open = true; };

const LIST = {
  overview: '/', hours: '/?span=24h', week: '/?span=7d', sales: '/sales', services: '/sales?span=7d&by=service',
  days: '/sales?by=day', tokens: '/tokens', found: '/tokens?q=weather', nothing: '/tokens?q=qqqq', payments: '/payments',
  unserved: '/payments?state=unserved', unattributed: '/payments?state=unattributed', node: '/node',
  configuration: '/configuration',
};

/** Adds the pages that have an id in their address. */
async function pages(tab, { address }) {
  await tab.goto(`${address}/payments?state=spent`);
  const payment = await tab.$eval('tbody a', (it) => it.getAttribute('href'));
  await tab.goto(address + payment);
  const revoke = await tab.$$eval('a[href^="/revoke"]', (all) => all.map((it) => it.getAttribute('href')));
  return { ...LIST, payment, revokeToken: revoke[0], revokePayment: revoke.at(-1) };
}

async function checkAll(browser, server, isHostile) {
  let count = 0;
  for (const [size, viewport, scheme, options] of isHostile ? HOSTILE_LOOKS : LOOKS) {
    const { tab, wrong, close } = await open(browser, server.address);
    await look(tab, viewport, scheme);
    await tab.goto(`${server.address}/login`);
    wrong.push(...await tab.evaluate(odd), ...await axeFinds(tab, options));
    await signIn(tab, server);
    const list = Object.entries(await pages(tab, server));
    const isFirst = size === 'wide' && scheme === 'light' && !isHostile;
    for (const [name, path] of list.filter(([name]) => isFirst || !VARIANTS.includes(name))) {
      const answer = await tab.goto(server.address + path);
      assert.equal(answer.status(), 200);
      for (const [header, value] of Object.entries(HEADERS)) assert.match(answer.headers()[header] ?? '', value, header);
      wrong.push(...await tab.evaluate(odd));
      await tab.evaluate(unfold);
      wrong.push(...await tab.evaluate(odd), ...await axeFinds(tab, options));
      assert.deepEqual(wrong, [], `${name}, ${size}, ${scheme}`);
      count += 1;
    }
    await close();
  }
  console.log(`${count} ${isHostile ? 'hostile ' : ''}pages without a violation`);
}

/** Everything works without script: login, search, a revocation, a reload of the file, the way out. */
async function checkWithoutScript(browser, server) {
  const { tab, wrong, close } = await open(browser, server.address);
  await tab.setJavaScriptEnabled(false);
  await tab.goto(`${server.address}/sales`);
  assert.match(tab.url(), /\/login\?next=\/sales$/);
  await signIn(tab, server, '/login?next=/sales');
  assert.equal(new URL(tab.url()).pathname, '/sales');
  await tab.goto(`${server.address}/tokens`);
  await tab.type('#q', 'jokes');
  await press(tab, '.find button');
  assert.equal(new URL(tab.url()).searchParams.get('q'), 'jokes');
  await press(tab, 'tbody a');
  await press(tab, 'a[href^="/revoke?token"]');
  assert.match(await tab.$eval('h1', (it) => it.textContent), /Revoke this token/);
  await press(tab, 'form[action="/revoke"] button');
  assert.match(await tab.$eval('main', (it) => it.textContent), /Revoked\. Every gateway/);
  assert.match(await tab.$eval('#revoked', (it) => it.closest('section').textContent), /Token [0-9a-f]{64}/);
  await tab.goto(`${server.address}/configuration`);
  assert.match(await tab.$eval('main', (it) => it.textContent), /What a reload changes/);
  await press(tab, 'form[action="/reload"] button');
  const text = await tab.$eval('main', (it) => it.textContent);
  assert.match(text, /The file is served now.*Nothing: the file says what is served/s);
  await press(tab, 'form[action="/logout"] button');
  await tab.goto(`${server.address}/`);
  assert.equal(new URL(tab.url()).pathname, '/login');
  assert.deepEqual(wrong, []);
  await close();
  console.log('works without script');
}

/** The script refreshes the numbers, and nothing on the page moves by it. */
async function checkLive(browser, server) {
  const { tab, wrong, close } = await open(browser, server.address);
  await tab.setViewport(SIZES.wide);
  await signIn(tab, server);
  await tab.evaluate(() => {
    window.shift = 0;
    new PerformanceObserver((list) => { for (const it of list.getEntries()) window.shift += it.value; })
      .observe({ type: 'layout-shift', buffered: true });
  });
  const spark = () => tab.$eval('[data-live=spark]', (it) => it.getAttribute('d'));
  const before = await spark();
  await tab.waitForFunction((before) => {
    const rate = document.querySelector('[data-live=rate]').textContent;
    return Number(rate) > 0 && document.querySelector('[data-live=spark]').getAttribute('d') !== before;
  }, { timeout: 20_000 }, before);
  assert.equal(await tab.evaluate(() => window.shift), 0, 'the layout has moved');
  assert.deepEqual(wrong, []);
  await close();
  console.log('the numbers go on, and nothing moves');
}

/** A wrong token is refused, and a session is of no use to a page of another origin. */
async function checkStranger(browser, server) {
  const { tab, close } = await open(browser, server.address);
  await tab.goto(`${server.address}/login`);
  await tab.type('#token', 'a wrong token, of some length');
  await press(tab, 'form[action="/login"] button');
  assert.match(await tab.$eval('[role=alert]', (it) => it.textContent), /not the admin token/);
  await signIn(tab, server);
  const cookies = await tab.browserContext().cookies();
  assert.deepEqual(cookies.map((it) => [it.httpOnly, it.sameSite, it.path]), [[true, 'Strict', '/']]);
  // The browser counts a page of another host as another site, and sends no cookie with what it does.
  await tab.setContent(`<form method="post" action="${server.address}/reload"><button>x</button></form>`);
  const [answer] = await Promise.all([tab.waitForNavigation(), tab.click('button')]);
  assert.equal(answer.status(), 403);
  await close();
  console.log('a stranger is refused');
}

async function pictures(browser, server) {
  const names = process.env.ALL ? null : ['overview', 'sales', 'tokens', 'configuration'];
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of SCHEMES) {
      const { tab, close } = await open(browser, server.address);
      await look(tab, viewport, scheme);
      await signIn(tab, server);
      const list = await pages(tab, server);
      // Some traffic to see.
      await tab.goto(`${server.address}/`);
      await tab.waitForFunction(() => document.querySelector('[data-live=spark]').getAttribute('d').length > 60, { timeout: 30_000 });
      for (const [name, path] of Object.entries(list).filter(([name]) => !names || names.includes(name))) {
        await tab.goto(server.address + path);
        const file = join(folder, `${name}-${scheme}-${size}.webp`);
        await tab.screenshot({ path: file, type: 'webp', quality: 75, fullPage: Boolean(process.env.ALL) });
      }
      await close();
    }
  }
}

const browser = await launch();
const server = await serve();
try {
  if (flag === '--pictures') {
    await pictures(browser, server);
  } else {
    const hostile = await serve('--hostile');
    await checkAll(browser, server, false);
    await checkAll(browser, hostile, true);
    await checkLive(browser, server);
    await checkStranger(browser, server);
    await checkWithoutScript(browser, server);
    hostile.stop();
  }
} finally {
  server.stop();
  await browser.close();
}
