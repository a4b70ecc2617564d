"""Core Lightning's own client for Python calls our double of Core Lightning: check.py DOUBLE.

The backend is tested against that double, so the double must not only agree with the backend.
"""

import hashlib
import json
import subprocess
import sys

from pyln.client import LightningRpc, RpcError

passed = failed = 0


def check(what, holds):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}")


def refused(code, call, *args, **named):
    """Returns true if the call is refused with this code."""
    try:
        call(*args, **named)
    except RpcError as error:
        return error.error.get("code") == code
    return False


def main(node):
    check("getinfo names the network", node.getinfo()["network"] == "regtest")

    made = node.invoice(50_000, "joke-1", "a joke & ümläuts", expiry=600)
    payment_hash = made["payment_hash"]
    check("invoice returns BOLT 11", made["bolt11"].startswith("lnbcrt"))
    check("a label is used once", refused(900, node.invoice, 50_000, "joke-1", "again"))

    open_ = node.listinvoices(payment_hash=payment_hash)["invoices"]
    check("listinvoices finds it", [one["status"] for one in open_] == ["unpaid"])
    check("listpays finds nothing", node.listpays(payment_hash=payment_hash)["pays"] == [])
    check("nothing is settled", refused(904, node.waitanyinvoice, 0, 0))

    before = spendable(node)
    paid = node.xpay(invstring=made["bolt11"], maxfee=1000, retry_for=5)
    proof = hashlib.sha256(bytes.fromhex(paid["payment_preimage"])).hexdigest()
    check("xpay proves the payment", proof == payment_hash)
    check("xpay counts in msat", paid["amount_msat"] == 50_000 == paid["amount_sent_msat"])
    check("the balance is less", before - spendable(node) == 50_000)
    check("xpay pays once", refused(219, node.xpay, made["bolt11"]))

    pays = node.listpays(payment_hash=payment_hash)["pays"]
    check("listpays tells the end", [one["status"] for one in pays] == ["complete"])
    check("listpays has the preimage", pays[0]["preimage"] == paid["payment_preimage"])

    sold = node.listinvoices(payment_hash=payment_hash)["invoices"][0]
    check("listinvoices tells the end", sold["status"] == "paid")
    settled = node.waitanyinvoice(0)
    check("waitanyinvoice tells of it", settled["payment_hash"] == payment_hash)
    check("and in msat", settled["amount_received_msat"] == 50_000)
    again = refused(904, node.waitanyinvoice, settled["pay_index"], 0)
    check("waitanyinvoice goes on after an index", again)

    check("what is no invoice is refused", refused(-32602, node.xpay, invstring="lnbc"))
    check("an unknown method is refused", refused(-32601, node.call, "fly"))


def spendable(node):
    channels = node.listpeerchannels()["channels"]
    usable = [one for one in channels if one["state"] == "CHANNELD_NORMAL"]
    return sum(one["spendable_msat"] for one in usable)


double = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
try:
    report = json.loads(double.stdout.readline())
    main(LightningRpc(report["socket"]))
finally:
    # The double ends with its input.
    double.stdin.close()
    double.wait(timeout=10)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
