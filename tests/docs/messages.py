"""Every message that a person can meet, taken from the source by what it is used for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cache

from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.errors import ConfigError
from tests.docs.elsewhere import of_make, of_prometheus, of_tables, of_ui
from tests.docs.kinds import Kind, Message
from tests.docs.templates import Reader, Site, is_opaque, sites, sources


def collect() -> list[Message]:
    """All messages of the source."""
    everything, reader = _read_all()
    found = [
        *_of_python(everything, reader),
        *of_tables(),
        *of_ui(),
        *of_make(),
        *of_prometheus(),
    ]
    return list(dict.fromkeys(found))


def config_sites() -> tuple[Reader, list[Site]]:
    """Every place that refuses a setting, and what reads its texts."""
    everything, reader = _read_all()
    return reader, [site for site in everything if _is_config(site)]


@cache
def _read_all() -> tuple[list[Site], Reader]:
    everything = [site for source in sources() for site in sites(source)]
    return everything, Reader(everything)


def _of_python(everything: list[Site], reader: Reader) -> Iterator[Message]:
    for site in everything:
        for look in (
            _errors, _own_words, _plain_errors, _refusals, _findings, _logs, _commands, _checks,
            _alerts, _failures, _notices,
        ):  # fmt: skip
            for kind, node in look(site):
                for text in reader.texts(node, site):
                    if kind is not Kind.FAILURE or not is_opaque(text):
                        yield Message(text, kind, site.where)


_PLAIN = ("AssertionError", "AttributeError", "ConnectionResetError", "RuntimeError",
          "TimeoutError", "TypeError", "ValueError")  # fmt: skip

Found = Iterator[tuple[Kind, ast.expr]]


def _errors(site: Site) -> Found:
    """Errors that are given their message when they are made."""
    match site.node:
        case ast.Call(func=ast.Name(id=name), args=args):
            made = site.source.names.get(name)
            if not _is_error(made) or _words_itself(made) or not _is_given_words(made):
                return
            place = 1 if issubclass(made, AgentCallError) else 0
            if len(args) > place:
                yield Kind.ERROR, args[place]


def _own_words(site: Site) -> Found:
    """Errors that make their message of what they hold."""
    match site.node:
        case ast.Return(value=ast.expr() as value) if _inside(site, "__str__"):
            yield Kind.ERROR, value
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"),
            args=[ast.expr() as first, *_],
        ) if _inside(site, "__init__") and not _words_itself(_class_of(site)):
            if not isinstance(first, ast.Name):  # else whoever raises it words it
                yield Kind.ERROR, first
        case ast.FunctionDef(name="__init__", args=ast.arguments(defaults=[*defaults])) if (
            _is_error(_class_of(site))
        ):
            for default in defaults:
                if isinstance(default, ast.Constant) and isinstance(default.value, str):
                    yield Kind.ERROR, default


def _plain_errors(site: Site) -> Found:
    """Errors of Python itself, which tell a programmer what is wrong with a call."""
    match site.node:
        case ast.Call(func=ast.Name(id=name), args=[first, *_]):
            if name in _PLAIN and name not in site.source.names:
                yield Kind.ERROR, first


def _refusals(site: Site) -> Found:
    """What the API and its probes say without an error of ours."""
    match site.node:
        case ast.Call(func=ast.Name(id="HTTPException" | "Health"), keywords=keywords):
            for one in keywords:
                if one.arg in ("detail", "reason"):
                    yield Kind.PROBLEM, one.value
        case ast.Assign(targets=[ast.Name(id="detail")], value=value) if _inside(
            site, "problem_of"
        ):
            yield Kind.PROBLEM, value


def _findings(site: Site) -> Found:
    """What `fuseline doctor` finds, unless all is well."""
    match site.node:
        case ast.Call(func=ast.Name(id="Finding"), args=[_, level, text, *_]):
            if not (isinstance(level, ast.Attribute) and level.attr == "OK"):
                yield Kind.FINDING, text


def _logs(site: Site) -> Found:
    match site.node:
        case ast.Call(
            func=ast.Attribute(
                value=ast.Name(id="_log"), attr="warning" | "error" | "exception" | "critical"
            ),
            args=[ast.Constant(value=str(event)), *_],
        ):
            yield Kind.LOG, ast.Constant(event.replace("%s", "…"))


def _commands(site: Site) -> Found:
    """Lines that commands say beside their results."""
    if not site.source.path.startswith("fuseline/cli/"):
        return
    match site.node:
        case ast.Call(func=ast.Name(id="report_text"), args=[text, *_]):
            yield Kind.COMMAND, text
        case ast.Call(func=ast.Attribute(attr="notice"), args=[text, *_]):
            yield Kind.COMMAND, text
        case ast.Call(func=ast.Attribute(value=ast.Call(keywords=keywords), attr="print"),
                      args=[text, *_]) if any(one.arg == "stderr" for one in keywords):  # fmt: skip
            yield Kind.COMMAND, text


def _checks(site: Site) -> Found:
    """What `verify`, `rebuild` and `verify --archive` say of an agent that is not as it should."""
    match site.node:
        case ast.Call(func=ast.Name(id="Rebuild" | "Verification"), keywords=keywords):
            for one in keywords:
                if one.arg == "problem":
                    yield Kind.CHECK, one.value
        case ast.Call(func=ast.Name(id="Finish" | "TaskResult"), keywords=keywords):
            for one in keywords:
                if one.arg == "error":
                    yield Kind.RESULT, one.value
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="_problems"), attr="append"), args=[text]
        ):
            yield Kind.CHECK, text
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="parts"), attr="append"), args=[text]
        ) if _inside(site, "_fault"):
            yield Kind.CHECK, text
        case ast.Return(value=ast.expr() as value) if _inside(site, "_lost"):
            yield Kind.CHECK, value


def _alerts(site: Site) -> Found:
    """Summaries of incidents."""
    if not site.source.path.startswith("fuseline/alerts/"):
        return
    match site.node:
        case ast.Call(func=ast.Name(id="Standing" | "Reading"), keywords=keywords):
            for one in keywords:
                if one.arg == "summary":
                    yield Kind.ALERT, one.value


def _failures(site: Site) -> Found:
    """Kinds under which calls count as failed; timelines and explanations name them."""
    match site.node:
        case ast.Call(func=ast.Name(id="Verdict"), args=[_, kind, *_]):
            yield Kind.FAILURE, kind


def _notices(site: Site) -> Found:
    """What a process says of itself where it is asked: probes, streams, `up`."""
    match site.node:
        case ast.Call(func=ast.Attribute(attr="append"), args=[text]) if _inside(site, "reasons"):
            yield Kind.CHECK, text
        case ast.Call(func=ast.Attribute(attr="_overrun"), args=[text]):
            yield Kind.PROBLEM, text
        case ast.Return(value=ast.expr() as value) if _inside(site, "why_not_local"):
            if not isinstance(value, ast.Constant) or value.value is not None:
                yield Kind.COMMAND, value
        case ast.Assign(targets=[ast.Name(id="notice")], value=ast.JoinedStr() as text):
            yield Kind.COMMAND, text
        case ast.Call(func=ast.Attribute(value=ast.Name(id="console"), attr="print"),
                      args=[text, *_]) if site.source.path == "fuseline/cli/check.py":  # fmt: skip
            yield Kind.CHECK, text


def _is_config(site: Site) -> bool:
    match site.node:
        case ast.Call(func=ast.Name(id=name), args=[_, _, _]):
            made = site.source.names.get(name)
            return isinstance(made, type) and issubclass(made, ConfigError)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="problems"), attr="add"), args=[_, _, _]
        ):
            return True
    return False


def _is_error(made: object) -> bool:
    return (
        isinstance(made, type)
        and issubclass(made, Exception)
        and made.__module__.startswith("fuseline.")
        and not issubclass(made, ConfigError)
    )


def _words_itself(made: object) -> bool:
    """Whether a class makes its message of what it holds, so that its arguments are none."""
    if not isinstance(made, type):
        return False
    own: Callable[..., object] | None = next(
        (vars(one)["__str__"] for one in made.__mro__ if "__str__" in vars(one)), None
    )
    module = getattr(own, "__module__", "") or ""
    return module.startswith("fuseline.")


def _is_given_words(made: type[Exception]) -> bool:
    """Whether an error's message is among its arguments."""
    if "__init__" not in vars(made):
        return all(_is_given_words(one) for one in made.__bases__ if _is_error(one))
    return bool({"message", "detail", "reason"} & set(inspect.signature(made).parameters))


def _class_of(site: Site) -> object:
    return site.source.names.get(site.owner.name) if site.owner else None


def _inside(site: Site, name: str) -> bool:
    inner = bool(site.functions) and site.functions[-1].name == name
    return inner and (not name.startswith("__") or _is_error(_class_of(site)))
