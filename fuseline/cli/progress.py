"""Progress bars on stderr, for work that may take long; none where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from fuseline.cli import look
from fuseline.cli.options import Options

_SHOW_FROM = 20_000


@contextmanager
def counting(
    what: str, total: int, options: Options, noun: str = "events", show_from: int = _SHOW_FROM
) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with the number of things done since the last time."""
    console = look.console(stderr=True)
    if options.as_json or not console.is_terminal or total < show_from:
        yield lambda _done: None
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn(noun),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
