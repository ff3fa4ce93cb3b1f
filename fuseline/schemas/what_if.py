"""What-if as the API shows it: figures with bounds, states on record and proposed, proposals."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from fuseline.core.states import CircuitState
from fuseline.schemas.circuits import Millis

Since = Annotated[
    str,
    Meta(
        max_length=64,
        description="an ISO 8601 time with zone, ms since 1970, or an age like -5m",
        examples=["-7d"],
    ),
]
_Price = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]


class WhatIfAsk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which settings are tried on which range.

    Attributes:
        settings: that would have been others from the beginning of the range on; the rest stays as
            it is on record, changes of it too. "default" takes a setting's default.
        since: where the range begins.
        until: where it ends; absent: now.
    """

    settings: dict[str, Any]
    since: Since = "-1d"
    until: Since | None = None


class ProposalsAsk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which range settings are tried, and what is to be as little as can be.

    Attributes:
        since: where the range begins.
        until: where it ends; absent: now.
        failure_cost: of a call that is let through and fails.
        refusal_cost: of a call that would have succeeded and is refused.
        limit: proposals of the answer, beside those of the trade-off curve.
    """

    since: Since = "-1d"
    until: Since | None = None
    failure_cost: _Price = 1.0
    refusal_cost: _Price = 1.0
    limit: Annotated[int, Meta(ge=1, le=200)] = 10


class WhatIfAmount(Struct, frozen=True):
    """One figure.

    Attributes:
        recorded: as it was.
        low: the least it would have been, whatever became of the calls that nobody saw.
        high: the most; as `low` where the record knows.
    """

    recorded: int
    low: int
    high: int


class WhatIfFigures(Struct, frozen=True, kw_only=True):
    """The figures of a stretch of time.

    Attributes:
        openings: transitions to OPEN.
        open_ms: time in OPEN.
        failures: calls that were let through and failed.
        good_refused: calls on record that succeeded and would have been refused.
    """

    openings: WhatIfAmount
    open_ms: WhatIfAmount
    failures: WhatIfAmount
    good_refused: WhatIfAmount


class WhatIfDay(Struct, frozen=True, kw_only=True):
    """The figures of one day in UTC.

    Attributes:
        from_ms: when the day, or what the range has of it, begins.
        figures: of the day.
    """

    from_ms: Millis
    figures: WhatIfFigures


class WhatIfBand(Struct, frozen=True, kw_only=True):
    """A stretch in one state."""

    state: CircuitState
    from_ms: Millis
    to_ms: Millis


class WhatIfStretch(Struct, frozen=True, kw_only=True):
    """A stretch of which the record cannot know what would have been."""

    from_ms: Millis
    to_ms: Millis


class WhatIfAnswer(Struct, frozen=True, kw_only=True):
    """What happened in a range, and what would have happened.

    Attributes:
        agent: name of the agent.
        since_ms: from when the other settings would have been in force.
        until_ms: where the range ends.
        complete: false: the log does not reach back to what was asked for, so `since_ms` is later.
        events: entries of the log that were folded.
        reproduced: transitions that the recorded settings gave again: all on record.
        begun_ms: when the agent's log began. What the states say of the time before, closed, is of
            no agent: none was registered. null: not known.
        settings: that would have been in force at the end of the range.
        recorded_settings: that were in force then.
        total: figures of the range.
        days: of each day.
        recorded: the states on record.
        proposed: the states that would have been, if nobody had called where nobody saw it.
        unobserved: where the record cannot know.
        unobserved_ms: how long that is.
        unseen_calls: how many calls were assumed at most where nobody saw any.
        truncated: there are more bands or stretches; the newest are here.
    """

    agent: str
    since_ms: Millis
    until_ms: Millis
    complete: bool
    events: int
    reproduced: int
    begun_ms: Millis | None
    settings: dict[str, Any]
    recorded_settings: dict[str, Any]
    total: WhatIfFigures
    days: list[WhatIfDay]
    recorded: list[WhatIfBand]
    proposed: list[WhatIfBand]
    unobserved: list[WhatIfStretch]
    unobserved_ms: int
    unseen_calls: int
    truncated: bool = False


class Proposal(Struct, frozen=True, kw_only=True):
    """One set of settings that was tried.

    Attributes:
        settings: that differ from those on record; empty for those themselves.
        figures: of the range.
        cost_low: the least cost, whatever became of the calls that nobody saw.
        cost_high: the most.
        on_curve: whether no other settings have both fewer failures and fewer refusals at worst.
    """

    settings: dict[str, Any]
    figures: WhatIfFigures
    cost_low: float
    cost_high: float
    on_curve: bool


class ProposalsAnswer(Struct, frozen=True, kw_only=True):
    """Settings that were tried on a range.

    Attributes:
        agent: name of the agent.
        since_ms, until_ms: the range.
        complete: false: the log does not reach back to what was asked for, so `since_ms` is later.
        events: entries of the log that were folded.
        reproduced: transitions that the recorded settings gave again: all on record.
        tried: how many sets of settings.
        recorded: what those on record cost.
        items: the cheapest at worst first.
        curve: the trade-off, from few failures to few refusals.
        recorded_settings: in force at the end of the range.
    """

    agent: str
    since_ms: Millis
    until_ms: Millis
    complete: bool
    events: int
    reproduced: int
    tried: int
    recorded: Proposal
    items: list[Proposal]
    curve: list[Proposal]
    recorded_settings: dict[str, Any]
