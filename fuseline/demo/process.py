"""Running a process of the demonstration: event loop, signals, and never outliving the parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from fuseline.core.errors import FuselineError
from fuseline.telemetry.settings import flush_seconds

_GRACE_SECONDS = 2.0


def run_process(main: Callable[[], Awaitable[None]]) -> None:
    """Runs `main` until it ends or SIGINT or SIGTERM ends it; then the process exits.

    Exit code 0 when stopped, 1 for an error, which is one line on stderr.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_until_stopped(main))
    except FuselineError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


async def _until_stopped(main: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def end_with_stdin() -> None:
    """Ends this process when its stdin ends, as it does when the parent dies in whatever way.

    First as SIGTERM does; 2 seconds later without asking, or as much later as what is exported
    takes.
    """
    threading.Thread(target=_wait_for_eof, name="fuseline-parent", daemon=True).start()


def _wait_for_eof() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS + flush_seconds(os.environ))
    os._exit(1)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
