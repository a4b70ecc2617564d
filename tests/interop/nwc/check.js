// Clients and a wallet of Nostr Wallet Connect that others wrote, against the sandbox and against
// our own wallet backend.
//
//     node check.js L402 WORK_FOLDER
//
// Prints one line per check, and then how many passed.
//
// BACKENDS nwc foreign: Alby's NWCWalletService of @getalby/sdk 8.0.3, pinned in tests/interop/nwc/package.json
// BACKENDS nwc pay, already_paid, msat, preimage_proven: foreign
// BACKENDS nwc unknown_then_settled, restart, lookup_after_restart: foreign

import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { WebSocket } from "ws";
import { NWCClient } from "@getalby/sdk/nwc";
import { fetch402 } from "@getalby/lightning-tools/402";
import { startWallet } from "./alby_wallet.js";
import { check, finish, run, serve, until, upstream } from "./harness.js";

// Node 20 has no WebSocket of its own.
globalThis.WebSocket ??= WebSocket;
// The client writes each refusal to the console before it throws it.
console.error = () => {};

const [l402, work] = process.argv.slice(2);
const home = `${work}/home`;
const JOKE_MSAT = 50_000;

setTimeout(async () => {
  console.log("FAILED  the run takes longer than two minutes");
  await finish();
}, 120_000).unref();

const sha256 = (hex) => createHash("sha256").update(Buffer.from(hex, "hex")).digest("hex");
const sandbox = (...args) =>
  serve(l402, ["sandbox", "--listen", "127.0.0.1:0", "--nwc", "--json", ...args], home);
const balance = async () => {
  const { stdout } = await run(l402, ["wallet", "balance", "--json"], home);
  return JSON.parse(stdout).balance_msat;
};

/** A connection to a wallet, as a file for our own program. */
async function saved(name, uri) {
  const file = `${work}/${name}`;
  await writeFile(file, `${uri}\n`, { mode: 0o600 });
  return `nwc:${file}`;
}

