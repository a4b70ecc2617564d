// Has the dashboard open during the day that crates/l402-cli/tests/day makes: `day.js ADDRESS`. The admin token is
// the first line of stdin, and the day is over when stdin ends. Fails if the console of the browser has said a word.
import { createInterface } from 'node:readline';
import assert from 'node:assert/strict';
import { launch, open } from './browser.js';
import { signIn } from './sign_in.js';

const PATHS = ['/', '/sales', '/tokens', '/payments', '/node', '/configuration'];
const LOOK_MS = 3000;

const lines = createInterface({ input: process.stdin });
const token = await new Promise((resolve) => lines.once('line', resolve));
let isOver = false;
const over = new Promise((resolve) => lines.once('close', () => { isOver = true; resolve(); }));

const [address] = process.argv.slice(2);
const browser = await launch();
const { tab, wrong } = await open(browser, address);
await signIn(tab, { address, token });
let count = 0;
while (!isOver) {
  for (const path of PATHS) {
    const answer = await tab.goto(address + path);
    assert.equal(answer.status(), 200, path);
    count += 1;
    if (path === '/') await Promise.race([over, new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
    if (isOver) break;
  }
}
await browser.close();
assert.deepEqual(wrong, []);
console.log(`${count} pages without a word on the console`);
