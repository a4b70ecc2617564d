"""Has a gateway order its certificate from Pebble, restarts it, and waits for a renewal."""

import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import names

PROGRAM, PEBBLE, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
HOME = pathlib.Path(os.environ["L402_HOME"])
DOMAINS = ["shop.l402.test", "api.l402.test"]
# Renewed after two thirds of that.
SHORT_SECS = 30
PATIENCE_SECS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def within(secs, what, look):
    """Waits for a look that returns something."""
    end = time.monotonic() + secs
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {secs} s: {what}")


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Authority:
    """Pebble, with a certificate of its own that only this test trusts."""

    def __init__(self, tls_port):
        self.port, self.manage = free_port(), free_port()
        self.ca = WORK / "pebble.pem"
        key = WORK / "pebble.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
            + ["-keyout", key, "-out", self.ca, "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
            check=True,
            capture_output=True,
        )
        profile = {"description": "as its name says"}
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.manage}",
            "certificate": str(self.ca),
            "privateKey": str(key),
            "httpPort": 9,
            "tlsPort": tls_port,
            "keyAlgorithm": "ecdsa",
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {
                "default": {**profile, "validityPeriod": 7_776_000},
                "short": {**profile, "validityPeriod": SHORT_SECS},
            },
        }
        self.settings = WORK / "pebble.json"
        self.settings.write_text(json.dumps({"pebble": settings}))
        self.names = names.serve()
        self.start()

    def start(self):
        # The look at a name does not wait. One nonce of twenty is refused, as Pebble has it by default.
        env = {**os.environ, "PEBBLE_VA_NOSLEEP": "1"}
        log = open(WORK / "pebble.log", "ab")
        command = [PEBBLE, "-config", self.settings, "-dnsserver", f"127.0.0.1:{self.names}", "-strict"]
        self.process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        within(20, "Pebble answers", self.roots)

    def roots(self):
        """Returns the root of what it issues now: it has another after each start."""
        context = ssl.create_default_context(cafile=str(self.ca))
        try:
            url = f"https://localhost:{self.manage}/roots/0"
            return urllib.request.urlopen(url, context=context, timeout=5).read().decode()
        except OSError:
            return None

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Shop:
    def __init__(self, port, upstream, authority, profile=None, agree="agree = true"):
        self.port = port
        self.file = WORK / "l402.toml"
        kind = f'profile = "{profile}"\n' if profile else ""
        self.file.write_text(
            f'listen = ["127.0.0.1:{port}"]\n[tls.acme]\ndomains = {json.dumps(DOMAINS)}\n{agree}\n'
            f'email = "me@l402.test"\ndirectory = "https://localhost:{authority.port}/dir"\n'
            f'ca = "{authority.ca}"\n{kind}'
            f'[[route]]\npath = "/free"\nfree = true\nupstream = "http://127.0.0.1:{upstream}"\n'
        )

    def start(self):
        log = open(WORK / "shop.log", "ab")
        command = [PROGRAM, "serve", "--config", self.file, "--log", "info"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0

    def connect(self, name, root):
        """Returns a connection whose certificate was checked, or nothing."""
        context = ssl.create_default_context(cadata=root)
        try:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            return context.wrap_socket(plain, server_hostname=name)
        except OSError:
            return None

    def serial(self, root, name=DOMAINS[0]):
        connection = self.connect(name, root)
        return connection and connection.getpeercert()["serialNumber"]


def ask(connection):
    connection.sendall(f"GET /free HTTP/1.1\r\nhost: {DOMAINS[0]}\r\n\r\n".encode())
    read = b""
    while not read.endswith(b"ok"):
        piece = connection.recv(4096)
        assert piece, f"the connection has ended: {read}"
        read += piece
    assert read.startswith(b"HTTP/1.1 200 "), read


def no_one_agrees(shop):
    ran = subprocess.run([PROGRAM, "serve", "--config", shop.file, "--check"], capture_output=True, text=True)
    assert ran.returncode != 0 and "tls.acme.agree" in ran.stderr, ran


def from_nothing(shop, root):
    shop.start()
    serial = within(PATIENCE_SECS, "a certificate", lambda: shop.serial(root))
    names = shop.connect(DOMAINS[1], root).getpeercert()["subjectAltName"]
    assert sorted(name for _, name in names) == sorted(DOMAINS), names
    ask(shop.connect(DOMAINS[0], root))
    folder = HOME / "acme"
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}
    assert modes.pop("acme") == 0o700 and len(modes) == 2, modes
    assert all(mode == 0o600 for mode in modes.values()), modes
    return serial


def stored_is_used(shop, authority, root, serial):
    shop.stop()
    authority.stop()
    shop.start()
    again = within(20, "the stored certificate", lambda: shop.serial(root))
    assert again == serial, (again, serial)
    shop.stop()


def renewed(shop, root):
    """A connection that was open before goes on, and a name that is proved again is served meanwhile."""
    shop.start()
    first = within(PATIENCE_SECS, "a certificate", lambda: shop.serial(root))
    begun = time.monotonic()
    connection = shop.connect(DOMAINS[0], root)

    def look():
        ask(connection)
        serial = shop.serial(root)
        assert serial, "nobody is served"
        return serial != first

    within(SHORT_SECS, "a renewal", look)
    return time.monotonic() - begun


def main():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    authority = Authority(port)
    shop = Shop(port, upstream.server_port, authority)
    try:
        no_one_agrees(Shop(port, upstream.server_port, authority, agree=""))
        shop = Shop(port, upstream.server_port, authority)
        root = authority.roots()
        begun = time.monotonic()
        serial = from_nothing(shop, root)
        print(f"from nothing to a certificate: {time.monotonic() - begun:.1f} s")
        stored_is_used(shop, authority, root, serial)
        # It does not know the account any more: another is made.
        authority.start()
        shop = Shop(port, upstream.server_port, authority, profile="short")
        took = renewed(shop, authority.roots())
        print(f"a certificate of {SHORT_SECS} s was renewed after {took:.1f} s")
        shop.stop()
    except BaseException:
        print((WORK / "shop.log").read_text()[-4000:], file=sys.stderr)
        print((WORK / "pebble.log").read_text()[-6000:], file=sys.stderr)
        raise
    finally:
        for process in [authority.process, getattr(shop, "process", None)]:
            if process and process.poll() is None:
                process.kill()


main()
