"""What stands beside the code for a release: one version, and files that their tools understand."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

import fuseline
from tests.deploy.schema_support import objections as schema_objections
from tests.deploy.settings_support import ROOT
from tests.release.changelog import entries, objections

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
CITATION = (ROOT / "CITATION.cff").read_text()
SCHEMAS = {
    "CITATION.cff": "citation-file-format",
    ".github/workflows/ci.yml": "github-workflows",
    ".github/workflows/release.yml": "github-workflows",
    ".github/ISSUE_TEMPLATE/bug.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/feature.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "github-issue-config",
}


class Yaml12(yaml.SafeLoader):
    """YAML as GitHub reads it: `on` is a word, not true."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:bool"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_files_follow_their_schemas(name: str) -> None:
    assert schema_objections(SCHEMAS[name], yaml.load((ROOT / name).read_text(), Yaml12)) == []


def test_every_form_and_workflow_is_looked_at() -> None:
    found = {p.relative_to(ROOT).as_posix() for p in (ROOT / ".github").rglob("*.yml")}
    assert found == {name for name in SCHEMAS if name.startswith(".github")}


def test_what_follows_no_schema_is_noticed() -> None:
    form = {"name": "x", "description": "y", "body": [{"type": "nothing"}]}
    assert schema_objections("github-issue-forms", form)
    assert schema_objections("citation-file-format", {"title": "x"})
    assert schema_objections("github-workflows", {"on": "push", "jobs": {"a": {"stepps": []}}})


def test_workflows_are_safe() -> None:
    zizmor = shutil.which("zizmor", path=Path(sys.executable).parent)
    assert zizmor is not None
    command = [zizmor, "--offline", "--no-progress", ROOT / ".github"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_workflows_call_what_there_is() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) | {".venv/.dev"}
    called: list[str] = []
    for file in (ROOT / ".github/workflows").iterdir():
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            assert "uses" in job or job["timeout-minutes"] <= 90
            for step in job.get("steps", ()):
                for line in step.get("run", "").splitlines():
                    if line.startswith("make "):
                        called += line.split()[1:]
    assert set(called) == {"audit", "release-check", "dist", "sbom", ".venv/.dev"}
    assert set(called) <= targets
    guide = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "docs/releasing.md").read_text()
    words = re.findall(r"(?:^\$ |`)make ([a-z-]+(?: [a-z-]+)*)", guide, re.MULTILINE)
    named = {word for line in words for word in line.split()}
    assert {"test", "check", "lock", "release-check"} <= named <= targets


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", fuseline.__version__)
    assert str(yaml.safe_load(CITATION)["version"]) == fuseline.__version__


def test_the_changelogs_top_entry_is_the_version() -> None:
    found = entries(CHANGELOG)
    top = next(entry for entry in found if entry.version != "Unreleased")
    assert top.version == fuseline.__version__
    assert top.lines
    assert len({entry.version for entry in found}) == len(found)


def test_the_licence_is_that_of_the_metadata() -> None:
    assert PROJECT["license"] == "Apache-2.0" == yaml.safe_load(CITATION)["license"]
    assert PROJECT["license-files"] == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


LOG = "# Changelog\n\n## [1.2.0] - 2031-05-06\n\n- x\n\n## [1.1.0] - 2031-01-01\n\n- y\n"
CITED = "version: 1.2.0\ndate-released: 2031-05-06\n"


def test_a_release_that_is_ready_has_nothing_against_it() -> None:
    assert objections("v1.2.0", LOG, CITED, "1.2.0") == []
    with_heading = LOG.replace("## [1.2.0]", "## [Unreleased]\n\n## [1.2.0]")
    assert objections("v1.2.0", with_heading, CITED, "1.2.0") == []


@pytest.mark.parametrize(
    ("tag", "log", "cited", "said"),
    [
        ("v1.2.1", LOG, CITED, "the tag is v1.2.1"),
        ("v1.2.0", LOG.replace("2031-05-06", "unreleased"), CITED, "has no date"),
        ("v1.2.0", LOG.replace("1.2.0", "1.3.0"), CITED, "top entry of CHANGELOG.md is 1.3.0"),
        ("v1.2.0", LOG.replace("## [1.2", "## [Unreleased]\n- z\n## [1.2"), CITED, "Unreleased"),
        ("v1.2.0", LOG, CITED.replace("1.2.0", "1.1.0"), "CITATION.cff is of 1.1.0"),
        ("v1.2.0", LOG, "version: 1.2.0\n", "date-released"),
    ],
)
def test_a_release_that_is_not_ready(tag: str, log: str, cited: str, said: str) -> None:
    assert any(said in line for line in objections(tag, log, cited, "1.2.0"))
