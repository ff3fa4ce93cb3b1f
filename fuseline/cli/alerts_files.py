"""`fuseline alerts apply`: channels and rules from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from fuseline.alerts.documents import read_channel, read_rule
from fuseline.alerts.store import AlertStore
from fuseline.cli import look
from fuseline.cli.agents_files import read_bytes
from fuseline.cli.force import who_says
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.registry.files import load
from fuseline.schemas.alerts import AlertChannel, AlertRule

_ALLOWED = 'an object {"channels": [...], "rules": [...]}'


class Step(Struct, frozen=True):
    """One thing to do."""

    action: str
    kind: str
    name: str


def apply_file(
    options: Options,
    file: Annotated[
        str,
        typer.Option("--file", "-f", metavar="FILE|-", help="JSON or YAML; - is stdin."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also delete what the file does not name.")
    ] = False,
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Make rules and channels what a file says; applied again, the file changes nothing.

    The file holds an object with the lists `channels` and `rules`.
    """

    async def command(backend: Backend) -> None:
        who = who_says(actor)
        channels, rules = read_file(read_bytes(file))
        store = AlertStore(backend)
        steps = await _plan(store, channels, rules, prune=prune)
        if not dry_run:
            await _carry_out(store, steps, channels, rules, who)
        if options.as_json:
            look.print_json({"dry_run": dry_run, "steps": msgspec.to_builtins(steps)})
            return
        for step in steps:
            typer.echo(f"{step.action} {step.kind} {step.name}")
        end = "; nothing was changed (--dry-run)" if dry_run and steps else ""
        typer.echo(f"{len(steps)} changes{end}")

    run(options, command)


def read_file(content: bytes) -> tuple[dict[str, AlertChannel], dict[str, AlertRule]]:
    """The channels and rules that a file holds, by name.

    Raises:
        ConfigError: naming the place in the file, and what is allowed there.
    """
    documents = load(content)
    if len(documents) != 1 or not isinstance(documents[0], Mapping):
        raise ConfigError("file", f"{len(documents)} documents", _ALLOWED)
    document = documents[0]
    if others := [name for name in document if name not in ("channels", "rules")]:
        raise ConfigError(str(others[0])[:100], "***", _ALLOWED)
    return (
        _each(document, "channels", read_channel),
        _each(document, "rules", read_rule),
    )


def _each(document: Mapping[str, Any], member: str, read: Any) -> dict[str, Any]:
    listed = document.get(member) or []
    if not isinstance(listed, list):
        raise ConfigError(member, type(listed).__name__, "a list")
    found: dict[str, Any] = {}
    for place, one in enumerate(listed):
        where = f"{member}[{place}]"
        try:
            made = read(one)
        except ConfigError as error:
            field = f"{where}.{error.field}" if error.field else where
            raise ConfigError(field, error.value, error.allowed) from None
        if made.name in found:
            raise ConfigError(f"{where}.name", made.name, "names that stand once in the list")
        found[made.name] = made
    return found


async def _plan(
    store: AlertStore,
    channels: dict[str, AlertChannel],
    rules: dict[str, AlertRule],
    *,
    prune: bool,
) -> list[Step]:
    steps: list[Step] = []
    stored_channels = {one.channel.name: one.channel for one in await store.channels()}
    stored_rules = {one.rule.name: one.rule for one in await store.rules()}
    for name, channel in channels.items():
        if stored_channels.get(name) != channel:
            steps.append(Step("update" if name in stored_channels else "create", "channel", name))
    known = {*channels, *(() if prune else stored_channels)}
    for name, rule in rules.items():
        for place, used in enumerate(rule.channels):
            if used not in known:
                field = f"rules[{list(rules).index(name)}].channels[{place}]"
                raise ConfigError(field, used, "a channel of the file or one that is there")
        if stored_rules.get(name) != rule:
            steps.append(Step("update" if name in stored_rules else "create", "rule", name))
    if prune:
        steps += [Step("delete", "rule", name) for name in stored_rules if name not in rules]
        steps += [
            Step("delete", "channel", name) for name in stored_channels if name not in channels
        ]
    return steps


async def _carry_out(
    store: AlertStore,
    steps: list[Step],
    channels: dict[str, AlertChannel],
    rules: dict[str, AlertRule],
    who: str,
) -> None:
    for step in steps:
        if step.action == "delete":
            delete = store.delete_rule if step.kind == "rule" else store.delete_channel
            await delete(step.name, who)
        elif step.kind == "rule":
            await store.put_rule(msgspec.to_builtins(rules[step.name]), who)
        else:
            await store.put_channel(msgspec.to_builtins(channels[step.name]), who)
