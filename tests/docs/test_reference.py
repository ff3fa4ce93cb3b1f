"""Pages made from code are up to date and leave nothing out."""

import re
from pathlib import Path

import pytest

from docs_tools import environment, reference
from docs_tools.commands import commands
from fuseline.cli import _COMMANDS
from fuseline.core.config import RULES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", reference.PAGES)
def test_it_is_up_to_date(name: str) -> None:
    standing = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert standing == reference.PAGES[name](), f"docs/reference/{name}: run `make reference`"


def test_nothing_else_stands_there() -> None:
    assert {path.name for path in reference.FOLDER.iterdir()} == set(reference.PAGES)


def test_every_command_is_in_it() -> None:
    assert {path.split(" ")[0] for path, _ in commands()} == set(_COMMANDS)


def test_every_variable_that_code_names_is_in_the_example() -> None:
    found = environment.variables(environment.EXAMPLE.read_text(encoding="utf-8"))
    known = {variable.name for variable in found}
    named = {
        name
        for path in (ROOT / "fuseline").rglob("*.py")
        if "demo" not in path.parts
        for name in re.findall(r'"(FUSELINE_[A-Z_]*[A-Z])"', path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= known
    assert {f"CIRCUIT_BREAKER_{name.upper()}" for name in RULES} <= known


def test_bounds_come_from_what_refuses_bad_values() -> None:
    assert environment.allowed("FUSELINE_SHARDS") == "a whole number from 1 to 256"
    assert "from 1 to 1000" in environment.allowed("CIRCUIT_BREAKER_HALF_OPEN_MAX_CALLS")
    assert environment.allowed("FUSELINE_API_PORT") == "a whole number from 0 to 65535"
    assert environment.allowed("FUSELINE_NO_SUCH_VARIABLE") == ""
