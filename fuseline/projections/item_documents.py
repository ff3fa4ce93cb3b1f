"""Items of one agent's timeline as documents, with thresholds and names of workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fuseline.core.circuit import ConfigApplied, Transition
from fuseline.events.backend import Backend
from fuseline.projections.documents import Document, item_document
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.timeline import Item
from fuseline.projections.workers import WorkerNames


class ItemDocuments:
    """Makes documents; settings and names are looked up once each.

    Args:
        backend: the namespace.
        agent: whose timeline.
        workers: names that are known already, by worker id.
    """

    def __init__(
        self, backend: Backend, agent: str, workers: Mapping[int, str] | None = None
    ) -> None:
        self.configs = ConfigBook(backend, agent)
        self.workers = WorkerNames(backend, agent, workers)

    async def one(self, item: Item) -> Document:
        """An item, with the settings in force then."""
        content = item.content
        config = None
        if isinstance(content, Transition):
            config = await self.configs.get(content.revision)
        elif isinstance(content, ConfigApplied):
            self.configs.note(content)
        worker = getattr(content, "worker", 0)
        name = await self.workers.get(worker) if worker else None
        return item_document(item, config, name)

    async def all(self, items: Sequence[Item]) -> list[Document]:
        """Items in their order."""
        return [await self.one(item) for item in items]
