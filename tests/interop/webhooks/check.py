"""Receives the test event of `l402 webhooks test`, and verifies it by what others wrote."""

import base64
import http.server
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import threading
import time

from standardwebhooks import Webhook, WebhookVerificationError

PROGRAM, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
ARRIVED = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        ARRIVED.append((body, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def configure(port):
    key = WORK / "webhook.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(SECRET)
    file = WORK / "l402.toml"
    file.write_text(
        f'[[webhook]]\nurl = "http://127.0.0.1:{port}/"\nsecret_file = "webhook.key"\n'
        'allow_private = true\n[[route]]\npath = "/a"\nupstream = "http://127.0.0.1:9"\n'
        'price = "5 sat"\n'
    )
    return file


def send(port):
    file = configure(port)
    return subprocess.run([PROGRAM, "webhooks", "test", "--config", file, "--json"], capture_output=True)


def by_the_library():
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ran = send(server.server_port)
    assert ran.returncode == 0, ran
    server.shutdown()
    body, headers = ARRIVED[0]
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "test" and event["id"] == headers["webhook-id"], event
    for wrong in (Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()), None):
        try:
            # Another secret, and another body.
            (wrong or Webhook(SECRET)).verify(body if wrong else body + b" ", headers)
        except WebhookVerificationError:
            continue
        raise AssertionError("it verified what is not ours")
    print("standardwebhooks (Python): verified")


def by_the_page():
    page = pathlib.Path("docs/webhooks.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(os.environ, L402_WEBHOOK_SECRET=SECRET, PORT=str(port))
    receiver = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for _ in range(200):
            if send(port).returncode == 0:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the receiver of the page took nothing")
        event = json.loads(receiver.stdout.readline())
        assert event["type"] == "test", event
    finally:
        receiver.terminate()
        receiver.wait()
    print("the receiver of docs/webhooks.md: verified")


by_the_library()
by_the_page()
