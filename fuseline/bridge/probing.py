"""Asking for a probe's permit so that no permit is lost when the asker is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from fuseline.bridge.recorder import Recorder
from fuseline.core.errors import BackendError
from fuseline.core.events import ProbeStarted
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.keys import AgentKeys
from fuseline.telemetry.call_span import AGENT, EPOCH
from fuseline.telemetry.tracing import active_tracer, trace_bytes

if TYPE_CHECKING:
    from fuseline.bridge.breaker import CircuitBreaker


class Host(Protocol):
    """What probing needs of the manager."""

    backend: Backend
    recorder: Recorder
    breakers: dict[str, CircuitBreaker]

    def start_soon(self, job: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Runs a job under the manager's task group."""
        ...


async def acquire(
    host: Host, keys: AgentKeys, epoch: int, lease_ms: int, timeout_seconds: float
) -> list[bytes]:
    """The reply of `acquire_probe`.

    The request runs in a task of its own: cancelling the caller cannot take it back, so when the
    caller has left by the time a permit arrives, its place is given back at once.

    Raises:
        BackendError: the server cannot say.
        TimeoutError: not in time.
    """
    tracer = active_tracer()
    if tracer is None:
        return await _acquire(host, keys, epoch, lease_ms, timeout_seconds)
    about: dict[str, str | int] = {AGENT: keys.name, EPOCH: epoch}
    with tracer.start_as_current_span("fuseline.probe.acquire", attributes=about) as span:
        reply = await _acquire(host, keys, epoch, lease_ms, timeout_seconds)
        span.set_attribute("fuseline.probe.answer", reply[0].decode().lower())
        return reply


async def _acquire(
    host: Host, keys: AgentKeys, epoch: int, lease_ms: int, timeout_seconds: float
) -> list[bytes]:
    answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
    host.start_soon(_ask, host, keys, epoch, lease_ms, answer)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await asyncio.shield(answer)
    except BaseException:
        if answer.done() and not answer.cancelled() and answer.exception() is None:
            _give_back(host, keys, epoch, answer.result())
        else:
            answer.cancel()
        raise


async def _ask(
    host: Host, keys: AgentKeys, epoch: int, lease_ms: int, answer: asyncio.Future[list[bytes]]
) -> None:
    shard = host.backend.keys.shards[keys.shard]
    event = ProbeStarted(epoch, lease_ms, host.recorder.producer, trace_bytes())
    try:
        reply = await host.backend.fcall(
            "acquire_probe",
            (keys.circuit, keys.probes, keys.events, shard.dirty, shard.wake),
            (keys.name, epoch, lease_ms, encode_event(event)),
        )
    except BackendError as error:
        if not answer.done():
            answer.set_exception(error)
        return
    except BaseException:
        answer.cancel()
        raise
    if answer.done():
        _give_back(host, keys, epoch, reply)
    else:
        answer.set_result(reply)


def _give_back(host: Host, keys: AgentKeys, epoch: int, reply: list[bytes]) -> None:
    if reply[0] == b"OK":
        host.breakers[keys.name].abandon_permit(epoch, reply[1].decode())
