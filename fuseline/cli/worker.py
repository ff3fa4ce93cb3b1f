"""`fuseline worker`: takes tasks and calls their agents, until it is stopped."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import typer

from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.tasks import health
from fuseline.bridge.tasks.calls import HandlerCalls, Handlers
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.registry import RegistryCalls
from fuseline.bridge.tasks.worker import TaskWorker
from fuseline.cli import look
from fuseline.cli.health import HealthHost, HealthPort, HealthSocket, answering, listening
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.session import run_async
from fuseline.cli.times import parse_duration
from fuseline.core.errors import ConfigError
from fuseline.core.retention import Retention
from fuseline.demo.process import end_with_stdin
from fuseline.telemetry.logs import get_logger

_APP_ALLOWED = "module:attribute, naming a fuseline.bridge.tasks.calls.Handlers"

_log = get_logger("worker")


def worker(
    options: Options,
    concurrency: Annotated[int, typer.Option(help="Most tasks in flight.")] = 32,
    per_agent: Annotated[
        int | None,
        typer.Option(
            help="Most tasks in flight of one agent; its max_concurrent_calls may be lower.",
            show_default=False,
        ),
    ] = None,
    lease: Annotated[
        str, typer.Option(metavar="TIME", help="A worker silent for this long is dead.")
    ] = "30s",
    drain: Annotated[
        str, typer.Option(metavar="TIME", help="How long calls may go on when it is stopped.")
    ] = "20s",
    keep: Annotated[str, typer.Option(metavar="TIME", help="How long results are kept.")] = "1h",
    application: Annotated[
        str | None,
        typer.Option(
            "--app", metavar="MODULE:NAME", help="Your own agents and hooks.", show_default=False
        ),
    ] = None,
    health_port: HealthPort = None,
    health_host: HealthHost = "127.0.0.1",
    health_socket: HealthSocket = None,
    no_projector: Annotated[
        bool, typer.Option("--no-projector", help="Another process folds the log.")
    ] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", hidden=True, help="End when stdin ends.")
    ] = False,
) -> None:
    """Take tasks from the queue, call their agents through the breakers, bring the results.

    SIGTERM or Ctrl-C: no more tasks, calls in flight may end (--drain), the rest goes back into the
    queue; a second time: at once. SIGUSR1: all it knows, as one log line.
    """

    async def main() -> None:
        if until_eof:
            end_with_stdin()
        chosen = WorkerOptions(
            concurrency=concurrency,
            per_agent=per_agent,
            lease_seconds=parse_duration("lease", lease) / 1000,
            drain_seconds=0.0 if drain.strip() == "0" else parse_duration("drain", drain) / 1000,
            result_ttl_seconds=parse_duration("keep", keep) / 1000,
            dead_letter_days=Retention.from_env(os.environ).dead_letter_days,
        )
        handlers = load_handlers(application) if application is not None else Handlers()
        async with AsyncExitStack() as stack:
            listeners = await stack.enter_async_context(
                listening(health_port, health_host, health_socket)
            )
            manager = await stack.enter_async_context(
                CircuitBreakerManager.connect(
                    options.redis_url,
                    namespace=options.namespace,
                    shards=options.shards,
                    projector=not no_projector,
                )
            )
            executor = await stack.enter_async_context(ExternalAgentExecutor(manager))
            calls = HandlerCalls(manager, handlers, RegistryCalls(manager.backend, executor))
            made = TaskWorker(manager, calls, chosen, handlers)
            ready = partial(health.reasons, made)
            async with answering(listeners, ready, manager.backend, worker=manager.worker):
                _listen_to_signals(made)
                _say("worker_started", made, options)
                await made.run()
            _say("worker_stopped", made, options)

    run_async(
        options, main, long_running=True, log_default=LogLevel.INFO, service="fuseline-worker"
    )


def load_handlers(text: str) -> Handlers:
    """The `Handlers` that "module:attribute" names; modules of the working directory come first.

    Raises:
        ConfigError: it cannot be imported, or is something else.
    """
    module_name, colon, attribute = text.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigError("app", text, _APP_ALLOWED)
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = importlib.import_module(module_name)
        for name in attribute.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise ConfigError(
            "app", text, f"{_APP_ALLOWED} ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(found, Handlers):
        raise ConfigError("app", text, f"{_APP_ALLOWED}, not a {type(found).__name__}")
    return found


def _listen_to_signals(made: TaskWorker) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, made.stop)
    loop.add_signal_handler(
        signal.SIGUSR1, lambda: _log.warning("worker_state", **health.state(made))
    )


def _say(event: str, made: TaskWorker, options: Options) -> None:
    """A log line, and with --json a line on stdout for whoever started the process."""
    figures = {
        "worker": made.manager.worker,
        "results": {str(status): n for status, n in made.ended.items()},
    }
    _log.info(event, server=made.manager.backend.server, **figures)
    if options.as_json:
        look.print_json({"event": event} | figures)
