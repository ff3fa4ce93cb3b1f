"""How often a call is repeated."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fuseline.core.rules import Rule, apply_rules, rules_of


class RetryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often, and how long after a failure, an attempt is repeated.

    Raises:
        ConfigError: a value is not allowed.
    """

    max_attempts: Annotated[
        Annotated[int, Meta(ge=1, le=10)],
        Meta(description="attempts of one call, the first included"),
    ] = 3
    backoff_seconds: Annotated[
        Annotated[float, Meta(ge=0.0, le=600.0)],
        Meta(description="wait before the second attempt; doubles each time, with jitter"),
    ] = 0.1
    backoff_max_seconds: Annotated[
        Annotated[float, Meta(ge=0.0, le=600.0)], Meta(description="longest such wait")
    ] = 5.0

    def __post_init__(self) -> None:
        apply_rules(self, RETRY_RULES, "retry.")


RETRY_RULES: dict[str, Rule] = rules_of(RetryPolicy)
"""Every field of `RetryPolicy` with what it accepts."""
