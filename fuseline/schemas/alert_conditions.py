"""What alert rules may wait for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

_DAY = 86_400

Seconds = Annotated[float, Meta(ge=1, le=30 * _DAY)]


class _When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What a rule waits for."""


class Opened(_When, frozen=True, tag="opened"):
    """A circuit leaves CLOSED; over when it is CLOSED again."""


class OpenLonger(_When, frozen=True, tag="open_longer"):
    """A circuit has not been CLOSED for so long."""

    for_seconds: Seconds = 300.0


class Flapping(_When, frozen=True, tag="flapping"):
    """A circuit went from CLOSED to OPEN so many times in so long."""

    times: Annotated[int, Meta(ge=2, le=100)] = 3
    within_seconds: Seconds = 600.0


class FailureRate(_When, frozen=True, tag="failure_rate"):
    """The failure rate of the window is at or above a share while the circuit stays CLOSED."""

    rate: Annotated[float, Meta(gt=0, le=1)] = 0.2
    minimum_calls: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    for_seconds: Annotated[float, Meta(ge=0, le=_DAY)] = 0.0


class OverrideLonger(_When, frozen=True, tag="override_longer"):
    """An operator's override has been in force for so long."""

    for_seconds: Seconds = 3600.0


class NoTraffic(_When, frozen=True, tag="no_traffic"):
    """No call to an agent has ended for so long while its circuit was CLOSED."""

    for_seconds: Seconds = 900.0


class ProjectorLag(_When, frozen=True, tag="projector_lag"):
    """The oldest event that is not folded yet has waited for so long."""

    above_seconds: Seconds = 10.0


class ProjectorStalled(_When, frozen=True, tag="projector_stalled"):
    """A shard has had no projector for so long."""

    for_seconds: Seconds = 10.0


class RedisLost(_When, frozen=True, tag="redis_lost"):
    """The server of the log has not answered the notifier for so long."""

    for_seconds: Seconds = 10.0


class SpoolHolds(_When, frozen=True, tag="spool"):
    """The spools on a notifier's machine have held at least so many bytes for so long."""

    above_bytes: Annotated[int, Meta(ge=1, le=1 << 50)] = 1 << 20
    for_seconds: Seconds = 60.0


class ClockTrouble(_When, frozen=True, tag="clock"):
    """The server's clock jumped, or differs from the notifier's machine by so much."""

    above_seconds: Annotated[float, Meta(ge=0.25, le=_DAY)] = 2.0


When = (
    Opened
    | OpenLonger
    | Flapping
    | FailureRate
    | OverrideLonger
    | NoTraffic
    | ProjectorLag
    | ProjectorStalled
    | RedisLost
    | SpoolHolds
    | ClockTrouble
)
"""What a rule may wait for."""
