"""Starts a registry, and lets schemathesis test its API by its own OpenAPI document: no failure is allowed.

check.py REGISTRY WORK: the example program, and a folder with a virtual environment `venv`.
"""

import os
import pathlib
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).parent
TIME = 150


def main(program, work):
    registry = subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        url, service, token = registry.stdout.readline().split()
        check(work, url, service, token)
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=10) as answer:
            assert answer.status == 200
    finally:
        # The registry ends when its standard input does.
        registry.stdin.close()
        assert registry.wait(timeout=30) == 0


def check(work, url, service, token):
    environment = dict(
        os.environ,
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=str(HERE),
        PYTHONDONTWRITEBYTECODE="1",
        REGISTRY_SERVICE=service,
        REGISTRY_TOKEN=token,
    )
    command = [
        f"{work}/venv/bin/schemathesis",
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        f"{url}/openapi.json",
        "--url",
        url,
    ]
    subprocess.run(command, cwd=work, env=environment, timeout=TIME, check=True)


main(*sys.argv[1:])
