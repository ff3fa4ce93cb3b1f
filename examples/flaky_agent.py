# ruff: noqa: INP001 - a script, no package
"""An agent to try breakers on: answers questions, until it is told to fail.

    python examples/flaky_agent.py                 # listens on 127.0.0.1:9998
    curl -d '{"order": 17}' localhost:9998/        # {"answer": {"order": 17}}
    curl -X POST localhost:9998/break              # from now on 503 to every question
    curl -X POST localhost:9998/mend

Needs nothing but Python. PORT chooses another port.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ.get("PORT", "9998"))


class Agent(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    broken = False

    def do_POST(self) -> None:
        """Answers a question, or breaks, or is mended."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in ("/break", "/mend"):
            Agent.broken = self.path == "/break"
            self.answer(200, {"broken": Agent.broken})
        elif Agent.broken:
            self.answer(503, {"error": "out of order"})
        else:
            self.answer(200, {"answer": json.loads(body or "null")})

    def answer(self, status: int, value: object) -> None:
        """Sends JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keeps quiet."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", PORT), Agent) as server:
        print(f"the agent listens on http://127.0.0.1:{PORT}", flush=True)
        server.serve_forever()
