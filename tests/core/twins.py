"""The fold and the naive breaker living through the same log, compared at every step."""

from typing import Any

import msgspec

from fuseline.core.circuit import Change, Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import AnyEvent, ConfigChanged, Outcome, ProbeStarted, Result
from fuseline.core.fold import advance, apply, fold, initial
from tests.core.logs import LogWriter
from tests.core.naive import NaiveBreaker
from tests.core.play import T0, but_checkpoint


def summary(changes: list[Change]) -> list[tuple[int, str, str, str, int]]:
    """The transitions as the naive breaker tells them."""
    return [
        (c.at_ms, c.from_state.value, c.to_state.value, c.cause.value, c.open_until_ms)
        for c in changes
        if isinstance(c, Transition)
    ]


class Twins:
    """Both breakers and the log so far; every method asserts the laws of a single step."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self.writer = LogWriter(config)
        self.circuit = initial(config)
        self.naive = NaiveBreaker(config)
        self.changes: list[Change] = []
        self.now = T0
        # Of the HALF_OPEN round now: its epoch, the largest limit in force, the permits spent.
        self.round = -1
        self.limit = 0
        self.spent: set[str] = set()

    def live(self, pause: int, op: tuple[str, Any]) -> None:
        """Appends an event and folds it."""
        self.writer.now = self.now
        ms, seq, event = self.writer.write(pause, op)
        self.now = ms
        waited, due = advance(self.circuit, ms)
        untouched = msgspec.to_builtins(self.circuit)
        after, changes = apply(self.circuit, event, ms, seq)
        assert msgspec.to_builtins(self.circuit) == untouched
        self.naive.event(ms, seq, event)
        if isinstance(event, Outcome) and event.epoch != waited.epoch:
            assert but_checkpoint(after) == but_checkpoint(waited)
            assert changes == due
        if after.epoch == waited.epoch:
            self._same_round(waited, after, event)
        self._take(after, changes)

    def wait(self, pause: int) -> None:
        """Time passes, and somebody applies what it decides."""
        self.now += pause
        untouched = msgspec.to_builtins(self.circuit)
        after, changes = advance(self.circuit, self.now)
        assert msgspec.to_builtins(self.circuit) == untouched
        assert advance(after, self.now) == (after, [])
        self.naive.time_passes(self.now)
        self._take(after, changes)

    def end(self) -> None:
        """The whole log folded at once, without the waiting, says the same."""
        circuit, changes = fold(initial(self.writer.config), self.writer.entries)
        circuit, more = advance(circuit, self.now)
        assert changes + more == self.changes
        assert circuit == self.circuit

    def _take(self, after: Circuit, changes: list[Change]) -> None:
        self.circuit = after
        self.changes += changes
        self._probes_keep_the_limit()
        self._consistent()
        self._agree()

    def _same_round(self, before: Circuit, after: Circuit, event: AnyEvent) -> None:
        """What one event may do to the probes of a round that goes on."""
        gone = before.probes.keys() - after.probes.keys()
        if isinstance(event, ConfigChanged):
            assert after.probes == before.probes
        elif isinstance(event, ProbeStarted):
            if after.probes.keys() - before.probes.keys():
                used = len(after.probes) + after.probe_successes
                assert used <= after.config.half_open_max_calls
        elif isinstance(event, Outcome):
            assert gone <= {event.permit}
            if gone and event.result is Result.SUCCESS:
                self.spent |= gone

    def _probes_keep_the_limit(self) -> None:
        circuit = self.circuit
        if circuit.epoch != self.round:
            self.round, self.limit, self.spent = circuit.epoch, 0, set()
        if circuit.state is CircuitState.HALF_OPEN:
            self.limit = max(self.limit, circuit.config.half_open_max_calls)
            assert len(self.spent) == circuit.probe_successes
            assert len(self.spent | circuit.probes.keys()) <= self.limit

    def _consistent(self) -> None:
        circuit = self.circuit
        twin = circuit.copy()
        twin.derive()
        assert twin == circuit
        assert circuit.next_deadline_ms > self.now
        assert circuit.epoch == len(summary(self.changes))
        sums = [sum(bucket[i] for bucket in circuit.buckets) for i in (1, 2, 3)]
        assert sums == [circuit.calls, circuit.failures, circuit.slow]
        indexes = [bucket[0] for bucket in circuit.buckets]
        assert indexes == sorted(set(indexes))
        assert len(indexes) <= 60
        if circuit.state is not CircuitState.HALF_OPEN:
            assert not circuit.probes
        if circuit.state is CircuitState.CLOSED:
            assert circuit.probe_successes == circuit.probes_inconclusive == 0
            assert circuit.opens_in_a_row == circuit.open_until_ms == 0

    def _agree(self) -> None:
        circuit, naive = self.circuit, self.naive
        seen = circuit.at(self.now)
        assert circuit.state.value == naive.state
        assert summary(self.changes) == naive.story
        assert (seen.calls, seen.failures, seen.slow) == naive.seen(self.now)
        assert (circuit.mode, circuit.mode_until_ms or None) == (naive.mode, naive.mode_until)
        assert (circuit.opens_in_a_row, circuit.since_ms) == (naive.opens, naive.since)
        if naive.state == "closed":
            assert circuit.consecutive_failures == naive.streak()
        if naive.state == "open":
            assert circuit.open_until_ms == naive.open_until
        if naive.state == "half_open":
            assert circuit.probes == naive.out
            assert circuit.probe_successes == naive.good_probes
            assert circuit.probes_inconclusive == naive.lost_probes
