"""Lines of a timeline: one item each, successes in a row together."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.times import clock, local
from fuseline.core.circuit import ConfigApplied, Transition
from fuseline.core.events import Outcome, ProbeStarted
from fuseline.events.backend import Backend
from fuseline.projections.documents import Document
from fuseline.projections.explain import explain, seconds
from fuseline.projections.item_documents import ItemDocuments
from fuseline.projections.timeline import Item, Kind

_WORDS = {
    Kind.OVERRIDE: ("⚑", "override", "bold magenta"),
    Kind.CONFIG: ("✎", "settings", "cyan"),
    Kind.SHADOW: ("◌", "shadow", "blue"),
    Kind.SHADOW_SET: ("◌", "shadow", "blue"),
    Kind.SET_ASIDE: ("?", "set aside", "yellow"),
    Kind.REBUILT: ("↻", "rebuilt", "cyan"),
    Kind.SUCCESS: ("✓", "success", "green"),
    Kind.FAILURE: ("✗", "failure", "red"),
    Kind.TIMEOUT: ("✗", "timeout", "red"),
    Kind.ABANDONED: ("–", "abandoned", "dim"),
    Kind.IGNORED: ("–", "ignored", "dim"),
    Kind.NOT_SENT: ("–", "not sent", "dim"),
    Kind.PROBE: ("→", "probe", "yellow"),
}
_LATE_MS = 1000


class Line(Struct):
    """An item, or several successes in a row."""

    items: list[Item]


def collapse(one: Item, other: Item) -> bool:
    """Whether two neighbours are shown as one line."""
    if one.kind is not Kind.SUCCESS or other.kind is not Kind.SUCCESS:
        return False
    a, b = one.content, other.content
    # A probe's result decides something, so it stands alone.
    return isinstance(a, Outcome) and isinstance(b, Outcome) and a.permit is b.permit is None


class LinePrinter:
    """Shows items of one agent, as lines or as JSON.

    Args:
        backend: the namespace.
        agent: name of the agent.
        console: where to.
        as_json: JSON lines instead.
        with_agent: name the agent in each line.
    """

    def __init__(
        self,
        backend: Backend,
        agent: str,
        console: Console,
        *,
        as_json: bool = False,
        with_agent: bool = False,
    ) -> None:
        self._agent = agent
        self._console = console
        self._as_json = as_json
        self._with_agent = with_agent
        self._documents = ItemDocuments(backend, agent)
        self._configs = self._documents.configs
        self._workers = self._documents.workers
        self._day = ""

    async def document(self, items: Sequence[Item]) -> Document:
        """Items as one JSON document."""
        return {"agent": self._agent, "items": await self._documents.all(items)}

    async def show(self, items: Sequence[Item]) -> None:
        """Prints items, the oldest first."""
        if self._as_json:
            for item in items:
                look.print_json({"agent": self._agent} | await self._documents.one(item))
            return
        for line in _lines(items):
            await self._show_line(line)

    async def _show_line(self, line: Line) -> None:
        first, last = line.items[0], line.items[-1]
        if self._console.is_terminal:
            day = local(first.at_ms).strftime("%A, %Y-%m-%d")
            if day != self._day:
                self._day = day
                self._console.print(Text(day, style="dim"))
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="dim")
        if self._with_agent:
            grid.add_column(no_wrap=True, min_width=10)
        grid.add_column(no_wrap=True, width=11)
        grid.add_column(overflow="fold")
        when = clock(last.at_ms, with_date=not self._console.is_terminal, millis=True)
        cells = [Text(when)]
        if self._with_agent:
            cells.append(Text(self._agent, style="bold"))
        grid.add_row(*cells, _head(first), await self._text(line))
        if (more := await self._origin(first)) is not None:
            grid.add_row(*[Text()] * len(cells), Text(), Text(more, style="dim"))
        look.show(self._console, grid)

    async def _text(self, line: Line) -> Text:
        item = line.items[0]
        content = item.content
        if isinstance(content, Outcome):
            return Text(await self._outcome(line, content))
        if isinstance(content, ProbeStarted):
            name = await self._workers.get(content.worker)
            lease = f"a place for at most {seconds(content.lease_ms / 1000)}"
            return Text(f"{lease}; {name}" if name else lease)
        if isinstance(content, ConfigApplied):
            self._configs.note(content)
        config = None
        if isinstance(content, Transition):
            config = await self._configs.get(content.revision)
        return Text(explain(content, config))

    async def _outcome(self, line: Line, outcome: Outcome) -> str:
        durations = [i.content.duration_ms for i in line.items if isinstance(i.content, Outcome)]
        if len(line.items) > 1:
            low, high = min(durations), max(durations)
            span = f"{low} ms" if low == high else f"{low} to {high} ms"
            return f"{len(line.items)} calls, {span}"
        text = f"{seconds(outcome.duration_ms / 1000)}"
        if outcome.failure_kind:
            text = f"{outcome.failure_kind} after {text}"
        if outcome.permit is not None:
            text = f"probe: {text}"
        if outcome.retry_after_ms:
            text += f"; asked for {seconds(outcome.retry_after_ms / 1000)} of rest"
        if outcome.age_ms >= _LATE_MS:
            text += f"; recorded {seconds(outcome.age_ms / 1000)} late"
        if name := await self._workers.get(outcome.worker):
            text += f"; {name}"
        return text

    async def _origin(self, item: Item) -> str | None:
        """The second line of a transition: which event, worker, trace and settings."""
        change = item.content
        if not isinstance(change, Transition):
            return None
        parts = []
        if change.event_id:
            parts.append(f"event {change.event_id}")
        if change.worker:
            name = await self._workers.get(change.worker)
            parts.append(f"worker {name or change.worker}")
        if change.trace:
            parts.append(f"trace {change.trace[:16].hex()}")
        parts.append(f"settings revision {change.revision}")
        return ", ".join(parts)


def _lines(items: Sequence[Item]) -> list[Line]:
    lines: list[Line] = []
    for item in items:
        if lines and collapse(lines[-1].items[-1], item):
            lines[-1].items.append(item)
        else:
            lines.append(Line([item]))
    return lines


def _head(item: Item) -> Text:
    if isinstance(item.content, Transition):
        return look.state_text(item.content.to_state)
    icon, word, style = _WORDS[item.kind]
    return Text(f"{icon} {word}", style=style)
