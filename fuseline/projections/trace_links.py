"""The trace contexts of the calls behind a transition, read from the log."""

from __future__ import annotations

from collections.abc import Callable

from fuseline.core.circuit import Cause, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, Result
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import parse_entries
from fuseline.events.wire import Wire
from fuseline.telemetry.tracing import MAX_LINKS

_PAGE = 500
_MOST_READ = 5000

_ROUND_ENDS = {Cause.PROBES_SUCCEEDED, Cause.PROBE_FAILED, Cause.PROBES_INCONCLUSIVE}


async def traces_behind(
    agent: AgentKeys,
    change: Transition,
    since_ms: int,
    config: CircuitBreakerConfig,
    wire: Wire,
) -> list[bytes]:
    """The traces of the calls that made the figures of a transition, oldest first.

    Read backwards from the event that caused it, and bounded: the newest `MAX_LINKS` of them, among
    the last 5000 events.

    Args:
        agent: whose transition it is.
        change: the transition.
        since_ms: effective time of the transition before; nothing older counts.
        config: the settings in force.
        wire: to read on.

    Raises:
        BackendError: the log cannot be read.
    """
    wanted, is_cause = _wanted(change, config)
    found: list[bytes] = []
    if not wanted:
        return found
    # A lease that ran out is named by its permit, which is older than what else came of the round.
    by_lease = change.cause is Cause.PROBES_INCONCLUSIVE
    high = str(change.at_ms) if by_lease else change.event_id
    read = seen = 0
    while read < _MOST_READ:
        raw = await wire.call("XREVRANGE", agent.events, high, str(since_ms), "COUNT", _PAGE)
        read += len(raw)
        for _, _, event in parse_entries(raw):
            if isinstance(event, Outcome) and event.epoch == change.epoch - 1 and is_cause(event):
                seen += 1
                if event.trace:
                    found.append(event.trace)
                if seen == wanted:
                    return found[::-1]
        if len(raw) < _PAGE:
            break
        ms, seq = parse_id(raw[-1][0])
        high = f"({ms}-{seq}"
    return found[::-1]


def _wanted(
    change: Transition, config: CircuitBreakerConfig
) -> tuple[int, Callable[[Outcome], bool]]:
    """How many calls are behind a transition, and which they are."""
    figures = change.figures
    if change.cause is Cause.CONSECUTIVE_FAILURES:
        return min(figures.consecutive_failures, MAX_LINKS), _has_failed
    if change.cause is Cause.FAILURE_RATE:
        return min(figures.failures, MAX_LINKS), _has_failed
    if change.cause is Cause.SLOW_CALL_RATE and config.slow_call_seconds is not None:
        slow_ms = config.slow_call_seconds * 1000
        return min(figures.slow, MAX_LINKS), lambda outcome: outcome.duration_ms >= slow_ms
    if change.cause in _ROUND_ENDS:
        return MAX_LINKS, lambda outcome: outcome.permit is not None
    return 0, _has_failed


def _has_failed(outcome: Outcome) -> bool:
    return outcome.result in (Result.FAILURE, Result.TIMEOUT)
