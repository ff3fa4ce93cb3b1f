"""A process that shares the embedded server, for test_embedded.

Prints its URL once a server answers, then `owner` each time it becomes the owner. Ends gracefully
when its standard input closes.
"""

import sys
from pathlib import Path

import anyio
import anyio.to_thread

from fuseline.events.embedded import EmbeddedServer


async def main() -> None:
    server = EmbeddedServer(Path(sys.argv[1]))
    print(await server.start(), flush=True)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.keep)
            tasks.start_soon(report, server)
            await anyio.to_thread.run_sync(sys.stdin.read)
            tasks.cancel_scope.cancel()
    finally:
        await server.stop()


async def report(server: EmbeddedServer) -> None:
    while not server.is_owner:
        await anyio.sleep(0.01)
    print("owner", flush=True)


anyio.run(main)
