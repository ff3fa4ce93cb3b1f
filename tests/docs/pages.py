"""The pages of the documentation and the blocks of code in them, in their order."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sybil import Document
from sybil.parsers.markdown import CodeBlockParser, SkipParser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LANGUAGES = (
    "bash",
    "console",
    "ini",
    "js",
    "json",
    "promql",
    "py",
    "python",
    "text",
    "toml",
    "yaml",
)

# Made from code, and compared with it by tests/docs/test_reference.py.
GENERATED = sorted((DOCS / "reference").glob("*.md"))


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        page: path of the page in the repository.
        line: of the page, where the block begins.
        language: as the fence says.
        text: the code.
        skipped: why it is not run; empty: it is.
    """

    page: str
    line: int
    language: str
    text: str
    skipped: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the block is, as its first line says: `# app.py`; empty: none."""
        first = self.text.partition("\n")[0].removeprefix("# ").strip()
        named = first.split(" ")[0].rstrip(",:")
        return named if Path(named).suffix in {".py", ".yaml", ".json", ".toml"} else ""


def pages() -> list[Path]:
    """Every page that somebody wrote."""
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if page not in GENERATED]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page.

    Raises:
        ValueError: a marker that is none.
    """
    parsers = [CodeBlockParser(language, lambda _: None) for language in LANGUAGES]
    document = Document.parse(str(page), SkipParser(), *parsers)
    reason = ""
    for example in document.examples():
        lexemes = example.region.lexemes
        if "source" in lexemes and lexemes.get("arguments") in LANGUAGES:
            yield Block(
                page.relative_to(ROOT).as_posix(),
                example.line,
                lexemes["arguments"],
                str(lexemes["source"]),
                reason,
            )
            reason = ""
            continue
        action, why = example.parsed
        if action != "next" or reason:
            raise ValueError(f'{page}:{example.line}: <!-- skip: next "why" --> before one block')
        reason = ast.literal_eval(why) if why else " "
