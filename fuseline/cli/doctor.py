"""`fuseline doctor`: what is wrong, and what to do."""

from __future__ import annotations

import msgspec
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.exits import Exit
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.events.backend import Backend
from fuseline.projections.diagnosis import diagnose
from fuseline.projections.findings import Finding, Level

_MARKS = {
    Level.OK: ("✓", "green"),
    Level.WARNING: ("!", "yellow"),
    Level.PROBLEM: ("✗", "red"),
}


def doctor(options: Options) -> None:
    """Look at the server, the projectors and every agent's keys; says what to fix.

    Exit code 0: no problem (warnings do not count), 1: some.
    """

    async def command(backend: Backend) -> int:
        findings = [finding async for finding in diagnose(backend)]
        problems = sum(finding.level is Level.PROBLEM for finding in findings)
        if options.as_json:
            look.print_json({"ok": not problems, "findings": msgspec.to_builtins(findings)})
        else:
            _show(findings)
        return Exit.FAILED if problems else Exit.OK

    run(options, command)


def _show(findings: list[Finding]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.level]
        text = Text(finding.text)
        if finding.fix:
            text.append(f"\n→ {finding.fix}", style=style)
        table.add_row(Text(mark, style=style), Text(finding.check), text)
    look.show(look.console(), table)
