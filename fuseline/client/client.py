"""The client: one object for one API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, Unpack
from weakref import WeakSet

from fuseline.client.access import ME, Session, Tokens
from fuseline.client.agents import Agents
from fuseline.client.alerts import Alerts
from fuseline.client.calls import Calls
from fuseline.client.circuits import Circuits
from fuseline.client.settings import find_target
from fuseline.client.stream import SILENCE_SECONDS, EventStream
from fuseline.client.system import HEALTH, METRICS, READINESS, VERSION
from fuseline.client.tasks import TaskOptions, Tasks
from fuseline.client.transport import Transport
from fuseline.core.errors import ConfigError
from fuseline.core.states import CircuitState
from fuseline.schemas.access import Me
from fuseline.schemas.circuits import ModeName
from fuseline.schemas.system import Health, Version
from fuseline.schemas.tasks import TaskOutcome


class FuselineClient:
    """Asks a Fuseline API: `async with FuselineClient() as client`.

    Requests that change nothing are repeated when the API is away for a moment or asks for it by
    Retry-After; others are not, because they may have been carried out. Proxies of the environment
    are not used. Tokens stand in no log, repr or error.

    Args:
        url: of the API's root; None: FUSELINE_API_URL, else http://127.0.0.1:8787.
        token: as `fuseline tokens create` prints it; None: FUSELINE_API_TOKEN, else none.
        timeout_seconds: longest wait for an answer, repetitions included.
        attempts: how often what changes nothing is asked in all.
        ca_file: PEM file with the authorities to trust; None: those that come along.

    Attributes:
        agents: the registry.
        circuits: how the breakers stand, what happened, an operator's word.
        calls: calls that you make yourself, where only the API can be reached.
        tasks: calls that workers make for you.
        alerts: who is told of what, and was.
        tokens: who may ask.
        session: asking as a browser does.

    Raises:
        ConfigError: a value is not allowed.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout_seconds: float = 10.0,
        attempts: int = 4,
        ca_file: str | None = None,
    ) -> None:
        if not 0 < timeout_seconds < float("inf"):
            raise ConfigError("timeout_seconds", timeout_seconds, "a number above 0")
        if attempts < 1:
            raise ConfigError("attempts", attempts, "1 or more")
        self._transport = Transport(
            find_target(url, token, os.environ),
            timeout_seconds=timeout_seconds,
            attempts=attempts,
            ca_file=ca_file,
        )
        self._streams: WeakSet[EventStream] = WeakSet()
        self.agents = Agents(self._transport)
        self.circuits = Circuits(self._transport)
        self.calls = Calls(self._transport)
        self.tasks = Tasks(self._transport)
        self.alerts = Alerts(self._transport)
        self.tokens = Tokens(self._transport)
        self.session = Session(self._transport)

    def __repr__(self) -> str:
        return f"FuselineClient({self._transport.target!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the streams and closes the connections."""
        for stream in list(self._streams):
            await stream.aclose()
        await self._transport.close()

    async def me(self) -> Me:
        """Who you are there."""
        return await self._transport.call(ME)

    async def health(self) -> Health:
        """Whether the process runs."""
        return await self._transport.call(HEALTH)

    async def ready(self) -> Health:
        """Whether it can serve; `reason` says what is missing."""
        return await self._transport.call(READINESS)

    async def version(self) -> Version:
        """What is running there."""
        return await self._transport.call(VERSION)

    async def metrics(self) -> str:
        """Figures in Prometheus's text format."""
        return await self._transport.call(METRICS)

    async def run(
        self,
        agent: str,
        payload: Any,
        *,
        wait_seconds: float = 300.0,
        **options: Unpack[TaskOptions],
    ) -> TaskOutcome:
        """Has a worker call an agent, and waits for the result; see `Tasks.run`."""
        return await self.tasks.run(agent, payload, wait_seconds=wait_seconds, **options)

    def stream(
        self,
        *,
        agents: Sequence[str] = (),
        states: Sequence[CircuitState | ModeName | str] = (),
        kinds: Sequence[str] = (),
        last_id: str | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        give_up_seconds: float | None = None,
    ) -> EventStream:
        """All circuits now, then every change: `async for event in client.stream()`.

        Args:
            agents: only these; empty: all.
            states: only circuits in these states or modes; empty: all.
            kinds: changes, figures; empty: both.
            last_id: go on after the event of this id.
            silence_seconds: a connection that says nothing for so long is made anew.
            give_up_seconds: without a connection for so long, it raises; None: never.
        """
        query = {
            "agents": ",".join(agents) or None,
            "state": ",".join(states) or None,
            "kinds": ",".join(kinds) or None,
        }
        stream = EventStream(
            self._transport,
            query,
            last_id=last_id,
            silence_seconds=silence_seconds,
            give_up_seconds=give_up_seconds,
        )
        self._streams.add(stream)
        return stream
