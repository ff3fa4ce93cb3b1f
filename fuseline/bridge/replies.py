"""What the server answers to batches: it has them, or it no longer has what they build on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import anyio

from fuseline.bridge.batch import Batch
from fuseline.bridge.outbox import Outbox, last_ids, refusals
from fuseline.bridge.spool.keeper import SpoolKeeper
from fuseline.events.keys import AgentKeys
from fuseline.telemetry import instruments
from fuseline.telemetry.logs import get_logger

_log = get_logger("recorder")


class Acknowledged(Protocol):
    """Something that is told of its outcomes."""

    def acknowledged(self, event_id: tuple[int, int], count: int) -> None:
        """The next `count` outcomes stand in the log, the last of them under this id."""
        ...


class Replies:
    """Makes of the replies of `append` what they mean for outboxes, spool and sources.

    Args:
        find: see `Recorder`.
        restore: see `Recorder`.
        keeper: of the spool.
        moving: held while batches change numbers.

    Attributes:
        refused: outcomes whose stream belongs to somebody else.
    """

    def __init__(
        self,
        find: Callable[[str], Acknowledged | None],
        restore: Callable[[Iterable[AgentKeys]], Awaitable[None]],
        keeper: SpoolKeeper,
        moving: anyio.Lock,
    ) -> None:
        self._find = find
        self._restore = restore
        self._keeper = keeper
        self._moving = moving
        self.refused = 0

    def acknowledge(self, outbox: Outbox, batch: Batch, reply: list[bytes]) -> None:
        """The log has the batch, but for what it refuses."""
        first_time = outbox.acknowledged(batch)
        if batch.count:
            instruments.append_size.record(batch.count)
        self._keeper.release(batch.row)
        batch.row = 0
        for agent, event_id, count in last_ids(batch, reply):
            if source := self._find(agent.name):
                source.acknowledged(event_id, count if first_time else 0)
        for name, count, error in refusals(batch, reply):
            self.refused += count
            _log.error("outcomes_refused", agent=name, count=count, error=error)

    async def recover(self, outbox: Outbox, reply: list[bytes]) -> None:
        """The log does not know the producer as it should: what it lacks is sent again.

        Raises:
            BackendError: agents that the server has lost cannot be registered again.
        """
        async with self._moving:
            match reply[0]:
                case b"GAP":
                    known = int(reply[1])
                    await self._restore(outbox.agents_after(known))
                    before = outbox.resent
                    lost = outbox.rewind(known)
                    if lost:
                        await self._keeper.renumber(outbox, outbox.renumber())
                    found = {
                        "shard": outbox.shard.shard,
                        "known": known,
                        "sent_again": outbox.resent - before,
                        "lost": lost,
                    }
                    if lost:
                        _log.error("log_went_back", **found)
                    else:
                        _log.warning("log_went_back", **found)
                case b"STALE" | b"TAKEN":
                    await self._keeper.renumber(outbox, outbox.renumber())
