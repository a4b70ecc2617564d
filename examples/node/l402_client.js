// Buys one answer over L402, with the whole handshake in the open.
//
//     node l402_client.js [URL]
//
// 1. Ask. The server answers 402 with a challenge: a token and a Lightning invoice.
// 2. Check the invoice's amount against what we are ready to spend.
// 3. Pay the invoice. The payment reveals a preimage.
// 4. Prove: the preimage must hash to the invoice's payment hash.
// 5. Ask again with `Authorization: L402 <token>:<preimage>`.
//
// The wallet is the sandbox of `l402 demo` (L402_SANDBOX, default http://127.0.0.1:8403), or lnd:
//     LND_REST=https://127.0.0.1:8080 LND_CERT=tls.cert LND_MACAROON=admin.macaroon

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";

const url = process.argv[2] ?? "http://127.0.0.1:8402/api/l402/joke";
const maxPriceMsat = BigInt(process.env.MAX_PRICE_MSAT ?? "1000000"); // 1,000 sat
const sandbox = process.env.L402_SANDBOX ?? "http://127.0.0.1:8403";
const TIMEOUT_SECS = 30;

// Amounts of BOLT 11, in millisatoshi: the part after the network is digits and a multiplier.
const MSAT_PER_UNIT = { "": 100_000_000_000n, m: 100_000_000n, u: 100_000n, n: 100n };

function stop(message) {
  console.error(message);
  process.exit(1);
}

/** Finds token and invoice in the WWW-Authenticate header. */
function readChallenge(response) {
  const header = response.headers.get("www-authenticate") ?? "";
  const token = header.match(/\b(?:macaroon|token)="([^"]+)"/)?.[1];
  const invoice = header.match(/\binvoice="([^"]+)"/)?.[1];
  if (!token || !invoice) stop("payment is asked for without an L402 challenge; no money moved");
  return { token, invoice };
}

/** Reads the amount from the invoice itself, never from anything beside it. */
function invoiceAmountMsat(invoice) {
  const found = invoice.toLowerCase().match(/^ln(?:bcrt|bc|tbs|tb|sb)(\d+)([munp]?)1/);
  if (!found) stop("the invoice names no amount; no money moved");
  const number = BigInt(found[1]);
  // A pico-bitcoin is a tenth of a millisatoshi: round up.
  return found[2] === "p" ? (number + 9n) / 10n : number * MSAT_PER_UNIT[found[2]];
}

async function payWithSandbox(invoice) {
  const answer = await fetch(`${sandbox}/v1/pay`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ invoice }),
    signal: AbortSignal.timeout(TIMEOUT_SECS * 1000),
  });
  const payment = await answer.json();
  // "unknown" is not "failed": money may have moved, so do not pay again.
  if (payment.status !== "settled") stop(`not settled: ${JSON.stringify(payment)}`);
  return { preimage: payment.preimage, paid: payment.paid_msat, fee: payment.fee_msat };
}

/** lnd's certificate is its own, so it is pinned; fetch has no way to say that, node:https has. */
function payWithLnd(invoice) {
  const options = {
    method: "POST",
    ca: readFileSync(process.env.LND_CERT),
    headers: { "Grpc-Metadata-macaroon": readFileSync(process.env.LND_MACAROON).toString("hex") },
  };
  const body = { payment_request: invoice, fee_limit_msat: "10000", timeout_seconds: TIMEOUT_SECS };
  return new Promise((resolve, reject) => {
    const call = request(`${process.env.LND_REST}/v2/router/send`, options, async (answer) => {
      let text = "";
      for await (const piece of answer) text += piece;
      const updates = text.split("\n").filter(Boolean).map((line) => JSON.parse(line).result ?? {});
      const last = updates.at(-1) ?? {};
      if (last.status !== "SUCCEEDED") stop(`not settled: ${last.failure_reason ?? text}`);
      resolve({ preimage: last.payment_preimage, paid: last.value_msat, fee: last.fee_msat });
    });
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}

const first = await fetch(url);
if (first.status !== 402) {
  console.log(await first.text());
} else {
  const { token, invoice } = readChallenge(first);
  const price = invoiceAmountMsat(invoice);
  console.error(`402: ${url} costs ${price} msat`);
  if (price > maxPriceMsat) stop(`more than ${maxPriceMsat} msat (MAX_PRICE_MSAT); no money moved`);

  const pay = process.env.LND_REST ? payWithLnd : payWithSandbox;
  const { preimage, paid, fee } = await pay(invoice);
  const paymentHash = createHash("sha256").update(Buffer.from(preimage, "hex")).digest("hex");
  console.error(`paid ${paid} msat, fee ${fee} msat, payment hash ${paymentHash}`);
  const expected = (await first.json()).payment_hash ?? paymentHash;
  if (expected !== paymentHash) stop("the preimage does not belong to this invoice; it is not sent");

  const answer = await fetch(url, {
    headers: { Authorization: `L402 ${token}:${preimage}` },
    redirect: "error",
  });
  console.log(await answer.text());
  if (!answer.ok) process.exit(1);
}
