"""What is sold: a model that streams, a git repository over smart HTTP, and a page; beside them the
page of an attacker, which nobody has to pay for."""

import http.server
import json
import os
import subprocess
import threading

PAGE = b"""<!doctype html><body><p id=text></p><script>
fetch('/data').then(answer => answer.text()).then(text => {
  document.getElementById('text').innerText = text; document.title = 'done'; });
</script></body>"""

# An image, a form and a blind fetch, to a proxy on the visitor's own machine.
EVIL = """<!doctype html><body>
<img src="TARGET/image">
<iframe name="hidden"></iframe>
<form id="form" method="post" action="TARGET/form" target="hidden"><input name="a" value="b"></form>
<script>
document.getElementById('form').submit();
const fetches = [
  fetch('TARGET/no-cors', { mode: 'no-cors' }),
  fetch('TARGET/post', { mode: 'no-cors', method: 'POST', body: 'x' }),
  fetch('TARGET/cors', { headers: { 'x-own': '1' } }),
];
Promise.allSettled(fetches).then(() => setTimeout(() => { document.title = 'done'; }, 1000));
</script></body>"""


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories = ""
    target = ""
    go_on = threading.Event()
    seen = []

    def do_GET(self):
        self.seen.append(self.path)
        if self.path == "/go-on":
            self.go_on.set()
            return self.say(b"", "text/plain")
        if self.path == "/data":
            return self.say(b"bought by a browser", "text/plain")
        if self.path == "/evil":
            return self.say(EVIL.replace("TARGET", self.target).encode(), "text/html")
        if ".git/" in self.path:
            return self.git()
        self.say(PAGE, "text/html")

    def do_POST(self):
        self.seen.append(self.path)
        if ".git/" in self.path:
            return self.git()
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/v1/chat/completions":
            return self.say(b"", "text/plain")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.event("bought ")
        self.go_on.wait(60)
        self.event("by a model")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, text):
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
        self.wfile.write(f"data: {json.dumps(event | {'choices': [choice]})}\n\n".encode())
        self.wfile.flush()

    def git(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        environment = os.environ | {
            "GIT_PROJECT_ROOT": self.repositories,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        ran = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, answer = ran.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.say(answer, fields.get("Content-Type", "text/plain"), int(fields.get("Status", "200")[:3]))

    def say(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start(repositories):
    Upstream.repositories = repositories
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
