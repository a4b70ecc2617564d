"""Uploads that nobody has paid for: every client must read its 402, however large they are.

    python3 early_answers.py L402

Starts `L402 serve` before an upstream of its own, and lets curl, Node's fetch, Python's urllib and
`L402 get` post 3 MB and 10 MB to it, 20 times each. Prints one line of JSON for each client, and
ends with 1 if an answer was lost.
"""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

TIMES = 20
SIZES = (3_000_000, 10_000_000)
# Traffic stays on this machine, also where the environment names a proxy.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))
CONFIG = """
listen = ["127.0.0.1:0"]
node = "sandbox"
[[route]]
path = "/{{*rest}}"
upstream = "http://127.0.0.1:{port}"
price = "10 sat"
service = "all"
[http]
h2c = true
[challenges]
per_peer_per_second = 0
per_prefix_per_second = 0
total_per_second = 0
"""
NODE = """
const body = require("fs").readFileSync(process.argv[2]);
(async () => {
  for (let i = 0; i < Number(process.argv[3]); i++) {
    try {
      const answer = await fetch(process.argv[1], { method: "POST", body });
      await answer.text();
      console.log(answer.status);
    } catch (error) { console.log(String(error.cause || error)); }
  }
})();
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    return done.stdout, done.returncode


def curl(version):
    def ask(url, body):
        told, code = run(
            "curl", "-s", version, "-m", "30", "-o", "/dev/null", "-w", "%{http_code}",
            "--data-binary", f"@{body}", url,
        )
        return told if code == 0 else f"exit {code}"

    return lambda url, body: [ask(url, body) for _ in range(TIMES)]


def node(url, body):
    return run("node", "-e", NODE, url, body, str(TIMES))[0].splitlines()


def urllib_(url, body):
    data = pathlib.Path(body).read_bytes()

    def ask():
        try:
            return str(LOOPBACK.open(url, data, timeout=30).status)
        except urllib.error.HTTPError as answer:
            answer.read()
            return str(answer.code)
        except OSError as error:
            return repr(error)

    return [ask() for _ in range(TIMES)]


def get(l402):
    def ask(url, body):
        told, code = run(l402, "get", "--dry-run", "-d", f"@{body}", url)
        return told or f"exit {code}"

    return lambda url, body: [ask(url, body) for _ in range(TIMES)]


def main():
    l402 = sys.argv[1]
    upstream = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler
    )
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    clients = {"node": node, "urllib": urllib_, "l402 get": get(l402)}
    if shutil.which("curl"):
        for version in ("--http1.0", "--http1.1", "--http2-prior-knowledge"):
            clients[f"curl {version}"] = curl(version)
    failed = False
    with tempfile.TemporaryDirectory() as work:
        config = pathlib.Path(work, "l402.toml")
        config.write_text(CONFIG.format(port=upstream.server_port))
        ENVIRONMENT["L402_HOME"] = str(pathlib.Path(work, "home"))
        serving = subprocess.Popen(
            [l402, "serve", "--config", config], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        try:
            url = f"http://{json.loads(serving.stdout.readline())['listening'][0]}/upload"
            for size in SIZES:
                body = pathlib.Path(work, "body")
                body.write_bytes(os.urandom(1000) * (size // 1000))
                for name, ask in clients.items():
                    read = ask(url, str(body))
                    lost = [told for told in read if not is_402(told)]
                    failed |= len(read) != TIMES or bool(lost)
                    line = {"client": name, "bytes": size, "read": len(read) - len(lost)}
                    print(json.dumps(line | {"lost": lost[:3]}), flush=True)
        finally:
            serving.terminate()
            serving.wait()
    return 1 if failed else 0


def is_402(told):
    return told == "402" or '"payment_required":true' in told.replace(" ", "")


sys.exit(main())
