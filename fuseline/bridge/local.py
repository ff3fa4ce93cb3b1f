"""What one process knows of one circuit: the last view, and its own outcomes on top of it.

The view is the log's word, some hundred microseconds old. `own` is the same fold over this
process's outcomes since that view. When `own` opens before the view does, calls are refused until
the log has spoken (read your own failures); when the log cannot speak, `own` decides alone.
Does no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from msgspec import Struct

from fuseline.bridge.batch import Success
from fuseline.bridge.ramp import RECOVERING, Ramp
from fuseline.bridge.refusals import OpenUntil
from fuseline.core.circuit import NEVER_MS, Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig, WhenUnavailable
from fuseline.core.counting import count_successes
from fuseline.core.events import AnyEvent, ConfigChanged, Mode, Outcome, ProbeStarted, Result
from fuseline.core.fold import advance, fold_in_place, initial
from fuseline.events.clock import ServerClock

UNKNOWN_EPOCH = -1
"""Epoch of calls the log did not admit: their outcomes are history, they move no state."""


class Admission(Struct, frozen=True):
    """That a call may begin, and under which terms."""

    epoch: int
    permit: str | None = None
    ends_at: float = inf  # monotonic seconds at which a probe is cut off
    local: bool = False  # decided by this process alone


class LocalCircuit:
    """View, own fold and the gate that the hot path reads.

    Attributes:
        admit_epoch: calls are admitted at once under this epoch; -1: ask `admission.admit`.
        refuse_until: calls are refused at once before this moment (monotonic seconds).
        refusing: the arguments of `CircuitBreakerOpenError` then; a tuple that is there already
            saves an eighth of the time a refusal takes.
        slow_seconds: calls this long are slow.
    """

    def __init__(self, agent: str, clock: ServerClock) -> None:
        self._agent = agent
        self._clock = clock
        self.view: Circuit | None = None
        self.own: Circuit | None = None
        self.available = True
        self.closed = False  # the manager is closed; no call is admitted any more
        self.admit_epoch = -1
        self.refuse_until = 0.0
        self._probes_won = (0, 0)  # a round, and its probes that succeeded here
        self._ramp = Ramp()
        self.refusing: tuple[Any, ...] = (OpenUntil(agent, 0.0, "unknown"),)
        self.slow_seconds = inf
        self._seq = 0

    @property
    def config(self) -> CircuitBreakerConfig | None:
        """The settings in force, once known."""
        return self.view.config if self.view else None

    @property
    def suspect(self) -> bool:
        """Whether this process's own outcomes have opened what the log still holds closed."""
        view, own = self.view, self.own
        return (
            view is not None
            and own is not None
            and own.epoch > view.epoch
            and view.state is CircuitState.CLOSED
        )

    @property
    def position(self) -> tuple[int, int]:
        """How far the view has come in the log."""
        return self.view.position if self.view else (0, 0)

    def state(self) -> CircuitState:
        """The state now: the view's, the own fold's if that is ahead, and what time has done."""
        circuit = self.deciding
        if circuit is None:
            return CircuitState.CLOSED
        if circuit.state is CircuitState.OPEN and circuit.open_until_ms <= self._clock.now_ms():
            return CircuitState.HALF_OPEN
        return circuit.state

    def mode(self) -> Mode:
        """The mode now; an override that has expired counts no more."""
        view = self.view
        if view is None or (view.mode_until_ms and view.mode_until_ms <= self._clock.now_ms()):
            return Mode.AUTO
        return view.mode

    @property
    def decides_alone(self) -> bool:
        """Whether the own fold decides: it is ahead of the view, or the log cannot be asked."""
        view = self.view
        if view is None or self.own is None:
            return False
        if self.log_away:
            return view.config.when_unavailable is WhenUnavailable.LOCAL
        return self.suspect

    @property
    def deciding(self) -> Circuit | None:
        """The circuit that decides now: the own fold's or the view."""
        return self.own if self.decides_alone else self.view

    @property
    def log_away(self) -> bool:
        """Whether the log cannot be asked, now or since the circuit was first needed."""
        return not self.available or self.provisional

    @property
    def provisional(self) -> bool:
        """Whether the view is a closed circuit made up here, because the log could not be asked."""
        return self.view is not None and self.view.epoch == UNKNOWN_EPOCH

    def begin_unseen(self, config: CircuitBreakerConfig) -> None:
        """Starts from a closed circuit of one's own until the log can be asked."""
        circuit = initial(config)
        circuit.epoch = UNKNOWN_EPOCH
        self.update(circuit)

    def update(self, circuit: Circuit, *, anew: bool = False, confirmed: bool = False) -> bool:
        """Takes a newer view; returns whether it counts.

        Args:
            circuit: a projection; it is kept and must not be changed.
            anew: it was folded anew and counts even if it stands at an earlier checkpoint.
            confirmed: it contains every outcome of this process.
        """
        view, own = self.view, self.own
        if view is None or self.provisional:
            anew = True
        elif not anew and circuit.position < view.position:
            return False
        self.view = circuit
        if view is None or own is None or anew or confirmed or circuit.epoch != view.epoch:
            self.own = circuit.copy()
            self._seq = circuit.last_seq
        elif circuit.revision != own.revision:
            change = ConfigChanged(circuit.revision, circuit.config.to_wire())
            self._fold_own(change, self._clock.now_ms())
        slow = circuit.config.slow_call_seconds
        self.slow_seconds = inf if slow is None else slow
        self.set_gate()
        return True

    def close(self) -> None:
        """Admits no more calls; those in flight may still end."""
        self.closed = True
        self.set_gate()

    def record(self, outcome: Outcome, ended: float) -> None:
        """Folds an own outcome that ended at a moment of `time.monotonic`."""
        if self.own is not None:
            epoch = self.own.epoch
            self._fold_own(outcome, self._clock.at_ms(ended))
            if self.own.epoch != epoch:
                self.set_gate()

    def probe_won(self, epoch: int) -> None:
        """A probe that the log has permitted in the round `epoch` has succeeded here."""
        won = self._probes_won[1] if self._probes_won[0] == epoch else 0
        self._probes_won = epoch, won + 1

    def won_round(self, epoch: int) -> bool:
        """Whether probes of this process alone have closed the circuit in the round `epoch`."""
        won_epoch, won = self._probes_won
        view = self.view
        return view is not None and won_epoch == epoch and won >= view.config.half_open_max_calls

    def record_successes(self, successes: Sequence[Success]) -> None:
        """Folds own quick successes, in order."""
        own = self.own
        if own is None or not successes:
            return
        first, last = successes[0], successes[-1]
        at_ms = self._clock.at_ms(last[2])
        width = own.bucket_ms
        if (
            first[0] == last[0]
            and self._clock.at_ms(first[2]) // width == at_ms // width
            and own.last_ms <= at_ms < own.next_deadline_ms
        ):
            self._seq += len(successes)
            count_successes(own, len(successes), last[0], at_ms, self._seq)
        else:
            for epoch, started, ended in successes:
                outcome = Outcome(epoch, Result.SUCCESS, int((ended - started) * 1000))
                self.record(outcome, ended)

    def admit_alone(self) -> Admission | None:
        """Decides by the own fold; None means refused."""
        view = self.view
        if view is None or self.own is None:
            return None
        now_ms = max(self._clock.now_ms(), self.own.last_ms)
        self.own, changes = advance(self.own, now_ms)
        if changes:
            self.set_gate()
        own = self.own
        if own.state is CircuitState.CLOSED:
            local = own.epoch != view.epoch
            return Admission(own.epoch, local=local)
        if own.state is CircuitState.OPEN or not own.probe_places:
            return None
        lease_seconds = own.config.probe_lease_seconds
        self._fold_own(ProbeStarted(own.epoch, round(lease_seconds * 1000)), now_ms)
        ends_at = self._clock.monotonic(own.last_ms) + lease_seconds
        return Admission(own.epoch, own.checkpoint, ends_at, local=True)

    def set_gate(self) -> None:
        """Works out what the hot path may decide without asking."""
        self.admit_epoch, self.refuse_until = -1, 0.0
        view, own = self.view, self.own
        if view is None or own is None or self.closed:
            return
        if view.mode is Mode.FORCED_OPEN:
            until_ms = view.mode_until_ms
            self._refuse_until(self._clock.monotonic(until_ms) if until_ms else inf, "forced_open")
            return
        if view.mode is not Mode.AUTO and view.mode_until_ms:
            return  # an override that expires is looked at for each call
        circuit = self.deciding or view
        forced = view.mode is Mode.FORCED_CLOSED or not view.config.enabled
        if forced or circuit.state is CircuitState.CLOSED:
            refusing = self.log_away and view.config.when_unavailable is WhenUnavailable.REJECT
            plain = view.config.max_concurrent_calls is None and not refusing
            if not forced and circuit.recovering_until_ms > self._clock.now_ms():
                plain = False  # not every call is let through, so each is looked at
            if plain and circuit.epoch == view.epoch:
                self.admit_epoch = view.epoch
        elif circuit.state is CircuitState.OPEN:
            self._refuse_until(self._clock.monotonic(circuit.open_until_ms), circuit.cause)

    def _refuse_until(self, moment: float, cause: str) -> None:
        """Lets the hot path refuse until then (monotonic seconds)."""
        self.refuse_until = moment
        self.refusing = (OpenUntil(self._agent, moment, cause or "unknown"),)

    def held_back(self) -> bool:
        """Whether a call is refused because the agent is recovering; for CLOSED circuits.

        Counts the call: of those asked about, the share that the ramp lets through is told False.
        """
        circuit = self.deciding
        if circuit is None or not circuit.recovering_until_ms:
            return False
        now_ms = self._clock.now_ms()
        if now_ms >= circuit.recovering_until_ms:
            self.set_gate()
            return False
        return not self._ramp.lets_through(circuit, now_ms)

    def retry_after_seconds(self) -> float | None:
        """When asking again can succeed, from now; None if unknown."""
        view = self.view
        if view is None:
            return None
        now_ms = self._clock.now_ms()
        if view.mode is Mode.FORCED_OPEN:
            until_ms = view.mode_until_ms or NEVER_MS
        else:
            circuit = self.deciding or view
            if circuit.state is CircuitState.OPEN:
                until_ms = circuit.open_until_ms
            elif circuit.recovering_until_ms > now_ms:
                # The next call may pass at once, so nobody is told to wait long.
                return min(1.0, (circuit.recovering_until_ms - now_ms) / 1000)
            else:
                until_ms = circuit.next_deadline_ms
        return None if until_ms >= NEVER_MS else max(0.0, (until_ms - now_ms) / 1000)

    def cause(self) -> str:
        """Why calls are refused now."""
        view = self.view
        if view is None:
            return "unknown"
        if view.mode is Mode.FORCED_OPEN:
            return "forced_open"
        circuit = self.deciding or view
        if circuit.recovering_until_ms > self._clock.now_ms():
            return RECOVERING
        return circuit.cause or "unknown"

    def _fold_own(self, event: AnyEvent, at_ms: int) -> None:
        own = self.own
        assert own is not None
        self._seq += 1
        fold_in_place(own, [(max(own.last_ms, at_ms), self._seq, event)])
