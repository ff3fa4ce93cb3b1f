"""The variable that holds the current trace context, at the price of a context variable."""

from __future__ import annotations

from contextvars import ContextVar, Token, copy_context
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context


class Current(Protocol):
    """What a `ContextVar` of the current context does."""

    def get(self) -> Context:
        """The current context."""
        ...

    def set(self, value: Context, /) -> Token[Context]:
        """Makes another one current, until `reset`."""
        ...

    def reset(self, token: Token[Context], /) -> None:
        """Makes current what was before `set`."""
        ...


class _Asking:
    """The same by the functions of OpenTelemetry, for a runtime that keeps it elsewhere."""

    get = staticmethod(otel_context.get_current)
    set = staticmethod(otel_context.attach)
    reset = staticmethod(otel_context.detach)


def find_current() -> Current:
    """Where OpenTelemetry keeps the current context.

    Its own functions reach their context variable through three layers, which costs a quarter of
    what a guarded call does. Its name is private, so a context is made current and looked for.
    """
    probe = Context()
    token = otel_context.attach(probe)
    try:
        for variable, value in copy_context().items():
            if value is probe:
                found: ContextVar[Context] = variable
                return found
    finally:
        otel_context.detach(token)
    return _Asking()
