"""Reading a request's body: JSON objects, checked by whoever takes them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from msgspec import Struct

from fuseline.api.errors import MalformedBodyError
from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK
from fuseline.core.rules import Rule, rules_of
from fuseline.registry.errors import DocumentError

T = TypeVar("T", bound=Struct)

_MAX_DEPTH = 32
_MAX_TWICE = 20  # of them are told
_MAX_WRONG = 20  # of the values in a list


async def read_object(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        MalformedBodyError: it is no JSON, or no object.
        DocumentError: it names a member twice.
        HTTPException: 415, it says that it is something else; 413, it is too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/merge-patch+json"):
        raise HTTPException(
            status_code=415,
            detail=f"the body must be application/json, not {kind[:100] or 'nothing'}",
        )
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        # Unpacked, it might be of any size.
        raise HTTPException(
            status_code=415,
            detail=f"the body must be sent as it is, not with Content-Encoding {coding[:100]}",
            headers={"Accept-Encoding": "identity"},
        )
    raw = await request.body()
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedBodyError(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedBodyError("the body must be a JSON object")
    if _depth(document) > _MAX_DEPTH:
        raise MalformedBodyError(f"the body is nested deeper than {_MAX_DEPTH} levels")
    _check_once(raw)
    return document


async def read_struct(
    request: Request[Any, Any, Any], kind: type[T], *, hidden: Collection[str] = ()
) -> T:
    """The body as a value of a type, all that is wrong with it told at once.

    Args:
        request: whose body.
        kind: the type.
        hidden: fields whose values no problem shows.

    Raises:
        DocumentError: fields that are missing, unknown or not allowed.
        MalformedBodyError, HTTPException: see `read_object`.
    """
    return made(await read_object(request), kind, hidden)


def made(document: dict[str, Any], kind: type[T], hidden: Collection[str] = ()) -> T:
    """A value of a type from its fields by name.

    Raises:
        DocumentError: see `read_struct`.
    """
    rules, lists = _rules(kind), _lists(kind)
    fields = _fields(kind)
    names = [field.name for field in fields]
    refused = [
        # The value is not repeated: under a name that is misspelt may be a secret.
        ConfigError(name[:100], MASK, f"one of the fields {', '.join(names)}")
        for name in document
        if name not in names
    ]
    values: dict[str, Any] = {}
    for field in fields:
        rule = rules.get(field.name)
        if field.name not in document:
            if field.required:
                allowed = "a value" if rule is None else rule.allowed
                refused.append(ConfigError(field.name, None, f"{allowed}; it must be there"))
            continue
        values[field.name] = document[field.name]
        if rule is not None:
            try:
                values[field.name] = rule.check(document[field.name], field.name)
            except ConfigError as error:
                shown = MASK if field.name in hidden else error.value
                refused.append(ConfigError(error.field, shown, error.allowed))
        elif field.name in lists:
            found, wrong = _made_list(document[field.name], lists[field.name], field.name)
            values[field.name] = found
            refused += wrong
    if refused:
        raise DocumentError(refused)
    return kind(**values)


class _List(Struct, frozen=True):
    """A field that is a list: of what, and how many at least and at most."""

    kind: type[Struct]
    least: int
    most: int


def _made_list(
    document: Any, wanted: _List, name: str
) -> tuple[list[Struct], Sequence[ConfigError]]:
    """The values of a list of objects, and what is wrong with some of the first wrong ones."""
    if not isinstance(document, list) or not wanted.least <= len(document) <= wanted.most:
        allowed = f"a list of {wanted.least} to {wanted.most} objects"
        return [], [ConfigError(name, document, allowed)]
    found: list[Struct] = []
    wrong: list[ConfigError] = []
    for number, part in enumerate(document):
        if len(wrong) >= _MAX_WRONG:
            break
        if not isinstance(part, dict):
            wrong.append(ConfigError(f"{name}.{number}", part, "an object"))
            continue
        try:
            found.append(made(part, wanted.kind))
        except DocumentError as error:
            wrong += [
                ConfigError(f"{name}.{number}.{one.field}", one.value, one.allowed)
                for one in error.errors
            ]
    return found, wrong


def _check_once(raw: bytes) -> None:
    """Lets a body pass that names no member twice.

    Readers differ on which of two counts, so that a check before this process and this process
    might see different values.

    Raises:
        DocumentError: it does.
    """
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in found:
            if name in seen:
                twice.append(name)
            seen.add(name)

    json.loads(raw, object_pairs_hook=pairs, parse_int=len, parse_float=len)
    if twice:
        names = dict.fromkeys(name[:100] for name in twice[:_MAX_TWICE])
        raise DocumentError([ConfigError(name, MASK, "a member named once") for name in names])


@cache
def _fields(kind: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(kind)


@cache
def _lists(kind: type[Struct]) -> dict[str, _List]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    found: dict[str, _List] = {}
    for field in info.fields:
        node = field.type
        if isinstance(node, msgspec.inspect.Metadata):
            node = node.type
        if (
            isinstance(node, msgspec.inspect.ListType)
            and isinstance(node.item_type, msgspec.inspect.StructType)
            and node.max_length is not None
        ):
            found[field.name] = _List(node.item_type.cls, node.min_length or 0, node.max_length)
    return found


@cache
def _rules(kind: type[Struct]) -> dict[str, Rule]:
    return rules_of(kind)


def _depth(value: Any, limit: int = _MAX_DEPTH + 1) -> int:
    if limit == 0 or not isinstance(value, dict | list):
        return 0
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(part, limit - 1) for part in parts), default=0)
