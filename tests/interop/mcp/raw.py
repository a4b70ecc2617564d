"""Plays calls as raw messages, for what clients hide: `raw.py VERSION stdio PROGRAM ARGUMENT…` or
`raw.py VERSION http URL TOKEN`. VERSION is a version of MCP, of either generation."""

import http.client
import json
import os
import subprocess
import sys
import urllib.parse

version, way, *rest = sys.argv[1:]
MODERN = "2026-07-28"
modern = version >= MODERN
META = "io.modelcontextprotocol/"
CAPABILITIES = {"elicitation": {"url": {}}} if os.environ.get("ELICIT") else {}
INFO = {"name": "raw", "version": "1"}


def say(value):
    print(json.dumps(value), flush=True)


def must(holds, *what):
    if not holds:
        raise SystemExit(f"not well-formed: {what!r}")


class Stdio:
    """One message a line, both ways; whatever else stands on stdout is a fault."""

    def __init__(self):
        self.process = subprocess.Popen(rest, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def exchange(self, message):
        self.send(message)
        while True:
            line = self.process.stdout.readline()
            must(line.endswith(b"\n"), line)
            yield json.loads(line)

    def end(self):
        self.process.stdin.close()
        must(self.process.wait(30) == 0, "status", self.process.returncode)
        must(self.process.stdout.read() == b"", "more on stdout")


class Http:
    """One POST a message; the answer is JSON or a stream of events."""

    def __init__(self):
        url = urllib.parse.urlsplit(rest[0])
        self.host, self.path, self.session = url.netloc, url.path, None

    def post(self, message):
        headers = {
            "authorization": f"Bearer {rest[1]}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }
        if message.get("method") != "initialize":
            headers["mcp-protocol-version"] = version
        if modern and "method" in message:
            headers["mcp-method"] = message["method"]
            if name := message.get("params", {}).get("name"):
                headers["mcp-name"] = name
        if self.session:
            headers["mcp-session-id"] = self.session
        connection = http.client.HTTPConnection(self.host, timeout=120)
        connection.request("POST", self.path, json.dumps(message), headers)
        return connection.getresponse()

    def send(self, message):
        answer = self.post(message)
        must(answer.status == 202 and answer.read() == b"", answer.status)

    def exchange(self, message):
        answer = self.post(message)
        self.session = answer.getheader("mcp-session-id", self.session)
        kind = answer.getheader("content-type", "")
        if kind.startswith("application/json"):
            yield json.loads(answer.read())
            return
        must(answer.status == 200 and kind.startswith("text/event-stream"), answer.status, kind)
        for line in answer:
            if line.startswith(b"data:") and line[5:].strip():
                yield json.loads(line[5:])

    def end(self):
        pass


way = Stdio() if way == "stdio" else Http()
last = 0


def ask(method, params=None, **more):
    """Sends a request and returns its answer, once each request of the server is answered."""
    global last
    last += 1
    params = dict(params or {}, **more)
    if modern:
        params["_meta"] = {
            META + "protocolVersion": version,
            META + "clientCapabilities": CAPABILITIES,
            META + "clientInfo": INFO,
        }
    message = {"jsonrpc": "2.0", "id": last, "method": method, "params": params}
    for got in way.exchange(message):
        must(got.get("jsonrpc") == "2.0", got)
        if "method" in got:
            must(not modern or "id" not in got, "a request to a modern client", got)
            if "id" in got:
                must(got["method"] == "elicitation/create", got)
                way.send({"jsonrpc": "2.0", "id": got["id"], "result": decide(got["params"])})
            continue
        must(got["id"] == last and ("result" in got) != ("error" in got), got)
        if modern and "result" in got:
            must(got["result"].get("resultType") in ("complete", "input_required"), got)
            must(META + "serverInfo" in got["result"].get("_meta", {}), got)
        return got
    raise SystemExit("no answer")


def decide(params):
    """Asks the test what a person would answer."""
    say({"elicit": params})
    return json.loads(sys.stdin.readline())


def call(tool, arguments):
    got = ask("tools/call", {"name": tool, "arguments": arguments})
    while got.get("result", {}).get("resultType") == "input_required":
        asked = got["result"]["inputRequests"]
        responses = {key: decide(request["params"]) for key, request in asked.items()}
        more = {"inputResponses": responses, "requestState": got["result"]["requestState"]}
        got = ask("tools/call", {"name": tool, "arguments": arguments}, **more)
    return got


if modern:
    discovered = ask("server/discover")["result"]
    must(version in discovered["supportedVersions"], discovered)
    spoken = version
else:
    hello = {"protocolVersion": version, "capabilities": CAPABILITIES, "clientInfo": INFO}
    spoken = ask("initialize", hello)["result"]["protocolVersion"]
    way.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
listed = ask("tools/list")["result"]
must(not modern or {"ttlMs", "cacheScope"} <= listed.keys(), listed.keys())
say({"version": spoken, "tools": listed["tools"]})
for line in sys.stdin:
    played = json.loads(line)
    got = call(played["tool"], played["arguments"])
    say({key: got[key] for key in ("result", "error") if key in got})
way.end()
