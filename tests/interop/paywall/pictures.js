// Makes the pictures of docs/paywall.md: `pictures.js L402 FOLDER`.
import { join } from 'node:path';
import { SCHEMES, launch, look } from './browser.js';
import { startShop } from './shop.js';
import { STATES } from './states.js';

const SIZES = { desktop: { width: 1000, height: 680 }, phone: { width: 390, height: 844 } };

const [program, folder] = process.argv.slice(2);
const browser = await launch({ isDivided: true });
const shop = await startShop(program);
try {
  for (const [state, make] of Object.entries(STATES)) {
    const visitor = await make(browser, shop);
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const scheme of SCHEMES) {
        await look(visitor.tab, viewport, scheme);
        await visitor.tab.screenshot({ path: join(folder, `${state}-${scheme}-${size}.png`) });
      }
    }
    await visitor.close();
  }
} finally {
  shop.stop();
  await browser.close();
}
