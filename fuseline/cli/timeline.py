"""`fuseline timeline`: what happened to an agent's circuit, and why."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

import typer
from rich.console import Console

from fuseline.cli import look
from fuseline.cli.lines import LinePrinter, collapse
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import TIME_HELP, clock, parse_time
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.events.streams import older_begin
from fuseline.projections.following import follow, mark
from fuseline.projections.origin import load_origin
from fuseline.projections.overview import overview
from fuseline.projections.timeline import (
    CHANGES,
    Item,
    Kind,
    newest_first,
    parse_kinds,
    query,
)

_MAX_READ = 50_000


def timeline(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    since: Annotated[str | None, typer.Option(help=f"Not before {TIME_HELP}.")] = None,
    until: Annotated[str | None, typer.Option(help="Not after this time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="The newest N lines.")] = 50,
    go_on: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    kinds: Annotated[
        str,
        typer.Option(
            help="Only these, by commas: all, changes, outcomes, failures, or "
            + ", ".join(Kind)
            + ".",
        ),
    ] = "all",
) -> None:
    """Show what happened to an AGENT's circuit, the oldest first; transitions with their causes.

    Successes in a row are one line; --json gives each of them.
    """

    async def command(backend: Backend) -> None:
        if not 1 <= limit <= _MAX_READ:
            raise ConfigError("limit", limit, f"a whole number from 1 to {_MAX_READ}")
        if go_on and until is not None:
            raise ConfigError("until", until, "nothing together with --follow")
        wanted = parse_kinds(kinds)
        found = await overview(backend, [agent])  # also: is there such an agent?
        since_ms = parse_time("since", since, found.now_ms) if since is not None else 0
        until_ms = parse_time("until", until, found.now_ms) if until is not None else None
        if until_ms is not None and until_ms < since_ms:
            raise ConfigError("until", until, f"a time that is not before --since {since}")
        console = look.console()
        printer = LinePrinter(backend, agent, console, as_json=options.as_json)
        begin = await mark(backend, agent)
        if options.as_json:
            items = await query(
                backend, agent, since_ms=since_ms, until_ms=until_ms, limit=limit, kinds=wanted
            )
        else:
            items = await _enough(backend, agent, since_ms, until_ms, limit, wanted)
        if not items and not go_on and not options.as_json:
            _say_nothing(console, agent, limited=bool(since or until or wanted != frozenset(Kind)))
        if options.as_json and not go_on:
            look.print_json(await printer.document(items))
            return
        if not options.as_json:
            await _say_trimmed(backend, agent, console, items, since_ms, wanted)
        await printer.show(items)
        if go_on:
            # Log and history count their ids each for itself.
            shown = {(item.kind, item.id) for item in items}
            async with aclosing(follow(backend, agent, begin, wanted)) as news:
                async for items in news:
                    await printer.show(
                        [item for item in items if (item.kind, item.id) not in shown]
                    )

    run(options, command, long_running=go_on)


async def _enough(
    backend: Backend,
    agent: str,
    since_ms: int,
    until_ms: int | None,
    limit: int,
    kinds: frozenset[Kind],
) -> list[Item]:
    """The newest items that make `limit` lines when successes in a row are one."""
    items: list[Item] = []
    lines = 0
    source = newest_first(backend, agent, since_ms=since_ms, until_ms=until_ms, kinds=kinds)
    async with aclosing(source) as newest:
        async for item in newest:
            if not (items and collapse(items[-1], item)):
                lines += 1
            if lines > limit or len(items) >= _MAX_READ:
                break
            items.append(item)
    return items[::-1]


async def _say_trimmed(
    backend: Backend,
    agent: str,
    console: Console,
    items: list[Item],
    since_ms: int,
    kinds: frozenset[Kind],
) -> None:
    """Where the range reaches back beyond what is kept of the log."""
    origin = await load_origin(backend, backend.keys.agent(agent))
    older = await older_begin(backend, backend.keys.agent(agent))
    kept_ms = origin.position[0] if older is None else older[0]
    if not origin.trimmed or since_ms >= kept_ms or kinds <= CHANGES:
        return
    if since_ms or not items or items[0].at_ms <= kept_ms:
        when = clock(kept_ms, with_date=True)
        console.print(look.notice(f"Trimmed before {when}: calls of before are gone, changes not."))


def _say_nothing(console: Console, agent: str, *, limited: bool) -> None:
    if limited:
        console.print(f"Nothing of {agent!r} there; without --since, --until and --kinds: more.")
    else:
        console.print(f"Nothing has happened to {agent!r} yet.")
