"""Integrations whose library is missing say which extra brings it; none comes along by itself."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

EXTRAS = {
    "aiohttp": ("aiohttp", "aiohttp"),
    "httpx": ("httpx", "httpx"),
    "langgraph": ("langgraph", "langgraph"),
    "mcp": ("mcp", "mcp"),
    "pydantic_ai": ("pydantic_ai", "pydantic-ai"),
}

MISSING = """
import importlib, sys

for module, package in {pairs}:
    sys.modules[package] = None  # as if it were not installed
    try:
        importlib.import_module("fuseline.integrations." + module)
    except ImportError as error:
        print(type(error).__name__, error, sep=": ")
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_missing_library_is_one_clear_error() -> None:
    pairs = [(module, package) for module, (package, _) in EXTRAS.items()]
    assert run(MISSING.format(pairs=pairs)).splitlines() == [
        f"MissingExtraError: fuseline.integrations needs the package {package}: "
        f"pip install 'fuseline[{extra}]'"
        for package, extra in EXTRAS.values()
    ]


def test_every_extra_that_is_named_is_one() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {extra for _, extra in EXTRAS.values()} <= set(project["optional-dependencies"])


def test_another_missing_module_is_not_blamed_on_the_extra() -> None:
    from fuseline.integrations.extras import missing

    error = ImportError("no module", name="yarl")
    assert missing("aiohttp", error) is error


def test_fuseline_brings_none_along() -> None:
    code = """
import sys
import fuseline
from fuseline import *
import fuseline.cli, fuseline.bridge.executor
print(*sorted(name for name in sys.modules if name.startswith("fuseline.integrations")))
print(*sorted({"aiohttp", "httpx", "langgraph", "mcp", "pydantic_ai"} & set(sys.modules)))
"""
    assert run(code).split() == []


@pytest.mark.parametrize("module", ["asgi", "problems", "stamina", "tenacity", "retrying", "tools"])
def test_these_need_no_extra(module: str) -> None:
    code = f"""
import sys
for name in ("aiohttp", "httpx", "langgraph", "mcp", "pydantic_ai", "stamina", "starlette"):
    sys.modules[name] = None
import fuseline.integrations.{module}
print("there")
"""
    assert run(code) == "there\n"
