"""A proxy that writes down what went through it, and no secret of it.

Of a token only the first characters are kept, of a preimage only its form.
"""

import hashlib
import http.client
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_SECS = 30
# RFC 9110, section 7.6.1: these speak of one connection and do not go further.
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
# Says nothing about the client.
NOT_RECORDED = HOP_BY_HOP | {"authorization", "host", "content-length"}
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RecordingProxy:
    """Listens on a free port of this machine before the gateway at HOST:PORT.

    `omit` names parameters that it takes out of the challenge, to see who reads them.
    """

    def __init__(self, gateway, omit=()):
        self.gateway = gateway
        self.omit = set(omit)
        self.exchanges = []
        self.payment_hashes = {}
        self.lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self):
        """What went through since the last call, in order."""
        with self.lock:
            taken, self.exchanges = self.exchanges, []
        return taken

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def record(self, request, answer):
        with self.lock:
            self.exchanges.append({"request": request, "answer": answer})

    def challenge(self, header):
        """The challenge as it is handed on, and its parameters."""
        scheme, _, rest = header.partition(" ")
        parameters = [(k, v) for k, v in PARAMETER.findall(rest) if k not in self.omit]
        if self.omit:
            header = f"{scheme} " + ", ".join(f'{k}="{v}"' for k, v in parameters)
        return header, dict(parameters)

    def describe_credential(self, header):
        """Scheme and forms of a credential, and whether they belong to a challenge seen here."""
        scheme, _, credential = header.partition(" ")
        token, _, preimage = credential.rpartition(":")
        try:
            payment_hash = hashlib.sha256(bytes.fromhex(preimage)).hexdigest()
        except ValueError:
            payment_hash = None
        return {
            "scheme": scheme,
            "token": f"{token[:8]}… ({len(token)} characters)",
            "token_as_challenged": token in self.payment_hashes,
            "preimage": form_of_preimage(preimage),
            "preimage_fits_token": self.payment_hashes.get(token, "unknown") == payment_hash,
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_SECS

    def forward(self):
        # Both clients say the length; a body in chunks would show as a wrong record.
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        request = self.describe_request(body)
        connection = http.client.HTTPConnection(self.proxy.gateway, timeout=TIMEOUT_SECS)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self.hand_on(request, answer, answer.read())
        finally:
            connection.close()

    do_GET = do_POST = forward

    def hand_on(self, request, answer, body):
        headers, challenges = [], []
        for name, value in answer.getheaders():
            if name.lower() == "www-authenticate":
                value, parameters = self.proxy.challenge(value)
                challenges.append([value.partition(" ")[0], *parameters])
                self.remember(parameters, body)
            if name.lower() not in HOP_BY_HOP:
                headers.append((name, value))
        described = {"status": answer.status, "challenges": challenges}
        if "problem+json" in answer.headers.get("Content-Type", ""):
            described["code"] = json.loads(body).get("code")
        # Before the client can go on, so that nothing is missing when it is done.
        self.proxy.record(request, described)
        self.send_response_only(answer.status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def remember(self, parameters, body):
        token = parameters.get("token") or parameters.get("macaroon")
        if token:
            self.proxy.payment_hashes[token] = json.loads(body)["payment_hash"]

    def describe_request(self, body):
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() not in NOT_RECORDED}
        described = {"method": self.command, "path": self.path, "headers": headers}
        if body:
            described["body"] = body.decode()
        if credential := self.headers.get("Authorization"):
            described["authorization"] = self.proxy.describe_credential(credential)
        return described

    def log_message(self, *_):
        """What went through is read from the records."""


def form_of_preimage(preimage):
    if re.fullmatch(r"[0-9a-f]{64}", preimage):
        return "64 lower-case hex digits"
    return f"another form ({len(preimage)} characters)"
