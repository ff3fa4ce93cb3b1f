"""Operators above the state."""

import pytest

from fuseline.core.circuit import CircuitState
from fuseline.core.events import (
    Mode,
)
from tests.core.play import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    T0,
    Player,
    but_checkpoint,
)


class TestOverride:
    @pytest.mark.parametrize("mode", [Mode.FORCED_OPEN, Mode.FORCED_CLOSED])
    def test_a_mode_stands_above_the_state_and_folding_goes_on(self, mode: Mode) -> None:
        p = Player()
        p.override(mode)
        assert (p.circuit.mode, p.circuit.mode_until_ms, p.state) == (mode, 0, CLOSED)
        p.fails(5)
        assert p.state is OPEN
        p.tick(60)
        assert (p.state, p.circuit.mode) == (HALF_OPEN, mode)

    def test_a_mode_without_expiry_stays(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN)
        p.tick(10**7)
        assert p.circuit.mode is Mode.FORCED_OPEN

    def test_a_mode_expires_at_its_time(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN, expires=30)
        assert p.circuit.mode_until_ms == T0 + 30_000
        p.tick(29.999)
        assert p.circuit.mode is Mode.FORCED_OPEN
        p.tick(100)
        assert (p.circuit.mode, p.circuit.mode_until_ms) == (Mode.AUTO, 0)
        gone = p.changes[-1]
        assert type(gone).__name__ == "ModeChanged"
        assert (gone.at_ms, gone.event_id) == (T0 + 30_000, "")
        assert gone.actor == ""  # type: ignore[union-attr]

    def test_a_new_mode_replaces_the_old_one_and_its_expiry(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN, expires=30)
        p.override(Mode.FORCED_CLOSED)
        p.tick(100)
        assert p.circuit.mode is Mode.FORCED_CLOSED

    @pytest.mark.parametrize("state", [CLOSED, OPEN, HALF_OPEN])
    def test_auto_returns_to_what_the_log_says(self, state: CircuitState) -> None:
        p = Player()
        if state is CLOSED:
            p.fails(3)
        else:
            p.opened() if state is OPEN else p.half_opened()
        before = but_checkpoint(p.circuit)
        p.override(Mode.FORCED_CLOSED, expires=5)
        p.override(Mode.AUTO)
        assert but_checkpoint(p.circuit) == before

    def test_auto_has_no_expiry(self) -> None:
        p = Player()
        p.override(Mode.AUTO, expires=5)
        assert p.circuit.mode_until_ms == 0
        p.tick(10)
        assert len(p.changes) == 1

    @pytest.mark.parametrize("state", [OPEN, HALF_OPEN])
    def test_auto_with_reset_closes(self, state: CircuitState) -> None:
        p = Player(timeout_multiplier=2)
        p.opened() if state is OPEN else p.half_opened()
        p.override(Mode.FORCED_OPEN)
        event_id = p.override(Mode.AUTO, reset=True)
        assert (p.state, p.circuit.mode) == (CLOSED, Mode.AUTO)
        assert (p.last.cause, p.last.event_id) == ("reset", event_id)
        assert (p.last.actor, p.last.reason) == ("ada", "incident 7")
        assert (p.figures, p.circuit.opens_in_a_row) == ((0, 0, 0), 0)

    def test_reset_of_a_closed_circuit_empties_its_window(self) -> None:
        p = Player()
        p.fails(4)
        p.override(Mode.AUTO, reset=True)
        assert (p.figures, p.circuit.consecutive_failures) == ((0, 0, 0), 0)
        assert not p.transitions
        p.fails(4)
        assert p.state is CLOSED

    @pytest.mark.parametrize("mode", [Mode.FORCED_OPEN, Mode.FORCED_CLOSED])
    def test_reset_means_nothing_with_a_forced_mode(self, mode: Mode) -> None:
        p = Player()
        p.opened()
        p.override(mode, reset=True)
        assert p.state is OPEN

    def test_it_is_reported(self) -> None:
        p = Player()
        event_id = p.override(Mode.FORCED_OPEN, expires=30)
        (change,) = p.changes
        assert type(change).__name__ == "ModeChanged"
        assert (change.at_ms, change.event_id) == (T0, event_id)
        assert change.mode is Mode.FORCED_OPEN  # type: ignore[union-attr]
        assert change.until_ms == T0 + 30_000  # type: ignore[union-attr]
        assert (change.actor, change.reason) == ("ada", "incident 7")  # type: ignore[union-attr]

    def test_expiry_and_end_of_open_happen_each_at_its_time(self) -> None:
        p = Player()
        p.override(Mode.FORCED_CLOSED, expires=70)
        p.opened()
        p.tick(100)
        assert [change.at_ms - T0 for change in p.changes] == [0, 0, 60_000, 70_000]
