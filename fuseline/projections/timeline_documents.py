"""Counts, bands, pages and evidence as JSON documents, the same from every surface."""

from __future__ import annotations

from fuseline.core.circuit import Transition
from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.projections.bands import Bands
from fuseline.projections.counts import Counts
from fuseline.projections.documents import (
    Document,
    config_document,
    iso,
    item_document,
    mode_name,
)
from fuseline.projections.evidence import Evidence
from fuseline.projections.latency import percentile_ms
from fuseline.projections.paging import Page
from fuseline.projections.tally import PROBES, Sum
from fuseline.projections.timeline import Item


def counts_document(name: str, counts: Counts) -> Document:
    """Counts by bucket; `complete_from` and `complete_to` say for when they are right."""
    return {
        "agent": name,
        "from_ms": counts.from_ms,
        "to_ms": counts.to_ms,
        "bucket_ms": counts.bucket_ms,
        "note": counts.note or None,
        "complete_from": iso(counts.complete_from_ms),
        "complete_from_ms": counts.complete_from_ms,
        "complete_to": iso(counts.complete_to_ms),
        "complete_to_ms": counts.complete_to_ms,
        "buckets": [
            {"at": iso(bucket.from_ms), "at_ms": bucket.from_ms, **_sum(bucket.total)}
            for bucket in counts.buckets
        ],
    }


def _sum(total: Sum) -> Document:
    has_calls = bool(total.bins)
    return {
        **{result.name.lower(): total.counts[result] for result in Result},
        "probe": total.counts[PROBES],
        "p50_ms": percentile_ms(total, 0.50),
        "p95_ms": percentile_ms(total, 0.95),
        "p99_ms": percentile_ms(total, 0.99),
        "max_ms": total.longest_ms if has_calls else None,
    }


def bands_document(bands: Bands) -> Document:
    """States and modes over a span of time."""
    return {
        "truncated": bands.truncated,
        "bands": [
            {
                "state": band.state.value,
                "mode": mode_name(band.mode),
                "from": iso(band.from_ms),
                "from_ms": band.from_ms,
                "to": iso(band.to_ms),
                "to_ms": band.to_ms,
            }
            for band in bands.bands
        ],
    }


def page_document(page: Page, items: list[Document]) -> Document:
    """A page; its items are made by `item_document`, with the settings that the caller knows."""
    return {
        "items": items,
        "older": page.older,
        "newer": page.newer,
        "has_newer": page.has_newer,
        "partial": page.partial,
        "scanned_to": iso(page.scanned_to_ms),
        "scanned_to_ms": page.scanned_to_ms,
    }


def evidence_document(evidence: Evidence) -> Document:
    """A transition with the settings in force, their author, and the events behind its figures."""
    configured = evidence.configured
    return {
        "transition": item_document(
            evidence.item, evidence.config, _worker(evidence.item, evidence)
        ),
        "config": None if evidence.config is None else config_document(evidence.config),
        "configured_by": None
        if configured is None
        else {
            "at": iso(configured.at_ms),
            "revision": configured.revision,
            "actor": configured.actor or None,
            "reason": configured.reason or None,
        },
        "opened_by": None
        if evidence.opened is None
        else item_document(evidence.opened, evidence.config),
        "events": [item_document(item, None, _worker(item, evidence)) for item in evidence.events],
        "total": evidence.total,
        "complete": evidence.complete,
    }


def _worker(item: Item, evidence: Evidence) -> str | None:
    content = item.content
    if isinstance(content, Outcome | ProbeStarted | Transition):
        return evidence.workers.get(content.worker)
    return None
