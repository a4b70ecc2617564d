// A headless Chromium, and visitors of the dashboard in it. CHROMIUM names another browser.
import puppeteer from 'puppeteer-core';

export async function launch() {
  const options = { headless: 'shell', timeout: 60_000 };
  const { CHROMIUM } = process.env;
  if (CHROMIUM) {
    return puppeteer.launch({ ...options, executablePath: CHROMIUM, args: ['--no-sandbox', '--font-render-hinting=none'] });
  }
  const { default: chromium } = await import('@sparticuz/chromium');
  return puppeteer.launch({ ...options, executablePath: await chromium.executablePath(), args: chromium.args });
}

/** Opens a page of a visitor of its own, with all that goes wrong on it in `wrong`. */
export async function open(browser, address) {
  const context = browser.defaultBrowserContext();
  // A browser that runs in one process, as this one may, has one context.
  await context.deleteCookie(...await context.cookies());
  const tab = await context.newPage();
  const wrong = [];
  tab.on('console', (it) => { if (it.type() !== 'log') wrong.push(`console: ${it.text()}`); });
  tab.on('pageerror', (it) => wrong.push(`error: ${it.message}`));
  tab.on('dialog', async (it) => { wrong.push(`dialog: ${it.message()}`); await it.dismiss(); });
  tab.on('request', (it) => { if (!it.url().startsWith(address)) wrong.push(`asks ${it.url()}`); });
  return { tab, wrong, close: () => tab.close() };
}

export async function press(tab, selector) {
  await Promise.all([tab.waitForNavigation(), tab.click(selector)]);
}

export async function signIn(tab, { address, token }, path = '/') {
  await tab.goto(address + path);
  await tab.type('#token', token);
  await press(tab, 'form[action="/login"] button');
}
