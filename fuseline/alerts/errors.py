"""Errors of alerts."""

from __future__ import annotations

from fuseline.core.errors import FuselineError, RevisionConflictError


class AlertNotFoundError(FuselineError, LookupError):
    """There is no rule or channel of that name."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(kind, name)

    def __str__(self) -> str:
        return f"there is no alert {self.kind} {self.name!r}; `fuseline alerts list` tells of all"


class StaleAlertError(RevisionConflictError):
    """A rule or channel was changed by somebody else since it was read."""

    def __init__(self, kind: str, name: str, current: int, expected: int | None) -> None:
        self.kind, self.name, self.current, self.expected = kind, name, current, expected
        super().__init__(kind, name, current, expected)

    def __str__(self) -> str:
        now = f"alert {self.kind} {self.name!r} is at revision {self.current}"
        if not self.current:
            now = f"alert {self.kind} {self.name!r} is not there any more"
        return f"{now}, the change was made for {self.expected}; read it again"


class AlertExistsError(FuselineError):
    """A rule or channel of that name is there already."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(kind, name)

    def __str__(self) -> str:
        return f"there is an alert {self.kind} {self.name!r} already; change it, or choose a name"


class ChannelInUseError(FuselineError):
    """A channel that rules name cannot be removed."""

    def __init__(self, name: str, rules: list[str]) -> None:
        self.name, self.rules = name, rules
        super().__init__(name, rules)

    def __str__(self) -> str:
        return f"alert channel {self.name!r} is named by {', '.join(self.rules)}; change them first"


class NoNotifierError(FuselineError):
    """Nobody delivers notices now."""

    def __str__(self) -> str:
        return "no notifier runs; start `fuseline alerts run` or `fuseline up`"
