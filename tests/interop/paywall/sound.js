// What makes a page sound, in every size and colour scheme.
import assert from 'node:assert/strict';
import { SCHEMES, SIZES, look, violations } from './browser.js';

export const SMALLEST = { width: 320, height: 640 };

/** What the parsed document has that it must not have. */
export function odd() {
  const found = [];
  for (const it of document.querySelectorAll('*')) {
    for (const { name, value } of it.attributes) {
      if (/^on/i.test(name) || name === 'style' || name === 'srcdoc') found.push(`${it.localName} ${name}`);
      const isAddress = /^(href|src|action|formaction|xlink:href)$/i.test(name);
      if (isAddress && !/^(lightning|data):/i.test(value) && new URL(value, location.href).origin !== location.origin) {
        found.push(`${name} ${value}`);
      }
    }
  }
  if ([...document.scripts].some((it) => it.src)) found.push('a script of its own address');
  for (const name of ['iframe', 'object', 'embed', 'base', 'img[src^=x]']) if (document.querySelector(name)) found.push(name);
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`wider than the window: ${scrollWidth}`);
  return found;
}

/** Everything that can be pressed must be large enough for a thumb. */
const small = () => [...document.querySelectorAll('button, a.button')].filter((it) => it.checkVisibility())
  .map((it) => [it.textContent, it.getBoundingClientRect()]).filter(([, box]) => box.height < 40 || box.width < 40)
  .map(([text]) => `too small: ${text}`);

/** Looks at a page in each size and scheme, and fails at the first that is not sound. */
export async function lookAtAll(visitor) {
  let count = 0;
  const { tab, wrong } = visitor;
  for (const viewport of [SIZES.wide, SIZES.narrow, SMALLEST]) {
    for (const scheme of SCHEMES) {
      await look(tab, viewport, scheme);
      wrong.push(...await tab.evaluate(odd), ...await tab.evaluate(small));
      if (viewport !== SMALLEST) wrong.push(...await violations(tab));
      assert.deepEqual(wrong, [], `${viewport.width}, ${scheme}`);
      count += 1;
    }
  }
  return count;
}
