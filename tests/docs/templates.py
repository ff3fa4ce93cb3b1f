"""What a text in the source looks like once it is shown: its fixed parts, and … for the rest."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from importlib import import_module
from itertools import product
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).parents[2]
GAP = "…"
# A text that a function is given under one of these names and passes on as the message.
_PASSED = ("text", "what", "where", "message", "words", "kind", "which")
_HOLE = re.compile("\0(\\w+)\0")

Function = ast.FunctionDef | ast.AsyncFunctionDef
# What a message may stand in; all else is only walked through.
_HOLDERS = ast.Assign | ast.Call | ast.FunctionDef | ast.Return


class Source(Struct):
    """One module of the package."""

    path: str  # relative to the repository
    module: ModuleType
    tree: ast.Module

    @property
    def names(self) -> Mapping[str, Any]:
        """What its global names mean."""
        return vars(self.module)


class Site(Struct):
    """A place in the source."""

    source: Source
    functions: tuple[Function, ...]  # outermost first
    owner: ast.ClassDef | None
    node: ast.AST

    @property
    def where(self) -> str:
        """File and function, without a line number: those change all the time."""
        names = [self.owner.name] if self.owner else []
        names += [function.name for function in self.functions]
        return f"{self.source.path}:{'.'.join(names)}"


def sources() -> list[Source]:
    """All modules of the package."""
    found = []
    for path in sorted((ROOT / "fuseline").rglob("*.py")):
        if path.name == "__main__.py":
            continue
        name = str(path.relative_to(ROOT))
        dotted = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        found.append(Source(name, import_module(dotted), ast.parse(path.read_text("utf-8"))))
    return found


def sites(source: Source) -> list[Site]:
    """Every node of a module that may hold a message, with what it stands in."""
    found: list[Site] = []

    def walk(node: ast.AST, functions: tuple[Function, ...], owner: ast.ClassDef | None) -> None:
        if isinstance(node, _HOLDERS):
            found.append(Site(source, functions, owner, node))
        if isinstance(node, Function):
            functions = (*functions, node)
        elif isinstance(node, ast.ClassDef):
            owner, functions = node, ()
        for child in ast.iter_child_nodes(node):
            walk(child, functions, owner)

    walk(source.tree, (), None)
    return found


def plain(text: str) -> str:
    """A template in the one form that is compared."""
    text = " ".join(_HOLE.sub(GAP, text).split())
    return re.sub(f"{GAP}( ?{GAP})+", GAP, text)


def is_opaque(text: str) -> bool:
    """Whether nothing of a text is known from the source."""
    return not any(c.isalnum() for c in text.replace(GAP, ""))


class Reader:
    """Reads templates from expressions."""

    def __init__(self, everything: list[Site]) -> None:
        self._calls: dict[str, list[Site]] = {}
        for site in everything:
            if isinstance(site.node, ast.Call):
                name = _last_name(site.node.func)
                self._calls.setdefault(name, []).append(site)

    def texts(self, node: ast.expr, site: Site) -> list[str]:
        """All templates that an expression may give."""
        found: list[str] = []
        for text in self._expand(node, site, frozenset()):
            found += self._from_callers(text, site)
        return list(dict.fromkeys(map(plain, found)))

    def _expand(self, node: ast.expr, site: Site, seen: frozenset[str]) -> list[str]:
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return self._joined(list(parts), site, seen)
            case ast.FormattedValue(value=value):
                return self._expand(value, site, seen)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([left, right], site, seen)
            case ast.IfExp(body=body, orelse=other):
                return self._expand(body, site, seen) + self._expand(other, site, seen)
            case ast.BoolOp(op=ast.Or(), values=values):
                return [text for value in values for text in self._expand(value, site, seen)]
            case ast.Call(func=ast.Attribute(value=value, attr="strip" | "rstrip")):
                return self._expand(value, site, seen)
            case ast.Name(id=name):
                return self._named(name, site, seen)
        return [GAP]

    def _joined(self, parts: list[ast.expr], site: Site, seen: frozenset[str]) -> list[str]:
        choices = [self._expand(part, site, seen) for part in parts]
        return ["".join(chosen) for chosen in product(*choices)]

    def _named(self, name: str, site: Site, seen: frozenset[str]) -> list[str]:
        if name in seen:
            return []  # it is made of itself: what it was before is among the others
        for function in reversed(site.functions):
            found = self._assigned(function, name, site, seen | {name})
            if found:
                return found
            if name in _parameters(function):
                return [f"\0{name}\0" if name in _PASSED else GAP]
        value = site.source.names.get(name)
        return [value] if isinstance(value, str) else [GAP]

    def _assigned(
        self, function: Function, name: str, site: Site, seen: frozenset[str]
    ) -> list[str]:
        """What is assigned to a name in a function, with what is added to it there."""
        found: list[str] = []
        added = [""]
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    found += self._expand(value, site, seen)
                case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
                    added += self._expand(value, site, seen)
        return [base + more for base in found for more in added]

    def _from_callers(self, text: str, site: Site) -> list[str]:
        """The texts that callers pass, where a function is given its message."""
        hole = _HOLE.search(text)
        if hole is None:
            return [text]
        function = site.functions[-1]
        found = []
        for call in self._calls.get(function.name, []):
            if not _may_be(call, function, site):
                continue
            given = _argument(call.node, function, hole[1])
            if given is not None:
                found += [
                    text.replace(hole[0], _HOLE.sub(GAP, one))
                    for one in self._expand(given, call, frozenset())
                ]
        return found or [text]


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _parameters(function: Function) -> list[str]:
    given = function.args
    return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _may_be(call: Site, function: Function, site: Site) -> bool:
    """Whether a call by the function's name means that function."""
    if call.source is site.source:
        return True
    assert isinstance(call.node, ast.Call)
    match call.node.func:
        case ast.Name(id=name):
            found = call.source.names.get(name)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            found = getattr(call.source.names.get(module), name, None)
        case _:
            return False
    return isinstance(found, FunctionType) and found.__module__ == site.source.module.__name__


def _argument(node: ast.AST, function: Function, name: str) -> ast.expr | None:
    assert isinstance(node, ast.Call)
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    names = _parameters(function)
    place = names.index(name) - (1 if names[0] in ("self", "cls") else 0)
    return node.args[place] if place < len(node.args) else None
