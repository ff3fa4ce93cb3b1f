"""What happened to a circuit: pages, counts, spans of states, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from fuseline.api.errors import TransitionNotFoundError
from fuseline.api.problems import answers
from fuseline.api.routes.agents import Name
from fuseline.api.services import Given
from fuseline.api.times import ALLOWED, parse_instant
from fuseline.core.errors import AgentNotFoundError, ConfigError
from fuseline.core.events import Result
from fuseline.core.transitions import troubled_workers
from fuseline.projections.bands import MAX_BANDS, bands
from fuseline.projections.buckets import MAX_BUCKETS
from fuseline.projections.by_worker import by_worker
from fuseline.projections.counts import Bucket, bucket_counts
from fuseline.projections.cursors import OLDEST
from fuseline.projections.documents import config_document, mode_name
from fuseline.projections.evidence import evidence
from fuseline.projections.item_documents import ItemDocuments
from fuseline.projections.latency import percentile_ms
from fuseline.projections.overview import overview
from fuseline.projections.paging import MAX_LIMIT, page
from fuseline.projections.tally import PROBES
from fuseline.projections.timeline import Item, Kind, parse_kinds
from fuseline.schemas.circuits import ModeName
from fuseline.schemas.timeline import (
    Band,
    CountBucket,
    Explanation,
    TimelineBands,
    TimelineCounts,
    TimelineItem,
    TimelinePage,
)
from fuseline.schemas.workers import CircuitWorkers, WorkerShare

Since = Annotated[str | None, QueryParameter(description=f"not before {ALLOWED}", max_length=64)]
Until = Annotated[str | None, QueryParameter(description=f"not after {ALLOWED}", max_length=64)]
Before = Annotated[
    str | None, QueryParameter(description="`older` of another page", max_length=200)
]
After = Annotated[
    str | None,
    QueryParameter(
        description="`newer` of another page; `oldest` for the first of all", max_length=200
    ),
]


@get(
    "/circuits/{name:str}/timeline",
    operation_id="getTimeline",
    summary="What happened, a page at a time",
    responses=answers(404),
)
async def get_timeline(
    services: Given,
    name: Name,
    since: Since = None,
    until: Until = None,
    kinds: Annotated[
        str,
        QueryParameter(
            description="by commas: all, changes, outcomes, failures, or kinds of items",
            max_length=300,
        ),
    ] = "all",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="items of a page")] = 100,
    before: Before = None,
    after: After = None,
) -> TimelinePage:
    """Transitions, overrides, changes of settings, calls and probes; by default the newest."""
    await known(services, name)
    since_ms, until_ms = _range(services, since, until)
    found = await page(
        services.backend,
        name,
        since_ms=since_ms,
        until_ms=until_ms,
        kinds=parse_kinds(kinds),
        limit=limit,
        before=before,
        after=OLDEST if after == "oldest" else after,
    )
    return TimelinePage(
        items=await items_of(services, name, found.items),
        older=found.older,
        newer=found.newer,
        has_newer=found.has_newer,
        partial=found.partial,
        scanned_to_ms=found.scanned_to_ms,
    )


@get(
    "/circuits/{name:str}/timeline/counts",
    operation_id="getTimelineCounts",
    summary="How calls ended, by bucket of time",
    responses=answers(404),
)
async def get_counts(
    services: Given,
    name: Name,
    since: Since = None,
    until: Until = None,
    bucket_ms: Annotated[
        int | None,
        QueryParameter(ge=1, description="width of a bucket; absent: what fits the range"),
    ] = None,
    max_buckets: Annotated[
        int, QueryParameter(ge=1, le=MAX_BUCKETS, description="most buckets of the answer")
    ] = MAX_BUCKETS,
) -> TimelineCounts:
    """Counts and durations of a range however long; a month is one small answer."""
    await known(services, name)
    since_ms, until_ms = _range(services, since, until)
    end_ms = services.backend.clock.now_ms() + 1 if until_ms is None else until_ms + 1
    found = await bucket_counts(
        services.backend, name, since_ms, max(end_ms, since_ms + 1), bucket_ms, max_buckets
    )
    return TimelineCounts(
        from_ms=found.from_ms,
        to_ms=found.to_ms,
        bucket_ms=found.bucket_ms,
        buckets=[_bucket(bucket) for bucket in found.buckets if bucket.total.entries],
        complete_from_ms=found.complete_from_ms,
        complete_to_ms=found.complete_to_ms,
        note=found.note,
    )


@get(
    "/circuits/{name:str}/timeline/bands",
    operation_id="getTimelineBands",
    summary="The states over a range",
    responses=answers(404),
)
async def get_bands(
    services: Given,
    name: Name,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_BANDS, description="most spans")] = 1000,
) -> TimelineBands:
    """In which state and mode the circuit was when."""
    await known(services, name)
    since_ms, until_ms = _range(services, since, until)
    end_ms = services.backend.clock.now_ms() if until_ms is None else until_ms
    end_ms = max(end_ms, since_ms + 1)
    found = await bands(services.backend, name, since_ms, end_ms, limit)
    return TimelineBands(
        from_ms=found.bands[0].from_ms if found.bands else since_ms,
        to_ms=end_ms,
        bands=[
            Band(
                state=band.state,
                mode=ModeName(mode_name(band.mode)),
                from_ms=band.from_ms,
                to_ms=band.to_ms,
            )
            for band in found.bands
        ],
        truncated=found.truncated,
    )


@get(
    "/circuits/{name:str}/explain",
    operation_id="explainTransition",
    summary="Why a transition happened",
    responses=answers(404),
)
async def get_explanation(
    services: Given,
    name: Name,
    transition: Annotated[
        str,
        QueryParameter(
            description="id of the transition or override in the timeline, or an epoch",
            max_length=64,
        ),
    ],
) -> Explanation:
    """The cause, the figures against the thresholds, the calls that made them, and the traces."""
    await known(services, name)
    found = await evidence(services.backend, name, transition)
    if found is None:
        raise TransitionNotFoundError(transition)
    documents = ItemDocuments(services.backend, name, found.workers)
    configured = found.configured

    async def shown(item: Item) -> TimelineItem:
        return msgspec.convert(await documents.one(item), TimelineItem)

    changed = None
    if configured is not None:
        item = Item(configured.at_ms, Kind.CONFIG, configured.event_id, configured, (0, 0, 0))
        changed = await shown(item)
    itself = await shown(found.item)
    return Explanation(
        transition=itself,
        why=itself.why or "",
        settings=None if found.config is None else config_document(found.config),
        settings_changed=changed,
        events=[await shown(event) for event in found.events],
        events_total=found.total,
        complete=found.complete,
        opened_by=None if found.opened is None else await shown(found.opened),
    )


@get(
    "/circuits/{name:str}/workers",
    operation_id="getCircuitWorkers",
    summary="Calls and failures by worker",
    responses=answers(404),
)
async def get_workers(
    services: Given, name: Name, since: Since = None, until: Until = None
) -> CircuitWorkers:
    """Who sees the trouble; by default of the last hour, at most its newest 20,000 events."""
    await known(services, name)
    now_ms = services.backend.clock.now_ms()
    since_ms, until_ms = _range(services, since or "-1h", until)
    end_ms = max(since_ms + 1, now_ms + 1 if until_ms is None else until_ms + 1)
    found = await by_worker(services.backend, name, since_ms, end_ms)
    circuit = (await overview(services.backend, [name])).agents[0].circuit
    return CircuitWorkers(
        workers=[
            WorkerShare(
                worker=one.name or (str(one.worker) if one.worker else None),
                calls=one.calls,
                failures=one.failures,
                failure_rate=one.failures / one.calls,
                timeouts=one.timeouts,
                last_ms=one.last_ms,
                kinds=one.kinds,
            )
            for one in found.workers
        ],
        from_ms=found.from_ms,
        to_ms=end_ms,
        events=found.events,
        in_trouble=0 if circuit is None else troubled_workers(circuit, now_ms // circuit.bucket_ms),
        minimum_workers=1 if circuit is None else circuit.config.minimum_workers,
    )


def _bucket(bucket: Bucket) -> CountBucket:
    total = bucket.total
    return CountBucket(
        from_ms=bucket.from_ms,
        **{result.name.lower(): total.counts[result] for result in Result},
        probes=total.counts[PROBES],
        p50_ms=percentile_ms(total, 0.5),
        p95_ms=percentile_ms(total, 0.95),
        p99_ms=percentile_ms(total, 0.99),
        longest_ms=total.longest_ms,
    )


def _range(services: Given, since: str | None, until: str | None) -> tuple[int, int | None]:
    now_ms = services.backend.clock.now_ms()
    since_ms = 0 if since is None else parse_instant("since", since, now_ms)
    until_ms = None if until is None else parse_instant("until", until, now_ms)
    if until_ms is not None and until_ms < since_ms:
        raise ConfigError("until", until, "a time that is not before since")
    return since_ms, until_ms


async def known(services: Given, name: str) -> None:
    """Lets an agent pass that is registered, or was.

    Raises:
        AgentNotFoundError: nothing is known of it.
    """
    agent = services.backend.keys.agent(name)
    if not await services.backend.wire.call("EXISTS", agent.circuit, agent.history, agent.events):
        raise AgentNotFoundError(name)


async def items_of(services: Given, name: str, items: Sequence[Item]) -> list[TimelineItem]:
    """Items as the API shows them."""
    documents = await ItemDocuments(services.backend, name).all(items)
    return msgspec.convert(documents, list[TimelineItem])


routes = Router(
    "/",
    route_handlers=[get_timeline, get_counts, get_bands, get_workers, get_explanation],
    tags=["circuits"],
)