/** Alby's client against the sandbox as a wallet. */
async function checkAlbyClient(running) {
  const client = new NWCClient({ nostrWalletConnectUrl: running.report.nwc });
  const told = [];
  await check("Alby's client reads what the wallet can do", async () => {
    const info = await client.getWalletServiceInfo();
    assert.deepEqual(info.encryptions, ["nip44_v2", "nip04"]);
    assert.deepEqual(info.notifications, ["payment_received", "payment_sent"]);
    assert(info.capabilities.includes("pay_invoice"));
    const { network, methods } = await client.getInfo();
    assert.equal(network, "regtest");
    assert.deepEqual(methods, info.capabilities);
  });
  await client.subscribeNotifications((one) => told.push(one));
  let invoice;
  await check("Alby's client makes an invoice and looks it up", async () => {
    invoice = await client.makeInvoice({ amount: 5000, description: "a joke" });
    assert.equal(invoice.amount, 5000);
    const found = await client.lookupInvoice({ payment_hash: invoice.payment_hash });
    assert.equal(found.state, "pending");
    assert.equal(found.invoice, invoice.invoice);
    assert.equal(found.description, "a joke");
  });
  await check("Alby's client pays it once, however often it is asked", async () => {
    const before = (await client.getBalance()).balance;
    const paid = await client.payInvoice({ invoice: invoice.invoice });
    assert.equal(sha256(paid.preimage), invoice.payment_hash);
    const again = await client.payInvoice({ invoice: invoice.invoice });
    assert.equal(again.preimage, paid.preimage);
    assert.equal((await client.getBalance()).balance, before - 5000);
    const found = await client.lookupInvoice({ invoice: invoice.invoice });
    assert.equal(found.state, "settled");
    assert.equal(found.preimage, paid.preimage);
  });
  await check("Alby's client is notified of both ends of the payment", async () => {
    await until("two notifications", () => told.length === 2);
    const types = told.map((one) => one.notification_type).sort();
    assert.deepEqual(types, ["payment_received", "payment_sent"]);
    for (const { notification } of told) {
      assert.equal(notification.payment_hash, invoice.payment_hash);
      assert.equal(notification.state, "settled");
    }
  });
  await check("Alby's client lists what was paid", async () => {
    const { transactions } = await client.listTransactions({ limit: 10 });
    assert.deepEqual(transactions.map((one) => one.type).sort(), ["incoming", "outgoing"]);
    assert(transactions.every((one) => one.payment_hash === invoice.payment_hash));
    const incoming = await client.listTransactions({ type: "incoming", limit: 10 });
    assert.equal(incoming.transactions.length, 1);
  });
  await check("Alby's client is told by the protocol's codes what went wrong", async () => {
    const code = (expected) => (error) => error.code === expected;
    const dear = await client.makeInvoice({ amount: 1_000_000_000 });
    const pay = (made) => client.payInvoice({ invoice: made.invoice });
    await assert.rejects(pay(dear), code("INSUFFICIENT_BALANCE"));
    await assert.rejects(client.signMessage({ message: "a" }), code("NOT_IMPLEMENTED"));
    const nothing = client.lookupInvoice({ payment_hash: "00".repeat(32) });
    await assert.rejects(nothing, code("NOT_FOUND"));
    const fault = (name) =>
      fetch(`${running.report.url}/v1/fault`, { method: "PUT", body: JSON.stringify({ fault: name }) });
    await fault("fails");
    const failing = await client.makeInvoice({ amount: 5000 });
    await assert.rejects(pay(failing), code("PAYMENT_FAILED"));
    await fault("none");
    await pay(failing);
  });
  await check("Alby's client does the same in NIP-04", async () => {
    const older = new NWCClient({ nostrWalletConnectUrl: running.report.nwc });
    older._encryptionType = "nip04";
    const heard = [];
    await older.subscribeNotifications((one) => heard.push(one));
    const made = await older.makeInvoice({ amount: 6000 });
    const paid = await older.payInvoice({ invoice: made.invoice });
    assert.equal(sha256(paid.preimage), made.payment_hash);
    await until("two notifications", () => heard.length === 2);
    older.close();
  });
  await check("fetch402 of Alby buys the demo's joke through the wallet", async () => {
    const demo = await serve(l402, ["demo", "--listen", "127.0.0.1:0", "--json"], home);
    const before = (await client.getBalance()).balance;
    const url = `http://${demo.report.listening[0]}/api/l402/joke`;
    const answer = await fetch402(url, {}, { wallet: client, maxAmount: 50 });
    assert.equal(answer.status, 200);
    assert((await answer.text()).length > 0);
    assert.equal((await client.getBalance()).balance, before - JOKE_MSAT);
    await demo.stop();
  });
  client.close();
}

