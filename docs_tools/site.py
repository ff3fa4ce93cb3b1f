"""The site: pages put together in build/docs, built by Zensical into build/site, then checked.

Pages link to files of the repository, which a site does not have; so each such file becomes a
page below `files/`, and the links are turned to it. The pages in docs/ stay as they are for whoever
reads them in the repository.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from docs_tools import checking
from docs_tools.lists import for_builder

ROOT = Path(__file__).parents[1]
STAGE = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
FILES = "files"

# Pages that stand outside of docs/ but have a place of their own in the site.
_PLACES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"^ *(```|~~~)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LANGUAGES = {
    ".acl": "text",
    ".example": "ini",
    ".html": "html",
    ".json": "json",
    ".lua": "lua",
    ".py": "py",
    ".sh": "bash",
    ".toml": "toml",
    ".ts": "ts",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def build() -> list[str]:
    """Builds the site.

    Returns:
        What is wrong with it, a line each; empty if all is well.
    """
    stage()
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        said = _COLOURS.sub("", done.stdout + done.stderr)
        return [said.partition("Traceback")[0]]
    return checking.faults(SITE, ROOT / "mkdocs.yml", STAGE)


def stage() -> None:
    """Puts all pages together in build/docs."""
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", STAGE)
    waiting = [(path.relative_to(STAGE).as_posix(), path) for path in sorted(STAGE.rglob("*.md"))]
    staged = {name: f"docs/{name}" for name, _ in waiting}
    for source, place in _PLACES.items():
        if (ROOT / source).exists():
            waiting.append((place, ROOT / source))
            staged[place] = source
    while waiting:
        name, path = waiting.pop()
        source = staged[name]
        if path.is_dir() or path.suffix == ".md":
            text = _folder(path) if path.is_dir() else path.read_text(encoding="utf-8")
            for target in _outside(text, source):
                place = place_of(target)
                if place not in staged:
                    path = ROOT / target
                    # A folder's page stands in it.
                    staged[place] = f"{target}/README.md" if path.is_dir() else target
                    waiting.append((place, _page_of(path)))
            text = for_builder(_turned(text, source, name))
        else:
            text = _listing(source, path.read_text(encoding="utf-8", errors="replace"))
        written = STAGE / name
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, encoding="utf-8")


def place_of(target: str) -> str:
    """Where a file of the repository stands in the site."""
    if (ROOT / target).is_dir():
        return place_of(f"{target}/README.md")
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target in _PLACES:
        return _PLACES[target]
    # The builder passes over names that begin with a dot.
    shown = "/".join(part.lstrip(".") for part in target.split("/"))
    return f"{FILES}/{shown}" if shown.endswith(".md") else f"{FILES}/{shown}.md"


def links(text: str) -> Iterator[tuple[int, str]]:
    """Targets of the links to files in a page, without anchors, with the number of the line."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        if not inside:
            for match in _LINK.finditer(line):
                if is_file(match[2]):
                    yield number, match[2]


def is_file(target: str) -> bool:
    """Whether a link leads to a file and not to an address."""
    return not re.match(r"[a-z]+:", target)


def _turned(text: str, source: str, name: str) -> str:
    """A page with its links as they have to be where it stands in the site."""
    here = PurePosixPath(source).parent.as_posix()
    there = PurePosixPath(name).parent.as_posix()

    def turn(match: re.Match[str]) -> str:
        if not is_file(match[2]):
            return match[0]
        target = posixpath.normpath(posixpath.join(here, match[2]))
        path = ROOT / target
        if not path.exists():
            return match[0]  # the build says that it leads nowhere
        return f"{match[1]}{posixpath.relpath(place_of(target), there)}{match[3]}"

    lines = []
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
        lines.append(line if inside else _LINK.sub(turn, line))
    return "\n".join(lines) + "\n"


def _outside(text: str, source: str) -> Iterator[str]:
    """Files of the repository, outside of docs/, that a page links to."""
    here = PurePosixPath(source).parent.as_posix()
    for _, link in links(text):
        target = posixpath.normpath(posixpath.join(here, link))
        if not target.startswith(("docs/", "../")) and (ROOT / target).exists():
            yield target


def _page_of(path: Path) -> Path:
    """What stands for a file or folder: the page that a folder has, else itself."""
    readme = path / "README.md"
    return readme if readme.is_file() else path


def _folder(path: Path) -> str:
    """A page that lists a folder."""
    names = sorted(one.name for one in path.iterdir() if not one.name.startswith(("__", ".")))
    items = [f"- [{name}]({name})" for name in names]
    return f"# {path.relative_to(ROOT).as_posix()}\n\n" + "\n".join(items) + "\n"


def _listing(source: str, text: str) -> str:
    """A page that shows a file."""
    language = _LANGUAGES.get(PurePosixPath(source).suffix, "text")
    fence = "`" * (max((len(run) for run in re.findall(r"`{3,}", text)), default=2) + 1)
    return f"# {source}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"
