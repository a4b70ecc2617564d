"""Clients that know nothing of payments buy through `l402 proxy`: `check.py L402 WORK PYTHON`."""

import json
import os
import subprocess
import sys

import upstream

program, work, python = sys.argv[1:]
running, passed, failed = [], 0, 0


def start(*arguments):
    """Starts a program that serves, and returns its address."""
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    running.append(process)
    line = process.stdout.readline()
    assert line, f"it did not start: {arguments}"
    return json.loads(line)["listening"][0]


def run(*command, **environment):
    """Runs a client and returns what it printed."""
    variables = os.environ | {"no_proxy": "", "NO_PROXY": ""} | environment
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=180)
    return ran.stdout.strip() if ran.returncode == 0 else f"status {ran.returncode}: {ran.stderr[-2000:]}"


def payments():
    rows = json.loads(run(program, "payments", "--json"))
    return sum(1 for row in rows if row["state"] == "served")


def check(name, got, expected):
    global passed, failed
    if got == expected:
        passed += 1
        print(f"ok: {name}", flush=True)
    else:
        failed += 1
        print(f"FAILED: {name}: got {got!r}, wanted {expected!r}", flush=True)


def sell(name, port, policy):
    url = f"http://127.0.0.1:{port}"
    price = ("--price", "7 sat", "--policy", policy, "--listen", "127.0.0.1:0")
    return "http://" + start("serve", "--upstream", url, "--name", name, *price)


def reverse(to):
    return "http://" + start("proxy", "127.0.0.1:0", "--to", to, "--wallet", "sandbox")


def repository(folder):
    """Makes a repository with one commit."""
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    run("git", "init", "--quiet", folder)
    with open(f"{folder}/file", "w") as file:
        file.write("bought by git\n")
    run("git", "-C", folder, "add", "file")
    run("git", "-C", folder, *settings, "commit", "--quiet", "-m", "one")


def model(port):
    proxy = reverse(sell("model", port, "request"))
    key = {"OPENAI_API_KEY": "own", "OPENAI_BASE_URL": f"{proxy}/v1"}
    here = os.path.dirname(os.path.abspath(__file__))
    got = run(python, f"{here}/chat.py", f"http://127.0.0.1:{port}/go-on", **key)
    check("OpenAI's client streams what it buys", (got, payments()), ("bought by a model", 1))


def git(port):
    shop = sell("git", port, "time=1h")
    proxy = reverse(shop)
    before = payments()
    run("git", "clone", "--quiet", f"{proxy}/shop.git", f"{work}/clone")
    got = run("cat", f"{work}/clone/file")
    check("git clones what it buys", (got, payments() - before), ("bought by git", 1))
    forward = "http://" + start("proxy", "127.0.0.1:0", "--wallet", "sandbox")
    shown = run("git", "ls-remote", "--heads", f"{shop}/shop.git", http_proxy=forward)
    got = (shown.endswith("refs/heads/main") or shown.endswith("refs/heads/master"), payments() - before)
    check("git asks by http_proxy with what it has bought", got, (True, 1))


def browser(port):
    shop = sell("page", port, "time=1h")
    forward = "http://" + start("proxy", "127.0.0.1:0", "--wallet", "sandbox")
    upstream.Upstream.target = reverse(sell("attacked", port, "request"))
    before = payments()
    printed = run("node", f"{work}/browser/browser.js", forward, f"{shop}/page", f"http://localhost:{port}/evil")
    try:
        seen = json.loads(printed)
    except ValueError:
        return check("Chromium runs", printed, "")
    bought = seen["bought"]
    got = (bought["status"], bought["text"], payments() - before)
    check("Chromium buys a page and what it fetches", got, (200, "bought by a browser", 1))
    attacks = {"image", "form", "no-cors", "post", "cors"}
    tried = {url.rsplit("/", 1)[1] for url, _ in seen["attacked"]["answers"]} & attacks
    reached = [path for path in upstream.Upstream.seen if path.strip("/") in attacks]
    check("a page of another site tries to spend", tried, attacks)
    check("and nothing is paid for it", (payments() - before, reached), (1, []))
    print(json.dumps(seen["attacked"]["answers"]))


try:
    repository(f"{work}/shop")
    run("git", "clone", "--quiet", "--bare", f"{work}/shop", f"{work}/repositories/shop.git")
    port = upstream.start(f"{work}/repositories")
    model(port)
    git(port)
    browser(port)
finally:
    for process in running:
        process.kill()
        process.wait()
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
