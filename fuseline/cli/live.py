"""The live view of `fuseline up`: states and what changes them, in a terminal or as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic

import anyio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.board import board, summary
from fuseline.cli.lines import LinePrinter
from fuseline.cli.options import Options
from fuseline.cli.times import clock
from fuseline.core.circuit import Transition
from fuseline.core.errors import BackendUnavailableError
from fuseline.events.address import redact
from fuseline.events.backend import Backend
from fuseline.projections.documents import iso
from fuseline.projections.explain import explain, seconds
from fuseline.projections.overview import Overview, overview
from fuseline.projections.recent import RecentChanges
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.timeline import Item

_REFRESH_SECONDS = 0.5
_REST = 9.0
"""Times as long as looking took: with many agents the view must not keep projector and API busy."""
_SUMMARY_SECONDS = 5.0
_KEPT = 50
_OTHER_LINES = 9
"""Lines of the view that are neither agents nor changes."""


class LiveView:
    """Shows a namespace until cancelled.

    Args:
        backend: the namespace.
        options: of the command.
        title: first line, without figures.
        notes: lines below it.
    """

    def __init__(
        self, backend: Backend, options: Options, title: str, notes: Sequence[str] = ()
    ) -> None:
        self._backend = backend
        self._options = options
        self._title = title
        self._notes = notes
        self._began = monotonic()
        self._configs: dict[str, ConfigBook] = {}

    async def run(self) -> None:
        """Shows until cancelled; outlives an absent server."""
        console = look.console()
        recent = RecentChanges(self._backend, await self._backend.learn_time())
        if console.is_terminal and not self._options.as_json:
            await self._run_live(console, recent)
        else:
            await self._run_lines(console, recent)

    async def _run_live(self, console: Console, recent: RecentChanges) -> None:
        kept: deque[tuple[str, Item, str]] = deque(maxlen=_KEPT)
        shown: RenderableType = Text("Starting ...", style="dim")
        with Live(shown, console=console, auto_refresh=False, screen=False) as live:
            while True:
                began = monotonic()
                try:
                    found = await overview(self._backend)
                    for agent, item in await recent.new(found):
                        kept.append((agent, item, await self._words(agent, item)))
                    shown = self._view(console, found, list(kept))
                    live.update(shown, refresh=True)
                except BackendUnavailableError as error:
                    away = Group(shown, look.notice(f"The server is away: {error}", style="red"))
                    live.update(away, refresh=True)
                await anyio.sleep(max(_REFRESH_SECONDS, _REST * (monotonic() - began)))

    async def _run_lines(self, console: Console, recent: RecentChanges) -> None:
        as_json = self._options.as_json
        printers: dict[str, LinePrinter] = {}
        summed_at = monotonic()
        away = False
        if not as_json:
            console.print(f"{self._title} · {redact(self._backend.url)} · Ctrl-C stops")
            for note in self._notes:
                console.print(note, soft_wrap=True, highlight=False)
        else:
            look.print_json({"notes": list(self._notes)})
        while True:
            began = monotonic()
            try:
                found = await overview(self._backend)
                for agent, item in await recent.new(found):
                    if agent not in printers:
                        printers[agent] = LinePrinter(
                            self._backend, agent, console, as_json=as_json, with_agent=True
                        )
                    await printers[agent].show([item])
                if monotonic() - summed_at >= _SUMMARY_SECONDS:
                    summed_at = monotonic()
                    if as_json:
                        look.print_json({"at": iso(found.now_ms), "summary": summary(found)})
                    else:
                        stamp = clock(found.now_ms, with_date=True, millis=True)
                        console.print(f"{stamp}  {summary(found)}")
                away = False
            except BackendUnavailableError as error:
                if not away:
                    look.console(stderr=True).print(f"the server is away: {error}")
                away = True
            await anyio.sleep(max(_REFRESH_SECONDS, _REST * (monotonic() - began)))

    def _view(
        self, console: Console, found: Overview, kept: list[tuple[str, Item, str]]
    ) -> RenderableType:
        room = max(4, console.height - _OTHER_LINES - len(self._notes))
        rows = max(1, min(len(found.agents), room * 2 // 3))
        up = seconds(int(monotonic() - self._began))
        head = Text.assemble((self._title, "bold"), (f" · up {up} · Ctrl-C stops", "dim"))
        namespace = self._backend.keys.namespace_name
        notes = [look.notice(note, style="yellow") for note in self._notes]
        parts: list[RenderableType] = [head, *notes, board(found, namespace, console.width, rows)]
        table = Table.grid(padding=(0, 2))
        for width in (8, min(20, max((len(agent) for agent, *_ in kept), default=0)), 11):
            table.add_column(no_wrap=True, overflow="ellipsis", width=width, min_width=width)
        rest = console.width - sum(column.width or 0 for column in table.columns) - 8
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, rest))
        for agent, item, words in kept[-max(1, room - rows) :]:
            table.add_row(
                Text(clock(item.at_ms), style="dim"), Text(agent), _kind(item), Text(words)
            )
        if kept:
            parts += [Text(), Text("Latest changes", style="bold"), table]
        return Group(*parts)

    async def _words(self, agent: str, item: Item) -> str:
        content = item.content
        config = None
        if isinstance(content, Transition):
            book = self._configs.setdefault(agent, ConfigBook(self._backend, agent))
            config = await book.get(content.revision)
        return explain(content, config)  # type: ignore[arg-type]  # recent items are changes


def _kind(item: Item) -> Text:
    if isinstance(item.content, Transition):
        return look.state_text(item.content.to_state)
    return Text(item.kind.value.replace("_", " "), style="magenta")
