"""Runs a real LNbits server with play money, and sells and buys with it: check.py L402.

The server is asked here directly for what it tells of an invoice that nobody has paid. With the key of
the wallet, `GET /api/v1/payments/HASH` has the preimage under `details`, so that a preimage proves no
payment there.
"""

import base64
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

L402 = str(pathlib.Path(sys.argv[1]).resolve())
PRICE_SAT = 50
# A pair of wallets for each test of lnbits_real.rs that needs its own.
PAIRS = ("shop", "contract", "newest", "process", "fees", "keys", "itself")
passed = failed = 0


def check(what, holds, shown=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}: {shown}")


def request(url, body=None, method=None, **headers):
    """Returns status, headers and body of an answer, whatever its status."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if data:
        headers["Content-Type"] = "application/json"
    asked = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode()


def until(what, look, process, log):
    for _ in range(600):
        found = look()
        if found:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{what} did not start:\n{pathlib.Path(log).read_text()[-4000:]}")


def start(command, log, **options):
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)
    running.append(process)
    return process


class Lnbits:
    """A server with pairs of wallets, of which each buyer's has 100,000 sat."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LNBITS_DATA_FOLDER": str(folder / "data"),
            "LNBITS_EXTENSIONS_PATH": str(folder / "extensions"),
            "LNBITS_BACKEND_WALLET_CLASS": "FakeWallet",
            "LNBITS_ADMIN_UI": "true",
            "LNBITS_RATE_LIMIT_NO": "1000000",
            "LNBITS_MAX_INCOMING_PAYMENT_AMOUNT_SATS": "100000000",
            # Nothing is fetched from the network.
            "LNBITS_EXTENSIONS_MANIFESTS": "[]",
            "LNBITS_EXTENSIONS_WASM_MANIFESTS": "[]",
            "LNBITS_PRICE_AGGREGATOR_ENABLED": "false",
            "LNBITS_EXCHANGE_RATE_PROVIDERS": "[]",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        # It looks for its pages in the folder in which it is started.
        packages = next(pathlib.Path(sys.prefix).glob("lib/python3*/site-packages"))
        server = pathlib.Path(__file__).resolve().with_name("server.py")
        command = [sys.executable, "-B", str(server), str(port)]
        process = start(command, folder / "lnbits.log", cwd=packages, env=env)
        until("LNbits", self.answers, process, folder / "lnbits.log")

        secret = base64.b16encode(os.urandom(16)).decode()
        admin = {"username": "admin", "password": secret, "password_repeat": secret}
        token = self.call("PUT", "/api/v1/auth/first_install", admin)["access_token"]
        for pair in PAIRS:
            (folder / pair).mkdir()
            (folder / pair / "url").write_text(self.url)
            buyer, seller = (
                self.call("POST", "/api/v1/account", {"name": name}) for name in ("buyer", "seller")
            )
            gift = {"id": buyer["id"], "amount": "100000"}
            self.call("PUT", "/users/api/v1/balance", gift, Authorization=f"Bearer {token}")
            for name, key in (("buyer", buyer["adminkey"]), ("seller", seller["inkey"])):
                (folder / pair / f"{name}.key").write_text(key)
            if pair == "shop":
                self.buyer, self.seller = buyer, seller

    def answers(self):
        try:
            return request(self.url + "/api/v1/health")[0]
        except OSError:
            return None

    def call(self, method, path, body=None, **headers):
        status, _, text = request(self.url + path, body, method, **headers)
        assert status in (200, 201), f"{method} {path}: {status} {text}"
        return json.loads(text)

    def balance(self, wallet):
        return self.call("GET", "/api/v1/wallet", X_Api_Key=wallet["inkey"])["balance"]


class Thing(http.server.BaseHTTPRequestHandler):
    """What is sold."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"a thing")

    def log_message(self, *_):
        pass


def backend_tests(folder):
    """Runs the contract and the other tests of the backend against the server."""
    command = ["cargo", "test", "--locked", "--quiet", "-p", "l402-lightning", "--test", "it"]
    command += ["lnbits_real", "--", "--ignored"]
    ran = subprocess.run(
        command, env={**os.environ, "L402_LNBITS": str(folder)}, capture_output=True, text=True
    )
    told = re.search(r"(\d+) passed; (\d+) failed", ran.stdout)
    for _ in range(int(told[1]) if told else 0):
        check("a test of the backend", True)
    check("the tests of the backend", ran.returncode == 0 and told, ran.stdout[-4000:])


def serve(folder, lnbits):
    """Sells the thing with the seller's invoice key; returns the address."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Thing)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    log = folder / "serve.log"
    command = [L402, "serve", "--upstream", f"http://127.0.0.1:{upstream.server_port}"]
    command += ["--price", f"{PRICE_SAT} sat", "--listen", "127.0.0.1:0", "--json"]
    command += ["--node", node(lnbits, folder / "shop" / "seller.key")]
    process = start(command, log, env=home(folder, "seller-home"))

    def listening():
        for line in log.read_text().splitlines():
            try:
                return json.loads(line)["listening"][0]
            except (ValueError, KeyError, TypeError):
                continue
        return None

    address = until("l402 serve", listening, process, log)
    return address if "://" in address else f"http://{address}"


