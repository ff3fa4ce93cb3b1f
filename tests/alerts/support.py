"""What the tests of alerts share: a receiver process, a notifier beside a projector, outcomes."""

import asyncio
import contextlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fuseline.alerts.model import Incident
from fuseline.alerts.notifier import Notifier
from fuseline.alerts.sending import Sender
from fuseline.alerts.store import AlertStore
from fuseline.bridge.outbound.policy import OutboundPolicy
from fuseline.bridge.secrets import SecretSource
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, OverrideSet
from fuseline.core.fold import initial as initial
from fuseline.events.agents import override, register
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector
from fuseline.schemas.incidents import IncidentResponse
from tests.logbook import append, failing, failure, open_backend
from tests.waiting import eventually

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading certificates takes a while
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {"HOOK_SECRET": SECRET, "PLAIN_SECRET": "not base64 at all"}


class Receiver:
    """The process, and what it got so far."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[dict[str, Any]] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.requests.append(json.loads(line))

    def bodies(self, event: str = "", taken: bool = True) -> list[dict[str, Any]]:
        """The bodies that came, by default those that were taken."""
        return [
            body
            for request in self.requests
            if not taken or request["status"] < 300
            for body in [json.loads(request["body"])]
            if body["type"].endswith(event)
        ]

    async def close(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reader


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-S", "-E"),  # it needs nothing that is installed
        str(Path(__file__).parent / "receiver.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
    )
    assert process.stdout is not None
    port = json.loads(await process.stdout.readline())["port"]
    receiver = Receiver(process, port)
    try:
        yield receiver
    finally:
        await receiver.close()


def sender(namespace: str = "test", **environ: str) -> Sender:
    return Sender(
        namespace, SecretSource(ENVIRON | environ), OutboundPolicy(allow=["127.0.0.1"]), _NO_TLS
    )


@contextlib.asynccontextmanager
async def running(*jobs: Any) -> AsyncIterator[None]:
    """Coroutines that run beside the test; an error of theirs is the test's."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if not isinstance(end, asyncio.CancelledError) and isinstance(end, BaseException):
                raise end


class World:
    """One namespace with a projector, a notifier and a receiver."""

    def __init__(self, backend: Backend, receiver: Receiver) -> None:
        self.backend = backend
        self.receiver = receiver
        self.store = AlertStore(backend)
        self._seq = 0

    async def channel(self, name: str = "ops", path: str = "/ok", **values: Any) -> None:
        await self.store.put_channel(
            {
                "name": name,
                "to": {
                    "kind": "webhook",
                    "url": f"{self.receiver.url}{path}",
                    "secret": "${env:HOOK_SECRET}",
                }
                | values,
            },
            "test",
        )

    async def rule(self, kind: str = "opened", **values: Any) -> None:
        """A rule named as its kind; `when` adds to the condition."""
        when = {"kind": kind} | values.pop("when", {})
        await self.store.put_rule(
            {"name": kind, "when": when, "channels": ["ops"]} | values, "test"
        )

    async def agent(self, name: str, config: CircuitBreakerConfig | None = None) -> None:
        await register(self.backend, name, config or failing(1), "test")

    async def fail(self, agent: str, count: int = 1, **values: Any) -> None:
        """Failures straight into the log."""
        self._seq += 1
        # A producer of its own, so that its numbers begin anew.
        await append(
            self.backend,
            agent,
            [failure(worker=100_000 + self._seq, seq=n + 1, **values) for n in range(count)],
            producer=100_000 + self._seq,
        )

    async def force(self, agent: str, mode: Mode, *, reset: bool = False) -> None:
        event = OverrideSet(mode=mode, actor="test", reason="test", expires_in_ms=0, reset=reset)
        await override(self.backend, agent, event)

    async def close_circuit(self, agent: str) -> None:
        await self.force(agent, Mode.AUTO, reset=True)

    async def incidents(self, **values: Any) -> list[IncidentResponse]:
        return await self.store.incidents(**values)

    async def until_notices(self, count: int, event: str = "") -> list[dict[str, Any]]:
        """Waits until exactly so many notices were taken, told apart by their ids."""

        def taken() -> list[dict[str, Any]]:
            return list({body["id"]: body for body in self.receiver.bodies(event)}.values())

        await eventually(lambda: len(taken()) >= count)
        assert len(taken()) == count, taken()
        return taken()

    async def until_settled(self) -> None:
        """Waits until the outbox is empty."""

        async def empty() -> bool:
            return await self.backend.wire.call("HLEN", self.backend.keys.alerts.outbox) == 0

        await eventually(empty)


@contextlib.asynccontextmanager
async def world(
    url: str, namespace: str, receiver: Receiver, *, projector: bool = True, **environ: str
) -> AsyncIterator[World]:
    async with (
        open_backend(url, namespace) as own,
        open_backend(url, namespace) as backend,
    ):
        made = World(own, receiver)
        notifier = Notifier(backend, "test-notifier", sender(namespace, **environ), lease_ms=1000)
        jobs = [notifier.run()]
        if projector:
            jobs.append(Projector(own, "test-projector").run())
        async with running(*jobs):
            await eventually(lambda: notifier.notifies)
            yield made


def ids(incidents: list[Incident]) -> list[str]:
    return [one.id for one in incidents]
