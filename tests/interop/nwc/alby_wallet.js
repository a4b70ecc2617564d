// A wallet: Alby's NWCWalletService answers at a relay, and the sandbox's HTTP API has the money.

import { NWCWalletService, NWCWalletServiceKeyPair } from "@getalby/sdk/nwc";
import { bytesToHex } from "nostr-tools/utils";
import { generateSecretKey, getPublicKey } from "nostr-tools/pure";

const METHODS = ["get_info", "get_balance", "make_invoice", "pay_invoice", "lookup_invoice"];

/** Starts the wallet, and returns the URI of its one connection. */
export async function startWallet(relay, api) {
  const [wallet, client] = [generateSecretKey(), generateSecretKey()];
  const service = new NWCWalletService({ relayUrls: [relay] });
  const keys = new NWCWalletServiceKeyPair(bytesToHex(wallet), getPublicKey(client));
  await service.publishWalletServiceInfoEvent(bytesToHex(wallet), METHODS, []);
  const calls = [];
  const end = await service.subscribe(keys, handler(api, calls));
  const query = new URLSearchParams({ relay, secret: bytesToHex(client) });
  return {
    uri: `nostr+walletconnect://${keys.walletPubkey}?${query}`,
    /** The methods that were called, in order. */
    calls,
    stop() {
      end();
      service.close();
    },
  };
}

function handler(api, calls) {
  const made = new Map();
  const paidHere = new Set();
  const failedHere = new Set();
  const ask = async (path, body) => {
    const method = body ? "POST" : "GET";
    const answer = await fetch(api + path, { method, body: body && JSON.stringify(body) });
    return answer.json();
  };
  const answered = (name, work) => async (request) => {
    calls.push(name);
    try {
      return { result: await work(request ?? {}), error: undefined };
    } catch (error) {
      return { result: undefined, error: { code: error.code ?? "OTHER", message: error.message } };
    }
  };
  const refuse = (code, message) => {
    throw Object.assign(new Error(message), { code });
  };
  return {
    getInfo: answered("get_info", async () => ({
      alias: "a wallet over the sandbox",
      color: "#808080",
      pubkey: "",
      network: "regtest",
      block_height: 0,
      block_hash: "",
      methods: METHODS,
    })),
    getBalance: answered("get_balance", async () => ({
      balance: (await ask("/v1/balance")).balance_msat,
    })),
    makeInvoice: answered("make_invoice", async ({ amount, description, expiry }) => {
      const asked = { amount_msat: amount, memo: description ?? "", expiry_secs: expiry };
      const invoice = await ask("/v1/invoices", asked);
      if (!invoice.invoice) refuse("OTHER", invoice.detail);
      const transaction = {
        type: "incoming",
        state: "pending",
        invoice: invoice.invoice,
        description: description ?? "",
        payment_hash: invoice.payment_hash,
        amount,
        fees_paid: 0,
        created_at: Math.floor(Date.now() / 1000),
        expires_at: invoice.expires_at,
      };
      made.set(invoice.payment_hash, transaction);
      return transaction;
    }),
    payInvoice: answered("pay_invoice", async ({ invoice }) => {
      const payment = await ask("/v1/pay", { invoice });
      if (payment.status === "settled") {
        paidHere.add(payment.payment_hash);
        return { preimage: payment.preimage, fees_paid: payment.fee_msat };
      }
      if (payment.status === "failed") {
        failedHere.add(payment.payment_hash);
        refuse("PAYMENT_FAILED", payment.error);
      }
      if (payment.status === undefined) refuse("OTHER", payment.detail);
      // Unknown: there is nothing to say.
      return new Promise(() => {});
    }),
    lookupInvoice: answered("lookup_invoice", async ({ payment_hash }) => {
      const payment = await ask(`/v1/payments/${payment_hash}`);
      const settled = payment.status === "settled" && {
        state: "settled",
        preimage: payment.preimage,
        fees_paid: payment.fee_msat,
        settled_at: Math.floor(Date.now() / 1000),
      };
      const invoice = made.get(payment_hash);
      if (invoice) {
        // Of an invoice that it paid itself it is asked as the payer, too.
        return { ...invoice, ...settled, type: paidHere.has(payment_hash) ? undefined : "incoming" };
      }
      // PAYMENT_FAILED may be a time-out, so a wallet has to say it of the payment as well.
      if (!settled && failedHere.has(payment_hash)) {
        return { state: "failed", type: "outgoing", payment_hash, amount: 0, created_at: 0 };
      }
      if (!settled) refuse("NOT_FOUND", "no such invoice");
      return { ...settled, type: "outgoing", payment_hash, amount: payment.paid_msat, created_at: 0 };
    }),
  };
}
