"""`fuseline verify --archive`: the archive against its hashes and against the server."""

from __future__ import annotations

import msgspec
from rich.text import Text

from fuseline.archive.proof import prove
from fuseline.archive.store import Store
from fuseline.cli import look
from fuseline.cli.exits import Exit
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.events.backend import Backend


async def verify_archive(
    options: Options, backend: Backend, store: Store, agent: str | None
) -> int:
    """Proves an archive and says so; returns the exit code."""
    with counting("Reading", 10**9, options, "entries") as count:
        proofs = await prove(backend, store, agent, count)
    ok = all(proof.ok for proof in proofs)
    if options.as_json:
        documents = [msgspec.to_builtins(proof) | {"ok": proof.ok} for proof in proofs]
        look.print_json({"ok": ok, "agents": documents})
        return Exit.OK if ok else Exit.FAILED
    console = look.console()
    for proof in proofs:
        for problem in proof.problems:
            look.show(console, Text.assemble(("✗ ", "red"), (proof.agent, "bold"), f"  {problem}"))
        if proof.gaps:
            told = (
                f"{proof.agent}: {proof.gaps} times entries were trimmed before they were archived"
            )
            console.print(look.notice(told))
    if not proofs:
        console.print("Nothing is archived.")
    elif ok:
        entries, segments = (sum(getattr(p, n) for p in proofs) for n in ("entries", "segments"))
        console.print(
            f"[green]✓[/] {entries} entries in {segments} segments of "
            f"{look.agent_count(len(proofs))}, each once; the chains of hashes are whole.",
            highlight=False,
        )
    return Exit.OK if ok else Exit.FAILED
