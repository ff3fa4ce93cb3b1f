"""What is measured: one breaker behind one small interface, whatever library it comes from."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, ClassVar

Callee = Callable[[], Awaitable[Any]]


class Store(Enum):
    """Where a call's admission is decided."""

    NONE = "no breaker"
    MEMORY = "memory"
    REDIS = "Redis at each call"
    VIEW = "memory, shared by Redis"


@dataclass(frozen=True)
class Settings:
    """The same breaker for every library, in words of its own."""

    name: str = field(default_factory=lambda: f"agent-{uuid.uuid4().hex[:12]}")
    threshold: int = 5
    timeout: float = 600.0
    limit: int = 1
    lease: float = 120.0


class CalleeError(Exception):
    """What the callee raises when it is meant to fail."""


async def noop() -> None:
    """The callee of the hot path: everything measured is the breaker's own cost."""


class Subject(ABC):
    """One breaker of one library in one mode."""

    key: ClassVar[str]
    package: ClassVar[str]
    module: ClassVar[str]
    store: ClassVar[Store]
    note: ClassVar[str] = ""
    rejection: type[Exception] = Exception

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    @classmethod
    def version(cls) -> str:
        """The installed version, or ``""`` when the package is only a source tree."""
        if not cls.package:
            return ""
        try:
            return version(cls.package)
        except PackageNotFoundError:
            return ""

    @classmethod
    def installed(cls) -> bool:
        """Whether the library can be imported here."""
        return not cls.module or find_spec(cls.module) is not None

    @abstractmethod
    async def setup(self, url: str) -> None:
        """Make the breaker and, in a Redis mode, its client."""

    @abstractmethod
    def guard(self, fn: Callee) -> Callee:
        """``fn`` behind the breaker, in the library's own cheapest idiom."""

    @abstractmethod
    async def state(self) -> str:
        """CLOSED, OPEN or HALF_OPEN as the library itself reports it."""

    async def settle(self) -> None:
        """Wait until work the library left for later is done."""
        return

    async def close(self) -> None:
        """Give back connections and background tasks."""
        return

    async def trip(self) -> None:
        """Fail calls until one is rejected without reaching the callee."""
        reached = 0

        async def fail() -> None:
            nonlocal reached
            reached += 1
            raise CalleeError

        guarded = self.guard(fail)
        for attempt in range(1000):
            try:
                await guarded()
            except Exception:  # noqa: BLE001 - some announce the trip with an error of their own
                if reached == attempt:
                    await self.settle()
                    return
        raise RuntimeError(f"{self.key} did not open after {reached} failures")


class BareAwait(Subject):
    """The floor: the same await with no breaker around it."""

    key, package, module, store = "bare await", "", "", Store.NONE

    async def setup(self, url: str) -> None:
        """Nothing to set up."""

    def guard(self, fn: Callee) -> Callee:
        """No guard."""
        return fn

    async def state(self) -> str:
        """Always CLOSED."""
        return "CLOSED"


class Fuseline(Subject):
    """Fuseline as its users run it: a manager with the recorder and a projector beside it."""

    key, package, module, store = "fuseline", "fuseline", "fuseline", Store.VIEW
    namespace: ClassVar[str] = "bench"

    @classmethod
    def installed(cls) -> bool:
        """Importable and complete enough to measure."""
        if find_spec("fuseline") is None:
            return False
        import fuseline

        return hasattr(fuseline, "CircuitBreakerManager")

    @classmethod
    def version(cls) -> str:
        """The version of what is imported, installed or not."""
        import fuseline

        return fuseline.__version__

    async def setup(self, url: str) -> None:
        """Connect a manager and take one breaker from it."""
        from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError

        chosen = self.settings
        self.rejection = CircuitBreakerOpenError
        self._stack = AsyncExitStack()
        self.manager = await self._stack.enter_async_context(
            CircuitBreakerManager.connect(url, namespace=self.namespace)
        )
        self.breaker = self.manager.get(
            chosen.name,
            config=CircuitBreakerConfig(
                failure_threshold=chosen.threshold,
                failure_rate_threshold=None,
                timeout_seconds=chosen.timeout,
                half_open_max_calls=chosen.limit,
                probe_lease_seconds=chosen.lease,
            ),
        )

    def guard(self, fn: Callee) -> Callee:
        """``breaker.call``."""
        return partial(self.breaker.call, fn)

    async def state(self) -> str:
        """The projection's state, asked from Redis."""
        snapshot = await self.breaker.snapshot()
        return normal(snapshot.state)

    async def settle(self) -> None:
        """Every outcome recorded so far is in the log."""
        await self.manager.flush()

    async def close(self) -> None:
        """Close the manager."""
        await self._stack.aclose()


def normal(state: Any) -> str:
    """One spelling for a state, from an enum member, a name or a value."""
    name = str(getattr(state, "name", state)).upper().replace("-", "_")
    return {"OPENED": "OPEN", "HALF_OPENED": "HALF_OPEN"}.get(name, name)
