"""Counts, bands, pages and evidence as JSON."""

import json
import random
from collections.abc import AsyncIterator

import pytest

from fuseline.events.backend import Backend
from fuseline.projections.bands import bands
from fuseline.projections.counts import bucket_counts
from fuseline.projections.documents import item_document
from fuseline.projections.evidence import evidence
from fuseline.projections.paging import page
from fuseline.projections.timeline import Kind, query
from fuseline.projections.timeline_documents import (
    bands_document,
    counts_document,
    evidence_document,
    page_document,
)
from tests.logbook import open_backend
from tests.projections.tally_support import fill, fold, lively_log


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(redis_url, namespace) as opened:
        yield opened


async def test_they_say_what_their_structures_hold(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = lively_log(random.Random(1), 1500)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    first, last = log[0][0], log[-1][0] + 1
    counts = await bucket_counts(backend, "a", first, last)
    document = json.loads(json.dumps(counts_document("a", counts)))
    outcomes = await query(backend, "a", kinds={Kind.FAILURE}, limit=10_000)
    assert sum(bucket["failure"] for bucket in document["buckets"]) == len(outcomes)
    busiest = max(document["buckets"], key=lambda bucket: bucket["success"])
    assert busiest["p50_ms"] <= busiest["p95_ms"] <= busiest["p99_ms"] <= busiest["max_ms"]
    assert document["complete_from_ms"] == document["from_ms"]
    found = await bands(backend, "a", first, last)
    listed = json.loads(json.dumps(bands_document(found)))["bands"]
    assert (listed[0]["from_ms"], listed[-1]["to_ms"]) == (first, last)
    one = await page(backend, "a", limit=5)
    shown = json.loads(json.dumps(page_document(one, [item_document(i) for i in one.items])))
    assert [item["id"] for item in shown["items"]] == [item.id for item in one.items]
    assert (shown["older"], shown["newer"]) == (one.older, one.newer)
    for item in await query(backend, "a", kinds={Kind.TRANSITION}, limit=20):
        why = await evidence(backend, "a", item.id)
        assert why is not None
        told = json.loads(json.dumps(evidence_document(why)))
        assert told["transition"]["id"] == item.id
        assert len(told["events"]) == len(why.events)
