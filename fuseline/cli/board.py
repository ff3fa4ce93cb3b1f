"""The table of all circuits, and one circuit in detail."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.times import clock
from fuseline.core.circuit import Circuit, CircuitState
from fuseline.projections.explain import percent, seconds
from fuseline.projections.overview import AgentStatus, Overview

_NARROW = 125


def board(
    overview: Overview, namespace: str, width: int, rows: int | None = None
) -> RenderableType:
    """All circuits, the ones in trouble first.

    Args:
        overview: what to show.
        namespace: for the words where there is nothing to show.
        width: of the terminal, in columns; a narrow one leaves columns out.
        rows: how many agents fit; None for all.
    """
    if not overview.agents:
        return Group(
            Text(f"No agents yet in namespace {namespace!r}."),
            Text(
                "An agent appears when a worker first asks for its breaker: "
                "manager.get('my-agent'). To see some: fuseline up --demo",
                style="dim",
            ),
            *_notices(overview),
        )
    shown = overview.agents if rows is None else overview.agents[: max(1, rows)]
    narrow = width < _NARROW
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), expand=False)
    table.add_column("Agent", overflow="ellipsis", no_wrap=True, max_width=20 if narrow else 40)
    table.add_column("State", no_wrap=True)
    modes = any(status.circuit and _special_mode(status.circuit) for status in shown)
    if modes or not narrow:
        table.add_column("Mode", no_wrap=True)
    table.add_column("Streak", no_wrap=True, justify="right")
    table.add_column("Failed", no_wrap=True, justify="right")
    slow = any(s.circuit and s.circuit.config.slow_call_seconds is not None for s in shown)
    if slow or not narrow:
        table.add_column("Slow", no_wrap=True, justify="right")
    table.add_column("Next", no_wrap=True)
    table.add_column("For", no_wrap=True, justify="right")
    table.add_column("Over time", no_wrap=True)
    now_ms = overview.now_ms
    for status in shown:
        circuit = status.circuit
        if circuit is None:
            table.add_row(status.agent, Text("? unreadable", style="bold red"))
            continue
        cells: list[RenderableType] = [Text(status.agent), look.state_text(circuit.state)]
        if modes or not narrow:
            cells.append(look.mode_text(circuit, now_ms))
        cells += [
            look.streak_text(circuit, now_ms),
            look.rate_text(
                circuit.failures, circuit.calls, circuit.in_force(now_ms).rate_threshold
            ),
        ]
        if slow or not narrow:
            cells.append(look.slow_text(circuit))
        cells += [
            look.next_text(circuit, now_ms),
            Text(look.ago(circuit.since_ms, now_ms), style="" if circuit.since_ms else "dim"),
            look.sparkline(circuit, now_ms, 12 if narrow else 20),
        ]
        table.add_row(*cells)
    parts: list[RenderableType] = [table]
    if (hidden := len(overview.agents) - len(shown)) > 0:
        parts.append(Text(f"... and {hidden} more with less trouble", style="dim"))
    return Group(*parts, *_notices(overview))


def summary(overview: Overview) -> str:
    """All circuits in one line, e.g. "3 agents: 1 open, 2 closed; 4.2 % of 240 calls failed"."""
    circuits = [status.circuit for status in overview.agents if status.circuit]
    states = [
        f"{number} {state.value.replace('_', ' ')}"
        for state in (CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED)
        if (number := sum(circuit.state is state for circuit in circuits))
    ]
    if unreadable := len(overview.agents) - len(circuits):
        states.append(f"{unreadable} unreadable")
    calls = sum(circuit.calls for circuit in circuits)
    failures = sum(circuit.failures for circuit in circuits)
    noun = "agent" if len(overview.agents) == 1 else "agents"
    text = f"{len(overview.agents)} {noun}"
    if states:
        text += ": " + ", ".join(states)
    if calls:
        text += f"; {percent(failures / calls)} of {calls} calls failed"
    return text


def detail(status: AgentStatus, overview: Overview, why: str) -> RenderableType:
    """One circuit with its figures against their thresholds, and why it stands as it does."""
    circuit, now_ms = status.circuit, overview.now_ms
    if circuit is None:
        return Group(
            Text.assemble((status.agent, "bold"), "  ", ("? unreadable", "bold red")),
            Text(status.problem),
        )
    head = Text.assemble((status.agent, "bold"), "  ", look.state_text(circuit.state))
    if circuit.since_ms:
        head.append(f"  for {look.ago(circuit.since_ms, now_ms)}", style="dim")
    if _special_mode(circuit):
        head.append("  ").append_text(look.mode_text(circuit, now_ms))
    return Group(
        head, Text(f"{why}."), Text(), details(circuit, now_ms), *_notices(overview, status)
    )


def details(circuit: Circuit, now_ms: int) -> RenderableType:
    """A circuit's figures against their thresholds."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in _details(circuit, now_ms):
        table.add_row(name, value)
    return table


def _details(circuit: Circuit, now_ms: int) -> list[tuple[str, RenderableType]]:
    config = circuit.config
    window = seconds(config.window_size_seconds)
    held = circuit.in_force(now_ms)
    if held.rate_threshold is None:
        limit = "not held against a threshold"
    elif held.baseline is not None:
        limit = f"opens surely at {percent(held.rate_threshold)}; {percent(held.baseline)} is usual"
    else:
        limit = f"opens at {percent(held.rate_threshold)} from {config.minimum_calls} calls on"
    rows: list[tuple[str, RenderableType]] = [
        ("failures in a row", look.streak_text(circuit, now_ms)),
        (
            f"failed in {window}",
            Text.assemble(
                look.rate_text(circuit.failures, circuit.calls, held.rate_threshold),
                ("  " + limit, "dim"),
            ),
        ),
    ]
    if config.slow_call_seconds is not None:
        slow = (
            f"  {seconds(config.slow_call_seconds)} or longer; opens at "
            f"{percent(config.slow_call_rate_threshold)}"
        )
        rows.append(("slow calls", Text.assemble(look.slow_text(circuit), (slow, "dim"))))
    rows.append(("failures over time", look.sparkline(circuit, now_ms, 60)))
    if circuit.recovering_until_ms > now_ms:
        left = seconds((circuit.recovering_until_ms - now_ms) / 1000)
        rows.append(("recovering", Text(f"all calls are let through in {left}")))
    if circuit.state is not CircuitState.CLOSED:
        rows.append(("next", look.next_text(circuit, now_ms)))
        rows.append(("openings in a row", Text(str(circuit.opens_in_a_row))))
    rows += [
        ("transitions so far", Text(str(circuit.epoch))),
        ("settings", Text(f"revision {circuit.revision}")),
        (
            "folded up to",
            Text(
                f"{circuit.checkpoint}"
                + (f" ({clock(circuit.last_ms, with_date=True)})" if circuit.last_ms else "")
            ),
        ),
    ]
    if circuit.set_aside:
        rows.append(("set aside", Text(f"{circuit.set_aside} unreadable events", style="yellow")))
    return rows


def _special_mode(circuit: Circuit) -> bool:
    return circuit.mode.value != 0 or not circuit.config.enabled


def _notices(overview: Overview, status: AgentStatus | None = None) -> list[RenderableType]:
    notices: list[RenderableType] = []
    if overview.unprojected:
        notices.append(
            look.notice(
                "No projector runs, so states stand still. Start `fuseline up`, "
                "`fuseline projector` or a worker."
            )
        )
    elif status is not None and not status.projected:
        notices.append(look.notice("Nothing of this agent has been folded yet."))
    return notices
