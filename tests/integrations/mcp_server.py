"""A real MCP server in a process of its own; it ends when its input does."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Running:
    """The server's process.

    Attributes:
        url: of the MCP endpoint.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the MCP server did not start"

    def kill(self) -> None:
        """Ends it; nobody listens at its address then."""
        self._process.kill()
        self._process.wait(60)


@contextlib.contextmanager
def mcp_server() -> Iterator[Running]:
    running = Running()
    try:
        yield running
    finally:
        running.kill()
        for pipe in (running._process.stdin, running._process.stdout):
            assert pipe is not None
            pipe.close()


def main() -> None:
    import uvicorn
    from mcp import MCPError
    from mcp.server import MCPServer

    mcp = MCPServer("calculator", log_level="CRITICAL")

    @mcp.tool()
    async def divide(dividend: int, divisor: int) -> float:
        return dividend / divisor

    @mcp.tool()
    async def refuse() -> str:
        raise ValueError("not for you")

    @mcp.tool()
    async def error(code: int) -> str:
        raise MCPError(code, "as you wish")

    @mcp.tool()
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    @mcp.tool()
    async def crash() -> str:
        os._exit(1)

    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(mcp.streamable_http_app(), log_level="critical")
    server = uvicorn.Server(config)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: os._exit(0))
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        await server.serve(sockets=[listener])

    asyncio.run(serve())


if __name__ == "__main__":
    main()
