"""The core is pure: no I/O, no clock, no async, and it knows nothing of the rest of Fuseline."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fuseline.core

MODULES = sorted(Path(fuseline.core.__file__).parent.rglob("*.py"))

# All that the core may need; a longer list would have to leave out everything impure by name.
ALLOWED = {
    *("__future__", "bisect", "collections", "copy", "enum", "functools", "itertools", "math"),
    *("msgspec", "statistics", "typing"),
}


def imports(tree: ast.AST) -> Iterator[str]:
    """Absolute names of the modules a file of the core imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            above = "fuseline.core".rsplit(".", node.level - 1)[0] if node.level < 3 else ""
            yield f"{above}.{node.module or ''}"


def test_all_modules_are_looked_at() -> None:
    assert {"config.py", "events.py", "window.py", "circuit.py", "fold.py", "errors.py"} <= {
        path.name for path in MODULES
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_core_imports_nothing_impure_and_of_ours_only_core(path: Path) -> None:
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        ours = name == "fuseline.core" or name.startswith("fuseline.core.")
        assert ours or name.split(".")[0] in ALLOWED, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_core_is_synchronous_and_opens_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import time", "time"),
        ("from asyncio import sleep", "asyncio"),
        ("from ..events import log", "fuseline.events"),
        ("from .config import x", "fuseline.core.config"),
        ("def f():\n    import redis.asyncio", "redis.asyncio"),
    ],
)
def test_the_check_itself_sees_every_form_of_import(source: str, module: str) -> None:
    assert list(imports(ast.parse(source))) == [module]
