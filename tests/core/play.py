"""Plays a log into a circuit, one readable line an event. Time is a number that tests move."""

from typing import Any

from fuseline.core.circuit import Change, Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import (
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
)
from fuseline.core.fold import advance, apply, initial

T0 = 1_700_000_000_000
"""The first event's time in ms; buckets of whole seconds begin at it."""

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
BAD = [Result.FAILURE, Result.TIMEOUT]
NO_EVIDENCE = [Result.ABANDONED, Result.IGNORED, Result.NOT_SENT]


class Player:
    """A circuit, the time, and everything the fold has reported."""

    def __init__(self, **config: Any) -> None:
        self.settings = config
        self.circuit: Circuit = initial(CircuitBreakerConfig(**config))
        self.now = T0
        self.seq = 0
        self.changes: list[Change] = []

    # What happens

    def feed(self, event: AnyEvent) -> str:
        """Appends one event now; returns its id."""
        self.seq += 1
        self.circuit, changes = apply(self.circuit, event, self.now, self.seq)
        self.changes += changes
        return f"{self.now}-{self.seq}"

    def wait(self, seconds: float) -> None:
        """Time passes and nobody looks."""
        self.now += round(seconds * 1000)

    def tick(self, seconds: float = 0) -> None:
        """Time passes, then somebody applies what it decides."""
        self.wait(seconds)
        self.circuit, changes = advance(self.circuit, self.now)
        self.changes += changes

    def ends(self, result: Result, times: int = 1, **fields: Any) -> str:
        """Calls of the current epoch end."""
        last = ""
        fields.setdefault("duration_ms", 20)
        for _ in range(times):
            epoch = fields.get("epoch", self.circuit.epoch)
            last = self.feed(Outcome(**{**fields, "epoch": epoch, "result": result}))
        return last

    def succeeds(self, times: int = 1, **fields: Any) -> str:
        return self.ends(Result.SUCCESS, times, **fields)

    def fails(self, times: int = 1, **fields: Any) -> str:
        return self.ends(Result.FAILURE, times, **fields)

    def probe(self, lease: float = 10, **fields: Any) -> str:
        """A probe is let through; returns its permit."""
        fields.setdefault("epoch", self.circuit.epoch)
        return self.feed(ProbeStarted(lease_ms=round(lease * 1000), **fields))

    def configure(self, **config: Any) -> str:
        """Changes some settings."""
        self.settings |= config
        wire = CircuitBreakerConfig(**self.settings).to_wire()
        return self.feed(ConfigChanged(self.circuit.revision + 1, wire, "ada", "tuning"))

    def override(self, mode: Mode, expires: float = 0, *, reset: bool = False) -> str:
        return self.feed(OverrideSet(mode, "ada", "incident 7", round(expires * 1000), reset))

    # How it came to be in a state

    def opened(self) -> "Player":
        """Fails until the circuit opens."""
        while self.state is not CircuitState.OPEN:
            self.fails()
        return self

    def half_opened(self) -> "Player":
        """Fails, then waits for the end of OPEN."""
        self.opened()
        self.now = self.circuit.open_until_ms
        self.tick()
        assert self.state is CircuitState.HALF_OPEN
        return self

    # What can be seen

    @property
    def state(self) -> CircuitState:
        return self.circuit.state

    @property
    def transitions(self) -> list[Transition]:
        return [change for change in self.changes if isinstance(change, Transition)]

    @property
    def last(self) -> Transition:
        return self.transitions[-1]

    @property
    def figures(self) -> tuple[int, int, int]:
        """Calls, failures and slow calls in the window now."""
        seen = self.circuit.at(self.now)
        return seen.calls, seen.failures, seen.slow

    @property
    def open_seconds(self) -> float:
        """How long this OPEN lasts."""
        assert self.state is CircuitState.OPEN
        return (self.circuit.open_until_ms - self.circuit.since_ms) / 1000


def but_checkpoint(circuit: Circuit) -> Circuit:
    """The circuit without the position, to compare what two logs made of it."""
    twin = circuit.copy()
    twin.last_ms = twin.last_seq = 0
    return twin


def outcome(player: Player, result: Result = Result.FAILURE, **fields: Any) -> Outcome:
    """The end of a call of the current epoch, or of the one given."""
    fields.setdefault("epoch", player.circuit.epoch)
    return Outcome(result=result, duration_ms=20, **fields)


def nothing_happens(player: Player, event: AnyEvent) -> None:
    """Feeds the event and asserts that only the checkpoint moved."""
    before, reported = but_checkpoint(player.circuit), len(player.changes)
    event_id = player.feed(event)
    assert but_checkpoint(player.circuit) == before
    assert len(player.changes) == reported
    assert player.circuit.checkpoint == event_id
