"""Loading circuits: the first view, the view after a gap, and the log's word on own outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from fuseline.bridge.admission import FIRST_SECONDS
from fuseline.bridge.recorder import Recorder
from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.agents import register, was_removed
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.projections.origin import load_origin
from fuseline.projections.store import fold_rest, load_circuits
from fuseline.telemetry.logs import get_logger

if TYPE_CHECKING:
    from fuseline.bridge.breaker import CircuitBreaker

WORD_SECONDS = 2.0
"""Longest wait, behind the callers, for the log's word on this process's own outcomes."""

_RETRY_SECONDS = 0.2
_CONFIRM_SECONDS = (0.004, 0.004, 0.008, 0.016, 0.032)
_CHUNK = 200

_log = get_logger("loading")


class Host(Protocol):
    """What loading needs of the manager."""

    backend: Backend
    recorder: Recorder
    worker: str
    breakers: dict[str, CircuitBreaker]

    def start_soon(self, job: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Runs a job under the manager's task group."""
        ...


class Loads:
    """Loads under way; callers that wait for the same circuit share one."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loading: dict[str, asyncio.Future[None]] = {}
        self.overdue = False  # a caller has waited its longest in vain, and no load has ended since
        self._confirming: set[str] = set()
        self._doubted: list[CircuitBreaker] = []
        self._in_doubt = anyio.Event()

    async def refresh(self, name: str, timeout_seconds: float) -> None:
        """Takes over the circuit's projection as it is now.

        A caller that is cancelled does not disturb the others: the load runs in a task of its own.

        Raises:
            BackendError: the server cannot say.
            TimeoutError: not in time.
        """
        waiting = self._loading.get(name)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._loading[name] = waiting
            self._host.start_soon(self._refresh, name, waiting)
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.shield(waiting)
        except TimeoutError:
            if timeout_seconds >= FIRST_SECONDS:
                self.overdue = True
            raise

    async def _refresh(self, name: str, waiting: asyncio.Future[None]) -> None:
        breaker = self._host.breakers[name]
        try:
            breaker.local.update(await self.read(breaker))
            waiting.set_result(None)
        except BackendError as error:
            if isinstance(error, BackendUnavailableError):
                self.overdue = True
            waiting.set_exception(error)
            waiting.exception()  # nobody may be left to take it
        except BaseException:
            waiting.cancel()
            raise
        finally:
            del self._loading[name]

    async def read(self, breaker: CircuitBreaker) -> Circuit:
        """What the log says now; registers the agent if it is not there.

        The projection may lag, by seconds when its projector has just died, so what the log has
        beyond it is folded here: a new worker must not take an open circuit for a closed one.

        Raises:
            BackendError: the server cannot say.
        """
        circuit = await self.read_projection(breaker)
        await fold_rest(self._host.backend, breaker.keys, circuit)
        self.overdue = False
        return circuit

    async def read_projection(self, breaker: CircuitBreaker) -> Circuit:
        """The projection now, or what is to be folded on; registers the agent if it is not there.

        Raises:
            BackendError: the server cannot say.
        """
        host = self._host
        (circuit,) = await load_circuits(host.backend, [breaker.keys])
        if circuit is not None and circuit.revision and not circuit.removed:
            return circuit
        local = breaker.local
        in_use = local.view is not None and not local.provisional
        # What was removed while it was in use here is not brought back by that use.
        if not (in_use and await was_removed(host.backend, breaker.name)):
            await register(
                host.backend, breaker.name, breaker.config, host.worker, endpoint=breaker.endpoint
            )
        if circuit is not None and circuit.removed:
            return circuit
        return (await load_origin(host.backend, breaker.keys)).circuit

    async def reload(self, breakers: Sequence[CircuitBreaker]) -> None:
        """Loads many circuits again, after a gap in the feed or when the server is back."""
        host = self._host
        for start in range(0, len(breakers), _CHUNK):
            chunk = breakers[start : start + _CHUNK]
            while True:
                try:
                    before = [breaker.local.position for breaker in chunk]
                    circuits = await load_circuits(host.backend, [b.keys for b in chunk])
                    for breaker, circuit, position in zip(chunk, circuits, before, strict=True):
                        if circuit is None or not circuit.revision or circuit.position < position:
                            circuit = await self.read(breaker)
                        # What the log says now can only be older than the view of before if the
                        # server has lost data; then it counts all the same.
                        breaker.local.update(circuit, anew=circuit.position < position)
                        if breaker.local.suspect:
                            self.confirm(breaker)
                    break
                except BackendError as error:
                    _log.warning("reload_waits_for_server", error=str(error))
                    await anyio.sleep(_RETRY_SECONDS)

    async def restore(self, agents: Iterable[AgentKeys]) -> None:
        """Registers agents that the server has lost, under the settings last known.

        Raises:
            BackendError: the server cannot be asked.
        """
        host = self._host
        for keys in agents:
            breaker = host.breakers.get(keys.name)
            if breaker is not None and not await was_removed(host.backend, keys.name):
                await register(
                    host.backend, keys.name, breaker.config, host.worker, endpoint=breaker.endpoint
                )

    async def regain(self, shard: int, breakers: Sequence[CircuitBreaker]) -> None:
        """After a gap in a shard's feed: loads its circuits again.

        If the server has lost data, the last view stays until this process's outcomes, which are
        sent again, are in the projection: else an open circuit would look closed for a moment.
        """
        host = self._host
        patience = monotonic() + WORD_SECONDS
        waits = iter(_CONFIRM_SECONDS)
        try:
            host.recorder.check(shard)
            await host.recorder.flush(WORD_SECONDS)
            behind = [breaker for breaker in breakers if breaker.last_event_id > (0, 0)]
            while behind and monotonic() < patience:
                circuits = await load_circuits(host.backend, [b.keys for b in behind])
                behind = [
                    breaker
                    for breaker, circuit in zip(behind, circuits, strict=True)
                    if circuit is None or circuit.position < breaker.last_event_id
                ]
                if behind:
                    await anyio.sleep(next(waits, _CONFIRM_SECONDS[-1]))
        except BackendError as error:
            _log.warning("reload_waits_for_server", error=str(error))
        await self.reload(breakers)

    async def load_when_possible(self, name: str) -> None:
        """Loads a circuit that could not be loaded when it was first needed."""
        breaker = self._host.breakers[name]
        while breaker.local.provisional:
            await anyio.sleep(_RETRY_SECONDS)
            try:
                breaker.local.update(await self.read(breaker))
            except BackendError:
                continue

    def confirm(self, breaker: CircuitBreaker) -> None:
        """Asks for the log's word on a circuit that this process's own outcomes have opened."""
        if breaker.name not in self._confirming:
            self._confirming.add(breaker.name)
            # Mostly the feed brings the word in a moment; asking at once, and even beginning to,
            # would only be in the way of what makes it come.
            self._doubted.append(breaker)
            asyncio.get_running_loop().call_later(_CONFIRM_SECONDS[0], self._in_doubt.set)

    async def keep_confirming(self) -> None:
        """Sees to those of `confirm`; runs until cancelled."""
        while True:
            await self._in_doubt.wait()
            self._in_doubt = anyio.Event()
            doubted, self._doubted = self._doubted, []
            for breaker in doubted:
                if breaker.local.suspect:
                    self._host.start_soon(self._confirm, breaker)
                else:
                    self._confirming.discard(breaker.name)

    async def _confirm(self, breaker: CircuitBreaker) -> None:
        """Until the projection contains every own outcome; the feed may bring its word earlier."""
        waits = iter(_CONFIRM_SECONDS[1:])
        patience = monotonic() + WORD_SECONDS
        try:
            while True:
                try:
                    await self._host.recorder.flush(WORD_SECONDS)
                    if not breaker.local.suspect:
                        return
                    circuit = await self.read(breaker)
                except BackendError:
                    await anyio.sleep(_RETRY_SECONDS)
                    continue
                complete = not breaker.unacknowledged and not breaker.has_outcomes
                reached = circuit.position >= breaker.last_event_id
                if reached and (complete or monotonic() > patience):
                    breaker.local.update(circuit, confirmed=True)
                if not breaker.local.suspect:
                    return
                await anyio.sleep(next(waits, _CONFIRM_SECONDS[-1]))
        finally:
            self._confirming.discard(breaker.name)
