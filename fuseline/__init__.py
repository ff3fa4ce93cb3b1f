"""Fuseline: event-sourced circuit breakers for async workers, on Redis Streams."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier, Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.circuit import CircuitState
from fuseline.core.config import CircuitBreakerConfig, WhenUnavailable
from fuseline.core.endpoint import Endpoint, RetryPolicy
from fuseline.core.errors import (
    BackendError,
    BackendUnavailableError,
    BulkheadFullError,
    CircuitBreakerOpenError,
    ConfigError,
    FuselineError,
)
from fuseline.core.events import Mode, Result

if TYPE_CHECKING:
    from fuseline.bridge.executor import ExternalAgentExecutor
    from fuseline.bridge.outbound.policy import OutboundPolicy
    from fuseline.bridge.protocols.base import AgentCallError, AgentReply
    from fuseline.bridge.tasks.calls import Handlers
    from fuseline.bridge.tasks.client import TaskClient

__version__ = "0.1.0"

__all__ = [
    "AgentCallError",
    "AgentReply",
    "BackendError",
    "BackendUnavailableError",
    "BulkheadFullError",
    "CircuitBreaker",
    "CircuitBreakerConfig",
    "CircuitBreakerManager",
    "CircuitBreakerOpenError",
    "CircuitState",
    "Classifier",
    "ConfigError",
    "Endpoint",
    "ExternalAgentExecutor",
    "FuselineError",
    "Handlers",
    "Mode",
    "OutboundPolicy",
    "Result",
    "RetryPolicy",
    "TaskClient",
    "Verdict",
    "WhenUnavailable",
]

# Whoever only guards calls of their own need not wait for an HTTP client to be imported.
_LATER = {
    "AgentCallError": "fuseline.bridge.protocols.base",
    "AgentReply": "fuseline.bridge.protocols.base",
    "ExternalAgentExecutor": "fuseline.bridge.executor",
    "Handlers": "fuseline.bridge.tasks.calls",
    "OutboundPolicy": "fuseline.bridge.outbound.policy",
    "TaskClient": "fuseline.bridge.tasks.client",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'fuseline' has no attribute {name!r}")
