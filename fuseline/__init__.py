"""Fuseline: event-sourced circuit breakers for async workers, on Redis Streams."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuseline.bridge.breaker import CircuitBreaker
    from fuseline.bridge.classify import Classifier, Verdict
    from fuseline.bridge.executor import ExternalAgentExecutor
    from fuseline.bridge.manager import CircuitBreakerManager
    from fuseline.bridge.outbound.policy import OutboundPolicy
    from fuseline.bridge.protocols.base import AgentCallError, AgentReply
    from fuseline.bridge.tasks.calls import Handlers
    from fuseline.bridge.tasks.client import TaskClient
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

# Each is imported when it is asked for: whoever only guards calls of their own need not wait for
# an HTTP client, and a command that only looks need not wait for the bridge.
_MODULES = {
    "AgentCallError": "bridge.protocols.base",
    "AgentReply": "bridge.protocols.base",
    "BackendError": "core.errors",
    "BackendUnavailableError": "core.errors",
    "BulkheadFullError": "core.errors",
    "CircuitBreaker": "bridge.breaker",
    "CircuitBreakerConfig": "core.config",
    "CircuitBreakerManager": "bridge.manager",
    "CircuitBreakerOpenError": "core.errors",
    "CircuitState": "core.circuit",
    "Classifier": "bridge.classify",
    "ConfigError": "core.errors",
    "Endpoint": "core.endpoint",
    "ExternalAgentExecutor": "bridge.executor",
    "FuselineError": "core.errors",
    "Handlers": "bridge.tasks.calls",
    "Mode": "core.events",
    "OutboundPolicy": "bridge.outbound.policy",
    "Result": "core.events",
    "RetryPolicy": "core.endpoint",
    "TaskClient": "bridge.tasks.client",
    "Verdict": "bridge.classify",
    "WhenUnavailable": "core.config",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fuseline' has no attribute {name!r}")
    found = getattr(import_module(f"fuseline.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
