"""The changelog, read: `python -m tests.release.changelog v1.2.3` tells what is against it."""

import re
import sys
from dataclasses import dataclass

import yaml

import fuseline
from tests.deploy.settings_support import ROOT

_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass
class Entry:
    """One version: its date, or "unreleased", and its lines."""

    version: str
    date: str
    lines: list[str]


def entries(text: str) -> list[Entry]:
    """The versions of a changelog, newest first."""
    found: list[Entry] = []
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            found.append(Entry(heading["version"], heading["date"] or "unreleased", []))
        elif found and line.strip():
            found[-1].lines.append(line)
    return found


def objections(tag: str, changelog: str, citation: str, version: str) -> list[str]:
    """Why a tag may not be released; empty if it may."""
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, the version in fuseline/__init__.py is {version}")
    top, *others = entries(changelog)
    if top.version == "Unreleased":
        if top.lines:
            found.append("CHANGELOG.md has changes under Unreleased; move them under the version")
        top = others[0]
    if top.version != version:
        found.append(f"the top entry of CHANGELOG.md is {top.version}, not {version}")
    if not _DATE.match(top.date):
        found.append(f"the entry {top.version} of CHANGELOG.md has no date")
    cited = yaml.safe_load(citation)
    if str(cited["version"]) != version:
        found.append(f"CITATION.cff is of {cited['version']}")
    if str(cited.get("date-released")) != top.date:
        found.append("date-released of CITATION.cff is not the date in CHANGELOG.md")
    return found


def main(tag: str) -> int:
    """Says what is against it; the exit code is 1 if anything is."""
    found = objections(
        tag,
        (ROOT / "CHANGELOG.md").read_text(),
        (ROOT / "CITATION.cff").read_text(),
        fuseline.__version__,
    )
    for line in found:
        print(line, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
