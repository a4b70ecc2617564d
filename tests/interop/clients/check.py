"""Lets clients that others wrote buy from a running demo, and checks what they pay and get.

    python3 check.py GATEWAY SANDBOX_API LIGHTNING_TOOLS_DIR L402_REQUESTS_PYTHON

Prints one line of JSON per check, with every request and answer that belonged to it, and then
how many passed.
"""

import json
import os
import pathlib
import select
import subprocess
import sys
import urllib.request

from recording_proxy import RecordingProxy

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_SECS = 120
JOKE, JOKE_SAT = "/api/l402/joke", 50
FORTUNE, FORTUNE_SAT = "/api/l402/fortune", 50
QUOTE, QUOTE_SAT = "/api/l402/quote", 10
# Traffic stays on this machine, also where the environment names a proxy.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoOutcome(Exception):
    """A client ended, or was silent for too long."""


class Client:
    """A program that buys what it reads from its stdin."""

    def __init__(self, name, version, command):
        self.name, self.pinned = name, version
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        self.version = self.read()["version"]

    def read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_SECS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise NoOutcome(f"{self.name} gave no outcome")
        return json.loads(line)

    def buy(self, url, way, method="GET", **how):
        purchase = {"url": url, "way": way, "method": method, **how}
        self.process.stdin.write(json.dumps(purchase) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    """What every check needs: the proxies, the balance, and the count."""

    def __init__(self, gateway, sandbox):
        self.sandbox = sandbox
        self.whole = RecordingProxy(gateway)
        self.without_macaroon = RecordingProxy(gateway, omit=["macaroon"])
        self.without_token = RecordingProxy(gateway, omit=["version", "token"])
        self.passed = self.failed = 0

    def balance_msat(self):
        with LOOPBACK.open(f"{self.sandbox}/v1/balance", timeout=TIMEOUT_SECS) as answer:
            return json.load(answer)["balance_msat"]

    def check(self, client, name, way, expected, path=JOKE, proxy=None, **how):
        """One purchase; `expected` is compared with what was observed, field by field."""
        proxy = proxy or self.whole
        try:
            before = self.balance_msat()
            outcome = client.buy(proxy.url + path, way, **how)
            paid_msat = before - self.balance_msat()
        except (NoOutcome, OSError) as error:
            self.report(client, name, {"error": str(error)}, exchanges=proxy.take())
            return
        exchanges = proxy.take()
        observed = observe(outcome, paid_msat, exchanges)
        wrong = {
            field: {"expected": value, "observed": observed.get(field)}
            for field, value in expected.items()
            if observed.get(field) != value
        }
        self.report(client, name, wrong, way=way, paid_msat=paid_msat, exchanges=exchanges)

    def report(self, client, name, wrong, **facts):
        self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)
        line = {"client": client.name, "version": client.version, "check": name, "ok": not wrong}
        if wrong:
            line["wrong"] = wrong
        print(json.dumps({**line, **facts}, ensure_ascii=False), flush=True)

    def close(self):
        for proxy in (self.whole, self.without_macaroon, self.without_token):
            proxy.close()


def observe(outcome, paid_msat, exchanges):
    """What checks speak about, in one flat record."""
    credentials = [e["request"].get("authorization") for e in exchanges]
    sent = [c for c in credentials if c]
    return {
        "status": outcome.get("status"),
        "sold": goods(outcome.get("body")),
        "refused": outcome.get("refused"),
        "because": outcome.get("because"),
        "reported_sat": outcome.get("reported_sat"),
        "wallet_calls": outcome["wallet_calls"],
        "paid_msat": paid_msat,
        "answers": [[e["answer"]["status"], e["answer"].get("code")] for e in exchanges],
        "with_credential": [c is not None for c in credentials],
        "bodies": [e["request"].get("body") for e in exchanges],
        "schemes": sorted({c["scheme"] for c in sent}),
        "sound": all(
            c["token_as_challenged"]
            and c["preimage_fits_token"]
            and c["preimage"] == "64 lower-case hex digits"
            for c in sent
        ),
    }


def goods(body):
    """Which of the goods a body is: the demo's answers have their name as a field."""
    try:
        return next(iter(json.loads(body).keys() & {"joke", "fortune", "quote"}), None)
    except (TypeError, ValueError, AttributeError):
        return None


OK = [200, None]
UNPAID, CONSUMED, WRONG_SERVICE = (
    [402, code] for code in ("payment_required", "consumed", "wrong_service")
)
NOTHING_PAID = {"paid_msat": 0, "wallet_calls": 0}


