"""`fuseline what-if`: what other settings would have made of an agent's history."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.changes import patch_of
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.cli.times import TIME_HELP, clock, parse_time
from fuseline.core.circuit import CircuitState
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.projections.documents import iso
from fuseline.projections.explain import percent, seconds
from fuseline.projections.overview import overview
from fuseline.projections.replay import log_info
from fuseline.projections.what_if import what_if
from fuseline.projections.what_if_documents import what_if_document
from fuseline.schemas.what_if import WhatIfAmount, WhatIfAnswer, WhatIfBand, WhatIfFigures

_WIDTH = 72
_MARKS = {CircuitState.CLOSED: "▁", CircuitState.HALF_OPEN: "▄", CircuitState.OPEN: "█"}
_STYLES = {CircuitState.CLOSED: "green", CircuitState.HALF_OPEN: "yellow", CircuitState.OPEN: "red"}
_RANK = list(_MARKS)
_UNKNOWN = "?"
_NONE = "·"


def what_if_command(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A setting that would have been another; again for more. Without any, the "
            "recorded settings are tried.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[str, typer.Option(help=f"Where the range begins: {TIME_HELP}.")] = "1d",
    until: Annotated[str, typer.Option(help="Where it ends.")] = "now",
) -> None:
    """Show what other settings would have made of an AGENT's history; changes nothing.

    Where calls were refused, nobody knows how they would have ended: such figures are spans.
    """

    async def command(backend: Backend) -> None:
        patch = patch_of(changes or [], "set")
        now_ms = (await overview(backend, [agent])).now_ms
        since_ms, until_ms = parse_range(since, until, now_ms)
        info = await log_info(backend, backend.keys.agent(agent))
        with counting("Folding", info.length, options) as count:
            found = await what_if(backend, agent, patch, since_ms, until_ms, count)
        answer = what_if_document(agent, found)
        if options.as_json:
            look.print_json(msgspec.to_builtins(answer))
            return
        show_answer(look.console(), answer)

    run(options, command)


def parse_range(since: str, until: str, now_ms: int) -> tuple[int, int]:
    """A range of time, the future left out.

    Raises:
        ConfigError: under the name since or until.
    """
    since_ms = parse_time("since", since, now_ms)
    until_ms = min(parse_time("until", until, now_ms), now_ms)
    if until_ms <= since_ms:
        raise ConfigError("until", until, f"a time after --since {since}")
    return since_ms, until_ms


def show_range(console: Console, answer: WhatIfAnswer, heading: Text) -> None:
    """Which range, and what is missing of it."""
    heading.append(f"  {clock(answer.since_ms, with_date=True)}", style="dim")
    heading.append(f" to {clock(answer.until_ms, with_date=True)}", style="dim")
    heading.append(f", {answer.events:,} events", style="dim")
    look.show(console, heading)
    if not answer.complete:
        console.print(look.notice("The log does not reach back further than that."))


def show_answer(console: Console, answer: WhatIfAnswer) -> None:
    """What happened in a range, and what would have."""
    show_range(console, answer, Text.assemble((answer.agent, "bold")))
    changed = [
        f"{name} {_word(value)} (was {_word(answer.recorded_settings[name])})"
        for name, value in answer.settings.items()
        if value != answer.recorded_settings[name]
    ]
    look.show(console, Text("with " + ", ".join(changed) if changed else "as it was"), Text(""))
    look.show(console, _figures(answer.total))
    if len(answer.days) > 1:
        look.show(console, Text(""), _days(answer))
    look.show(console, Text(""), _bands(answer))
    if answer.unobserved_ms:
        share = percent(answer.unobserved_ms / (answer.until_ms - answer.since_ms))
        console.print(
            look.notice(
                f"For {seconds(answer.unobserved_ms / 1000)} ({share}) the record cannot know: "
                "calls were refused that would have been let through, or what became of them "
                "decides the rest. The spans hold from all of those well to all of them failed."
            )
        )


def _figures(figures: WhatIfFigures) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("", "recorded", "proposed"):
        table.add_column(heading)
    table.add_row("openings", *_cells(figures.openings))
    table.add_row("time open", *_cells(figures.open_ms, is_time=True))
    table.add_row("failures let through", *_cells(figures.failures))
    table.add_row("good calls refused", *_cells(figures.good_refused))
    return table


def _days(answer: WhatIfAnswer) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("day (UTC)", "openings", "time open", "failures", "good refused"):
        table.add_column(heading)
    for day in answer.days:
        figures = day.figures
        table.add_row(
            (iso(day.from_ms) or "")[:10],
            *(
                " → ".join(_cells(amount, is_time=amount is figures.open_ms))
                for amount in (
                    figures.openings,
                    figures.open_ms,
                    figures.failures,
                    figures.good_refused,
                )
            ),
        )
    return table


def _cells(amount: WhatIfAmount, *, is_time: bool = False) -> tuple[str, str]:
    def word(value: int) -> str:
        return (seconds(value / 1000) if value else "0 s") if is_time else f"{value:,}"

    low, high = word(amount.low), word(amount.high)
    return word(amount.recorded), low if low == high else f"{low} to {high}"


def _bands(answer: WhatIfAnswer) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    unknown = [(one.from_ms, one.to_ms) for one in answer.unobserved]
    table.add_row("recorded", _band(answer, answer.recorded, []))
    table.add_row("proposed", _band(answer, answer.proposed, unknown))
    legend = "▁ closed  ▄ half open  █ open" + ("  ? not known" if unknown else "")
    if (answer.begun_ms or 0) > answer.since_ms:
        legend += f"  {_NONE} not registered yet"
    table.add_row("", Text(legend, style="dim"))
    return table


def _band(answer: WhatIfAnswer, bands: list[WhatIfBand], unknown: list[tuple[int, int]]) -> Text:
    """A cell shows the worst state in it; whether it is known, where most of it is not.

    Before the agent was registered it shows none.
    """
    length = answer.until_ms - answer.since_ms
    text = Text()
    for cell in range(_WIDTH):
        start = answer.since_ms + length * cell // _WIDTH
        end = max(start + 1, answer.since_ms + length * (cell + 1) // _WIDTH)
        if end <= (answer.begun_ms or 0):
            text.append(_NONE, style="dim")
            continue
        hidden = sum(max(0, min(end, to) - max(start, begin)) for begin, to in unknown)
        if hidden * 2 > end - start:
            text.append(_UNKNOWN, style="magenta")
            continue
        states = [one.state for one in bands if one.from_ms < end and one.to_ms > start]
        state = max(states, key=_RANK.index, default=CircuitState.CLOSED)
        text.append(_MARKS[state], style=_STYLES[state])
    return text


def _word(value: object) -> str:
    return "off" if value is None else str(value).lower()
