"""What may be sent of an agent; made by `make types` from the OpenAPI, not by hand."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict


class RetrySettings(TypedDict, total=False):
    """How often, and how long after a failure, an attempt is repeated."""

    backoff_max_seconds: float
    backoff_seconds: float
    max_attempts: int


class RetentionSettings(TypedDict, total=False):
    """How long outcomes are kept; what is absent or null is as for all agents."""

    days: float | None
    outcomes: int | None


class BreakerSettings(TypedDict, total=False):
    """Settings of a circuit breaker; what is absent is at its default."""

    adaptive: bool
    adaptive_confidence: float
    adaptive_floor: float
    adaptive_half_life_seconds: float
    adaptive_margin: float
    enabled: bool
    failure_rate_threshold: float | None
    failure_threshold: int | None
    half_open_max_calls: int
    max_concurrent_calls: int | None
    minimum_calls: int
    minimum_workers: int
    probe_lease_seconds: float
    recovery_seconds: float | None
    slow_call_rate_threshold: float
    slow_call_seconds: float | None
    timeout_max_seconds: float
    timeout_multiplier: float
    timeout_seconds: float
    when_unavailable: Literal["last_known", "local", "reject"]
    window_size_seconds: float


class AgentCreate(TypedDict, total=False):
    """A new agent."""

    attempt_timeout_seconds: float
    circuit_breaker_config: BreakerSettings
    connect_timeout_seconds: float
    description: str
    failure_statuses: list[str]
    headers: dict[str, str]
    idempotent: bool
    ignored_statuses: list[str]
    max_response_bytes: int
    name: Required[str]
    options: dict[str, Any]
    protocol: str
    retention: RetentionSettings
    retry: RetrySettings
    tags: list[str]
    timeout_seconds: float
    url: str | None
    when_open: Literal["defer", "reject"]


class AgentReplace(TypedDict, total=False):
    """All of an agent; what is absent goes back to its default."""

    attempt_timeout_seconds: float
    circuit_breaker_config: BreakerSettings
    connect_timeout_seconds: float
    description: str
    failure_statuses: list[str]
    headers: dict[str, str]
    idempotent: bool
    ignored_statuses: list[str]
    max_response_bytes: int
    name: str
    options: dict[str, Any]
    protocol: str
    retention: RetentionSettings
    retry: RetrySettings
    tags: list[str]
    timeout_seconds: float
    url: str | None
    when_open: Literal["defer", "reject"]


class RetryPatch(TypedDict, total=False):
    """Changes of retries."""

    backoff_max_seconds: float | None
    backoff_seconds: float | None
    max_attempts: int | None


class BreakerPatch(TypedDict, total=False):
    """Changes of breaker settings; "default" takes one back to its default."""

    adaptive: bool | Literal["default"] | None
    adaptive_confidence: float | Literal["default"] | None
    adaptive_floor: float | Literal["default"] | None
    adaptive_half_life_seconds: float | Literal["default"] | None
    adaptive_margin: float | Literal["default"] | None
    enabled: bool | Literal["default"] | None
    failure_rate_threshold: float | Literal["default"] | None
    failure_threshold: int | Literal["default"] | None
    half_open_max_calls: int | Literal["default"] | None
    max_concurrent_calls: int | Literal["default"] | None
    minimum_calls: int | Literal["default"] | None
    minimum_workers: int | Literal["default"] | None
    probe_lease_seconds: float | Literal["default"] | None
    recovery_seconds: float | Literal["default"] | None
    slow_call_rate_threshold: float | Literal["default"] | None
    slow_call_seconds: float | Literal["default"] | None
    timeout_max_seconds: float | Literal["default"] | None
    timeout_multiplier: float | Literal["default"] | None
    timeout_seconds: float | Literal["default"] | None
    when_unavailable: Literal["last_known", "local", "reject", "default"] | None
    window_size_seconds: float | Literal["default"] | None


class AgentPatch(TypedDict, total=False):
    """Changes of an agent: absent members stay, objects merge, null takes a member back."""

    attempt_timeout_seconds: float | None
    circuit_breaker_config: BreakerPatch | None
    connect_timeout_seconds: float | None
    description: str | None
    failure_statuses: list[str] | None
    headers: dict[str, str | None] | None
    idempotent: bool | None
    ignored_statuses: list[str] | None
    max_response_bytes: int | None
    name: str
    options: dict[str, Any] | None
    protocol: str | None
    retention: RetentionSettings | None
    retry: RetryPatch | None
    tags: list[str] | None
    timeout_seconds: float | None
    url: str | None
    when_open: Literal["defer", "reject"] | None
