"""Conditions about figures that nobody announces: they are looked at now and then. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.events import Mode
from fuseline.schemas.alerts import (
    ClockTrouble,
    FailureRate,
    NoTraffic,
    ProjectorLag,
    ProjectorStalled,
    RedisLost,
    SpoolHolds,
    StoredRule,
)

CIRCUIT_KINDS = FailureRate | NoTraffic
"""Conditions that look at each circuit in scope."""

SYSTEM_KINDS = ProjectorLag | ProjectorStalled | SpoolHolds | ClockTrouble
"""Conditions about Fuseline itself; `RedisLost` is seen to where there is no Redis."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a condition sees of one subject at one moment.

    Attributes:
        holds: whether it holds now.
        for_ms: how long it must hold before an incident begins.
        since_ms: since when it holds, if the figures say so; 0: since it was first seen.
        summary: in words.
        details: figures.
    """

    holds: bool
    for_ms: int = 0
    since_ms: int = 0
    summary: str = ""
    details: dict[str, Any] = {}


class Machine(Struct, kw_only=True):
    """What a notifier last saw on its machine.

    Attributes:
        at_ms: when, by Redis's clock.
        spool_bytes: waiting in the spools of the namespace.
        offset_seconds: how far the machine's clock is ahead of Redis's.
    """

    at_ms: int
    spool_bytes: int = 0
    offset_seconds: float = 0.0


class System(Struct, frozen=True, kw_only=True):
    """Fuseline itself at one moment.

    Attributes:
        now_ms: the moment.
        lag_ms: age of the oldest event that is not folded.
        laggard: the agent it belongs to.
        unprojected: shards without a projector.
        machines: what notifiers saw, by host.
        jump_ms: how far the server's clock last jumped; 0: it did not, lately.
    """

    now_ms: int
    lag_ms: int = 0
    laggard: str = ""
    unprojected: frozenset[int] = frozenset()
    machines: Mapping[str, Machine] = {}
    jump_ms: int = 0


def read_circuit(stored: StoredRule, agent: str, circuit: Circuit, now_ms: int) -> Reading:
    """What a condition of `CIRCUIT_KINDS` sees of a circuit, as of `now_ms`."""
    when = stored.rule.when
    if isinstance(when, FailureRate):
        holds = (
            circuit.state is CircuitState.CLOSED
            and circuit.calls >= when.minimum_calls
            and circuit.failure_rate >= when.rate
        )
        return Reading(
            holds=holds,
            for_ms=round(when.for_seconds * 1000),
            summary=f"{circuit.failure_rate:.0%} of {circuit.calls} calls to {agent} failed",
            details={
                "failure_rate": round(circuit.failure_rate, 4),
                "calls": circuit.calls,
                "failures": circuit.failures,
            },
        )
    assert isinstance(when, NoTraffic)
    quiet = circuit.state is CircuitState.CLOSED and circuit.mode is not Mode.FORCED_OPEN
    last_ms = (circuit.buckets[-1][0] + 1) * circuit.bucket_ms if circuit.buckets else 0
    # A rule knows nothing of the time before it, and an opening empties the window.
    since_ms = min(now_ms, max(last_ms, circuit.since_ms, stored.created_ms))
    return Reading(
        holds=quiet and not circuit.removed and now_ms - since_ms >= when.for_seconds * 1000,
        since_ms=since_ms,
        summary=f"no call to {agent} has ended for {when.for_seconds:g} s",
        details={"last_call_ms": last_ms},
    )


def read_system(stored: StoredRule, seen: System) -> Iterator[tuple[str, Reading]]:
    """What a condition of `SYSTEM_KINDS` sees, subject by subject."""
    when = stored.rule.when
    if isinstance(when, ProjectorLag):
        yield (
            "projector",
            Reading(
                holds=seen.lag_ms >= when.above_seconds * 1000,
                summary=f"events of {seen.laggard} have waited {seen.lag_ms / 1000:.1f} s",
                details={"lag_ms": seen.lag_ms, "agent": seen.laggard},
            ),
        )
    elif isinstance(when, ProjectorStalled):
        shards = sorted(seen.unprojected)
        yield (
            "projector",
            Reading(
                holds=bool(shards),
                for_ms=round(when.for_seconds * 1000),
                summary=f"{len(shards)} shards have no projector; their circuits stand still",
                details={"shards": shards},
            ),
        )
    elif isinstance(when, SpoolHolds):
        for host, machine in seen.machines.items():
            yield host, read_spool(when, host, machine)
    elif isinstance(when, ClockTrouble):
        yield (
            "server",
            Reading(
                holds=abs(seen.jump_ms) >= when.above_seconds * 1000,
                summary=f"the server's clock jumped by {seen.jump_ms / 1000:+.1f} s",
                details={"jump_ms": seen.jump_ms},
            ),
        )
        for host, machine in seen.machines.items():
            yield (
                host,
                Reading(
                    holds=abs(machine.offset_seconds) >= when.above_seconds,
                    summary=f"the clock of {host} is {machine.offset_seconds:+.1f} s off Redis's",
                    details={"offset_seconds": round(machine.offset_seconds, 3)},
                ),
            )


def read_spool(when: SpoolHolds, host: str, machine: Machine) -> Reading:
    """What a rule about spools sees of one machine."""
    return Reading(
        holds=machine.spool_bytes >= when.above_bytes,
        for_ms=round(when.for_seconds * 1000),
        summary=f"{machine.spool_bytes} bytes of outcomes wait in the spool of {host}",
        details={"bytes": machine.spool_bytes},
    )


def read_away(when: RedisLost, host: str, since_ms: int, error: str) -> Reading:
    """What a rule about a lost server sees while it is lost."""
    return Reading(
        holds=True,
        for_ms=round(when.for_seconds * 1000),
        since_ms=since_ms,
        summary=f"the Redis server does not answer {host}: {error}",
        details={"error": error},
    )
