"""Python's garbage collector in processes that run for long."""

from __future__ import annotations

import gc


def settle() -> None:
    """Leaves what is loaded by now out of later collections.

    A process of the HTTP API has some hundred thousand objects that stay: modules, types, the
    routes. Walking through them all, which the collector does now and then, holds up every answer
    for about 50 ms.
    """
    gc.collect()
    gc.freeze()
