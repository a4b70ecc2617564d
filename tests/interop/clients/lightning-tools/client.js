// Buys over HTTP with @getalby/lightning-tools; the wallet is the sandbox.
//
//     node client.js SANDBOX_API
//
// One purchase per line on stdin, one outcome per line on stdout, both JSON.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fetch402, fetchWithL402 } from "@getalby/lightning-tools/402";

const sandbox = process.argv[2];
const installed = new URL("node_modules/@getalby/lightning-tools/package.json", import.meta.url);
const ways = { fetch402, fetchWithL402 };

let walletCalls = 0;
const wallet = {
  async payInvoice({ invoice }) {
    walletCalls += 1;
    const answer = await fetch(`${sandbox}/v1/pay`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ invoice }),
    });
    const payment = await answer.json();
    if (payment.status !== "settled") throw new Error(`not settled: ${payment.error}`);
    return { preimage: payment.preimage, fees_paid: payment.fee_msat };
  },
};

/** The credential of the last purchase: this client leaves it to its caller to keep. */
let kept;

async function buy({ url, way, method, body, budget_sat, keep }) {
  walletCalls = 0;
  const options = { wallet };
  if (budget_sat !== undefined) options.maxAmount = budget_sat;
  if (keep) options.credentials = kept;
  try {
    const answer = await ways[way](url, { method, body }, options);
    if (answer.payment?.paid) kept = answer.payment.credentials;
    return {
      status: answer.status,
      body: await answer.text(),
      reported_sat: answer.payment?.amountSat ?? 0,
      wallet_calls: walletCalls,
    };
  } catch (error) {
    const because = error.cause ? `${error.message}: ${error.cause.message}` : error.message;
    return { refused: error.name, because, wallet_calls: walletCalls };
  }
}

console.log(JSON.stringify({ version: JSON.parse(readFileSync(installed)).version }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await buy(JSON.parse(line))));
}
