"""Fuseline: event-sourced circuit breakers for async workers, on Redis Streams."""

from .bridge.breaker import CircuitBreaker
from .bridge.classify import Classifier, Verdict
from .bridge.manager import CircuitBreakerManager
from .core.circuit import CircuitState
from .core.config import CircuitBreakerConfig, WhenUnavailable
from .core.errors import (
    BackendError,
    BackendUnavailableError,
    BulkheadFullError,
    CircuitBreakerOpenError,
    ConfigError,
    FuselineError,
)
from .core.events import Mode, Result

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