def node(lnbits, key):
    return f"lnbits+{lnbits.url}?key={key}"


def home(folder, name):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "L402_HOME": str(folder / name)}


def buys(folder, lnbits, shop):
    before = lnbits.balance(lnbits.buyer), lnbits.balance(lnbits.seller)
    command = [L402, "get", f"{shop}/thing", "--wallet", node(lnbits, folder / "shop" / "buyer.key")]
    bought = subprocess.run(
        command, env=home(folder, "buyer-home"), capture_output=True, text=True, timeout=60
    )
    check("l402 get pays with LNbits", bought.returncode == 0, bought.stderr)
    check("the thing was bought", bought.stdout == "a thing", bought.stdout)
    after = lnbits.balance(lnbits.buyer), lnbits.balance(lnbits.seller)
    moved = before[0] - after[0], after[1] - before[1]
    check("the price moved once", moved == (PRICE_SAT * 1000,) * 2, moved)
    for secret in (lnbits.buyer["adminkey"], lnbits.seller["inkey"]):
        said = bought.stderr + bought.stdout + (folder / "serve.log").read_text()
        check("no key is shown", secret not in said)


def challenge(shop):
    status, headers, body = request(f"{shop}/thing")
    check("an unpaid request is answered with 402", status == 402, (status, body))
    line = next(
        value for value in headers.get_all("WWW-Authenticate") if value.startswith("L402 ")
    )
    token, invoice = (re.search(f'{name}="([^"]+)"', line)[1] for name in ("macaroon", "invoice"))
    return token, invoice, json.loads(body)["payment_hash"]


def presents(shop, token, preimage):
    status, headers, body = request(f"{shop}/thing", Authorization=f"L402 {token}:{preimage}")
    return status, headers.get("Retry-After"), body


def knows_the_preimage(lnbits, shop):
    """Shows the preimage of an invoice that nobody has paid."""
    token, invoice, payment_hash = challenge(shop)
    told = lnbits.call(
        "GET", f"/api/v1/payments/{payment_hash}", X_Api_Key=lnbits.seller["inkey"]
    )
    check("the invoice is not paid", told["paid"] is False, told)
    preimage = told["details"]["preimage"]
    check("LNbits tells its preimage", bool(preimage), told)

    for _ in range(2):
        status, retry, body = presents(shop, token, preimage)
        problem = json.loads(body)
        check("nobody gets in who has not paid", status == 503, (status, body))
        check("the code is not_settled", problem.get("code") == "not_settled", body)
        check("the same token is to be tried again", problem.get("retry_with") == "same_token", body)
        check("and soon", retry == "1", retry)

    paying = {"out": True, "bolt11": invoice}
    lnbits.call("POST", "/api/v1/payments", paying, X_Api_Key=lnbits.buyer["adminkey"])
    for _ in range(50):
        status, _, body = presents(shop, token, preimage)
        if status != 503:
            break
        time.sleep(0.2)
    check("whoever has paid gets in", (status, body) == (200, "a thing"), (status, body))


def an_admin_key_does_not_sell(folder, lnbits):
    command = [L402, "serve", "--upstream", "http://127.0.0.1:9", "--price", "1 sat"]
    command += ["--listen", "127.0.0.1:0", "--node", node(lnbits, folder / "shop" / "buyer.key")]
    refused = subprocess.run(
        command, env=home(folder, "other-home"), capture_output=True, text=True, timeout=60
    )
    check("an admin key does not sell", refused.returncode != 0, refused.stderr)
    check("and the invoice key is named", "invoice key" in refused.stderr, refused.stderr)


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        try:
            lnbits = Lnbits(folder)
            print(f"LNbits is ready ({time.monotonic() - began:.0f}s)", flush=True)
            backend_tests(folder)
            shop = serve(folder, lnbits)
            buys(folder, lnbits, shop)
            knows_the_preimage(lnbits, shop)
            an_admin_key_does_not_sell(folder, lnbits)
        finally:
            for process in reversed(running):
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
    print(f"{passed} passed, {failed} failed ({time.monotonic() - began:.0f}s)")
    return 1 if failed else 0


running = []
sys.exit(main())
