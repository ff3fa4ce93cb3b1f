"""Which events of a log made the figures of a transition: the rules of the fold, told backwards.

What these functions find must be what `core.counting` has counted; a property test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import ConfigChanged, Mode, Outcome, OverrideSet, ProbeStarted, Result
from fuseline.core.fold import advance, fold_in_place, initial
from fuseline.core.window import bucket_count, bucket_ms
from fuseline.events.log import Entry


def counts(outcome: Outcome, at_ms: int, config: CircuitBreakerConfig, since_ms: int) -> bool:
    """Whether an outcome of the right epoch counted in CLOSED: it ended within the window."""
    if outcome.result > Result.TIMEOUT:
        return False
    width = bucket_ms(config)
    ended_ms = max(at_ms - outcome.age_ms, since_ms)
    return ended_ms // width > at_ms // width - bucket_count(config)


def is_slow(outcome: Outcome, config: CircuitBreakerConfig) -> bool:
    """Whether a call counts as a slow one."""
    limit = config.slow_call_seconds
    return limit is not None and outcome.duration_ms >= round(limit * 1000, 6)


def window_reach_ms(config: CircuitBreakerConfig) -> int:
    """How long before a moment an outcome can have been logged that its window still holds."""
    return (bucket_count(config) + 2) * bucket_ms(config)


def in_window(
    entries: Iterable[Entry],
    config: CircuitBreakerConfig,
    since_ms: int,
    epoch: int,
    wanted: Callable[[Outcome, CircuitBreakerConfig], bool],
    *,
    was_removed: bool = False,
) -> list[Entry]:
    """The wanted outcomes that the window holds after the last of these entries.

    Args:
        entries: of one epoch in CLOSED, from `window_reach_ms` before the last on.
        config: in force before the first.
        since_ms: when the epoch began.
        epoch: its number.
        wanted: which of the outcomes that count, e.g. failures or slow calls.
        was_removed: whether the agent had left the registry when the epoch began.
    """
    held: dict[int, list[Entry]] = {}  # by bucket
    width, buckets = bucket_ms(config), bucket_count(config)
    dropped: int | None = None
    for entry in entries:
        ms, _, event = entry
        if isinstance(event, Outcome):
            if event.epoch != epoch or not counts(event, ms, config, since_ms):
                continue
            oldest = ms // width - buckets
            if oldest != dropped:
                held = {index: kept for index, kept in held.items() if index > oldest}
                dropped = oldest
            if wanted(event, config):
                index = max(ms - event.age_ms, since_ms) // width
                held.setdefault(index, []).append(entry)
        elif isinstance(event, ConfigChanged):
            try:
                config = CircuitBreakerConfig.from_wire(event.config)
            except (ConfigError, TypeError):
                continue
            before, width, buckets = width, bucket_ms(config), bucket_count(config)
            dropped = None
            moved: dict[int, list[Entry]] = {}
            if not was_removed:
                for index, kept in held.items():
                    moved.setdefault(index * before // width, []).extend(kept)
            held, was_removed = moved, False
        elif isinstance(event, OverrideSet) and event.reset and event.mode is Mode.AUTO:
            held = {}
    return sorted((entry for kept in held.values() for entry in kept), key=_id_of)


def of_round(
    entries: Iterable[Entry],
    config: CircuitBreakerConfig,
    revision: int,
    since_ms: int,
    epoch: int,
    end: tuple[int, str],
) -> list[Entry]:
    """The results of the probes of a HALF_OPEN round; of a probe that vanished, its start.

    Args:
        entries: from the beginning of the round on.
        config: in force when it began.
        revision: of the config.
        since_ms: when the round began.
        epoch: its number.
        end: when it ended, and the id of what ended it: an event, or the permit of a lease.
    """
    circuit = initial(config, revision)
    circuit.state, circuit.epoch, circuit.since_ms = CircuitState.HALF_OPEN, epoch, since_ms
    circuit.derive_deadline()
    found: list[Entry] = []
    started: dict[str, Entry] = {}
    for entry in entries:
        ms, seq, event = entry
        if ms >= circuit.next_deadline_ms:
            found += _vanished(circuit, started, min((ms, "~"), end))
            circuit, _ = advance(circuit, ms)
        if circuit.epoch != epoch:
            return found
        if isinstance(event, ProbeStarted):
            started[f"{ms}-{seq}"] = entry
        elif isinstance(event, Outcome) and event.epoch == epoch and event.permit in circuit.probes:
            found.append(entry)
        fold_in_place(circuit, [entry])
        if circuit.epoch != epoch:
            return found
    return found + _vanished(circuit, started, end)


def _vanished(circuit: Circuit, started: dict[str, Entry], end: tuple[int, str]) -> list[Entry]:
    """The starts of probes whose leases end by then, in the order in which they do."""
    over = sorted((deadline, permit) for permit, deadline in circuit.probes.items())
    return [started[permit] for deadline, permit in over if (deadline, permit) <= end]


def _id_of(entry: Entry) -> tuple[int, int]:
    return entry[:2]
