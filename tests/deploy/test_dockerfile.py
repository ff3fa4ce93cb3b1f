"""The Dockerfile: what a linter says, and what the image promises."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.dockerfile_support import (
    Stage,
    assignments,
    context,
    filled,
    is_let_in,
    stages,
)
from tests.deploy.settings_support import ROOT
from tests.deploy.test_compose import PINNED

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def last() -> Stage:
    return stages()[1][-1]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    assert hadolint is not None
    command = [hadolint, "--no-color", "--failure-threshold", "info", ROOT / "Dockerfile"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_base_images_are_pinned_and_new_enough() -> None:
    arguments, found = stages()
    assert {stage.image for stage in found} == set(arguments.values())
    for image in arguments.values():
        assert PINNED.match(image), image
    python = re.match(r"python:(\d+\.\d+)\.", arguments["PYTHON_IMAGE"])
    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in PROJECT["classifiers"]
    node = re.match(r"node:(\d+)\.", arguments["NODE_IMAGE"])
    least = json.loads((ROOT / "ui/package.json").read_text())["engines"]["node"]
    assert node is not None
    assert int(node[1]) >= int(least.removeprefix(">=").partition(".")[0])


def test_the_process_is_nobody_in_particular(last: Stage) -> None:
    (user,) = last.values("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    kinds = [kind for kind, _ in last.steps]
    after = kinds[kinds.index("USER") + 1 :]
    assert set(after) == {"STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert "VOLUME" not in kinds  # every container would get one of its own that nobody asked for


def test_only_the_built_environment_gets_into_the_image(last: Stage) -> None:
    assert last.values("COPY") == ["--from=build /opt/fuseline /opt/fuseline"]
    (run,) = last.values("RUN")
    assert "install" not in run.replace("install --directory", "")


# An image runs Fuseline's own processes; integrations are imported by applications.
FOR_PROCESSES = {"a2a", "apprise", "archive", "otlp"}
FOR_APPLICATIONS = {"aiohttp", "httpx", "langgraph", "mcp", "pydantic-ai"}


def test_requirements_are_those_that_are_locked() -> None:
    build = stages()[1][1]
    for run in build.values("RUN"):
        for part in run.split("&&"):
            if " install " in part:
                assert "--require-hashes" in part or "--no-deps" in part, part
    for extra in FOR_PROCESSES:
        lock = (ROOT / f"requirements/extra-{extra}.txt").read_text()
        assert "--hash=sha256:" in lock
        assert pins("runtime").items() <= pins(f"extra-{extra}").items()
        assert pins(f"extra-{extra}").items() <= pins("dev").items()
    locks = {path.stem for path in (ROOT / "requirements").glob("extra-*.txt")}
    assert locks == {f"extra-{extra}" for extra in FOR_PROCESSES}
    assert set(PROJECT["optional-dependencies"]) == FOR_PROCESSES | FOR_APPLICATIONS


def pins(name: str) -> dict[str, str]:
    """What a lock file pins, by name and marker."""
    lines = (ROOT / f"requirements/{name}.txt").read_text().splitlines()
    found = (line.removesuffix(" \\").split("==", 1) for line in lines if "==" in line[:80])
    return {pin[0]: pin[1] for pin in found if not pin[0].startswith((" ", "#"))}


def test_the_image_says_what_it_is(last: Stage) -> None:
    given = {name: "x" for text in last.values("ARG") for name in assignments(text)}
    (text,) = last.values("LABEL")
    labels = assignments(filled(text, given))
    prefix = "org.opencontainers.image."
    assert all(label.startswith(prefix) for label in labels)
    assert labels[f"{prefix}licenses"] == PROJECT["license"]
    assert labels[f"{prefix}description"] == PROJECT["description"]
    for name in ("title", "version", "revision", "created", "source"):
        assert labels[f"{prefix}{name}"]


def test_entry_point_and_signal(last: Stage) -> None:
    (entry,) = last.values("ENTRYPOINT")
    assert json.loads(entry)[0] in PROJECT["scripts"]
    assert last.values("STOPSIGNAL") == ["SIGTERM"]
    (check,) = last.values("HEALTHCHECK")
    assert "HEALTH_URL" in check
    compile(json.loads(check.partition("CMD")[2])[2], "HEALTHCHECK", "exec")


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    sent = context()
    for stage in stages()[1]:
        for value in stage.values("COPY"):
            *sources, _ = shlex.split(value)
            if sources[0].startswith("--from="):
                continue
            for source in sources:
                assert any(path == source or path.startswith(source) for path in sent), source
    assert {path.partition("/")[0] for path in sent} == {
        "LICENSE",
        "README.md",
        "fuseline",
        "pyproject.toml",
        "requirements",
        "ui",
    }


@pytest.mark.parametrize(
    ("path", "let_in"),
    [
        ("fuseline/core/circuit.py", True),
        ("ui/.npmrc", True),
        (".env", False),
        ("ui/.env.local", False),
        ("ui/node_modules/react/index.js", False),
        ("fuseline/api/static/index.html", False),
        ("fuseline/core/__pycache__/x.pyc", False),
        ("tests/conftest.py", False),
        (".git/config", False),
    ],
)
def test_dockerignore(path: str, let_in: bool) -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert is_let_in(path, [rule for rule in rules if rule and not rule.startswith("#")]) is let_in
