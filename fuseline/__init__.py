"""Fuseline: event-sourced circuit breakers for async workers, on Redis Streams."""

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier, Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.circuit import CircuitState
from fuseline.core.config import CircuitBreakerConfig, WhenUnavailable
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
    "FuselineError",
    "Mode",
    "Result",
    "Verdict",
    "WhenUnavailable",
]
