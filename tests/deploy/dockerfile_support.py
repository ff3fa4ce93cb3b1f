"""The Dockerfile in its stages, and the files that .dockerignore lets into it."""

import fnmatch
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

from tests.deploy.settings_support import ROOT


@dataclass
class Stage:
    """One FROM with what follows it."""

    name: str
    image: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        """The values of all steps of a kind."""
        return [value for kind, value in self.steps if kind == instruction]


def stages() -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first stage, and the stages."""
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for step in DockerfileParser(str(ROOT / "Dockerfile")).structure:
        kind, value = step["instruction"], step["value"]
        if kind == "FROM":
            image, _, name = value.partition(" AS ")
            found.append(Stage(name, filled(image, arguments)))
        elif kind == "ARG" and not found:
            arguments |= assignments(value)
        elif kind != "COMMENT":
            found[-1].steps.append((kind, value))
    return arguments, found


def assignments(text: str) -> dict[str, str]:
    """What `NAME=value NAME="value"` says."""
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs}


def filled(text: str, variables: Mapping[str, str]) -> str:
    """The text with $NAME and ${NAME} replaced, as the builder does outside of RUN."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: variables[match[1]], text)


def context() -> list[str]:
    """Paths of the files that get into the build, as .dockerignore says."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    found = []
    for folder, below, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        # No rule lets anything in below a folder that stays out.
        below[:] = [name for name in below if is_let_in((here / name).as_posix(), rules)]
        found += [(here / name).as_posix() for name in files]
    return sorted(path for path in found if is_let_in(path, rules))


def is_let_in(path: str, rules: list[str]) -> bool:
    """Whether a file passes the rules; the last one that fits decides."""
    parts = Path(path).parts
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    let_in = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        if any(_fits(name, pattern) for name in above):
            let_in = rule.startswith("!")
    return let_in


def _fits(name: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(name.rpartition("/")[2], pattern[3:])
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)
