"""`python -m docs_tools reference` writes docs/reference, `build` the site into build/site."""

from __future__ import annotations

import argparse
import sys

from docs_tools import reference, site


def main() -> int:
    """Does what the argument names; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs_tools", description=__doc__)
    parser.add_argument("what", choices=("reference", "build"))
    if parser.parse_args().what == "reference":
        reference.write()
        return 0
    faults = site.build()
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
