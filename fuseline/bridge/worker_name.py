"""The name under which a process is known where nobody has given it one."""

from __future__ import annotations

import os
import secrets
import socket


def default_worker_name() -> str:
    """Host name, process id and a random suffix: unique, and readable in an explanation."""
    host = "".join(c for c in socket.gethostname() if c.isalnum() or c in "-._")[:60] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
