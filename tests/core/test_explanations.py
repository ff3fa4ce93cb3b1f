"""Every transition names its event, the figures, the revision and the trace."""

from fuseline.core.circuit import Figures, Transition
from fuseline.core.events import (
    Result,
)
from tests.core.play import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    T0,
    Player,
)


class TestExplanations:
    """Every transition names its event, the figures, the revision and the trace."""

    def test_opening(self) -> None:
        p = Player(slow_call_seconds=1, failure_rate_threshold=None)
        p.configure()
        p.succeeds(2, duration_ms=1000, worker=3)
        p.fails(4, worker=1)
        p.wait(1)
        event_id = p.fails(worker=2, failure_kind="http_503", trace=b"x" * 24)
        assert p.last == Transition(
            at_ms=T0 + 1000,
            from_state=CLOSED,
            to_state=OPEN,
            cause=p.last.cause,
            epoch=1,
            revision=1,
            event_id=event_id,
            figures=Figures(7, 5, 2, 5, 3),
            failure_kind="http_503",
            worker=2,
            trace=b"x" * 24,
            open_until_ms=T0 + 61_000,
        )
        assert p.circuit.cause == p.last.cause == "consecutive_failures"

    def test_half_opening(self) -> None:
        p = Player()
        p.half_opened()
        assert p.last == Transition(
            at_ms=T0 + 60_000,
            from_state=OPEN,
            to_state=HALF_OPEN,
            cause=p.last.cause,
            epoch=2,
            revision=0,
            event_id="",
            figures=Figures(5, 5, 0, 5, 1),
        )

    def test_closing(self) -> None:
        p = Player(half_open_max_calls=1)
        p.half_opened()
        event_id = p.succeeds(permit=p.probe(), worker=4, trace=b"y" * 24)
        assert p.last == Transition(
            at_ms=p.now,
            from_state=HALF_OPEN,
            to_state=CLOSED,
            cause=p.last.cause,
            epoch=3,
            revision=0,
            event_id=event_id,
            figures=Figures(5, 5, 0, 5, 1, 1),
            worker=4,
            trace=b"y" * 24,
        )

    def test_reopening(self) -> None:
        p = Player(timeout_multiplier=2)
        p.half_opened()
        p.succeeds(permit=p.probe())
        p.ends(Result.ABANDONED, permit=p.probe())
        event_id = p.ends(Result.TIMEOUT, permit=p.probe(), failure_kind="TimeoutError")
        assert (p.last.from_state, p.last.to_state) == (HALF_OPEN, OPEN)
        assert (p.last.event_id, p.last.failure_kind) == (event_id, "TimeoutError")
        assert p.last.open_until_ms == p.now + 120_000
        assert p.last.figures.probe_successes == 1
        assert p.last.figures.probes_inconclusive == 1
