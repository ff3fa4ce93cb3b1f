"""What the routes work with; one for each API process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from litestar.di import NamedDependency
from msgspec import Struct, field

from fuseline.alerts.store import AlertStore
from fuseline.api.access.access import Access
from fuseline.api.access.settings import ApiSettings
from fuseline.api.metrics import OverviewFigures
from fuseline.api.stream.hub import StreamHub
from fuseline.bridge.remote import RemoteCalls
from fuseline.bridge.tasks.client import TaskClient
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.backend import Backend
from fuseline.registry.store import Registry
from fuseline.telemetry.circuits import circuits
from fuseline.telemetry.observed import observed


class Services(Struct, frozen=True):
    """Everything a request may need.

    Attributes:
        backend: the namespace.
        settings: of this process.
        access: who may do what.
        registry: the agents.
        tasks: submits tasks and waits for their results.
        calls: admits and records calls of other programs.
        alerts: rules, channels, incidents.
        hub: feeds the streams.
        folding: held while a long range is folded for one answer, so that others are served.
        figures: of all circuits, for `/metrics`.
    """

    backend: Backend
    settings: ApiSettings
    access: Access
    registry: Registry
    tasks: TaskClient
    calls: RemoteCalls
    alerts: AlertStore
    hub: StreamHub
    figures: OverviewFigures
    folding: anyio.Lock = field(default_factory=anyio.Lock)


Given = NamedDependency[Services]
"""What a route asks for under the name `services`."""


@asynccontextmanager
async def serving(
    backend: Backend, settings: ApiSettings, access: Access, defaults: CircuitBreakerConfig
) -> AsyncIterator[Services]:
    """Makes the services of a process and runs what has to run behind them.

    Args:
        backend: the namespace.
        settings: of this process.
        access: who may do what.
        defaults: settings of a breaker where an agent names none.
    """
    tasks = TaskClient(backend)
    calls = RemoteCalls(backend, defaults)
    hub = StreamHub(backend)
    figures = OverviewFigures()
    services = Services(
        backend,
        settings,
        access,
        Registry(backend, defaults),
        tasks,
        calls,
        AlertStore(backend),
        hub,
        figures,
    )
    observed.add(figures)
    circuits.add(figures.circuits)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(hub.run)
            yield services
            group.cancel_scope.cancel()
    finally:
        circuits.remove(figures.circuits)
        observed.remove(figures)
        with anyio.CancelScope(shield=True):
            await calls.close()
            await tasks.close()
