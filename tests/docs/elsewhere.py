"""Messages that stand elsewhere: in tables, in the web UI, in the Makefile, in Prometheus."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import yaml

from fuseline.api import pages, problems
from fuseline.api.access.listening import LOCAL_NOTICE
from fuseline.bridge.protocols import transport_errors
from tests.docs.kinds import Kind, Message
from tests.docs.templates import ROOT, plain


def of_tables() -> Iterator[Message]:
    """Texts that stand in tables of the source."""
    where = "fuseline/api/problems.py:_KINDS"
    for _, known in problems._KINDS:
        yield Message(f"urn:fuseline:problem:{known.slug}", Kind.PROBLEM, where)
        yield Message(known.title, Kind.PROBLEM, where)
    for node in ast.walk(ast.parse(inspect.getsource(problems.problem_of))):
        match node:
            case ast.Call(func=ast.Name(id="_Kind")):
                words = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                for word in words:
                    if isinstance(word, str):
                        slug = f"urn:fuseline:problem:{word}"
                        text = slug if re.fullmatch(r"[a-z-]+", word) else word
                        yield Message(text, Kind.PROBLEM, "fuseline/api/problems.py:problem_of")
    for heading in re.findall(r"<h1>(.+?)</h1>", pages._MISSING):
        yield Message(heading, Kind.UI, "fuseline/api/pages.py:_MISSING")
    yield Message(plain(re.sub(r"\{\w+\}", "…", LOCAL_NOTICE)), Kind.COMMAND,
                  "fuseline/api/access/listening.py:LOCAL_NOTICE")  # fmt: skip
    where = "fuseline/bridge/protocols/transport_errors.py"
    for fault in transport_errors._TABLE.values():
        yield Message(fault.kind, Kind.FAILURE, f"{where}:_TABLE")
        yield Message(fault.words, Kind.ERROR, f"{where}:_TABLE")
    for node in ast.walk(ast.parse(inspect.getsource(transport_errors.fault_of))):
        match node:
            case ast.keyword(arg="words", value=ast.Constant(value=str(words))):
                yield Message(words, Kind.ERROR, f"{where}:fault_of")
    for node in ast.walk(ast.parse(inspect.getsource(transport_errors._connect_kind))):
        match node:
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=str(kind)), told])):
                yield Message(kind, Kind.FAILURE, f"{where}:_connect_kind")
                yield Message(ast.literal_eval(told), Kind.ERROR, f"{where}:_connect_kind")


_UI = (
    re.compile(r"<(?:ErrorPanel|Notice|ConflictDialog)\b[^>]*?\btitle=\"([^\"]+)\"", re.DOTALL),
    re.compile(r"title=\"(Somebody else [^\"]+|There is no such page)\""),
    re.compile(r"\btitle = \"([^\"]+)\""),
    re.compile(r"\bsuper\(\"([^\"]+)\""),
    re.compile(
        r"color: \"red\",\s+(?:autoClose: false,\s+)?(?:title|message): [\"`]([^\"`]+)[\"`]"
    ),
    re.compile(r"\? \"(The export was cut)\""),
    re.compile(r"form\.refuse\(\{ \w+: \"([^\"]+)\""),
    re.compile(r"[\"`]([A-Z][^\"`\n<>]*\b(?:cannot|not answer)\b[^\"`\n<>]*)[\"`]"),
    re.compile(r"`(\$\{\w+\} shards are not projected)`"),
    re.compile(r"^\s*(Not known: \{[^}]*\})", re.MULTILINE),
    re.compile(r"\{!in_force && \"\. ([^\"]+)\"\}"),
)
_UI_FUNCTION = re.compile(r"^function (?:adviceOn|messageOf)\(.*?^}", re.DOTALL | re.MULTILINE)
_UI_WORDS = re.compile(r"return ([\"`])(.+?)\1")
_SPAN = re.compile(r"<span>((?:(?!</?span).|<span className.*?</span>)*)</span>", re.DOTALL)
_FILLED = re.compile(r"\$?\{[^{}]*\}|<[^>]*>")


def of_ui() -> Iterator[Message]:
    for path in sorted((ROOT / "ui" / "src").rglob("*.ts*")):
        if ".test." in path.name or path.name == "testing.tsx":
            continue
        text = path.read_text("utf-8")
        found = [one for pattern in _UI for one in pattern.findall(text)]
        for body in _UI_FUNCTION.findall(text):
            found += [words for _, words in _UI_WORDS.findall(body)]
        if path.name == "OfflineBanner.tsx":
            found += [one.replace('{" "}', " ") for one in _SPAN.findall(text)]
        for one in found:
            shown = plain(_FILLED.sub("…", one))
            yield Message(shown, Kind.UI, str(path.relative_to(ROOT)))


_ECHO = re.compile(r"echo \"((?:[^\"\\]|\\.|\"\$\$python\" )+)\"")


def of_make() -> Iterator[Message]:
    for text in _ECHO.findall((ROOT / "Makefile").read_text("utf-8")):
        bare = re.sub(r"\$\$\(.*\)|\$\$\w+|\$\(\w+\)", "…", text)
        yield Message(plain(bare), Kind.MAKE, "Makefile")


def of_prometheus() -> Iterator[Message]:
    """Names of the alerts that Prometheus sends."""
    path = "deploy/prometheus/rules.yml"
    rules = yaml.safe_load((ROOT / path).read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                yield Message(rule["alert"], Kind.ALERT, path)
