"""`fuseline dead`: tasks that were given up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.bridge.tasks.dead import DeadLetter, choose, dead_letters, drop, retry
from fuseline.bridge.tasks.store import TaskStore
from fuseline.cli import look
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.events.backend import Backend


class Word(StrEnum):
    """What to do with dead letters."""

    LIST = "list"
    RETRY = "retry"
    DROP = "drop"


def dead(
    options: Options,
    word: Annotated[
        Word,
        typer.Argument(
            metavar="list|retry|drop",
            help="Show them, make tasks of them again, or remove them.",
            show_default=False,
        ),
    ],
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids of tasks.", show_default=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(help="Those of an agent.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Tasks that were given up: list them, or retry or drop some by ID, --agent or --all.

    A task that is tried again keeps its id and loses its deadline.
    """

    async def command(backend: Backend) -> None:
        store = TaskStore(backend)
        if word is Word.LIST:
            found = [letter async for letter in dead_letters(store, agent)]
            _list([letter for letter in found if not ids or letter.task in ids], options)
            return
        letters = await choose(store, ids or [], agent, every=every)
        done = await (retry if word is Word.RETRY else drop)(store, letters)
        past = "retried" if word is Word.RETRY else "dropped"
        if options.as_json:
            look.print_json({past: done})
        else:
            typer.echo(f"{done} {past}")

    run(options, command)


def _list(letters: list[DeadLetter], options: Options) -> None:
    if options.as_json:
        look.print_json({"dead": msgspec.to_builtins(letters)})
        return
    if not letters:
        typer.echo("no dead letters")
        return
    table = Table.grid(padding=(0, 2))
    for letter in letters:
        table.add_row(
            Text(clock(letter.dead_ms, with_date=True), style="dim"),
            Text(letter.task, style="bold"),
            Text(letter.agent),
            Text(letter.reason, style="red"),
            Text(letter.error or "–", overflow="fold"),
        )
    look.show(look.console(), table)
