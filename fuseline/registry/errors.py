"""Errors of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuseline.core.agent import AgentRecord
from fuseline.core.errors import ConfigError, FuselineError, RevisionConflictError


class DocumentError(ConfigError):
    """A document holds values that are not allowed; the message is that of the first.

    Attributes:
        errors: all of them, at least one.
    """

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = list(errors)
        first = self.errors[0]
        super().__init__(first.field, first.value, first.allowed)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.errors,)


class AgentExistsError(FuselineError):
    """An agent of that name is registered already.

    Attributes:
        agent: its name.
        current: what is registered.
    """

    def __init__(self, agent: str, current: AgentRecord) -> None:
        self.agent = agent
        self.current = current
        super().__init__(agent, current)

    def __str__(self) -> str:
        return (
            f"agent {self.agent!r} is registered already, at revision {self.current.revision}; "
            "change it, or choose another name"
        )


class StaleRevisionError(RevisionConflictError):
    """The agent was changed by somebody else since it was read.

    Attributes:
        current: what stands there now.
        expected: the revision that the change was made for; None: it was made for any, and lost
            the race against other changes again and again.
    """

    def __init__(self, current: AgentRecord, expected: int | None) -> None:
        self.current = current
        self.expected = expected
        super().__init__(current, expected)

    def __str__(self) -> str:
        now = f"agent {self.current.name!r} is at revision {self.current.revision}"
        if self.expected is None:
            return f"{now} and changes all the time; try again"
        return f"{now}, the change was made for {self.expected}; read it again"
