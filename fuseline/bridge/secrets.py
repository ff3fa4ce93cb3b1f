"""Secrets by reference: `${env:NAME}` and `${file:/path}` become values when a request is made.

Values are never logged, shown or kept. Whoever may change the registry chooses both the reference
and the address it is sent to, so a process resolves only what it says it may: no variable of
Fuseline itself, and files in the directories for secrets only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError
from fuseline.core.events import Result
from fuseline.core.references import Reference, ReferenceKind, parse_references

DIRECTORIES = ("/run/secrets", "/var/run/secrets")
"""Where Docker and Kubernetes put secrets."""

DIRECTORIES_VARIABLE = "FUSELINE_SECRET_DIRS"

_OWN_PREFIXES = ("FUSELINE_", "CIRCUIT_BREAKER_", "REDIS_URL")
_MAX_BYTES = 65_536


class SecretMissingError(AgentCallError):
    """A reference of an agent's headers cannot be resolved here; nothing has been sent."""

    def __init__(self, agent: str, message: str) -> None:
        super().__init__(agent, message, Verdict(Result.NOT_SENT, "secret_missing"), sent=False)


class SecretSource:
    """Resolves references in one process.

    Args:
        environ: the variables `${env:NAME}` means; None: those of the process, as they are then.
        directories: where the files of `${file:/path}` may be.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        directories: Sequence[str | Path] = DIRECTORIES,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._directories = tuple(Path(directory).resolve() for directory in directories)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """FUSELINE_SECRET_DIRS names the directories, with colons between them.

        Raises:
            ConfigError: one of them is no absolute path.
        """
        text = environ.get(DIRECTORIES_VARIABLE, "").strip()
        if not text:
            return cls(environ)
        directories = [part for part in text.split(":") if part]
        for directory in directories:
            if not directory.startswith("/"):
                raise ConfigError(DIRECTORIES_VARIABLE, text, "absolute paths, a colon between two")
        return cls(environ, directories)

    def headers(self, agent: str, endpoint: Endpoint) -> dict[str, str]:
        """The endpoint's headers with their references resolved.

        Raises:
            SecretMissingError: one cannot be; the message names the reference, never a value.
        """
        resolved = {}
        for name, value in endpoint.headers.items():
            if "${" not in value:
                resolved[name] = value
                continue
            resolved[name] = self.resolve(agent, f"header {name!r}", value)
        return resolved

    def resolve(self, owner: str, what: str, text: str) -> str:
        """A text with its references resolved.

        Args:
            owner: whose it is, for errors.
            what: which text it is, for errors.
            text: may hold references.

        Raises:
            SecretMissingError: one cannot be; the message names the reference, never a value.
        """
        return "".join(
            self._value(owner, what, part) if isinstance(part, Reference) else part
            for part in parse_references(text)
        )

    def _value(self, agent: str, what: str, reference: Reference) -> str:
        where = f"{what} refers to {reference}, "
        if reference.kind is ReferenceKind.ENV:
            if reference.target.startswith(_OWN_PREFIXES):
                raise SecretMissingError(agent, f"{where}a variable that is not given away")
            found = self._environ.get(reference.target)
            if not found:
                raise SecretMissingError(agent, f"{where}and there is no such variable")
        else:
            found = self._read(agent, where, Path(reference.target))
        if not (found.isascii() and found.isprintable()):
            raise SecretMissingError(agent, f"{where}whose value is no printable ASCII")
        return found

    def _read(self, agent: str, where: str, path: Path) -> str:
        # Resolved, because a link in the directory may lead out of it.
        try:
            real = path.resolve(strict=True)
            if not any(real.is_relative_to(directory) for directory in self._directories):
                allowed = ", ".join(map(str, self._directories))
                raise SecretMissingError(
                    agent, f"{where}a file outside of {allowed} ({DIRECTORIES_VARIABLE})"
                )
            with real.open("rb") as file:
                raw = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise SecretMissingError(
                agent, f"{where}which cannot be read: {error.strerror or type(error).__name__}"
            ) from None
        if len(raw) > _MAX_BYTES:
            raise SecretMissingError(agent, f"{where}a file of more than {_MAX_BYTES} bytes")
        return raw.decode("ascii", errors="replace").strip()
