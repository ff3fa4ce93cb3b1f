"""Whether a rule's condition holds for an agent, from what its history says. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fuseline.alerts.model import Track
from fuseline.core.circuit import NEVER_MS
from fuseline.core.events import Mode
from fuseline.schemas.alerts import Flapping, Opened, OpenLonger, OverrideLonger, StoredRule

HISTORY_KINDS = Opened | OpenLonger | Flapping | OverrideLonger
"""Conditions that the history and time decide; the others are about figures."""


class Standing(Struct, frozen=True, kw_only=True):
    """How a condition stands at a moment.

    Attributes:
        holds: an incident that is there goes on.
        begins: one that is not there begins.
        since_ms: since when it holds.
        key: tells this time from others.
        next_ms: when time alone may change the answer.
        summary: in words.
        details: figures.
    """

    holds: bool = False
    begins: bool = False
    since_ms: int = 0
    key: str = ""
    next_ms: int = NEVER_MS
    summary: str = ""
    details: dict[str, Any] = {}


NOT = Standing()


def standing(stored: StoredRule, agent: str, track: Track, at_ms: int) -> Standing:
    """How a rule of `HISTORY_KINDS` stands for an agent; `track` is as of `at_ms`."""
    when = stored.rule.when
    if isinstance(when, Opened):
        return _opened(stored, agent, track)
    if isinstance(when, OpenLonger):
        return _open_longer(when, agent, track, at_ms)
    if isinstance(when, Flapping):
        return _flapping(when, agent, track, at_ms)
    if isinstance(when, OverrideLonger):
        return _override(when, agent, track, at_ms)
    return NOT


def _opened(stored: StoredRule, agent: str, track: Track) -> Standing:
    if not track.opened_ms:
        return NOT
    return Standing(
        holds=True,
        # What a new rule finds open is not news; `open_longer` is for that.
        begins=track.opened_ms >= stored.created_ms,
        since_ms=track.opened_ms,
        key=str(track.opened_ms),
        summary=f"the circuit of {agent} opened ({track.cause.replace('_', ' ')})",
        details={"cause": track.cause},
    )


def _open_longer(when: OpenLonger, agent: str, track: Track, at_ms: int) -> Standing:
    if not track.opened_ms:
        return NOT
    due_ms = track.opened_ms + round(when.for_seconds * 1000)
    if at_ms < due_ms:
        return Standing(next_ms=due_ms)
    return Standing(
        holds=True,
        begins=True,
        since_ms=due_ms,
        key=str(track.opened_ms),
        summary=f"the circuit of {agent} has not been closed for {when.for_seconds:g} s",
        details={"cause": track.cause, "left_closed_ms": track.opened_ms},
    )


def _flapping(when: Flapping, agent: str, track: Track, at_ms: int) -> Standing:
    within_ms = round(when.within_seconds * 1000)
    recent = [opened for opened in track.openings if opened > at_ms - within_ms]
    if len(recent) < when.times:
        return NOT
    return Standing(
        holds=True,
        begins=True,
        since_ms=recent[-1],
        key=str(recent[-1]),
        next_ms=recent[-when.times] + within_ms,
        summary=f"the circuit of {agent} opened {len(recent)} times in {when.within_seconds:g} s",
        details={"openings_ms": recent},
    )


def _override(when: OverrideLonger, agent: str, track: Track, at_ms: int) -> Standing:
    if track.mode is Mode.AUTO:
        return NOT
    due_ms = track.mode_ms + round(when.for_seconds * 1000)
    if at_ms < due_ms:
        return Standing(next_ms=due_ms)
    word = track.mode.name.lower()
    by = f", set by {track.actor}" if track.actor else ""
    return Standing(
        holds=True,
        begins=True,
        since_ms=due_ms,
        key=str(track.mode_ms),
        summary=f"{agent} has been {word} for {when.for_seconds:g} s{by}",
        details={"mode": word, "since_ms": track.mode_ms, "actor": track.actor},
    )
