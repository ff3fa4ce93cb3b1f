"""Admission when memory alone cannot decide: first sight, probes, and a log that is away."""

from __future__ import annotations

from time import monotonic
from typing import Protocol

import anyio

from fuseline.bridge.local import Admission, LocalCircuit
from fuseline.bridge.recorder import Recorder
from fuseline.core.circuit import CircuitState
from fuseline.core.config import WhenUnavailable
from fuseline.core.errors import BackendError, ManagerClosedError
from fuseline.core.events import Mode
from fuseline.events.keys import AgentKeys

FIRST_SECONDS = 2.0
"""Longest wait for the first view of a circuit, from a server that owes no answer."""

_EARLY_MS = 20
"""How far the estimate of Redis's clock may make a caller early for a probe; it waits then."""

_WAIT_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016)


class Host(Protocol):
    """What admission needs of the manager."""

    recorder: Recorder
    budget_seconds: float

    @property
    def first_view_seconds(self) -> float:
        """Longest wait for the first view of a circuit: short when the server owes an answer."""
        ...

    async def refresh(self, name: str, timeout_seconds: float) -> None:
        """Takes over the circuit's projection as it is now; registers the agent if need be.

        Raises:
            BackendError: the server cannot say.
            TimeoutError: not in time.
        """
        ...

    async def acquire_probe(
        self, keys: AgentKeys, epoch: int, lease_ms: int, timeout_seconds: float
    ) -> list[bytes]:
        """Asks for a place in the round; a caller that leaves meanwhile gives the place back.

        Raises:
            BackendError: the server cannot say.
            TimeoutError: not in time.
        """
        ...

    def begin_unseen(self, name: str) -> None:
        """Lets the agent's breaker decide alone until the log can be asked."""
        ...


async def admit(host: Host, keys: AgentKeys, circuit: LocalCircuit) -> Admission | None:
    """Decides about one call; None means refused.

    Waits for the server only where that is promised: for the first view of a circuit, for a
    probe's permit, and for the log's word on a round that is decided.

    Raises:
        ManagerClosedError: the manager has been closed.
    """
    if circuit.closed:
        raise ManagerClosedError(keys.name)
    if circuit.view is None:
        try:
            # The one wait that may be long: admitting unseen is how a new worker would let a
            # burst through an open circuit.
            await host.refresh(
                keys.name, host.first_view_seconds if circuit.available else host.budget_seconds
            )
        except (BackendError, TimeoutError):
            if circuit.view is None:  # else another caller, or the feed, has been here meanwhile
                host.begin_unseen(keys.name)
    view = circuit.view
    assert view is not None
    mode = circuit.mode()
    if mode is Mode.FORCED_OPEN:
        return None
    if mode is Mode.FORCED_CLOSED or not view.config.enabled:
        return Admission(view.epoch)
    if circuit.log_away:
        return None if circuit.held_back() else _without_log(circuit)
    if circuit.suspect:
        own = circuit.own
        if own is None or own.state is CircuitState.CLOSED:
            return None if circuit.held_back() else circuit.admit_alone()
        # Own probes would not be counted with those of others, so the log must speak first.
        if circuit.refuse_until > monotonic() or not await _spoken(host, circuit):
            return None
        return await admit(host, keys, circuit)
    if view.state is CircuitState.CLOSED:
        return None if circuit.held_back() else Admission(view.epoch)
    return await _probe(host, keys, circuit)


async def _spoken(host: Host, circuit: LocalCircuit) -> bool:
    """Waits for the log's word on what this process's own outcomes have opened."""
    deadline = monotonic() + host.budget_seconds
    waits = iter(_WAIT_SECONDS)
    while circuit.suspect and circuit.available:
        if monotonic() > deadline:
            return False
        await anyio.sleep(next(waits, _WAIT_SECONDS[-1]))
    return True


def _unheard(circuit: LocalCircuit, epoch: int) -> Admission | None:
    """The budget is spent and the log has not spoken: what this process knows for sure decides."""
    return Admission(epoch + 1) if circuit.won_round(epoch) else None


def _without_log(circuit: LocalCircuit) -> Admission | None:
    view = circuit.view
    assert view is not None
    policy = view.config.when_unavailable
    if policy is WhenUnavailable.REJECT:
        return None
    if policy is WhenUnavailable.LAST_KNOWN:
        return Admission(view.epoch) if view.state is CircuitState.CLOSED else None
    return circuit.admit_alone()


async def _probe(host: Host, keys: AgentKeys, circuit: LocalCircuit) -> Admission | None:
    """Asks for a place in the round; waits for the log where the round is decided already."""
    deadline = monotonic() + host.budget_seconds
    waits = iter(_WAIT_SECONDS)
    may_be_early = circuit.view is not None and circuit.view.state is CircuitState.OPEN
    while True:
        view = circuit.view
        assert view is not None
        epoch = view.epoch + 1 if view.state is CircuitState.OPEN else view.epoch
        lease_seconds = view.config.probe_lease_seconds
        try:
            # The results of this process's own probes must count before it asks for more.
            await host.recorder.flush(deadline - monotonic())
            sent = monotonic()
            lease_ms = round((lease_seconds + host.budget_seconds) * 1000)
            reply = await host.acquire_probe(keys, epoch, lease_ms, deadline - sent)
            if reply[0] == b"OK":
                # The place is kept a little longer than the call may last, so that the result of
                # a call that is cut off still counts.
                return Admission(epoch, reply[1].decode(), sent + lease_seconds)
            await host.refresh(keys.name, deadline - monotonic())
        except (BackendError, TimeoutError):
            # A server that is only slow must not lead to more probes than the limit.
            return _unheard(circuit, epoch) if circuit.available else _without_log(circuit)
        view = circuit.view
        assert view is not None
        if view.state is CircuitState.CLOSED or circuit.mode() is not Mode.AUTO:
            return await admit(host, keys, circuit)
        if may_be_early and reply[0] == b"OPEN" and int(reply[1]) <= _EARLY_MS:
            may_be_early = False
            await anyio.sleep(int(reply[1]) / 1000)
            continue
        # OPEN: not yet due; FULL: all places are out. The other answers mean that the log holds
        # more than the projection does, which its next commit will show.
        if reply[0] in (b"OPEN", b"FULL"):
            return None
        if monotonic() > deadline:
            return _unheard(circuit, epoch)
        if circuit.refuse_until > monotonic():
            return None
        await anyio.sleep(next(waits, _WAIT_SECONDS[-1]))
