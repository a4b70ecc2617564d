"""Buys one answer over L402, with the whole handshake in the open.

    python l402_client.py [URL]

1. Ask. The server answers 402 with a challenge: a token and a Lightning invoice.
2. Check the invoice's amount against what we are ready to spend.
3. Pay the invoice. The payment reveals a preimage.
4. Prove: the preimage must hash to the invoice's payment hash.
5. Ask again with `Authorization: L402 <token>:<preimage>`.

The wallet is the sandbox of `l402 demo` (L402_SANDBOX, default http://127.0.0.1:8403), or lnd:
    LND_REST=https://127.0.0.1:8080 LND_CERT=tls.cert LND_MACAROON=admin.macaroon
"""

import hashlib
import json
import os
import re
import sys

import requests

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8402/api/l402/joke"
MAX_PRICE_MSAT = int(os.environ.get("MAX_PRICE_MSAT", "1000000"))  # 1,000 sat
SANDBOX = os.environ.get("L402_SANDBOX", "http://127.0.0.1:8403")
TIMEOUT_SECS = 30

# Amounts of BOLT 11, in millisatoshi: the part after the network is digits and a multiplier.
MSAT_PER_UNIT = {"": 100_000_000_000, "m": 100_000_000, "u": 100_000, "n": 100}


def read_challenge(response):
    """Finds token and invoice in the WWW-Authenticate header."""
    header = response.headers.get("WWW-Authenticate", "")
    token = re.search(r'\b(?:macaroon|token)="([^"]+)"', header)
    invoice = re.search(r'\binvoice="([^"]+)"', header)
    if not token or not invoice:
        sys.exit("the server asks for payment without an L402 challenge; no money moved")
    return token.group(1), invoice.group(1)


def invoice_amount_msat(invoice):
    """Reads the amount from the invoice itself, never from anything beside it."""
    found = re.match(r"ln(?:bcrt|bc|tbs|tb|sb)(\d+)([munp]?)1", invoice.lower())
    if not found:
        sys.exit("the invoice names no amount; no money moved")
    number, unit = int(found.group(1)), found.group(2)
    # A pico-bitcoin is a tenth of a millisatoshi: round up.
    return -(-number // 10) if unit == "p" else number * MSAT_PER_UNIT[unit]


def pay_with_sandbox(invoice):
    answer = requests.post(f"{SANDBOX}/v1/pay", json={"invoice": invoice}, timeout=TIMEOUT_SECS)
    payment = answer.json()
    if payment.get("status") != "settled":
        # "unknown" is not "failed": money may have moved, so do not pay again.
        sys.exit(f"not settled: {json.dumps(payment)}")
    return payment["preimage"], payment["paid_msat"], payment["fee_msat"]


def pay_with_lnd(invoice):
    with open(os.environ["LND_MACAROON"], "rb") as file:
        headers = {"Grpc-Metadata-macaroon": file.read().hex()}
    body = {"payment_request": invoice, "fee_limit_msat": "10000", "timeout_seconds": TIMEOUT_SECS}
    url = os.environ["LND_REST"] + "/v2/router/send"
    with requests.post(
        url, json=body, headers=headers, verify=os.environ["LND_CERT"], stream=True
    ) as answer:
        for line in filter(None, answer.iter_lines()):
            update = json.loads(line).get("result", {})
            if update.get("status") == "SUCCEEDED":
                paid, fee = int(update["value_msat"]), int(update["fee_msat"])
                return update["payment_preimage"], paid, fee
            if update.get("status") == "FAILED":
                sys.exit(f"the payment failed: {update['failure_reason']}; no money moved")
    sys.exit("lnd went away: look the payment up before you pay again")


def main():
    first = requests.get(URL, timeout=TIMEOUT_SECS)
    if first.status_code != 402:
        print(first.text)
        return
    token, invoice = read_challenge(first)
    price = invoice_amount_msat(invoice)
    print(f"402: {URL} costs {price} msat", file=sys.stderr)
    if price > MAX_PRICE_MSAT:
        sys.exit(f"more than {MAX_PRICE_MSAT} msat (MAX_PRICE_MSAT); no money moved")

    pay = pay_with_lnd if "LND_REST" in os.environ else pay_with_sandbox
    preimage, paid, fee = pay(invoice)
    payment_hash = hashlib.sha256(bytes.fromhex(preimage)).hexdigest()
    print(f"paid {paid} msat, fee {fee} msat, payment hash {payment_hash}", file=sys.stderr)
    if first.json().get("payment_hash", payment_hash) != payment_hash:
        sys.exit("the preimage does not belong to this invoice; it is not sent")

    headers = {"Authorization": f"L402 {token}:{preimage}"}
    answer = requests.get(URL, headers=headers, timeout=TIMEOUT_SECS, allow_redirects=False)
    answer.raise_for_status()
    print(answer.text)


if __name__ == "__main__":
    main()
