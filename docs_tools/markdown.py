"""Markdown as the pages of the reference have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def notice(source: str) -> str:
    """The comment at the head of a page that is made from code."""
    return f"<!-- Made from {source} by `make reference`; do not edit. -->\n"


def cell(text: str) -> str:
    """Text that keeps a table's line whole."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Text as code; empty text stays empty."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def plain(text: str) -> str:
    """Text whose asterisks and angle brackets mean themselves, outside of code."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = parts[place].replace("*", "\\*").replace("<", "&lt;")
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; without rows nothing."""
    lines = ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    if not lines:
        return ""
    title = "| " + " | ".join(head) + " |"
    return "\n".join([title, "|" + "---|" * len(head), *lines]) + "\n"
