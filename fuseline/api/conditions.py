"""Conditional requests (RFC 9110, section 13): revisions as entity tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from litestar.params import HeaderParameter

from fuseline.api.errors import PreconditionFailedError
from fuseline.core.errors import ConfigError, RevisionConflictError

IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description="the ETag that the change is meant for"),
]

_TAG = re.compile(r'^(W/)?"([\x21\x23-\x7e]*)"$')
_ALLOWED = 'the ETag as it was read, like "3"; or *'


def etag(revision: int) -> str:
    """The entity tag of a revision."""
    return f'"{revision}"'


def matched_revision(if_match: str | None) -> int | None:
    """The revision that a change is meant for; None: whatever stands there.

    Raises:
        ConfigError: the header is no entity tag.
        PreconditionFailedError: it is one that no revision has.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.match(if_match.strip())
    if found is None:
        raise ConfigError("If-Match", if_match, _ALLOWED)
    weak, tag = found.groups()
    if weak or not tag.isascii() or not tag.isdigit() or len(tag) > 18:
        raise PreconditionFailedError(
            f"If-Match: {if_match} is the ETag of no revision; read it again"
        )
    return int(tag)


@contextmanager
def meant_for(revision: int | None) -> Iterator[None]:
    """Around a change that is meant for a revision; None: for whatever stands there.

    Raises:
        PreconditionFailedError: another revision stands there.
        RevisionConflictError: somebody else changed it meanwhile, and no revision was named.
    """
    try:
        yield
    except RevisionConflictError as error:
        if revision is None:
            raise
        raise PreconditionFailedError(str(error)) from error


def is_fresh(if_none_match: str | None, revision: int) -> bool:
    """Whether the reader has this revision already."""
    if if_none_match is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in tags or etag(revision) in tags
