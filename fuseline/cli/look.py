"""How states, rates and figures look in the terminal."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.events import Mode
from fuseline.projections.explain import percent, seconds

_STATES = {
    CircuitState.CLOSED: ("●", "CLOSED", "green"),
    CircuitState.HALF_OPEN: ("◐", "HALF OPEN", "yellow"),
    CircuitState.OPEN: ("○", "OPEN", "bold red"),
}
_BARS = "▁▂▃▄▅▆▇█"
_NO_CALLS = "·"


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr; one that is no terminal is as wide as the lines are long."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = 200
    return made


def show(console: Console, *parts: RenderableType) -> None:
    """Prints; where nobody looks at a terminal, without the spaces that fill up columns."""
    if console.is_terminal:
        for part in parts:
            console.print(part)
        return
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    lines = captured.get().split("\n")
    sys.stdout.write("\n".join(line.rstrip() for line in lines))
    sys.stdout.flush()


def print_json(document: Any) -> None:
    """One JSON document on a line of stdout, at once."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def state_text(state: CircuitState) -> Text:
    """Icon and word of a state; the icon tells it without colour."""
    icon, word, style = _STATES[state]
    return Text(f"{icon} {word}", style=style)


def mode_text(circuit: Circuit, now_ms: int) -> Text:
    """The override that is in force, with the time it has left; empty if there is none."""
    if circuit.mode is Mode.AUTO:
        if not circuit.config.enabled:
            return Text("disabled", style="magenta")
        return Text("auto", style="dim")
    word = "forced open" if circuit.mode is Mode.FORCED_OPEN else "forced closed"
    text = Text(f"⚑ {word}", style="bold magenta")
    if circuit.mode_until_ms:
        text.append(f" {left(circuit.mode_until_ms, now_ms)}", style="magenta")
    return text


def left(until_ms: int, now_ms: int) -> str:
    """The time until a moment, e.g. "12 s left"."""
    # Rounded up, so that a countdown ends at 1 s and not some time after 0.
    return f"{seconds(-(-max(0, until_ms - now_ms) // 1000))} left"


def ago(ms: int, now_ms: int) -> str:
    """The time since a moment, in whole seconds; "–" for a moment that never was."""
    if not ms:
        return "–"
    whole = max(0, now_ms - ms) // 1000
    return seconds(whole) if whole else "0 s"


def streak_text(circuit: Circuit, now_ms: int) -> Text:
    """Failures in a row against their threshold."""
    limit = circuit.in_force(now_ms).failure_threshold
    if limit is None:
        return Text(str(circuit.consecutive_failures), style="dim")
    style = "" if circuit.consecutive_failures else "dim"
    return Text(f"{circuit.consecutive_failures} of {limit}", style=style)


def rate_text(part: int, calls: int, threshold: float | None) -> Text:
    """A rate with its counts, e.g. "12 % (3 of 25)"; red at its threshold, yellow near it."""
    if not calls:
        return Text("no calls", style="dim")
    rate = part / calls
    style = "dim" if not part else ""
    if threshold is not None and rate >= threshold:
        style = "red"
    elif threshold is not None and part and rate >= threshold / 2:
        style = "yellow"
    return Text(f"{percent(rate)} ({part} of {calls})", style=style)


def slow_text(circuit: Circuit) -> Text:
    """The rate of slow calls; "off" where nothing counts as slow."""
    if circuit.config.slow_call_seconds is None:
        return Text("off", style="dim")
    return rate_text(circuit.slow, circuit.calls, circuit.config.slow_call_rate_threshold)


def next_text(circuit: Circuit, now_ms: int) -> Text:
    """What comes next: the end of OPEN, or the probes of a HALF_OPEN round."""
    if circuit.state is CircuitState.OPEN:
        if circuit.open_until_ms <= now_ms:
            return Text("probe due", style="yellow")
        return Text(left(circuit.open_until_ms, now_ms), style="red")
    if circuit.state is CircuitState.HALF_OPEN:
        done, limit = circuit.probe_successes, circuit.config.half_open_max_calls
        out = f", {len(circuit.probes)} out" if circuit.probes else ""
        return Text(f"{done} of {limit} probes{out}", style="yellow")
    return Text("–", style="dim")


def sparkline(circuit: Circuit, now_ms: int, width: int = 15) -> Text:
    """Failures over the window, oldest first: a bar is a failure rate, "·" is no call at all."""
    width = min(width, circuit.bucket_count)
    newest = now_ms // circuit.bucket_ms
    oldest = newest - circuit.bucket_count + 1
    calls, failures = [0] * width, [0] * width
    for index, bucket_calls, bucket_failures, _ in circuit.buckets:
        place = (index - oldest) * width // circuit.bucket_count
        if 0 <= place < width:
            calls[place] += bucket_calls
            failures[place] += bucket_failures
    text = Text()
    for count, failed in zip(calls, failures, strict=True):
        if not count:
            text.append(_NO_CALLS, style="dim")
            continue
        level = -(-failed * (len(_BARS) - 1) // count)
        text.append(_BARS[level], style="red" if failed else "green")
    return text


def notice(text: str, *, style: str = "yellow") -> Text:
    """A line that wants to be seen."""
    return Text(f"! {text}", style=style)


def agent_count(number: int) -> str:
    """How many agents, in words."""
    return "1 agent" if number == 1 else f"{number} agents"
