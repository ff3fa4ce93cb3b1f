"""`fuseline alerts`: rules, channels, incidents, deliveries; and the process that sends them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.alerts.documents import kind_of
from fuseline.alerts.store import MOST_LISTED, AlertStore
from fuseline.cli import look
from fuseline.cli.alerts_files import apply_file
from fuseline.cli.alerts_run import run_notifier
from fuseline.cli.exits import EPILOG, Exit
from fuseline.cli.force import who_says
from fuseline.cli.options import Options, with_options
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend

alerts = typer.Typer(
    name="alerts",
    help="Who is told of what: rules, channels, incidents, deliveries.",
    epilog=EPILOG,
    no_args_is_help=True,
)

_NAME = typer.Argument(metavar="NAME", help="Name of the rule.", show_default=False)
_CHANNEL = typer.Option("--channel", help="It is the name of a channel.")
_LIMIT = typer.Option("--limit", "-n", help=f"At most so many, up to {MOST_LISTED}.")
_ACTOR = typer.Option(help="Who says it; by default user@host.", show_default=False)

Actor = Annotated[str | None, _ACTOR]


def list_alerts(options: Options) -> None:
    """List rules and channels."""

    async def command(backend: Backend) -> None:
        store = AlertStore(backend)
        rules, channels = await store.rules(), await store.channels()
        owner = await store.notifier()
        if options.as_json:
            look.print_json(
                {
                    "rules": msgspec.to_builtins(rules),
                    "channels": msgspec.to_builtins(channels),
                    "notifier": owner,
                }
            )
            return
        table = Table.grid(padding=(0, 2))
        for one in rules:
            rule = one.rule
            table.add_row(
                Text(rule.name, style="bold" if rule.enabled else "dim"),
                Text(kind_of(rule) if rule.enabled else f"{kind_of(rule)} (off)"),
                Text(rule.severity.value),
                Text(" ".join([*rule.agents, *(f"#{tag}" for tag in rule.tags)]) or "all agents"),
                Text("→ " + (", ".join(rule.channels) or "nobody"), style="cyan"),
                Text(f"revision {one.revision}", style="dim"),
            )
        for stored in channels:
            to = stored.channel.to
            table.add_row(
                Text(stored.channel.name, style="cyan"),
                Text(f"channel: {type(to).__struct_config__.tag}"),
                Text(""),
                Text(to.url, overflow="fold"),
                Text(""),
                Text(f"revision {stored.revision}", style="dim"),
            )
        look.show(look.console(), table)
        if not owner:
            warning = "nobody sends alerts now: fuseline alerts run, or fuseline up"
            look.console(stderr=True).print(look.notice(warning))

    run(options, command)


def show(
    options: Options,
    name: Annotated[str, _NAME],
    channel: Annotated[bool, _CHANNEL] = False,
) -> None:
    """Show all of one rule or channel."""

    async def command(backend: Backend) -> None:
        store = AlertStore(backend)
        found = await (store.channel(name) if channel else store.rule(name))
        document = msgspec.to_builtins(found)
        if options.as_json:
            look.print_json(document)
            return
        inner = document["channel" if channel else "rule"]
        head = Text.assemble((name, "bold"), f"  revision {found.revision}")
        head.append(
            f"  {clock(found.updated_ms, with_date=True)} by {found.updated_by}", style="dim"
        )
        table = Table.grid(padding=(0, 2))
        for field, value in inner.items():
            if field != "name":
                table.add_row(field, Text(_word(value), overflow="fold"))
        look.show(look.console(), head, table)

    run(options, command)


def delete(
    options: Options,
    name: Annotated[str, _NAME],
    channel: Annotated[bool, _CHANNEL] = False,
    revision: Annotated[
        int | None, typer.Option(help="Only if it stands at this one.", show_default=False)
    ] = None,
    actor: Actor = None,
) -> None:
    """Remove a rule, or a channel that no rule names."""

    async def command(backend: Backend) -> None:
        who = who_says(actor)
        if revision is not None and revision < 1:
            raise ConfigError("revision", revision, "a whole number from 1")
        store = AlertStore(backend)
        await (store.delete_channel if channel else store.delete_rule)(name, who, revision)
        kind = "channel" if channel else "rule"
        if options.as_json:
            look.print_json({"deleted": name, "kind": kind})
        else:
            typer.echo(f"the alert {kind} {name} is removed")

    run(options, command)


def try_channel(
    options: Options,
    name: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="Name of a channel.", show_default=False)
    ],
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end.")] = 15.0,
    actor: Actor = None,
) -> None:
    """Have the notifier send a test notice, the way of all notices; exit code 1: it failed."""

    async def command(backend: Backend) -> int:
        who = who_says(actor)
        if not 0 <= wait <= 600:
            raise ConfigError("wait", wait, "seconds from 0 to 600")
        found = await AlertStore(backend).tried(name, who, wait)
        if options.as_json:
            look.print_json(msgspec.to_builtins(found))
        else:
            why = f": {found.error}" if found.error else ""
            typer.echo(f"{name}: {found.result}{why}")
        return Exit.OK if found.result == "delivered" else Exit.FAILED

    run(options, command)


def incidents(
    options: Options,
    state: Annotated[str, typer.Option(help="all, open or resolved.")] = "all",
    subject: Annotated[str, typer.Option(help="Only about this agent or part.")] = "",
    limit: Annotated[int, _LIMIT] = 50,
) -> None:
    """List incidents, the newest first."""

    async def command(backend: Backend) -> None:
        if state not in ("all", "open", "resolved"):
            raise ConfigError("state", state, "all, open or resolved")
        found = await AlertStore(backend).incidents(
            state=state, subject=subject, limit=_limit(limit)
        )
        if options.as_json:
            look.print_json({"items": msgspec.to_builtins(found)})
            return
        table = Table.grid(padding=(0, 2))
        for one in found:
            end = f"over {clock(one.resolved_ms, with_date=True)}" if one.resolved_ms else "open"
            table.add_row(
                clock(one.opened_ms, with_date=True),
                Text(end, style="" if one.resolved_ms else "bold red"),
                Text(one.severity.value),
                Text(one.summary, overflow="fold"),
                Text(f"nobody told: {one.silenced}" if one.silenced else "", style="dim"),
            )
        look.show(look.console(), table)

    run(options, command)


def deliveries(
    options: Options,
    channel: Annotated[str, typer.Option(help="Only to this channel.")] = "",
    limit: Annotated[int, _LIMIT] = 50,
) -> None:
    """List attempts to deliver, the newest first."""

    async def command(backend: Backend) -> None:
        found = await AlertStore(backend).deliveries(channel=channel, limit=_limit(limit))
        if options.as_json:
            look.print_json({"items": msgspec.to_builtins(found)})
            return
        table = Table.grid(padding=(0, 2))
        for one in found:
            table.add_row(
                clock(one.at_ms, with_date=True),
                Text(one.channel, style="cyan"),
                one.event,
                Text(one.result, style="green" if one.result == "delivered" else "red"),
                f"attempt {one.attempt}, {one.took_ms} ms",
                Text(one.error, overflow="fold"),
            )
        look.show(look.console(), table)

    run(options, command)


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST_LISTED:
        raise ConfigError("limit", limit, f"a whole number from 1 to {MOST_LISTED}")
    return limit


def _word(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


for _command_name, _command in (
    ("list", list_alerts),
    ("show", show),
    ("apply", apply_file),
    ("delete", delete),
    ("test", try_channel),
    ("incidents", incidents),
    ("deliveries", deliveries),
    ("run", run_notifier),
):
    alerts.command(_command_name, epilog=EPILOG)(with_options(_command))
