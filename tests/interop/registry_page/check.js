// Looks at the registry's pages in headless Chromium: axe, the console, the DOM, without script, and the
// programs to copy. `check.js PROGRAM [--pictures FOLDER]`. CHROMIUM names another browser.
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { SCHEMES, SIZES, launch, look, open as openPage, violations } from './browser.js';

const [program, flag, folder] = process.argv.slice(2);

/** Starts the example with these arguments. It ends when its stdin does. */
async function serve(...args) {
  const server = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: server.stdout })) {
    return { address: line, stop: () => server.stdin.end() };
  }
  throw new Error('the example did not start');
}

/** Opens a page, with all that goes wrong on it in `wrong`: here no request may fail either. */
async function open(browser, address) {
  const { tab, wrong } = await openPage(browser, address);
  tab.on('requestfailed', (it) => wrong.push(`failed: ${it.url()}`));
  return { tab, wrong };
}

/** What the parsed document has that it must not have. */
function odd() {
  const found = [];
  for (const it of document.querySelectorAll('*')) {
    for (const { name, value } of it.attributes) {
      if (/^on/i.test(name) || name === 'style' || name === 'srcdoc') found.push(`${it.localName} ${name}`);
      if (/^(href|src|action|formaction|xlink:href)$/i.test(name)) {
        const url = new URL(value, location.href);
        const isOwn = url.origin === location.origin;
        if (!isOwn && url.protocol !== 'https:') found.push(`${name} ${value}`);
        if (!isOwn && it.rel !== 'nofollow noopener noreferrer ugc') found.push(`rel of ${value}`);
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

/** Opens everything that can be opened, so that axe sees it. */
const unfold = () => {
  for (const it of document.querySelectorAll('details')) { it.removeAttribute('name'); it.open = true; }
};

async function detailOf(tab, address, words) {
  await tab.goto(`${address}/search?q=${encodeURIComponent(words)}`);
  return tab.evaluate(() => document.querySelector('.rows a').getAttribute('href'));
}

/** The pages of a server, each with a name. */
async function pages(browser, address, isHostile) {
  const { tab } = await open(browser, address);
  const list = { home: '/', list: '/search', detail: await detailOf(tab, address, isHostile ? 'script' : 'joke') };
  if (!isHostile) {
    Object.assign(list, {
      troubled: await detailOf(tab, address, 'upscaler'),
      differs: await detailOf(tab, address, 'quotes'),
      filtered: '/search?q=joke&state=up&max_price_sat=100&client=lnget&sort=price&nonsense=1',
      nothing: '/search?q=qqqqqq',
      categories: '/categories', owner: '/owner', about: '/about', api: '/api',
    });
  }
  await tab.close();
  return list;
}

async function checkAll(browser, address, isHostile) {
  let count = 0;
  const list = await pages(browser, address, isHostile);
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of SCHEMES) {
      const { tab, wrong } = await open(browser, address);
      await look(tab, viewport, scheme);
      for (const [name, path] of Object.entries(list)) {
        const answer = await tab.goto(address + path);
        wrong.push(...await tab.evaluate(odd));
        await tab.evaluate(unfold);
        wrong.push(...await tab.evaluate(odd), ...await violations(tab));
        assert.equal(answer.status(), 200);
        assert.deepEqual(wrong, [], `${name}, ${size}, ${scheme}`);
        count += 1;
      }
      await tab.close();
    }
  }
  console.log(`${count} ${isHostile ? 'hostile ' : ''}pages without a violation`);
}

/** Everything works without script, and has no button that does nothing. */
async function checkWithoutScript(browser, address) {
  const { tab, wrong } = await open(browser, address);
  await tab.setJavaScriptEnabled(false);
  await tab.goto(address);
  await tab.type('#q', 'joke');
  await Promise.all([tab.waitForNavigation(), tab.click('.box button')]);
  assert.equal(new URL(tab.url()).searchParams.get('q'), 'joke');
  await Promise.all([tab.waitForNavigation(), tab.click('.rows a')]);
  assert.match(tab.url(), /\/s\/[0-9a-f]{16}$/);
  const text = await tab.$eval('main', (it) => it.textContent);
  assert.match(text, /What we saw/);
  assert.equal(await tab.$('.copy'), null);
  await tab.click('.past .numbers summary');
  assert.equal(await tab.$eval('.past .numbers', (it) => it.open), true);
  assert.deepEqual(wrong, []);
  await tab.close();
  console.log('works without script');
}

/** The script copies what stands there, and says so. */
async function checkCopy(browser, address) {
  const { tab, wrong } = await open(browser, address);
  await browser.defaultBrowserContext().overridePermissions(address, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
  await tab.goto(address + await detailOf(tab, address, 'joke'));
  await tab.bringToFront();
  await tab.click('.buy .copy');
  await tab.waitForFunction(() => document.querySelector('.buy [role=status]').textContent === 'Copied');
  const [copied, shown] = await tab.evaluate(async () =>
    [await navigator.clipboard.readText(), document.querySelector('.buy code').textContent]);
  assert.equal(copied, shown);
  assert.match(copied, /^l402 get 'https:/);
  assert.deepEqual(wrong, []);
  await tab.close();
  console.log('the copy button copies');
}

/** Python and Node read the programs for a hostile address as what they are. */
async function checkPrograms(browser, address) {
  const { tab } = await open(browser, address);
  await tab.goto(address + await detailOf(tab, address, 'script'));
  const programs = await tab.evaluate(() => Object.fromEntries(
    [...document.querySelectorAll('.buy details')].map((it) =>
      [it.querySelector('summary').textContent, it.querySelector('code').textContent])));
  const url = await tab.$eval('.evidence code:nth-of-type(2)', () => document.querySelector('.addr').textContent);
  const work = mkdtempSync(join(tmpdir(), 'programs-'));
  writeFileSync(join(work, 'buy.mjs'), programs.Node);
  writeFileSync(join(work, 'buy.py'), programs.Python);
  execFileSync('node', ['--check', join(work, 'buy.mjs')]);
  const read = 'import ast,sys\nfor it in ast.walk(ast.parse(open(sys.argv[1]).read())):\n'
    + '  if isinstance(it, ast.Constant) and str(it.value).startswith("http"): print(it.value)';
  const python = execFileSync('python3', ['-c', read, join(work, 'buy.py')], { encoding: 'utf8' }).trim();
  const node = JSON.parse(programs.Node.match(/fetch402\(("(?:[^"\\]|\\.)*")/)[1]);
  assert.equal(python, node);
  assert.ok(python.replace(/^https:\/\//, '').startsWith(url.slice(0, 60)), `${python} ${url}`);
  await tab.close();
  console.log('Python and Node read the programs');
}

async function pictures(browser, address) {
  const list = await pages(browser, address, false);
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of SCHEMES) {
      const { tab } = await open(browser, address);
      await look(tab, viewport, scheme);
      const names = process.env.ALL ? Object.keys(list) : ['home', 'list', 'detail'];
      for (const name of names) {
        await tab.goto(address + list[name], { waitUntil: 'networkidle0' });
        const fullPage = Boolean(process.env.ALL);
        await tab.screenshot({ path: join(folder, `${name}-${scheme}-${size}.png`), fullPage });
      }
      await tab.close();
    }
  }
}

const browser = await launch();
const usual = await serve();
try {
  if (flag === '--pictures') {
    await pictures(browser, usual.address);
  } else {
    const hostile = await serve('--hostile');
    await checkAll(browser, usual.address, false);
    await checkAll(browser, hostile.address, true);
    await checkWithoutScript(browser, usual.address);
    await checkCopy(browser, usual.address);
    await checkPrograms(browser, hostile.address);
    hostile.stop();
  }
} finally {
  usual.stop();
  await browser.close();
}
