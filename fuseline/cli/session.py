"""Running a command: event loop, signals, the server, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress

import anyio
import typer

from fuseline.archive.store import VARIABLE
from fuseline.cli.collector import relax, settle
from fuseline.cli.exits import Exit, report, report_text
from fuseline.cli.options import LogLevel, Options
from fuseline.core.errors import FuselineError
from fuseline.demo.process import loop_factory
from fuseline.events.backend import Backend
from fuseline.events.embedded import EmbeddedServer
from fuseline.telemetry.logs import configure_logging
from fuseline.telemetry.observed import limit_from_env, observed

Command = Callable[[Backend], Awaitable["int | None"]]


def run(
    options: Options,
    command: Command,
    *,
    long_running: bool = False,
    log_default: LogLevel = LogLevel.WARNING,
    service: str | None = None,
) -> None:
    """Runs a command against the server; ends the process with its exit code.

    Args:
        options: what was given.
        command: does the work; its result is the exit code, None means 0.
        long_running: it is meant to run until it is stopped, so that SIGINT and SIGTERM end it
            well.
        log_default: level of the log lines unless something else is asked for.
        service: name under which its telemetry goes out; None: it has none.
    """

    async def main() -> int | None:
        async with opened(options) as backend:
            return await command(backend)

    run_async(options, main, long_running=long_running, log_default=log_default, service=service)


def run_async(
    options: Options,
    main: Callable[[], Awaitable[int | None]],
    *,
    long_running: bool = False,
    log_default: LogLevel = LogLevel.WARNING,
    service: str | None = None,
) -> None:
    """`run` for a command that opens the server itself."""
    try:
        configure_logging(options.log_level, log_default)
        relax()
        with (
            _telemetry(service),
            asyncio.Runner(loop_factory=loop_factory()) as runner,
        ):
            if long_running:
                settle()
            code = runner.run(_until_stopped(main, long_running=long_running))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left; what is buffered must not complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.OK
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except FuselineError as error:
        code = report(error, as_json=options.as_json)
    except BaseExceptionGroup as group:
        code = _report_group(group, options)
    except Exception as error:  # noqa: BLE001 - a user gets a line, not a traceback
        code = _report_bug(error, options)
    raise typer.Exit(code)


def _telemetry(service: str | None) -> AbstractContextManager[None]:
    observed.names.limit = limit_from_env(os.environ)
    if service is None or not any(name.startswith("OTEL_") for name in os.environ):
        return nullcontext()
    # Here, because nobody who asks for nothing shall wait for the SDK to load.
    from fuseline.telemetry.providers import configured

    return configured(os.environ, service)


async def _until_stopped(main: Callable[[], Awaitable[int | None]], *, long_running: bool) -> int:
    loop = asyncio.get_running_loop()
    stopped_by: list[signal.Signals] = []
    # A scope and not a task's `cancel`: `asyncio.wait_for` of Python 3.11 may swallow one
    # cancellation, and a scope cancels until it is heard, sparing what is shielded.
    with anyio.CancelScope() as scope:

        def stop(number: signal.Signals) -> None:
            stopped_by.append(number)
            scope.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        return await main() or Exit.OK
    return Exit.OK if long_running else 128 + stopped_by[0]


@asynccontextmanager
async def opened(options: Options) -> AsyncIterator[Backend]:
    """Opens the namespace; without a URL joins the embedded server, or starts it meanwhile.

    Raises:
        ConfigError, BackendError, EmbeddedServerError: it cannot be opened.
    """
    settings = options.settings()
    if settings.url is not None:
        backend = _with_archive(await Backend.open(settings))
        try:
            yield backend
        finally:
            await backend.close()
        return
    async with EmbeddedServer() as server:
        # Not a task group: it would wrap the command's errors.
        keeper = asyncio.create_task(server.keep())
        try:
            backend = _with_archive(await Backend.open(settings, server.url))
            try:
                yield backend
            finally:
                await backend.close()
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper


def _with_archive(backend: Backend) -> Backend:
    if VARIABLE in os.environ:  # most commands have no archive, and need not load what reads one
        from fuseline.archive.reading import reader_from_env

        backend.older = reader_from_env(os.environ, backend.keys.namespace_name)
    return backend


def _report_group(group: BaseExceptionGroup[BaseException], options: Options) -> int:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FuselineError):
        return report(error, as_json=options.as_json)
    return _report_bug(group, options)


def _report_bug(error: BaseException, options: Options) -> int:
    text = f"{type(error).__name__}: {error}"
    logging.getLogger("fuseline.cli").debug("internal_error", exc_info=error)
    hint = "this is a bug in fuseline; --log-level debug shows where"
    report_text(f"{text} ({hint})", "InternalError", Exit.INTERNAL, as_json=options.as_json)
    return Exit.INTERNAL
