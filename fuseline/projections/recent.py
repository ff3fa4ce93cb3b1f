"""What has changed in all agents since the last time, for views that go on."""

from __future__ import annotations

from fuseline.events.backend import Backend
from fuseline.events.wire import translate
from fuseline.projections.overview import Overview
from fuseline.projections.timeline import Item, read_change


class RecentChanges:
    """Reads the history of agents that have changed between two overviews, and of no others.

    Args:
        backend: the namespace.
        since_ms: only what was written after this time of Redis's clock.
    """

    def __init__(self, backend: Backend, since_ms: int) -> None:
        self._backend = backend
        self._start = f"({since_ms}-0"
        self._seen: dict[str, tuple[object, ...]] = {}
        self._positions: dict[str, str] = {}

    async def new(self, overview: Overview) -> list[tuple[str, Item]]:
        """Agents and their new history entries, in order of time.

        Raises:
            BackendUnavailableError: the server does not answer; what is new is given next time.
        """
        changed: list[tuple[str, tuple[object, ...]]] = []
        for status in overview.agents:
            circuit = status.circuit
            if circuit is None or not status.projected:
                continue
            mark: tuple[object, ...] = (
                circuit.epoch, circuit.mode, circuit.mode_until_ms,
                circuit.revision, circuit.set_aside,
            )  # fmt: skip
            if self._seen.get(status.agent) != mark:
                changed.append((status.agent, mark))
        if not changed:
            return []
        replies = await self._backend.wire.call_many(
            [
                (
                    "XRANGE", self._backend.keys.agent(agent).history,
                    self._positions.get(agent, self._start), "+",
                )
                for agent, _ in changed
            ]
        )  # fmt: skip
        found: list[tuple[str, Item]] = []
        for (agent, mark), reply in zip(changed, replies, strict=True):
            if isinstance(reply, Exception):
                raise translate(reply) from reply
            self._seen[agent] = mark
            for raw in reply:
                self._positions[agent] = f"({raw[0].decode()}"
                if (item := read_change(raw)) is not None:
                    found.append((agent, item))
        return sorted(found, key=lambda pair: pair[1].position)
