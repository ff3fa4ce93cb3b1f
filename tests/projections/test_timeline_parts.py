"""Counts, bands, pages and evidence of one log, held against each other."""

import random

from fuseline.core.events import Result
from fuseline.events.backend import Backend
from fuseline.projections.bands import bands
from fuseline.projections.counts import bucket_counts
from fuseline.projections.evidence import evidence
from fuseline.projections.latency import percentile_ms
from fuseline.projections.paging import page
from fuseline.projections.timeline import Kind, query
from tests.projections.tally_support import fill, fold, lively_log


async def test_they_agree(backend: Backend, redis_url: str, namespace: str) -> None:
    log = lively_log(random.Random(1), 1500)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    first, last = log[0][0], log[-1][0] + 1
    counts = await bucket_counts(backend, "a", first, last)
    outcomes = await query(backend, "a", kinds={Kind.FAILURE}, limit=10_000)
    failures = sum(bucket.total.counts[Result.FAILURE] for bucket in counts.buckets)
    assert failures == len(outcomes)
    busiest = max(counts.buckets, key=lambda bucket: bucket.total.counts[Result.SUCCESS]).total
    shares = [percentile_ms(busiest, share) or 0.0 for share in (0.5, 0.95, 0.99)]
    assert shares == sorted(shares)
    assert shares[-1] <= busiest.longest_ms
    assert counts.complete_from_ms == counts.from_ms
    found = (await bands(backend, "a", first, last)).bands
    assert (found[0].from_ms, found[-1].to_ms) == (first, last)
    one = await page(backend, "a", limit=5)
    assert one.items == await query(backend, "a", limit=5)
    for item in await query(backend, "a", kinds={Kind.TRANSITION}, limit=20):
        why = await evidence(backend, "a", item.id)
        assert why is not None
        assert why.item.id == item.id
        assert len(why.events) <= why.total
