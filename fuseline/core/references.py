"""References to secrets inside settings: `${env:NAME}` and `${file:/path}`.

The registry holds references only, never what they stand for; whoever sends a request resolves
them at that moment. Text beside a reference, or a literal value, is masked wherever it is shown.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

MASK = "***"

_OPEN, _CLOSE = "${", "}"
_SCHEMES = ("Bearer", "Basic", "Token", "ApiKey")


class ReferenceKind(StrEnum):
    """Where a secret is."""

    ENV = "env"
    FILE = "file"


class Reference(Struct, frozen=True):
    """One reference: a variable of the environment, or a file by its absolute path."""

    kind: ReferenceKind
    target: str

    def __str__(self) -> str:
        return f"{_OPEN}{self.kind}:{self.target}{_CLOSE}"


def parse_references(text: str) -> tuple[str | Reference, ...]:
    """Splits a text into literal parts and references.

    Raises:
        ValueError: a `${` that begins no reference; the text itself is not in the message.
    """
    parts: list[str | Reference] = []
    rest = text
    while rest:
        literal, begins, rest = rest.partition(_OPEN)
        if literal:
            parts.append(literal)
        if not begins:
            break
        inner, ends, rest = rest.partition(_CLOSE)
        kind, _, target = inner.partition(":")
        if not ends or not _is_reference(kind, target):
            raise ValueError("a ${ that begins neither ${env:NAME} nor ${file:/path}")
        parts.append(Reference(ReferenceKind(kind), target))
    return tuple(parts)


def _is_reference(kind: str, target: str) -> bool:
    if kind == ReferenceKind.ENV:
        return target.isascii() and target.replace("_", "a").isalnum() and not target[0].isdigit()
    return kind == ReferenceKind.FILE and target.startswith("/") and target.isprintable()


def masked(text: str) -> str:
    """The text as it may be shown: references as they are, everything else as `***`.

    The word for the kind of credentials stays (`Bearer ***`), because a missing one is a frequent
    mistake.
    """
    shown = []
    for part in parse_references(text):
        if isinstance(part, Reference):
            shown.append(str(part))
            continue
        word, space, rest = part.partition(" ")
        if space and word in _SCHEMES:
            shown.append(f"{word} {MASK if rest else ''}")
        else:
            shown.append(MASK)
    return "".join(shown)
