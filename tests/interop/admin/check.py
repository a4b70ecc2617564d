"""Starts a gateway, and lets schemathesis test its admin API by its own OpenAPI document: no failure is allowed.
Without the token, nothing of the API is answered.

check.py L402 WORK: the program, and a folder with a virtual environment `venv`.
"""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
TIME = 240
CONFIGURATION = """\
[admin]
listen = "127.0.0.1:0"

[[route]]
path = "/joke"
upstream = "http://127.0.0.1:1"
price = "50 sat"
"""


def main(program, work):
    home = pathlib.Path(work) / "home"
    file = pathlib.Path(work) / "l402.toml"
    file.write_text(CONFIGURATION)
    serve = [program, "serve", "--config", str(file), "--listen", "127.0.0.1:0"]
    gateway = subprocess.Popen(
        serve,
        env=dict(os.environ, L402_HOME=str(home)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = json.loads(gateway.stdout.readline())["admin"] + "api/v1"
        token = (home / "admin.token").read_text().strip()
        document = json.loads(answer(f"{url}/openapi.json", "GET", token)[1])
        refused(url, document)
        check(work, url, token, document)
        assert answer(f"{url}/health", "GET", token)[0] == 200
        # The end that is asked for is one without a fault.
        assert answer(f"{url}/drain", "POST", token)[0] == 202
        assert gateway.wait(timeout=30) == 0
    finally:
        gateway.kill()


def answer(url, method, token):
    request = urllib.request.Request(url, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answered:
            return answered.status, answered.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def refused(url, document):
    """Asks everything of the document without a token: 401, whatever it is."""
    count = 0
    for path, operations in document["paths"].items():
        for method in operations:
            asked = f"{url}{path}".replace("{id}", "0" * 64).replace("{number}", "1")
            assert answer(asked, method.upper(), None)[0] == 401, (method, path)
            count += 1
    assert count >= 22, count


def check(work, url, token, document):
    file = pathlib.Path(work) / "openapi.json"
    file.write_text(json.dumps(document))
    command = [
        f"{work}/venv/bin/schemathesis",
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        str(file),
        "--url",
        url,
        "--header",
        f"Authorization: Bearer {token}",
    ]
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    subprocess.run(command, cwd=work, env=environment, timeout=TIME, check=True)


main(*sys.argv[1:])
