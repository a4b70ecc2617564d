"""Python's own servers over a folder: server.py PORT ROOT plain|cgi."""

import os
import sys
import warnings
from http.server import ThreadingHTTPServer

warnings.simplefilter("ignore", DeprecationWarning)
port, root, kind = sys.argv[1:]
os.chdir(root)
if kind == "cgi":
    from http.server import CGIHTTPRequestHandler as Handler
else:
    from http.server import SimpleHTTPRequestHandler as Handler


class Seen(Handler):
    """Tells by which route it was asked."""

    def send_response(self, *arguments):
        super().send_response(*arguments)
        if self.headers:
            self.send_header("X-Seen", self.headers.get("x-route", ""))

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(port)), Seen).serve_forever()
