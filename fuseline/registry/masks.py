"""Masks that come back: who edits what was shown sends `***` for the secrets not shown.

A mask that is exactly what was shown under its name keeps what is stored; any other one is refused,
so that a mask is never stored as a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fuseline.core.endpoint import Endpoint, sounds_secret
from fuseline.core.references import MASK, masked
from fuseline.registry.problems import Problems, member

_MISSING = object()
_ALLOWED = "the secret itself, or exactly what was shown in its place, which keeps what is stored"


def unmasked(
    values: Mapping[str, Any], stored: Endpoint | None, problems: Problems, *, merging: bool = False
) -> dict[str, Any]:
    """The members of a document with what is stored in the place of masks.

    Args:
        values: members of a document.
        stored: the endpoint that was shown; None: there is none.
        problems: takes the masks that fit nothing.
        merging: leave members out that keep what is stored, instead of naming it.
    """
    result = dict(values)
    url = values.get("url")
    if isinstance(url, str) and MASK in url.partition("?")[2]:
        fits = stored is not None and stored.shown()["url"] == url
        kept = stored.url if stored is not None and fits else _MISSING
        _put(result, "url", kept, "url", url, problems, merging=merging)
    headers = {} if stored is None else {n.lower(): v for n, v in stored.headers.items()}
    options = {} if stored is None else stored.options
    if isinstance(values.get("headers"), Mapping):
        result["headers"] = group = dict(values["headers"])
        for name, value in values["headers"].items():
            if isinstance(value, str) and MASK in value:
                kept = headers.get(str(name).lower(), _MISSING)
                if isinstance(kept, str) and masked(kept) != value:
                    kept = _MISSING
                path = member("headers", name)
                _put(group, name, kept, path, value, problems, merging=merging)
    if isinstance(values.get("options"), Mapping):
        result["options"] = group = dict(values["options"])
        for name, value in values["options"].items():
            if isinstance(value, str) and MASK in value and sounds_secret(str(name)):
                kept = options.get(name, _MISSING) if value == MASK else _MISSING
                path = member("options", name)
                _put(group, name, kept, path, value, problems, merging=merging)
    return result


def _put(
    group: dict[str, Any],
    name: str,
    kept: Any,
    path: str,
    value: str,
    problems: Problems,
    *,
    merging: bool,
) -> None:
    if kept is _MISSING:
        problems.add(path, value, _ALLOWED)
    if kept is _MISSING or merging:
        del group[name]
    else:
        group[name] = kept
