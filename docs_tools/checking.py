"""What the builder does not check: pages without a place in the menu, files, and the network."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

# Pages that are reached by links alone.
_BESIDES_THE_MENU = ("files/", "decisions/")
_RESOURCES = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "link": "href",
}
# Links of these kinds load nothing.
_NO_LOAD = {"canonical", "prev", "next", "alternate", "edit"}


class _Page(HTMLParser):
    """Ids, links and what is loaded with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _RESOURCES and (target := given.get(_RESOURCES[tag])):
            if tag == "link" and set(given.get("rel", "").split()) & _NO_LOAD:
                return
            self.loads.append(target)


def faults(site: Path, config: Path, pages: Path) -> list[str]:
    """What is wrong with a built site, a line each.

    Args:
        site: the folder with the built site.
        config: the configuration, which holds the menu.
        pages: the folder with the pages it was built from.
    """
    found = list(_menu(yaml.safe_load(config.read_text(encoding="utf-8"))["nav"], pages))
    read = {}
    for path in sorted(site.rglob("*.html")):
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        read[path.relative_to(site).as_posix()] = page
    for name, page in read.items():
        if name != "404.html":  # it may stand anywhere, so its links are from the root
            found += _broken(site, name, page, read)
    return found


def _menu(nav: Any, pages: Path) -> Iterator[str]:
    named = list(_targets(nav))
    for name in named:
        if not (pages / name).is_file():
            yield f"mkdocs.yml: the menu names {name}, which is not there"
        if named.count(name) > 1:
            yield f"mkdocs.yml: the menu names {name} twice"
    for path in sorted(pages.rglob("*.md")):
        name = path.relative_to(pages).as_posix()
        if name not in named and not name.startswith(_BESIDES_THE_MENU):
            yield f"docs/{name}: not in the menu of mkdocs.yml"


def _targets(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, dict):
        for value in item.values():
            yield from _targets(value)
    else:
        for one in item:
            yield from _targets(one)


def _broken(site: Path, name: str, page: _Page, read: dict[str, _Page]) -> Iterator[str]:
    for target in page.loads:
        if urlsplit(target).netloc:
            yield f"{name}: loads {target} from the network"
    for target in (*page.links, *page.loads):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        folder = posixpath.dirname(name)
        path = (
            posixpath.normpath(posixpath.join(folder, unquote(parts.path))) if parts.path else name
        )
        if (site / path).is_dir():
            path = posixpath.join(path, "index.html")
        if not (site / path).is_file():
            yield f"{name}: {target} leads nowhere"
        elif parts.fragment and path in read and unquote(parts.fragment) not in read[path].ids:
            yield f"{name}: {target} has no such heading"
