"""The entries of the troubleshooting page."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.templates import ROOT, plain

PAGE = ROOT / "docs" / "troubleshooting.md"
# A point of a list that is code and nothing else.
_ENTRY = re.compile(r"^- (?:`` (.+) ``|`([^`]+)`)$")
_HEADING = re.compile(r"^#{2,3} (.+)$")
_LINK = re.compile(r"\]\(([^)]*)\)")


def entries(page: str) -> list[str]:
    """The messages that a page explains, in the form that is compared."""
    found = (_ENTRY.match(line) for line in page.splitlines())
    return [plain(one[1] or one[2]) for one in found if one]


def anchors(page: str) -> list[str]:
    """The anchors of its headings, as GitHub and Python-Markdown make them."""
    headings = [one[1] for one in map(_HEADING.match, page.splitlines()) if one]
    return [re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings]


def broken_links(page: str, of: Path) -> list[str]:
    """Links of a page that lead to no file or heading."""
    broken = []
    for link in _LINK.findall(page.replace("\n", " ")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (of.parent / path).resolve() if path else of
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(link)
    return broken