/** Our own program with a connection as its wallet, and as its node. */
async function checkOurBackend(name, node, api) {
  const pay = (invoice) =>
    run(l402, ["wallet", "pay", invoice, "--wallet", node, "--payment-timeout", "3s", "--json"], home);
  const ask = async (method, path, body) =>
    (await fetch(api + path, { method, body: JSON.stringify(body) })).json();
  const invoice = () => ask("POST", "/v1/invoices", { amount_msat: 2500, memo: "a joke" });
  const fault = (fault) => ask("PUT", "/v1/fault", { fault });

  await check(`l402 get buys the demo's joke with ${name}`, async () => {
    const demo = await serve(l402, ["demo", "--listen", "127.0.0.1:0", "--json"], home);
    const before = await balance();
    const url = `http://${demo.report.listening[0]}/api/l402/joke`;
    const got = await run(l402, ["get", url, "--wallet", node], home);
    assert.equal(got.status, 0, got.stderr);
    assert(got.stdout.length > 0);
    assert.equal(await balance(), before - JOKE_MSAT);
    await demo.stop();
  });
  await check(`l402 serve sells with ${name}`, async () => {
    const joke = "Why did the node cross the channel?";
    const config = `${work}/serve.toml`;
    await writeFile(
      config,
      `listen = ["127.0.0.1:0"]
node = "${node}"
danger_spending_macaroon = true
[[route]]
path = "/"
service = "joke"
upstream = "${await upstream(joke)}"
price = "50 sat"
`,
    );
    const shop = await serve(l402, ["serve", "--config", config, "--json"], home);
    const url = `http://${shop.report.listening[0]}/`;
    const before = await balance();
    for (const [count, wallet] of ["sandbox", node].entries()) {
      const got = await run(l402, ["get", url, "--wallet", wallet], home);
      assert.equal(got.status, 0, `${wallet}: ${got.stderr}\n${shop.errors()}`);
      assert.equal(got.stdout, joke);
      assert.equal(await balance(), before - (count + 1) * JOKE_MSAT);
    }
    await shop.stop();
  });
  await check(`l402 serve refuses ${name}, which can spend, unless told otherwise`, async () => {
    const args = ["--upstream", "http://127.0.0.1:9", "--price", "50 sat", "--node", node];
    const refused = await run(l402, ["serve", "--listen", "127.0.0.1:0", ...args], home);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /more than receive/);
  });
  // Each run of the program is a new start.
  await check(`l402 pays to the millisatoshi and once with ${name}`, async () => {
    const before = await balance();
    const asked = await invoice();
    for (let times = 0; times < 2; times += 1) {
      const paid = await pay(asked.invoice);
      assert.equal(paid.status, 0, paid.stderr);
      const report = JSON.parse(paid.stdout);
      assert.equal(report.paid_msat, 2500);
      assert.equal(sha256(report.preimage), asked.payment_hash);
    }
    assert.equal(await balance(), before - 2500);
  });
  await check(`l402 calls a payment failed, or unknown until it is looked up, with ${name}`, async () => {
    const before = await balance();
    await fault("fails");
    const failed = await pay((await invoice()).invoice);
    assert.equal(failed.status, 13, `${failed.stdout}${failed.stderr}`);
    assert.equal(await balance(), before);
    await fault("ends_mid_payment");
    const asked = await invoice();
    const unknown = await pay(asked.invoice);
    await fault("none");
    // A look-up at the end of the wait may already know.
    assert([0, 14].includes(unknown.status), `${unknown.stdout}${unknown.stderr}`);
    const settled = await pay(asked.invoice);
    assert.equal(settled.status, 0, `${settled.stdout}${settled.stderr}`);
    assert.equal(await balance(), before - 2500);
  });
}

let running = await sandbox();
await checkAlbyClient(running);
await check("the URI is the same at every start on a port", async () => {
  const relay = new URL(running.report.nwc.replace(/^nostr\+walletconnect:/, "http:"));
  const { host } = new URL(relay.searchParams.get("relay"));
  const before = running.report.nwc;
  await running.stop();
  running = await sandbox("--nwc-listen", host, "--nwc-file", `${work}/sandbox.nwc`);
  assert.equal(running.report.nwc, before);
});
await checkOurBackend("the sandbox's own wallet", `nwc:${work}/sandbox.nwc`, running.report.url);

const relay = new URL(running.report.nwc.replace(/^nostr\+walletconnect:/, "http:"));
const alby = await startWallet(relay.searchParams.get("relay"), running.report.url);
await checkOurBackend("Alby's NWCWalletService", await saved("alby.nwc", alby.uri), running.report.url);
await check("Alby's NWCWalletService was asked for invoices, payments and look-ups", async () => {
  for (const method of ["make_invoice", "pay_invoice", "lookup_invoice"]) {
    assert(alby.calls.includes(method), `${method} in ${alby.calls}`);
  }
});
alby.stop();
await finish();
