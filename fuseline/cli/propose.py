"""`fuseline propose`: the settings that would have cost least over an agent's history."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.cli.times import TIME_HELP, clock
from fuseline.cli.what_if import parse_range
from fuseline.core.errors import ConfigError
from fuseline.core.what_if.search import Cost
from fuseline.events.backend import Backend
from fuseline.projections.overview import overview
from fuseline.projections.what_if import propose
from fuseline.projections.what_if_documents import proposals_document
from fuseline.schemas.what_if import Proposal, ProposalsAnswer, WhatIfAmount

_ABOUT_TRIED = 191
_MOST_COST = 1_000_000.0


def propose_command(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    since: Annotated[str, typer.Option(help=f"Where the range begins: {TIME_HELP}.")] = "1d",
    until: Annotated[str, typer.Option(help="Where it ends.")] = "now",
    failure_cost: Annotated[
        float, typer.Option(help="What a call costs that is let through and fails.")
    ] = 1.0,
    refusal_cost: Annotated[
        float, typer.Option(help="What a call costs that is refused and would have succeeded.")
    ] = 1.0,
    limit: Annotated[int, typer.Option("--limit", "-n", help="The N cheapest.")] = 5,
) -> None:
    """Try about 200 settings on an AGENT's history, and show which cost least; changes nothing."""

    async def command(backend: Backend) -> None:
        for name, value in (("failure-cost", failure_cost), ("refusal-cost", refusal_cost)):
            if not 0 <= value <= _MOST_COST:
                raise ConfigError(name, value, f"a number from 0 to {_MOST_COST:,.0f}")
        if not 1 <= limit <= _ABOUT_TRIED:
            raise ConfigError("limit", limit, f"a whole number from 1 to {_ABOUT_TRIED}")
        now_ms = (await overview(backend, [agent])).now_ms
        since_ms, until_ms = parse_range(since, until, now_ms)
        cost = Cost(failure=failure_cost, refusal=refusal_cost)
        with counting("Trying", _ABOUT_TRIED, options, "settings", show_from=0) as count:
            found = await propose(backend, agent, since_ms, until_ms, cost, on_trials=count)
        answer = proposals_document(agent, found, limit)
        if options.as_json:
            look.print_json(msgspec.to_builtins(answer))
            return
        _show(answer)

    run(options, command)


def _show(answer: ProposalsAnswer) -> None:
    console = look.console()
    heading = Text.assemble((answer.agent, "bold"), f"  {answer.tried} settings tried on ")
    heading.append(f"{answer.events:,} events since {clock(answer.since_ms, with_date=True)}")
    look.show(console, heading)
    if not answer.complete:
        console.print(look.notice("The log does not reach back further than that."))
    look.show(console, Text(""), Text("Cheapest at worst"), _table(answer, answer.items))
    look.show(
        console,
        Text(""),
        Text("The trade-off: fewer failures let through, or fewer good calls refused"),
        _table(answer, answer.curve),
    )
    best = answer.items[0].settings
    if best:
        words = " ".join(f"--set {name}={_word(value)}" for name, value in best.items())
        look.show(console, Text(""), Text(f"fuseline what-if {answer.agent} {words}", style="dim"))


def _table(answer: ProposalsAnswer, proposals: list[Proposal]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("cost", "failures", "good refused", "openings", "settings"):
        table.add_column(name)
    for one in [*proposals, *([] if answer.recorded in proposals else [answer.recorded])]:
        table.add_row(
            _span(one.cost_low, one.cost_high),
            _amount(one.figures.failures),
            _amount(one.figures.good_refused),
            _amount(one.figures.openings),
            _settings(answer, one),
            style="" if one.settings else "bold",
        )
    return table


def _settings(answer: ProposalsAnswer, proposal: Proposal) -> str:
    if not proposal.settings:
        return "as recorded"
    recorded = answer.recorded_settings
    changed = {k: v for k, v in proposal.settings.items() if v != recorded[k]}
    return " ".join(f"{name}={_word(value)}" for name, value in changed.items())


def _amount(amount: WhatIfAmount) -> str:
    return _span(amount.low, amount.high)


def _span(low: float, high: float) -> str:
    return f"{low:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}"


def _word(value: Any) -> str:
    return "off" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
