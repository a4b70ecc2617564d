// How the page looks and reads, in every state, size, colour scheme and language.
import assert from 'node:assert/strict';
import { SCHEMES, SIZES, look, violations } from './browser.js';
import { HOSTILE } from './shop.js';
import { SMALLEST, lookAtAll, odd } from './sound.js';
import { OTHERS, STATES } from './states.js';
import { invoiceOf, meetPrice, part, photograph, readCodes, visit } from './visit.js';

/** The most bytes that a page may have. */
const MOST = 40_000;
const LANGUAGES = ['en', 'de', 'es', 'fr', 'pt', 'ja'];
const HEADERS = {
  'content-security-policy': /^(?=.*default-src 'none')(?=.*frame-ancestors 'none')(?!.*unsafe)/,
  'x-content-type-options': /^nosniff$/,
  'cache-control': /^no-store$/,
  vary: /accept.*cookie/i,
  'www-authenticate': /^L402 .*invoice=/,
};

export async function states(browser, shop) {
  let count = 0;
  for (const [name, make] of Object.entries({ ...STATES, ...OTHERS })) {
    const visitor = await make(browser, shop);
    try {
      count += await lookAtAll(visitor);
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      throw error;
    }
    await visitor.close();
  }
  return `${count} looks without a violation`;
}

export async function document(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const answer = await meetPrice(visitor, '/film/');
  for (const [header, value] of Object.entries(HEADERS)) assert.match(answer.headers()[header] ?? '', value, header);
  const { length } = await answer.buffer();
  assert.ok(length <= MOST, `${length} bytes`);
  await visitor.tab.waitForNetworkIdle({ idleTime: 300 });
  const others = visitor.requests.slice(1).filter((it) => it.method !== 'POST' && !it.url.startsWith('data:'));
  assert.deepEqual(others, [], 'one document is all that is fetched');
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return `one document of ${length} bytes`;
}

export async function codes(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await meetPrice(visitor, '/film/');
  const pictures = [];
  for (const viewport of [...Object.values(SIZES), SMALLEST]) {
    for (const scheme of SCHEMES) pictures.push(await photograph(visitor, viewport, scheme));
  }
  const invoice = (await invoiceOf(visitor)).toLowerCase();
  assert.deepEqual(await readCodes(...pictures), pictures.map(() => invoice));
  const links = await visitor.tab.$$eval('a[href^="lightning:" i]', (all) => all.map((it) => it.getAttribute('href').toLowerCase()));
  assert.ok(links.length > 0 && links.every((it) => it === `lightning:${invoice}`));
  await visitor.close();
  return `${pictures.length} pictures of the code are read by another program`;
}

export async function languages(browser, shop) {
  const texts = new Set();
  for (const language of LANGUAGES) {
    const visitor = await visit(browser, shop.address);
    await visitor.tab.setExtraHTTPHeaders({ 'accept-language': `${language}, en;q=0.5` });
    await meetPrice(visitor, '/film/');
    assert.equal(await visitor.tab.evaluate(() => document.documentElement.lang), language);
    await look(visitor.tab, SMALLEST, 'light');
    visitor.wrong.push(...await visitor.tab.evaluate(odd), ...await violations(visitor.tab));
    assert.deepEqual(visitor.wrong, [], language);
    texts.add(await visitor.tab.$eval(part('copy'), (it) => it.textContent));
    await visitor.close();
  }
  assert.equal(texts.size, LANGUAGES.length, 'words of two languages are the same');
  return `${LANGUAGES.length} languages`;
}

export async function hostile(browser, shop) {
  const visitor = await visit(browser, shop.address);
  await meetPrice(visitor, '/hostile');
  const text = await visitor.tab.$eval('h1', (it) => it.textContent);
  assert.equal(text.trim(), HOSTILE);
  await lookAtAll(visitor);
  await visitor.close();
  return 'hostile words stay words';
}

export async function copy(browser, shop) {
  const visitor = await visit(browser, shop.address);
  const { tab, context } = visitor;
  await context.overridePermissions(shop.address, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
  await meetPrice(visitor, '/film/');
  await tab.bringToFront();
  await tab.click(part('copy'));
  await tab.waitForFunction((selector) => /copied/i.test(document.querySelector(selector).textContent), {}, part('copy'));
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()), await invoiceOf(visitor));
  await visitor.close();
  assert.deepEqual(visitor.wrong, []);
  return 'the copy button copies the invoice';
}
