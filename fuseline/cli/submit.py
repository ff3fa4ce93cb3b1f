"""`fuseline submit`: a task into the queue."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer

from fuseline.bridge.tasks.client import TaskClient
from fuseline.bridge.tasks.model import TaskResult
from fuseline.cli import look
from fuseline.cli.exits import Exit, report_text
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import DURATION_HELP, parse_duration
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend


def submit(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    payload: Annotated[str, typer.Argument(help='JSON, or "-" for stdin.')] = "null",
    priority: Annotated[str, typer.Option(help="high, normal or low.")] = "normal",
    deadline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help=f"It expires after {DURATION_HELP}.", show_default=False),
    ] = None,
    max_attempts: Annotated[
        int | None, typer.Option(help="Failed calls and dead workers together; by default 3.")
    ] = None,
    when_open: Annotated[
        str | None, typer.Option(help="reject or defer; by default as the agent says.")
    ] = None,
    idempotent: Annotated[
        bool | None,
        typer.Option(help="Whether calling twice is safe; by default as the agent says."),
    ] = None,
    task_id: Annotated[
        str | None,
        typer.Option("--id", help="The same id again gives the task there is.", show_default=False),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and show it.")] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="With --wait: no longer than that.", show_default=False
        ),
    ] = None,
) -> None:
    """Submit a task for an AGENT; shows its id, or with --wait its result.

    Exit code with --wait: 0 the agent answered, 1 anything else.
    """

    async def command(backend: Backend) -> int:
        seconds = parse_duration("deadline", deadline) / 1000 if deadline is not None else None
        limit = parse_duration("for", timeout) / 1000 if timeout is not None else None
        async with TaskClient(backend) as client:
            handle = await client.submit(
                agent,
                _payload(payload),
                priority=priority,
                deadline_seconds=seconds,
                max_attempts=max_attempts,
                when_open=when_open,
                idempotent=idempotent,
                task_id=task_id,
            )
            if not wait:
                if options.as_json:
                    look.print_json({"task": handle.id, "agent": agent, "existed": handle.existed})
                else:
                    typer.echo(handle.id)
                return Exit.OK
            try:
                result = await handle.result(limit)
            except TimeoutError:
                text = f"no result of task {handle.id} within {timeout}; `fuseline task` shows it"
                report_text(text, "TimeoutError", Exit.FAILED, as_json=options.as_json)
                return Exit.FAILED
        return show_result(result, options)

    run(options, command)


def show_result(result: TaskResult, options: Options) -> Exit:
    """Shows a result; returns the exit code that tells of it."""
    code = Exit.OK if result.succeeded else Exit.FAILED
    if options.as_json:
        look.print_json(msgspec.to_builtins(result))
    elif result.succeeded:
        look.print_json(result.result)
    else:
        text = f"task {result.id} {result.status}: {result.error or result.error_kind}"
        report_text(text, "TaskFailedError", code, as_json=False)
    return code


def _payload(text: str) -> Any:
    raw = sys.stdin.read() if text == "-" else text
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        shown = raw if len(raw) <= 60 else raw[:60] + "…"
        allowed = f'JSON, so text in double quotes ({error}); "-" reads stdin'
        raise ConfigError("payload", shown, allowed) from None
