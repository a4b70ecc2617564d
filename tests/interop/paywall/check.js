// People meet the paywall page in headless Chromium: `check.js L402 [NAME...]`, by default every check. PYTHON has the
// reader of QR codes, L402_HOME is the home of the shop and of the wallet. CHROMIUM names another browser.
import * as attacks from './attacks.js';
import { launch } from './browser.js';
import * as buying from './buying.js';
import * as faults from './faults.js';
import * as looks from './looks.js';
import * as own from './own.js';
import * as returning from './returning.js';
import { startShop } from './shop.js';
import { checkNoPreimage } from './visit.js';

const [program, ...names] = process.argv.slice(2);
// Most of the time is waiting, so several visitors come at once; but for checks that count uses or cut lines.
const { lost, ...others } = faults;
const ROUNDS = [[looks, { ...buying, ...own }, others, returning], [{ ...attacks, lost }]];
const browser = await launch({ isDivided: true });
const shop = await startShop(program);
let failed = 0;

async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const start = Date.now();
    try {
      console.log(`ok: ${name}: ${await check(browser, shop)} (${((Date.now() - start) / 1000).toFixed(1)}s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED: ${name}: ${error.stack}`);
    }
  }
}

function checkBytes() {
  checkNoPreimage(shop.preimages, shop.received.map((chunks) => Buffer.concat(chunks)));
  checkNoPreimage(shop.preimages, shop.upstream.seen.map((it) => JSON.stringify(it)));
  console.log(`ok: none of ${shop.preimages.length} preimages is in what ${shop.received.length} connections brought`);
}

try {
  for (const round of ROUNDS) await Promise.all(round.map(run));
  if (shop.preimages.length > 0) checkBytes();
} finally {
  shop.stop();
  await browser.close();
}
process.exitCode = failed === 0 ? 0 : 1;
