"""A candidate folded beside the real circuit, event by event: what would have been, as it happens.

It is `proposed` under the same rules and assumptions as in a what-if, but keeps only what the next
event needs: it goes on for months, and stands in the projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from fuseline.core.circuit import (
    Change,
    Circuit,
    ShadowTransition,
    Transition,
)
from fuseline.core.errors import ConfigError
from fuseline.core.events import AgentRemoved, Entry, ShadowSet
from fuseline.core.fold import fold_in_place
from fuseline.core.what_if.comparing import Candidate
from fuseline.core.what_if.patch import Patch, checked_patch
from fuseline.core.what_if.recorded import Recorded, key_of, position_of

KEPT = 100
"""Spans, epochs and the like that are kept; calls that began before them count for nothing."""


class Since(Struct, frozen=True, array_like=True):
    """When a shadow was set, by which event, by whom and why."""

    at_ms: int
    event_id: str
    actor: str = ""
    reason: str = ""


class Shadow:
    """A candidate that is folded along.

    Attributes:
        patch: the settings that would be others.
        since: when and by whom it was set.
        recorded: the real circuit.
        candidate: beside it.
    """

    def __init__(
        self, patch: Patch, since: Since, recorded: Recorded, candidate: Candidate
    ) -> None:
        self.patch = patch
        self.since = since
        self.recorded = recorded
        self.candidate = candidate

    @classmethod
    def begin(
        cls, circuit: Circuit, patch: Patch, since: Since
    ) -> tuple[Shadow, list[ShadowTransition]]:
        """A candidate that begins where a circuit stands, which is copied; what that changes."""
        recorded = Recorded(circuit.copy())
        candidate = Candidate(recorded, patch, circuit.last_ms)
        candidate.first.filling.hurried = True
        shadow = cls(patch, since, recorded, candidate)
        return shadow, shadow._made(candidate.first.drain())

    @property
    def circuits(self) -> list[Circuit]:
        """The candidate under each assumption that is open; the first: nobody called unseen."""
        return [one.circuit for one in self.candidate.all]

    @property
    def is_known(self) -> bool:
        """Whether its state is the same under every assumption on calls that nobody saw."""
        return len({circuit.state for circuit in self.circuits}) == 1

    def take(self, entries: Sequence[Entry]) -> list[ShadowTransition]:
        """Folds the next entries; the transitions that there would have been."""
        self.candidate.take(self.recorded.take(entries))
        return self._made(self.candidate.first.drain())

    def _made(self, changes: Sequence[Transition]) -> list[ShadowTransition]:
        """Transitions of the candidate as the history tells them; then old things are dropped."""
        others = [{key_of(one) for one in other.drain()} for other in self.candidate.all[1:]]
        found = [
            ShadowTransition(
                at_ms=one.at_ms,
                from_state=one.from_state,
                to_state=one.to_state,
                cause=one.cause,
                event_id=one.event_id,
                figures=one.figures,
                known=all(key_of(one) in keys for keys in others),
                open_until_ms=one.open_until_ms,
            )
            for one in changes
        ]
        self.recorded.forget(KEPT)
        for candidate in self.candidate.all:
            candidate.forget(KEPT)
        return found


def fold_shadow(
    shadow: Shadow | None, before: Circuit | None, entries: Sequence[Entry]
) -> tuple[Shadow | None, list[ShadowTransition]]:
    """Folds entries into what shadow there is, one may begin or end among them.

    Args:
        shadow: the one so far; it is changed.
        before: the circuit before the entries, where there is no shadow; it is changed.
        entries: of the log.
    """
    made: list[ShadowTransition] = []
    start = 0
    for place, (_, _, event) in enumerate(entries):
        if not isinstance(event, ShadowSet | AgentRemoved):
            continue
        part = entries[start : place + 1]
        start = place + 1
        if shadow is not None:
            made += shadow.take(part)
            circuit = shadow.recorded.circuit
        elif before is not None:
            fold_in_place(before, part)
            circuit = before
        else:
            continue
        if isinstance(event, AgentRemoved):
            before, shadow = circuit, None
        elif (patch := patch_of(event)) is not None:
            before, shadow = circuit, None
            if patch:
                since = Since(circuit.last_ms, circuit.checkpoint, event.actor, event.reason)
                shadow, found = Shadow.begin(circuit, patch, since)
                made += found
    rest = entries[start:]
    if shadow is not None and rest:
        made += shadow.take(rest)
    elif before is not None:
        fold_in_place(before, rest)
    return shadow, made


def patch_of(event: ShadowSet) -> dict[str, Any] | None:
    """The settings of a shadow; None for some that this release does not know."""
    try:
        return checked_patch(event.settings)
    except ConfigError:
        return None


def woven(changes: Sequence[Change], made: Sequence[ShadowTransition]) -> list[Change]:
    """Changes of a circuit and of its shadow in the order in which they took effect."""
    found: list[Change] = []
    place = 0
    for change in changes:
        while place < len(made) and position_of(made[place]) < position_of(change):
            found.append(made[place])
            place += 1
        found.append(change)
    return [*found, *made[place:]]
