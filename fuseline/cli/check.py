"""`fuseline verify` and `fuseline rebuild`: the projections against the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.archive import To, store_of
from fuseline.cli.check_archive import verify_archive
from fuseline.cli.exits import Exit
from fuseline.cli.force import default_actor
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.core.errors import BackendError
from fuseline.core.texts import check_text
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import find_strays, left_registry
from fuseline.projections.overview import overview
from fuseline.projections.purging import note_removed
from fuseline.projections.rebuild import Rebuild, rebuild
from fuseline.projections.verify import Verification, verify

_Agent = Annotated[
    str | None,
    typer.Argument(help="Only this agent; without one all of them.", show_default=False),
]


def verify_command(
    options: Options,
    agent: _Agent = None,
    archive: Annotated[
        bool,
        typer.Option("--archive", help="The archive instead: hashes, files, each entry once."),
    ] = False,
    source: To = None,
) -> None:
    """Fold the log again and compare: does every projection say what its events say?

    Changes nothing. Exit code 0: all are equal, 1: not.
    """

    async def command(backend: Backend) -> int:
        if archive:
            return await verify_archive(options, backend, store_of(source), agent)
        agents = await _agents(backend, agent, removed=True)
        with counting("Verifying", await _events(backend, agents), options) as count:
            results = [await verify(backend, keys, count) for keys in agents]
        ok = all(result.ok for result in results)
        if options.as_json:
            documents = [msgspec.to_builtins(r) | {"ok": r.ok} for r in results]
            look.print_json({"ok": ok, "agents": documents})
        else:
            _show_verified(look.console(), results)
        return Exit.OK if ok else Exit.FAILED

    run(options, command)


def rebuild_command(
    options: Options,
    agent: _Agent = None,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")
    ] = "rebuilt on demand",
    incomplete: Annotated[
        bool,
        typer.Option("--incomplete", help="Also from logs that have lost entries."),
    ] = False,
) -> None:
    """Fold the log again and store the result, beside a running projector.

    Each agent is stored in one step or stays as it was, also when this is interrupted. Without a
    name it also notes removals that were written down nowhere, so that retention sees to them.
    """

    async def command(backend: Backend) -> int:
        why = check_text("reason", reason)
        agents = await _agents(backend, agent)
        results: list[Rebuild] = []
        with counting("Rebuilding", await _events(backend, agents), options) as count:
            for shard in backend.keys.shards:
                if mine := [keys for keys in agents if keys.shard == shard.shard]:
                    results += await rebuild(
                        backend,
                        shard,
                        mine,
                        owner=f"{default_actor()} rebuild",
                        reason=f"{why} ({default_actor()})",
                        incomplete=incomplete,
                        on_events=count,
                    )
        strays = [] if agent is not None else await _noted(backend)
        ok = not any(result.problem for result in results)
        if options.as_json:
            names = [keys.name for keys in strays]
            documents = [msgspec.to_builtins(r) for r in results]
            look.print_json({"ok": ok, "agents": documents, "noted_as_removed": names})
        else:
            _show_rebuilt(look.console(), results)
            if strays:
                some = look.agent_count(len(strays))
                console = look.console()
                console.print(f"{some} noted as removed: what is left goes by retention.")
        return Exit.OK if ok else Exit.FAILED

    run(options, command)


async def _noted(backend: Backend) -> list[AgentKeys]:
    """Notes removals that were written down nowhere; returns whose."""
    try:
        strays = await find_strays(backend)
    except BackendError as error:  # not every user may look for keys
        look.console(stderr=True).print(look.notice(f"removals were not looked for: {error}"))
        return []
    await note_removed(backend, strays)
    return strays


async def _agents(backend: Backend, name: str | None, *, removed: bool = False) -> list[AgentKeys]:
    if name is not None:
        await overview(backend, [name])  # is there such an agent?
        return [backend.keys.agent(name)]
    agents = await left_registry(backend) if removed else []
    async for page in list_agents(backend):
        agents += page
    return sorted(agents, key=lambda keys: keys.name)


async def _events(backend: Backend, agents: Sequence[AgentKeys]) -> int:
    total = 0
    for start in range(0, len(agents), 500):
        replies = await backend.wire.call_many(
            [("XLEN", keys.events) for keys in agents[start : start + 500]]
        )
        total += sum(reply for reply in replies if isinstance(reply, int))
    return total


def _show_verified(console: Console, results: Sequence[Verification]) -> None:
    bad = [result for result in results if not result.ok]
    for result in bad:
        console.print(Text.assemble(("✗ ", "red"), (result.agent, "bold"), f"  {_fault(result)}"))
        for difference in result.differences:
            console.print(
                f"    {difference.field}: stored {difference.stored!r}, "
                f"the log says {difference.folded!r}",
                markup=False,
            )
    events = sum(result.events for result in results)
    outcomes = sum(result.outcomes for result in results)
    trimmed = sum(result.trimmed for result in results)
    before = f" on top of what {trimmed} trimmed ones came to" if trimmed else ""
    if not results:
        console.print("No agents yet, so nothing to verify.")
    elif bad:
        console.print(f"{len(bad)} of {look.agent_count(len(results))} differ from their logs.")
        if any(result.differences for result in bad):
            console.print("`fuseline rebuild` folds them anew.")
    else:
        console.print(
            f"[green]✓[/] {look.agent_count(len(results))}: {events} events folded again "
            f"({outcomes} outcomes, each once){before}, no difference."
        )


def _fault(result: Verification) -> str:
    parts = []
    if result.problem:
        parts.append(result.problem)
    if result.missing:
        parts.append(
            f"incomplete: {result.missing} entries are missing from the log, so there is nothing "
            "to compare with"
        )
    if result.duplicates:
        where = ", ".join(result.duplicate_ids)
        parts.append(f"{result.duplicates} outcomes stand in the log twice ({where})")
    if result.differences:
        parts.append(f"differs from its log at {result.checkpoint}:")
    return "; ".join(parts)


def _show_rebuilt(console: Console, results: Sequence[Rebuild]) -> None:
    for result in results:
        if result.problem:
            console.print(
                Text.assemble(("✗ ", "red"), (result.agent, "bold"), f"  {result.problem}")
            )
        elif result.changed:
            console.print(
                Text.assemble(
                    ("↻ ", "cyan"), (result.agent, "bold"), "  was not what its log says; mended"
                )
            )
    done = [result for result in results if not result.problem]
    if not results:
        console.print("No agents yet, so nothing to rebuild.")
    elif done:
        console.print(
            f"[green]✓[/] {look.agent_count(len(done))} rebuilt from "
            f"{sum(result.events for result in done)} events."
        )
