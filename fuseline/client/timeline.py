"""What happened to a circuit: pages, one item after the other, counts, states, and why."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from fuseline.client.operation import Operation
from fuseline.client.transport import Transport
from fuseline.schemas.timeline import (
    Explanation,
    Kind,
    TimelineBands,
    TimelineCounts,
    TimelineItem,
    TimelinePage,
)
from fuseline.schemas.workers import CircuitWorkers

TIMELINE = Operation("getTimeline", "GET", "/circuits/{name}/timeline", TimelinePage)
COUNTS = Operation("getTimelineCounts", "GET", "/circuits/{name}/timeline/counts", TimelineCounts)
BANDS = Operation("getTimelineBands", "GET", "/circuits/{name}/timeline/bands", TimelineBands)
WORKERS = Operation("getCircuitWorkers", "GET", "/circuits/{name}/workers", CircuitWorkers)
EXPLAIN = Operation("explainTransition", "GET", "/circuits/{name}/explain", Explanation)

Moment = datetime | int | str
"""A time with zone, ms since 1970, or an age like "-5m"."""

_OLDEST = "oldest"


class Timeline:
    """The part of `client.circuits` that looks back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def timeline(
        self,
        name: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        kinds: Sequence[Kind | str] = (),
        limit: int = 100,
        before: str | None = None,
        after: str | None = None,
    ) -> TimelinePage:
        """A page of what happened, the oldest first; by default the newest page.

        Args:
            name: of the agent.
            since: not before this.
            until: not after this.
            kinds: of items; also the groups changes, outcomes and failures. Empty: all.
            limit: items of a page.
            before: `older` of another page.
            after: `newer` of another page; "oldest" for the first of all.
        """
        query = {
            "since": since,
            "until": until,
            "kinds": ",".join(kinds) or None,
            "limit": limit,
            "before": before,
            "after": after,
        }
        return await self._transport.call(TIMELINE, path={"name": name}, query=query)

    async def items(
        self,
        name: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        kinds: Sequence[Kind | str] = (),
        newest_first: bool = False,
        page_size: int = 500,
    ) -> AsyncGenerator[TimelineItem]:
        """All that happened, page after page, up to what there is when it gets there.

        Args:
            name: of the agent.
            since: not before this.
            until: not after this.
            kinds: see `timeline`.
            newest_first: backwards.
            page_size: items that are asked for at once.
        """
        before, after = None, None if newest_first else _OLDEST
        while True:
            page = await self.timeline(
                name,
                since=since,
                until=until,
                kinds=kinds,
                limit=page_size,
                before=before,
                after=after,
            )
            for item in reversed(page.items) if newest_first else page.items:
                yield item
            if newest_first:
                before = page.older
                if before is None:
                    return
            else:
                after = page.newer
                if not page.has_newer and not page.partial:
                    return

    async def counts(
        self,
        name: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        bucket_ms: int | None = None,
        max_buckets: int | None = None,
    ) -> TimelineCounts:
        """How calls ended, by bucket of time.

        Args:
            name: of the agent.
            since: not before this.
            until: not after this.
            bucket_ms: width of a bucket; None: what fits the range.
            max_buckets: most buckets of the answer; None: as many as the API gives.
        """
        query = {
            "since": since,
            "until": until,
            "bucket_ms": bucket_ms,
            "max_buckets": max_buckets,
        }
        return await self._transport.call(COUNTS, path={"name": name}, query=query)

    async def bands(
        self,
        name: str,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: int = 1000,
    ) -> TimelineBands:
        """In which state and mode the circuit was when.

        Args:
            name: of the agent.
            since: not before this.
            until: not after this.
            limit: most spans.
        """
        query = {"since": since, "until": until, "limit": limit}
        return await self._transport.call(BANDS, path={"name": name}, query=query)

    async def workers(
        self, name: str, *, since: Moment | None = None, until: Moment | None = None
    ) -> CircuitWorkers:
        """Calls and failures by worker, the one with the most failures first.

        Args:
            name: of the agent.
            since: not before this; by default the last hour.
            until: not after this.
        """
        query = {"since": since, "until": until}
        return await self._transport.call(WORKERS, path={"name": name}, query=query)

    async def explain(self, name: str, transition: str | int) -> Explanation:
        """Why a transition happened, with the calls that made it.

        Args:
            name: of the agent.
            transition: its id in the timeline, or its epoch.
        """
        query = {"transition": transition}
        return await self._transport.call(EXPLAIN, path={"name": name}, query=query)