def bought(name, sat, answers=(UNPAID, OK), with_credential=(False, True)):
    """One payment of exactly the price, and the answer."""
    return {
        "status": 200,
        "sold": name,
        "paid_msat": sat * 1000,
        "reported_sat": sat,
        "wallet_calls": 1,
        "answers": list(answers),
        "with_credential": list(with_credential),
        "schemes": ["L402"],
        "sound": True,
    }


def refused(error, because):
    unpaid = {"answers": [UNPAID], "with_credential": [False]}
    return {**NOTHING_PAID, **unpaid, "refused": error, "because": because}


def left_unpaid(answer, with_credential):
    """The client hands the 402 to its caller."""
    answers = {"answers": [answer], "with_credential": [with_credential]}
    return {**NOTHING_PAID, **answers, "status": 402, "sold": None}


def check_what_both_do(bench, client, ways, budget_error):
    usual = ways[0]
    wrong = {} if client.version == client.pinned else {"pinned": client.pinned}
    bench.report(client, "is the pinned version", wrong)
    for way in ways:
        bench.check(client, f"buys a joke with {way}", way, bought("joke", JOKE_SAT))
    twice = {**bought("quote", QUOTE_SAT), "bodies": ["an author"] * 2}
    post = {"path": QUOTE, "method": "POST", "body": "an author"}
    bench.check(client, "sends the body of a POST again when it has paid", usual, twice, **post)
    joke = bought("joke", JOKE_SAT)
    bench.check(client, "pays a price at its budget", usual, joke, budget_sat=JOKE_SAT)
    too_little = JOKE_SAT - 1
    name = "refuses a price over its budget"
    bench.check(client, name, usual, budget_error, budget_sat=too_little)
    name = "reads a challenge without version and token"
    bench.check(client, name, usual, joke, proxy=bench.without_token)


def check_lightning_tools(bench, client):
    usual = "fetch402"
    interrupted = (
        "402: payInvoice failed; look up paymentHash before retrying to avoid double payment: "
        "Invoice amount (50 sats) exceeds maxAmount (49 sats)"
    )
    error = refused("Fetch402InterruptedError", interrupted)
    check_what_both_do(bench, client, [usual, "fetchWithL402"], error)
    joke = bought("joke", JOKE_SAT)
    no_macaroon = bench.without_macaroon
    bench.check(client, "reads a challenge without macaroon", usual, joke, proxy=no_macaroon)
    bench.check(client, "pays again for a second call", usual, joke)
    bench.check(
        client,
        "given a used credential it gets 'consumed' and does not pay",
        usual,
        {**left_unpaid(CONSUMED, True), "schemes": ["L402"], "sound": True},
        keep=True,
    )
    name = "given a credential of another path it gets 'wrong_service' and does not pay"
    wrong_service = {**left_unpaid(WRONG_SERVICE, True), "schemes": ["L402"], "sound": True}
    bench.check(client, name, usual, wrong_service, path=FORTUNE, keep=True)
    bench.check(client, "pays anew when asked without the credential", usual, joke)


def check_l402_requests(bench, client):
    usual = "L402Client"
    exceeded = (
        "Budget exceeded: per_request limit is 49 sats, "
        "already spent 0 sats, invoice requires 50 sats"
    )
    error = refused("BudgetExceededError", exceeded)
    check_what_both_do(bench, client, [usual, "AsyncL402Client"], error)
    bench.check(
        client,
        "leaves a challenge without macaroon to its caller",
        usual,
        left_unpaid(UNPAID, False),
        proxy=bench.without_macaroon,
    )
    bench.check(client, "buys with an empty cache", usual, bought("joke", JOKE_SAT))
    bench.check(
        client,
        "sends its cached credential, gets 'consumed', and pays anew",
        usual,
        bought("joke", JOKE_SAT, [CONSUMED, OK], [True, True]),
        keep=True,
    )
    bench.check(
        client,
        "sends its cached credential to a path beside it, and pays anew",
        usual,
        bought("fortune", FORTUNE_SAT, [WRONG_SERVICE, OK], [True, True]),
        path=FORTUNE,
        keep=True,
    )


def main():
    gateway, sandbox, lightning_tools, python = sys.argv[1:]
    bench = Bench(gateway, sandbox)
    clients = [
        ("@getalby/lightning-tools", "9.0.1", ["node", f"{lightning_tools}/client.js"]),
        ("l402-requests", "0.9.0", [python, "-B", str(HERE / "l402-requests/client.py")]),
    ]
    suites = (check_lightning_tools, check_l402_requests)
    for suite, (name, version, command) in zip(suites, clients):
        client = Client(name, version, [*command, sandbox])
        try:
            suite(bench, client)
        finally:
            client.close()
    bench.close()
    print(f"{bench.passed} passed, {bench.failed} failed")
    return bench.failed > 0


if __name__ == "__main__":
    sys.exit(main())
