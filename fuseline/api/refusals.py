"""Values that were refused: how a problem document shows them, and in which words."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Union, get_args, get_origin

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.params import KwargDefinition, ParameterKwarg
from litestar.typing import FieldDefinition

from fuseline.core.errors import ConfigError
from fuseline.registry.errors import DocumentError
from fuseline.schemas.problems import FieldProblem

_CURSORS = ("before", "after")
_MAX_VALUE = 200


def of_settings(request: Request[Any, Any, Any], error: ConfigError) -> list[FieldProblem]:
    """What a check of ours refused."""
    each = error.errors if isinstance(error, DocumentError) else [error]
    return [FieldProblem(_name(request, one), shown(one.value), one.allowed) for one in each]


def of_parameters(
    request: Request[Any, Any, Any], error: ValidationException
) -> list[FieldProblem]:
    """What the framework could not read, in words of ours."""
    parameters = request.route_handler.parsed_fn_signature.parameters
    found = error.extra if isinstance(error.extra, list) else []
    problems = []
    for one in found:
        if not isinstance(one, Mapping):
            continue
        # A value inside a list has its place behind the name.
        key = str(one.get("key", "")).partition(".")[0]
        known = parameters.get(key)
        name = key if known is None else parameter_name(known)
        allowed = str(one.get("message", "")) if known is None else _words(known)
        problems.append(FieldProblem(name, shown(_sent(request, name)), allowed))
    if not problems:
        problems = [
            FieldProblem(name, None, f"{_words(known)}; it must be there")
            for name, known in ((parameter_name(one), one) for one in parameters.values())
            if _is_needed(known) and _sent(request, name) is None
        ]
    return problems


def in_words(problems: Sequence[FieldProblem]) -> str:
    """The same as one text."""
    return "; ".join(
        f"{one.field}: {one.value!r} is not allowed; expected {one.allowed}" for one in problems
    )


def parameter_name(parameter: FieldDefinition) -> str:
    """The name of a parameter as it is sent."""
    about = parameter.kwarg_definition
    if isinstance(about, ParameterKwarg):
        return about.name or about.header or about.query or parameter.name
    return parameter.name


def shown(value: Any) -> Any:
    """A refused value as JSON can tell it, at most 200 characters long."""
    try:
        text = msgspec.json.encode(value).decode()
        plain = msgspec.json.decode(text)
    except (TypeError, ValueError, ArithmeticError, msgspec.MsgspecError, RecursionError):
        plain = text = repr(value)
    return plain if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}..."


def _name(request: Request[Any, Any, Any], error: ConfigError) -> str:
    """The field, under the name it has in this request."""
    path, query = request.path_params, request.query_params
    if error.field == "agent" and "name" in path and path["name"] == error.value:
        return "name"
    if error.field == "cursor" and "cursor" not in query:
        return next((name for name in _CURSORS if query.get(name) == error.value), "cursor")
    return error.field


def _sent(request: Request[Any, Any, Any], name: str) -> Any:
    values = request.query_params.getall(name, [])
    if values:
        return values[0] if len(values) == 1 else values
    return request.path_params.get(name, request.headers.get(name))


def _is_needed(parameter: FieldDefinition) -> bool:
    about = parameter.kwarg_definition
    has_default = isinstance(about, ParameterKwarg) and about.default not in (..., None)
    return (
        isinstance(about, ParameterKwarg)
        and parameter.is_required
        and not parameter.is_optional
        and not (has_default and about.default is not type(about).default)
    )


def _words(parameter: FieldDefinition) -> str:
    about, kind = parameter.kwarg_definition, _plain_kind(parameter.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(str(word.value) for word in kind)}"
    low = high = length = items = None
    if isinstance(about, KwargDefinition):
        low, high, length, items = about.ge, about.le, about.max_length, about.max_items
    if kind in (int, float):
        noun = "a whole number" if kind is int else "a number"
        bounds = [f"from {low:g}"] if low is not None else []
        return " ".join([noun, *bounds, *([f"to {high:.15g}"] if high is not None else [])])
    if get_origin(kind) is list:
        return "a list" if items is None else f"at most {items} of them"
    return "text" if length is None else f"text of at most {length} characters"


def _plain_kind(annotation: Any) -> Any:
    """The type without its metadata and without None."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
