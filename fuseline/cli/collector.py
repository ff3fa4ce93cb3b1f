"""Python's garbage collector in processes that run for long."""

from __future__ import annotations

import gc

# What commands read comes in by thousands of short-lived containers and makes no cycles; with
# Python's own thresholds the collector takes half of the time of reading a long log.
_THRESHOLDS = (20_000, 20, 100)


def relax() -> None:
    """Lets the collector look less often."""
    gc.set_threshold(*_THRESHOLDS)


def settle() -> None:
    """Leaves what is loaded by now out of later collections.

    A process of the HTTP API has some hundred thousand objects that stay: modules, types, the
    routes. Walking through them all, which the collector does now and then, holds up every answer
    for about 50 ms.
    """
    gc.collect()
    gc.freeze()
