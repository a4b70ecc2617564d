// Headless Chromium: buys a page through the forward proxy, and opens a page of another site that
// tries to spend. Prints one line of JSON. `browser.js FORWARD PAGE EVIL`
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

const [forward, page, evil] = process.argv.slice(2);
const executablePath = await chromium.executablePath();
// Its own arguments switch off what this is about.
const args = chromium.args.filter((arg) => !/web-security|site-isolation|insecure-content/.test(arg));

async function open(url, further) {
  const browser = await puppeteer.launch({
    executablePath, args: [...args, ...further], headless: 'shell', timeout: 60_000,
  });
  const tab = await browser.newPage();
  const answers = [];
  tab.on('response', (it) => answers.push([it.url(), it.status()]));
  tab.on('requestfailed', (it) => answers.push([it.url(), it.failure().errorText]));
  const answer = await tab.goto(url);
  await tab.waitForFunction('document.title === "done"', { timeout: 60_000 });
  const text = await tab.evaluate(() => document.body.innerText);
  await browser.close();
  return { status: answer.status(), text, answers };
}

const bought = await open(page, [`--proxy-server=${forward}`, '--proxy-bypass-list=<-loopback>']);
const attacked = await open(evil, []);
console.log(JSON.stringify({ bought, attacked }));
