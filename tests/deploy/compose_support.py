"""docker-compose.yml as Compose reads it: anchors merged, variables filled in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.deploy.settings_support import ROOT

FILE = ROOT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<rule>:[-?])(?P<word>[^}]*))?\}")


class UnsetError(Exception):
    """A variable that must be set is not; Compose would end with this message."""


def variables() -> set[str]:
    """The variables that the file asks whoever starts it for."""
    lines = [line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    return {match["name"] for line in lines for match in _VARIABLE.finditer(line)}


def load(environ: Mapping[str, str]) -> dict[str, Any]:
    """The file under an environment.

    Raises:
        UnsetError: a variable is missing without which nothing starts.
    """
    document: dict[str, Any] = _filled(yaml.safe_load(FILE.read_text()), environ)
    return document


def dotenv(text: str) -> dict[str, str]:
    """What a .env file of plain assignments says."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs}


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(part, environ) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, environ) for part in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        found = environ.get(match["name"], "")
        if found or match["rule"] is None:
            return found
        if match["rule"] == ":?":
            raise UnsetError(f"{match['name']}: {match['word']}")
        return str(match["word"])

    return _VARIABLE.sub(fill, value)
