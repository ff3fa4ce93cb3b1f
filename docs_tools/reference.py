"""The pages that are made from code, and whether those on record are up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs_tools import commands, configuration, environment, http_api, python_api

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration.page,
    "environment.md": environment.page,
    "cli.md": commands.page,
    "http-api.md": http_api.page,
    "python.md": python_api.page,
}


def write() -> None:
    """Writes every page that is not as it should be."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
