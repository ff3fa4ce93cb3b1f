"""`fuseline force`: an operator's word over a circuit's state."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Annotated

import typer

from fuseline.cli import look
from fuseline.cli.exits import Exit, report_text
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import DURATION_HELP, parse_duration
from fuseline.core.errors import ConfigError
from fuseline.core.events import Mode, OverrideSet
from fuseline.core.texts import check_text as check_text
from fuseline.events.agents import override
from fuseline.events.backend import Backend
from fuseline.projections.documents import circuit_document
from fuseline.projections.explain import seconds
from fuseline.projections.overview import overview
from fuseline.projections.projector import Projector
from fuseline.projections.word import wait_until_folded

WAIT_SECONDS = 10.0


class Word(StrEnum):
    """What an operator says."""

    OPEN = "open"
    CLOSED = "closed"
    AUTO = "auto"


_MODES = {Word.OPEN: Mode.FORCED_OPEN, Word.CLOSED: Mode.FORCED_CLOSED, Word.AUTO: Mode.AUTO}


def force(
    options: Options,
    word: Annotated[
        Word,
        typer.Argument(
            metavar="open|closed|auto",
            help="Refuse all calls, admit all calls, or hand back to the circuit.",
            show_default=False,
        ),
    ],
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help=f"Only for {DURATION_HELP}.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="With auto: also close, with an empty window.")
    ] = False,
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Force an AGENT's circuit open or closed, or hand it back; returns when it is in force."""

    async def command(backend: Backend) -> int:
        event = _event(word, reason, duration, reset, actor)
        backend.keys.agent(agent)
        async with projecting(backend):
            event_id = await override(backend, agent, event)
            seen = await wait_until_folded(backend, agent, event_id, WAIT_SECONDS)
        found = await overview(backend, [agent])
        circuit = found.agents[0].circuit
        if options.as_json:
            document = circuit_document(agent, circuit, found.now_ms) if circuit else {}
            look.print_json({"event_id": event_id, "in_force": seen} | document)
        elif circuit is not None and seen:
            console = look.console()
            console.print(_sentence(agent, event), circuit.state.value.replace("_", " ") + ".")
        if not seen:
            text = (
                f"the override is in the log as {event_id}, but no projector has folded it within "
                f"{WAIT_SECONDS:g} s; see `fuseline doctor`"
            )
            report_text(text, "NotFoldedError", Exit.FAILED, as_json=options.as_json)
            return Exit.FAILED
        return Exit.OK

    run(options, command)


def _event(
    word: Word, reason: str, duration: str | None, reset: bool, actor: str | None
) -> OverrideSet:
    if duration is not None and word is Word.AUTO:
        raise ConfigError("for", duration, "nothing together with auto, which has no end")
    if reset and word is not Word.AUTO:
        raise ConfigError("reset", reset, "used together with auto only")
    return OverrideSet(
        _MODES[word],
        who_says(actor),
        check_text("reason", reason),
        parse_duration("for", duration) if duration is not None else 0,
        reset,
    )


def _sentence(agent: str, event: OverrideSet) -> str:
    if event.mode is Mode.AUTO:
        return f"{agent} is handed back to its circuit, which is"
    word = "open: all calls are refused" if event.mode is Mode.FORCED_OPEN else "closed: all pass"
    limit = f" for {seconds(event.expires_in_ms / 1000)}" if event.expires_in_ms else ""
    return f"{agent} is forced {word}{limit}. The circuit below it is"


def who_says(actor: str | None) -> str:
    """The actor of a change: the one that was given, else this process's user.

    Raises:
        ConfigError: the name is not allowed.
    """
    return check_text("actor", actor) if actor is not None else default_actor()


def default_actor() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@asynccontextmanager
async def projecting(backend: Backend) -> AsyncIterator[None]:
    """Folds meanwhile whatever shards nobody else folds.

    A lease that is there proves nothing: whoever held it may have died a moment ago.
    """
    projector = Projector(backend, f"{socket.gethostname()}-{os.getpid()}-cli")
    task = asyncio.create_task(projector.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
