"""Classification: what a result or an exception says about the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from fuseline.bridge.retry_after import MAX_RETRY_AFTER_SECONDS
from fuseline.core.errors import CallRefusedError
from fuseline.core.events import Result
from fuseline.telemetry.logs import get_logger

_log = get_logger("classify")


class Verdict(Struct, frozen=True):
    """What a classifier found.

    Attributes:
        result: how the call counts.
        failure_kind: short name of the failure, e.g. "http_503"; it stands in the event.
        retry_after_seconds: what the agent asked for; lengthens OPEN up to the cap.
    """

    result: Result
    failure_kind: str = ""
    retry_after_seconds: float = 0.0


Classifier = Callable[[Any, BaseException | None], "Verdict | Result | None"]
"""Called with the result and None, or None and the exception; None back means the default."""

PLAIN_SUCCESS = Verdict(Result.SUCCESS)
_MAX_KIND = 40


def classify_error(error: BaseException) -> Verdict:
    """The default for exceptions.

    A cancellation says that the caller left, never that the agent failed. A call that another
    breaker or bulkhead refused has not been sent. An error that knows more brings its `verdict`
    along, as those of the executor do.
    """
    if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
        return Verdict(Result.ABANDONED)
    if isinstance(verdict := getattr(error, "verdict", None), Verdict):
        try:
            return _bounded(verdict)
        except (TypeError, ValueError, AttributeError):  # a plug-in's mistake
            return Verdict(Result.FAILURE, type(error).__name__[:_MAX_KIND])
    if isinstance(error, TimeoutError):
        return Verdict(Result.TIMEOUT, type(error).__name__)
    if isinstance(error, CallRefusedError):
        return Verdict(Result.NOT_SENT)
    return Verdict(Result.FAILURE, type(error).__name__[:_MAX_KIND])


def classify(classifier: Classifier | None, result: Any, error: BaseException | None) -> Verdict:
    """Asks the classifier, else the default. A classifier that raises has found nothing."""
    found: Verdict | None = None
    if classifier is not None:
        try:
            found = _checked(classifier(result, error))
        except Exception as bug:  # noqa: BLE001 - a user's bug must not change the call's result
            _log.error("classifier_failed", error=repr(bug))
    if found is None:
        return PLAIN_SUCCESS if error is None else classify_error(error)
    return found


def _checked(found: Verdict | Result | None) -> Verdict | None:
    """What the log can hold of an answer; raises what it likes for one that makes no sense."""
    if found is None:
        return None
    if not isinstance(found, Verdict):
        return Verdict(Result(found))
    return _bounded(found)


def _bounded(found: Verdict) -> Verdict:
    seconds = float(found.retry_after_seconds)
    return Verdict(
        Result(found.result),
        found.failure_kind[:_MAX_KIND].encode(errors="replace").decode(),
        min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds > 0 else 0.0,
    )
