"""Buys over HTTP with l402-requests; the wallet is the sandbox.

    python client.py SANDBOX_API

One purchase per line on stdin, one outcome per line on stdout, both JSON.
"""

import asyncio
import json
import sys

import httpx
import l402_requests
from l402_requests import AsyncL402Client, BudgetController, L402Client, PaymentFailedError


class SandboxWallet(l402_requests.WalletBase):
    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.calls = 0

    async def pay_invoice(self, bolt11):
        self.calls += 1
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.post(f"{self.sandbox}/v1/pay", json={"invoice": bolt11})
        payment = answer.json()
        if payment.get("status") != "settled":
            raise PaymentFailedError(f"not settled: {payment.get('error')}", bolt11)
        return payment["preimage"]


async def ask_async(client, method, url, body):
    try:
        return await client.request(method, url, content=body)
    finally:
        await client.aclose()


class Buyer:
    def __init__(self, sandbox):
        self.wallet = SandboxWallet(sandbox)
        self.client = None

    def buy(self, url, way, method, body=None, budget_sat=None, keep=False):
        """With `keep` the client of the last purchase is used, and its cache of credentials."""
        if not keep:
            make = {"L402Client": L402Client, "AsyncL402Client": AsyncL402Client}[way]
            limits = {} if budget_sat is None else {"max_sats_per_request": budget_sat}
            self.client = make(wallet=self.wallet, budget=BudgetController(**limits))
        self.wallet.calls = 0
        spent_before = self.client.spending_log.total_spent()
        try:
            if way == "AsyncL402Client":
                answer = asyncio.run(ask_async(self.client, method, url, body))
            else:
                answer = self.client.request(method, url, content=body)
        except Exception as error:
            refused = type(error).__name__
            return {"refused": refused, "because": str(error), "wallet_calls": self.wallet.calls}
        return {
            "status": answer.status_code,
            "body": answer.text,
            "reported_sat": self.client.spending_log.total_spent() - spent_before,
            "wallet_calls": self.wallet.calls,
        }


def main():
    buyer = Buyer(sys.argv[1])
    print(json.dumps({"version": l402_requests.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(buyer.buy(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
