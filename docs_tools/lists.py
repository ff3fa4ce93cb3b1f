"""Lists as the builder reads them.

In the repository what belongs to an item of a list stands below its text, two or three columns in
(CommonMark). Python-Markdown, which the builder uses, wants four for each level.
"""

from __future__ import annotations

import re

_MARKER = re.compile(r"(?: *)(?:[-*+]|\d+[.)]) +(?=\S)")
_FENCE = re.compile(r" *(```+|~~~+)")
_STEP = 4


def for_builder(text: str) -> str:
    """A page whose lists have four columns for each level."""
    levels: list[int] = []  # the column of the text of each item that is open
    fence = ""
    blank = True
    lines = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            blank = True
            lines.append("")
            continue
        marker = None if fence else _MARKER.match(line)
        if not fence and (blank or marker):
            while levels and indent < levels[-1]:
                levels.pop()
        column = levels[-1] if levels else 0
        rest = line[min(indent, column) :]
        lines.append(" " * _STEP * len(levels) + rest)
        if marker:
            levels.append(len(marker[0]))
        if match := _FENCE.match(line):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence):
                fence = ""
        blank = False
    return "\n".join(lines) + "\n"
