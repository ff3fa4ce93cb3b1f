"""A receiver of webhooks as a process of its own: writes down each request, answers by its path.

`/ok` 204 · `/fail/N` 500 to the first N requests of a notice · `/slow/MS` 204 after a while ·
`/status/S` always S. Standard library only, so that it starts quickly.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_seen: Counter[str] = Counter()
_lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever was killed
            super().handle()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) < int(self.headers["Content-Length"]):
            self.close_connection = True  # whoever sent it was killed on the way
            return
        arrived = time.time()
        notice = self.headers.get("webhook-id", "")
        with _lock:
            _seen[notice] += 1
            count = _seen[notice]
        _, word, *rest = self.path.split("/")
        status = 204
        if word == "fail" and count <= int(rest[0]):
            status = 500
        elif word == "slow":
            time.sleep(int(rest[0]) / 1000)
        elif word == "status":
            status = int(rest[0])
        line = {
            "at": arrived,
            "path": self.path,
            "status": status,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        with _lock:
            os.write(1, json.dumps(line).encode() + b"\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    os.write(1, json.dumps({"port": server.server_port}).encode() + b"\n")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # ends with the test
