// A shop for people: an upstream with pages, pictures and a video, the gateway before it, another site that links
// to it, and the buyer's wallet. All of them on 127.0.0.1, but the other site, which is `localhost`.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createPipe } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
// Made by ffmpeg: -f lavfi -i testsrc2=size=160x90:rate=10:duration=4 -c:v libvpx -b:v 40k -g 10 -fflags +bitexact
const CLIP = readFileSync(fileURLToPath(new URL('clip.webm', import.meta.url)));
// Answers of a few KiB, so that the player has to ask for more.
const CLIP_PART = 8192;
const PICTURE = (colour) => `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><rect width="80" height="60" fill="${colour}"/></svg>`;
const FILM = `<!doctype html><html lang="en"><title>Film</title><h1>The film</h1>
<img src="one.svg" alt="one"> <img src="two.svg" alt="two"> <video src="clip.webm" muted controls></video></html>`;
export const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{price}}&amp;`;
/** A short time for an invoice, in seconds; `l402 wallet pay` wants 10 of them for itself. */
export const SHORT_SECS = 15;

const routes = (upstream) => [
  { path: '/film/{*rest}', service: 'film', policy: 'time=1h', price: '50 sat', memo: 'The short film' },
  { path: '/gallery/{*rest}', service: 'gallery', policy: 'uses=4', price: '30 sat', memo: 'Four looks at the gallery' },
  { path: '/article/{id}', service: 'article', policy: 'request', price: '21 sat', memo: 'One article' },
  { path: '/soon/{id}', service: 'soon', policy: 'request', price: '5 sat', memo: 'An offer that ends soon', invoice_expiry_secs: SHORT_SECS },
  { path: '/hostile', service: 'hostile', policy: 'request', price: '9 sat', memo: HOSTILE },
].map((it) => ({ ...it, upstream }));

const table = (route) => ['[[route]]', ...Object.entries(route).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join('\n');

async function listen(server, host = '127.0.0.1') {
  server.listen(0, host);
  await once(server, 'listening');
  return server.address().port;
}

function sendClip(request, answer) {
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = CLIP.subarray(from, from + CLIP_PART);
  answer.writeHead(206, {
    'content-type': 'video/webm',
    'accept-ranges': 'bytes',
    'content-range': `bytes ${from}-${from + part.length - 1}/${CLIP.length}`,
  });
  answer.end(part);
}

/** Serves the goods, and keeps what it was asked. */
async function startUpstream() {
  const seen = [];
  const server = createServer((request, answer) => {
    const { pathname } = new URL(request.url, 'http://upstream');
    seen.push({ path: request.url, headers: request.headers });
    if (pathname.endsWith('.webm')) return sendClip(request, answer);
    const isPicture = pathname.endsWith('.svg');
    const html = /^\/(film|gallery)\/$/.test(pathname) ? FILM : `<!doctype html><html lang="en"><title>Bought</title><h1>Bought ${pathname}</h1></html>`;
    answer.writeHead(200, { 'content-type': isPicture ? 'image/svg+xml' : 'text/html' });
    return answer.end(isPicture ? PICTURE(pathname.includes('one') ? 'teal' : 'plum') : html);
  });
  return { seen, port: await listen(server), stop: () => server.close() };
}

/** Serves pages of another site, each with the body that its query holds. */
async function startOtherSite() {
  const server = createServer((request, answer) => {
    const { searchParams } = new URL(request.url, 'http://other');
    answer.writeHead(200, { 'content-type': 'text/html' });
    answer.end(`<!doctype html><html lang="en"><title>Other</title>${searchParams.get('body')}</html>`);
  });
  const site = `http://localhost:${await listen(server, 'localhost')}`;
  const page = (body) => `${site}/?body=${encodeURIComponent(body)}`;
  return { site, page, link: (to) => page(`<a href="${to}">read this</a>`), stop: () => server.close() };
}

/** Lets the browser's bytes through to the gateway, and keeps those that come back, by connection. */
async function tap(port) {
  const received = [];
  const open = new Set();
  const server = createPipe((browser) => {
    if (server.isCut) return browser.destroy();
    const gateway = connect(port, '127.0.0.1');
    const chunks = [];
    received.push(chunks);
    gateway.on('data', (it) => chunks.push(it));
    for (const [one, other] of [[browser, gateway], [gateway, browser]]) {
      open.add(one);
      one.on('error', () => other.destroy()).on('close', () => { open.delete(one); other.destroy(); });
      one.pipe(other);
    }
    return undefined;
  });
  const cut = (isCut) => { server.isCut = isCut; if (isCut) for (const it of open) it.destroy(); };
  return { port: await listen(server), received, cut, stop: () => { cut(true); server.close(); } };
}

/** Starts `l402 serve` with the sandbox; `more` is what else stands in its configuration. */
async function startGateway(program, home, upstream, more = '') {
  const file = join(home, `l402-${Math.random().toString(36).slice(2)}.toml`);
  writeFileSync(file, ['listen = ["127.0.0.1:0"]', 'node = "sandbox"', more, ...routes(upstream).map(table)].join('\n'));
  const gateway = spawn(program, ['serve', '--config', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: gateway.stdout })) {
    const port = Number(JSON.parse(line).listening[0].split(':').pop());
    return { port, stop: () => gateway.kill() };
  }
  throw new Error('the gateway did not start: run it with that file to see why');
}

async function certificate(home) {
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((it) => join(home, it));
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate]);
  return `[tls]\ncertificate = ${JSON.stringify(certificate)}\nkey = ${JSON.stringify(key)}\n`;
}

/** Starts all of it. `program` is `l402`, and its home is L402_HOME. */
export async function startShop(program) {
  const home = process.env.L402_HOME;
  const upstream = await startUpstream();
  const other = await startOtherSite();
  const url = `http://127.0.0.1:${upstream.port}`;
  const gateway = await startGateway(program, home, url);
  const pipe = await tap(gateway.port);
  const preimages = [];
  /** Pays an invoice in another process, and returns the preimage, which is the wallet's alone. */
  const pay = async (invoice) => {
    const { stdout } = await run(program, ['wallet', 'pay', invoice, '--wallet', 'sandbox', '--json']);
    const { preimage } = JSON.parse(stdout);
    preimages.push(preimage);
    return preimage;
  };
  /** Ends what was sold for a payment. */
  const revoke = (hash) => run(program, ['revoke', '--payment', hash, '--yes']);
  return {
    address: `http://127.0.0.1:${pipe.port}`,
    upstream, other, pay, revoke, preimages, program,
    received: pipe.received, cut: pipe.cut,
    startSecure: async () => {
      const { port, stop } = await startGateway(program, home, url, await certificate(home));
      return { address: `https://127.0.0.1:${port}`, stop };
    },
    /** A shop with a page of its own; `files` are those that its table `[page]` names. */
    startOwn: async (page, files) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
      const { port, stop } = await startGateway(program, home, url, page);
      return { address: `http://127.0.0.1:${port}`, stop };
    },
    stop: () => { for (const it of [pipe, gateway, other, upstream]) it.stop(); },
  };
}
