"""The states a proposed circuit went through, and how many calls each let through."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from msgspec import Struct

from fuseline.core.circuit import CircuitState
from fuseline.core.events import Mode


class StateSpan(Struct):
    """A stretch in one state.

    Attributes:
        state: the state.
        from_ms: when it began.
        to_ms: when it ended.
    """

    state: CircuitState
    from_ms: int
    to_ms: int


class Spans:
    """The spans of a circuit so far, one for each of its epochs.

    Args:
        state: that it begins with.
        from_ms: when that began.
        epoch: of the recorded circuit, if its own epoch is that of the proposed one.
    """

    def __init__(self, state: CircuitState, from_ms: int, epoch: int | None) -> None:
        self.begins = [from_ms]
        self.states = [state]
        self.places = [0]  # of a round that is over: probes it would still have let through
        self._of_epoch: dict[int, int] = {} if epoch is None else {epoch: 0}
        self._mode_begins: list[int] = []
        self._modes: list[Mode] = []

    def copy(self) -> Spans:
        """An independent copy."""
        twin = Spans(self.states[0], self.begins[0], None)
        twin.begins, twin.states = self.begins.copy(), self.states.copy()
        twin.places, twin._of_epoch = self.places.copy(), self._of_epoch.copy()
        twin._mode_begins, twin._modes = self._mode_begins.copy(), self._modes.copy()
        return twin

    def plain(self) -> list[Any]:
        """All of it as values that can be stored."""
        return [
            *(self.begins, [state.value for state in self.states], self.places),
            *(self._of_epoch, self._mode_begins, self._modes),
        ]

    @classmethod
    def of_plain(cls, values: list[Any]) -> Spans:
        """What `plain` gave."""
        begins, states, places, of_epoch, mode_begins, modes = values
        found = cls(CircuitState(states[0]), begins[0], None)
        found.begins, found.states = begins, [CircuitState(state) for state in states]
        found.places, found._of_epoch = places, of_epoch
        found._mode_begins, found._modes = mode_begins, [Mode(mode) for mode in modes]
        return found

    @property
    def last(self) -> int:
        """Number of the span that goes on."""
        return len(self.begins) - 1

    def begin(self, state: CircuitState, at_ms: int, places_left: int) -> None:
        """The next span; `places_left` is what the one that ends would still have let through."""
        self.places[-1] = places_left
        self.begins.append(at_ms)
        self.states.append(state)
        self.places.append(0)

    def tie(self, epoch: int) -> None:
        """The span that goes on and an epoch of the recorded circuit are the same."""
        self._of_epoch[epoch] = self.last

    def mode(self, mode: Mode, at_ms: int) -> None:
        """Somebody forced the circuit, or handed it back."""
        self._mode_begins.append(at_ms)
        self._modes.append(mode)

    def forget(self, kept: int) -> None:
        """Drops all but the newest spans; calls that began before count for nothing then."""
        if (old := len(self.begins) - kept) > 0:
            del self.begins[:old], self.states[:old], self.places[:old]
            self._of_epoch = {e: place - old for e, place in self._of_epoch.items() if place >= old}
        del self._mode_begins[:-kept], self._modes[:-kept]

    def find(self, epoch: int, began_ms: int) -> tuple[int, bool]:
        """The span in which a call began; -1 if that was before the first.

        And whether it is tied to the call's own epoch: then the record itself says so.
        """
        tied = self._of_epoch.get(epoch)
        if tied is not None and (tied == self.last or began_ms < self.begins[tied + 1]):
            return tied, True
        return bisect_right(self.begins, began_ms) - 1, False

    def was_forced(self, at_ms: int) -> bool:
        """Whether an operator's word decided at a time."""
        place = bisect_right(self._mode_begins, at_ms) - 1
        return place >= 0 and self._modes[place] is not Mode.AUTO

    def all(self, since_ms: int, until_ms: int) -> list[StateSpan]:
        """All spans, cut to a range; neighbours differ."""
        ends = [*self.begins[1:], until_ms]
        found: list[StateSpan] = []
        for state, begin, end in zip(self.states, self.begins, ends, strict=True):
            from_ms, to_ms = max(begin, since_ms), min(end, until_ms)
            if from_ms < to_ms and found and found[-1].state is state:
                found[-1].to_ms = to_ms  # an agent was removed, or a state had no length
            elif from_ms < to_ms:
                found.append(StateSpan(state, from_ms, to_ms))
        return found
