"""Agents as the API shows them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.retention import AgentRetention
from fuseline.core.retry_policy import RetryPolicy
from fuseline.schemas.circuits import Millis


class AgentResponse(Struct, frozen=True, kw_only=True):
    """One agent.

    Attributes:
        name: unique; part of its paths.
        url: where it listens; null: it is called by code. The query is masked.
        circuit_breaker_config: the settings that were chosen; the others are at their defaults.
        effective_circuit_breaker_config: all settings in force.
        defaulted: names of the settings that are at their defaults.
        retention: how long its outcomes are kept; null: as the processes that project are set.
        headers: sent with each call; literal values are masked.
        revision: counts changes; the ETag.
    """

    name: str
    url: str | None
    protocol: str
    description: str
    tags: list[str]
    headers: dict[str, str]
    connect_timeout_seconds: float
    attempt_timeout_seconds: float
    timeout_seconds: float
    retry: RetryPolicy
    idempotent: bool
    failure_statuses: list[str]
    ignored_statuses: list[str]
    when_open: str
    max_response_bytes: int
    options: dict[str, Any]
    retention: AgentRetention
    circuit_breaker_config: dict[str, Any]
    effective_circuit_breaker_config: CircuitBreakerConfig
    defaulted: list[str]
    revision: int
    created_at: str | None
    created_at_ms: Millis
    updated_at: str | None
    updated_at_ms: Millis
    updated_by: str


class AgentList(Struct, frozen=True, kw_only=True):
    """A page of agents.

    Attributes:
        items: the agents.
        total: agents that pass the filters, on all pages.
        next_cursor: for the page after this one; null on the last.
    """

    items: list[AgentResponse]
    total: int
    next_cursor: str | None


class BreakerDefaults(Struct, frozen=True, kw_only=True):
    """What applies where an agent names nothing.

    Attributes:
        circuit_breaker_config: from the environment of this API process.
    """

    circuit_breaker_config: CircuitBreakerConfig


class TagUse(Struct, frozen=True, kw_only=True):
    """A tag and who has it.

    Attributes:
        tag: the word.
        agents: names of all agents with it.
    """

    tag: str
    agents: list[str]


class TagList(Struct, frozen=True, kw_only=True):
    """All tags in use, in alphabetical order.

    Attributes:
        items: the tags.
    """

    items: list[TagUse]
