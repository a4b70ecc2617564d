// A headless Chromium, and what every look at a page asks for. CHROMIUM names another browser.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 390, height: 844 } };
export const SCHEMES = ['light', 'dark'];
// The package's own arguments switch off what keeps one site from another.
const UNSAFE = /web-security|site-isolation|insecure-content/;
const ONE_PROCESS = /single-process|no-zygote/;

/** Starts the browser. `isDivided` gives it a process for each site, so that contexts of their own are possible. */
export async function launch({ isDivided = false } = {}) {
  const options = { headless: 'shell', timeout: 60_000 };
  const { CHROMIUM } = process.env;
  if (CHROMIUM) {
    return puppeteer.launch({ ...options, executablePath: CHROMIUM, args: ['--no-sandbox', '--font-render-hinting=none'] });
  }
  const { default: chromium } = await import('@sparticuz/chromium');
  const args = chromium.args.filter((it) => !UNSAFE.test(it) && !(isDivided && ONE_PROCESS.test(it)));
  return puppeteer.launch({ ...options, executablePath: await chromium.executablePath(), args });
}

/** Collects all that goes wrong on a page, but for what the console may say. */
export function watch(tab, address, isExpected = () => false) {
  const wrong = [];
  tab.on('console', (it) => { if (it.type() !== 'log' && !isExpected(it.text())) wrong.push(`console: ${it.text()}`); });
  tab.on('pageerror', (it) => wrong.push(`error: ${it.message}`));
  tab.on('dialog', async (it) => { wrong.push(`dialog: ${it.message()}`); await it.dismiss(); });
  tab.on('request', (it) => { if (!it.url().startsWith(address)) wrong.push(`asks ${it.url()}`); });
  return wrong;
}

/** Opens a page of a visitor of its own, with all that goes wrong on it in `wrong`. */
export async function open(browser, address) {
  const context = browser.defaultBrowserContext();
  // A browser that runs in one process, as this one may, has one context.
  await context.deleteCookie(...await context.cookies());
  const tab = await context.newPage();
  return { tab, wrong: watch(tab, address), close: () => tab.close() };
}

/** Shows a page in a size and a colour scheme. */
export async function look(tab, viewport, scheme) {
  await tab.setViewport(viewport);
  await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}

export async function press(tab, selector) {
  const [answer] = await Promise.all([tab.waitForNavigation(), tab.click(selector)]);
  return answer;
}

/** What axe finds. */
export async function violations(tab, options = {}) {
  await tab.evaluate(axe);
  const { passes, violations } = await tab.evaluate((options) => axe.run(options), options);
  assert.ok(passes.length > (options.runOnly ? 0 : 10), 'axe looked at nothing');
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target} ${node.failureSummary}`));
}
