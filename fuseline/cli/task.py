"""`fuseline task`: what is known of a task, or how many there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from fuseline.bridge.tasks.overview import counts, task_document
from fuseline.bridge.tasks.store import TaskStore
from fuseline.cli import look
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.events.backend import Backend


def task(
    options: Options,
    task_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Of a task.", show_default=False)
    ] = None,
) -> None:
    """Show a task with its result; without an ID how many tasks wait, run and are dead letters."""

    async def command(backend: Backend) -> None:
        store = TaskStore(backend)
        found = await counts(store) if task_id is None else await task_document(store, task_id)
        if options.as_json:
            look.print_json(found)
            return
        table = Table.grid(padding=(0, 2))
        for name, value in found.items():
            table.add_row(name.removesuffix("_ms").replace("_", " "), Text(_word(name, value)))
        look.show(look.console(), table)

    run(options, command)


def _word(name: str, value: Any) -> str:
    if name.endswith("_ms"):
        return clock(value, with_date=True, millis=True) if value else "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "–"
    return str(value) if value not in ("", None) else "–"
