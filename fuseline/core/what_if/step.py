"""Whether a proposed circuit and the recorded one are in step."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from fuseline.core.circuit import Change, Circuit, CircuitState, Transition
from fuseline.core.events import Mode
from fuseline.core.what_if.recorded import View, key_of

_CLOSED, _OPEN = CircuitState.CLOSED, CircuitState.OPEN


class Step:
    """What a proposed circuit knows of the recorded one, beside which it is folded.

    Args:
        view: of the recorded circuit where both begin; it is copied.
        first_ms: when the record begins.

    Attributes:
        view: how the recorded circuit stands.
        is_kept: whether both are in a state by the same transition.
    """

    def __init__(self, view: View, first_ms: int) -> None:
        self.view = replace(view)
        self.is_kept = True
        self._key = view.key
        self._first_ms = first_ms

    def copy(self) -> Step:
        """An independent copy."""
        twin = Step(self.view, self._first_ms)
        twin._key, twin.is_kept = self._key, self.is_kept
        return twin

    def plain(self) -> list[Any]:
        """What goes on, beside whether step is kept, as values that can be stored."""
        return [self.view.plain(), self._key, self._first_ms]

    @classmethod
    def of_plain(cls, values: list[Any], is_kept: bool) -> Step:
        """What `plain` gave."""
        view, key, first_ms = values
        found = cls(View.of_plain(view), first_ms)
        found._key = None if key is None else (key[0], key[1], key[2], key[3])
        found.is_kept = is_kept
        return found

    def recorded_changed(self, change: Change) -> None:
        """Follows a change of the recorded circuit."""
        self.view.take(change, self._first_ms)

    def proposed_changed(self, change: Transition) -> None:
        """Follows a transition of the proposed circuit."""
        self._key = key_of(change)

    def compare(self) -> bool:
        """Whether both are in step after what changed."""
        self.is_kept = self._key == self.view.key
        return self.is_kept

    def hides(self, circuit: Circuit) -> bool:
        """Whether the proposed circuit lets calls through now that the recorded one refuses."""
        view = self.view
        if view.mode is not Mode.AUTO or view.state is _CLOSED or circuit.state is _OPEN:
            return False
        if view.state is _OPEN or circuit.state is _CLOSED:
            return True
        limit = circuit.config.half_open_max_calls
        return not self.is_kept or limit > view.config.half_open_max_calls
