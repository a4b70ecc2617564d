"""Plays the same calls through clients of MCP that others wrote, and through raw messages, in both
generations, over stdio and HTTP: `check.py L402 WORK PYTHON`. One line a run; a failed check says why."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

program, work, python = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
ENDS = "2026-07-28"

with open(f"{here}/calls.json") as file:
    CALLS = json.load(file)
with open(f"{root}/crates/l402-cli/src/mcp/tool/tools.json") as file:
    PINNED = json.load(file)

NODE2, NODE1 = ["node", f"{work}/npm/client2.js"], ["node", f"{work}/npm/sdk1.js"]
PYTHON, RAW = [python, f"{here}/client.py"], [sys.executable, "-B", f"{here}/raw.py"]

# A client, the generation or version to ask for, and the version that is then spoken.
CLIENTS = [
    ("client 2.x", NODE2, "modern", ENDS),
    ("client 2.x", NODE2, "legacy", "2025-11-25"),
    ("sdk 1.x", NODE1, "legacy", "2025-11-25"),
    ("PyPI mcp", PYTHON, "modern", ENDS),
    ("PyPI mcp", PYTHON, "legacy", "2025-11-25"),
    ("raw", RAW, ENDS, ENDS),
    ("raw", RAW, "2025-11-25", "2025-11-25"),
    ("raw", RAW, "2025-06-18", "2025-06-18"),
    ("raw", RAW, "2025-03-26", "2025-03-26"),
]


class Failed(Exception):
    pass


def must(holds, *what):
    if not holds:
        raise Failed(" ".join(str(part) for part in what)[:4000])


class Home:
    """A home folder with the demo's shop and its sandbox, until it is closed."""

    def __init__(self, name):
        self.path = f"{work}/{name}"
        os.mkdir(self.path)
        self.environment = os.environ | {"L402_HOME": f"{self.path}/home"}
        self.running = []
        demo = self.start("demo", "--listen", "127.0.0.1:0", "--json")
        self.shop, self.sandbox = "http://" + demo["listening"][0], demo["sandbox_api"]
        must(self.sandbox, "no sandbox", demo)

    def start(self, *arguments):
        """Starts a program that serves, and returns its first line."""
        errors = open(f"{self.path}/{arguments[0]}.log", "wb")
        process = subprocess.Popen(
            [program, *arguments], stdout=subprocess.PIPE, stderr=errors, env=self.environment
        )
        self.running.append(process)
        line = process.stdout.readline()
        must(line, f"it did not start: {arguments}")
        return json.loads(line)

    def token(self):
        with open(f"{self.path}/home/mcp.token") as file:
            return file.read().strip()

    def run(self, *arguments):
        ran = subprocess.run([program, *arguments], env=self.environment, capture_output=True, text=True)
        must(ran.returncode == 0, arguments, ran.stdout, ran.stderr)
        return ran.stdout

    def ask(self, method, path, body=None):
        body = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.sandbox + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def balance(self):
        return self.ask("GET", "/v1/balance")["balance_msat"]

    def close(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()


class Player:
    """A client of others with `l402 mcp` at its other end."""

    def __init__(self, home, client, generation, http, *options, elicit=False):
        wallet = ["--wallet", "sandbox", *options]
        if http:
            served = home.start("mcp", *wallet, "--http", "127.0.0.1:0")
            way = ["http", served["url"], home.token()]
        else:
            way = ["stdio", program, "mcp", *wallet]
        environment = home.environment | ({"ELICIT": "1"} if elicit else {})
        self.errors = open(f"{home.path}/client.log", "wb+")
        self.process = subprocess.Popen(
            [*client, generation, *way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
        )
        self.patience = threading.Timer(100, self.process.kill)
        self.patience.start()
        self.hello = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise Failed("the client ended: " + self.errors.read().decode(errors="replace")[-3000:])
        return json.loads(line)

    def call(self, tool, arguments, decide=None):
        """Plays a call; `decide` is asked what a person would answer."""
        self.write({"tool": tool, "arguments": arguments})
        got = self.read()
        while "elicit" in got:
            must(decide, "nobody is there to be asked", got)
            self.write(decide(got["elicit"]))
            got = self.read()
        return got

    def write(self, value):
        self.process.stdin.write(json.dumps(value).encode() + b"\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        status = self.process.wait()
        self.patience.cancel()
        self.errors.seek(0)
        must(status == 0, "the client ended with", status, self.errors.read().decode(errors="replace")[-3000:])


def filled(value, names):
    """Puts what the run knows into arguments and expectations."""
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(names[found[1]]), value)
    return value


def at(value, path):
    """The value at `a.b.0.c`, or None."""
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def matches(got, wanted):
    if isinstance(wanted, dict) and "matches" in wanted:
        return isinstance(got, str) and re.search(wanted["matches"], got) is not None
    if isinstance(wanted, dict) and "at_least" in wanted:
        return isinstance(got, int) and got >= wanted["at_least"]
    return got == wanted and isinstance(got, bool) == isinstance(wanted, bool)


def play(home, player, names):
    """Plays all calls in order, and holds each answer against what is expected of it."""
    for number, call in enumerate(CALLS):
        title = f"call {number + 1}, {call['title']}:"
        for name, invoice in call.get("invoices", {}).items():
            names[name] = home.ask("POST", "/v1/invoices", filled(invoice, names))["invoice"]
        if "fault" in call:
            home.ask("PUT", "/v1/fault", {"fault": call["fault"]})
        before = home.balance()
        got = player.call(call["tool"], filled(call.get("arguments", {}), names))
        moved = before - home.balance()
        must(moved == call.get("moves_msat", 0), title, moved, "msat moved:", got)
        if "refused" in call:
            must("error" in got, title, "no error of the protocol:", got)
            must(re.search(call["refused"], got["error"]["message"], re.I), title, got)
            continue
        must("result" in got, title, got)
        result = got["result"]
        must(bool(result.get("isError")) == call.get("is_error", False), title, "isError:", result)
        must(result["content"] and result["content"][0]["type"] == "text", title, result)
        if "line" in call:
            line = result["content"][0]["text"]
            must("\n" not in line and re.search(filled(call["line"], names), line), title, line)
        for path, wanted in call.get("expect", {}).items():
            value = at(result["structuredContent"], path)
            must(matches(value, filled(wanted, names)), title, path, "is", value, "in", result)
        for name, path in call.get("keep", {}).items():
            names[name] = at(result["structuredContent"], path)
            must(names[name], title, "no", path, "in", result)


def suite(number, client, generation, spoken, http):
    home = Home(f"run{number}")
    try:
        player = Player(home, client, generation, http)
        must(player.hello["version"] == spoken, "spoken:", player.hello["version"])
        listed = [plain(tool) for tool in player.hello["tools"]]
        for got, pinned in zip(listed, PINNED):
            must(got == plain(pinned), "another card:", got, pinned)
        must(len(listed) == len(PINNED), "another list:", [tool["name"] for tool in listed])
        play(home, player, {"shop": home.shop})
        player.close()
    finally:
        home.close()


def plain(tool):
    """A card without what a client adds by itself."""
    return {key: value for key, value in tool.items() if value is not None}


def approvals(number, client, generation):
    """A client that can show a link: it pays what a person approves meanwhile, and nothing else. That the
    client says `accept` is no approval."""
    home = Home(f"approvals{number}")
    invoice = lambda sat: home.ask("POST", "/v1/invoices", {"amount_msat": sat * 1000})["invoice"]
    try:
        player = Player(home, client, generation, False, elicit=True)

        def decide(*options):
            def asked(question):
                must(question["mode"] == "url", question)
                must(question["url"].startswith("http://127.0.0.1:"), question)
                must(re.search("15[0-9] sat", question["message"]), question)
                waiting = json.loads(home.run("approve", "--json"))
                home.run("approve", str(at(waiting, "0.id")), *options)
                return {"action": "accept"}

            return asked

        before = home.balance()
        for sat, person, line, moves in [
            (150, decide(), "150 sat", 150000),
            (151, decide("--deny"), "declined", 0),
            (152, lambda _: {"action": "decline"}, "waiting for approval", 0),
        ]:
            got = player.call("pay_invoice", {"invoice": invoice(sat)}, person)
            said = at(got, "result.content.0.text")
            must(isinstance(said, str) and re.search(line, said, re.I), line, got)
            must(before - home.balance() == moves, "moved:", before - home.balance(), got)
            before = home.balance()
        player.close()
    finally:
        home.close()


def printed():
    """Runs the first commands of docs/agents.md as they are printed, and starts what clients would start."""
    with open(f"{root}/docs/agents.md") as file:
        page = file.read()
    began = time.monotonic()
    os.mkdir(f"{work}/printed")
    path = f"{os.path.dirname(program)}:{os.environ['PATH']}"
    environment = os.environ | {"L402_HOME": f"{work}/printed/home", "PATH": path}
    section = page.split("## A joke in one minute")[1].split("\n## ")[0]
    demo, *lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    must(demo == "l402 demo", demo)
    running = subprocess.Popen(demo.split(), stdout=subprocess.PIPE, text=True, env=environment)
    try:
        listening = json.loads(running.stdout.readline())["listening"][0]
        outcomes = []
        for line in lines:
            # Another program may have the port that is printed.
            line = line.replace("127.0.0.1:8402", listening)
            ran = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, timeout=60)
            must(ran.returncode == 0, line, ran)
            if "l402 mcp" in line:
                must(ran.stdout.count("\n") == 1, ran.stdout)
                outcomes.append(json.loads(ran.stdout)["result"]["structuredContent"])
                again = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True)
                outcomes.append(json.loads(again.stdout)["result"]["structuredContent"])
        must([it["outcome"] for it in outcomes] == ["served", "served"], outcomes)
        must([it["replayed"] for it in outcomes] == [False, True], outcomes)
        must("joke" in outcomes[0]["answer"]["body"]["text"], outcomes)
    finally:
        running.terminate()
        running.wait()
    must(time.monotonic() - began < 60, "more than a minute")
    blocks = re.findall(r"```json\n(.*?)```", page, re.S)
    servers = [json.loads(block) for block in blocks]
    starts = [[it["command"], *it["args"]] for found in servers for it in [*found.values()][0].values()]
    starts += [line.split(" -- ")[1].split() for line in re.findall(r"`((?:claude|codex) mcp add [^`]* -- [^`]*)`", page)]
    starts += [["l402", *json.loads(args)] for args in re.findall(r"^ *args(?: =|:) (\[.*\])$", page, re.M)]
    must(len(starts) == 6, starts)
    for start in starts:
        hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": ENDS, "io.modelcontextprotocol/clientCapabilities": {}}}}
        ran = subprocess.run(start, input=json.dumps(hello) + "\n", env=environment, capture_output=True, text=True)
        must(len(json.loads(ran.stdout)["result"]["tools"]) == len(PINNED), start, ran)


def checks():
    """Names each check with what it runs."""
    for number, (name, client, generation, spoken) in enumerate(CLIENTS):
        for http in (False, True):
            title = f"{name}, {spoken}, {'HTTP' if http else 'stdio'}: {len(CALLS)} calls"
            run = (number * 2 + http, client, generation, spoken, http)
            yield title, suite, run
    for number, (name, client, generation, spoken) in enumerate(CLIENTS):
        # Links came with 2025-11-25.
        if spoken >= "2025-11-25":
            yield f"{name}, {spoken}: a person approves", approvals, (number, client, generation)
    yield "docs/agents.md, as it is printed", printed, ()


def run(check):
    title, function, arguments = check
    began = time.monotonic()
    try:
        function(*arguments)
    except Failed as failure:
        return f"FAILED: {title}: {failure}"
    return f"ok: {title} ({time.monotonic() - began:.1f} s)"


def main():
    failed = 0
    with ThreadPoolExecutor(3) as pool:
        for line in pool.map(run, checks()):
            failed += line.startswith("FAILED")
            print(line, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main() != 0)
