"""`python -m fuseline.api.openapi_dump [FILE]` writes the OpenAPI document; no server is needed.

The same release gives the same bytes, so what is checked in can be compared.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fuseline.api.app import api_document


def dump() -> str:
    """The document as text: sorted keys, one line a value."""
    return json.dumps(api_document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Writes it to the file that is named, or to stdout."""
    if len(arguments) > 1 or any(word.startswith("-") for word in arguments):
        print("usage: python -m fuseline.api.openapi_dump [FILE]", file=sys.stderr)
        return 2
    if arguments:
        Path(arguments[0]).write_text(dump(), encoding="utf-8")
    else:
        sys.stdout.write(dump())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
