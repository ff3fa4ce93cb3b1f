"""What the status of an HTTP answer says about the agent."""

from __future__ import annotations

from collections.abc import Mapping
from time import time

from fuseline.bridge.classify import Verdict
from fuseline.bridge.retry_after import date_seconds, retry_after_seconds
from fuseline.core.events import Result


def failed_status(status: int, headers: Mapping[str, str]) -> Verdict:
    """The failure that an answer of this status is, with what it asks for in `Retry-After`.

    Args:
        status: one that counts as a failure.
        headers: of the answer; names in any case.
    """
    now = date_seconds(headers.get("date")) or time()
    wait = retry_after_seconds(headers.get("retry-after"), now)
    return Verdict(Result.FAILURE, f"http_{status}", wait)
