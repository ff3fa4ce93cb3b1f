"""`fuseline tokens`: who may use the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import Token, TokenStore
from fuseline.cli import look
from fuseline.cli.exits import EPILOG
from fuseline.cli.force import check_text, who_says
from fuseline.cli.options import Options, with_options
from fuseline.cli.session import run
from fuseline.cli.times import DURATION_HELP, clock, parse_duration
from fuseline.events.backend import Backend

tokens = typer.Typer(
    name="tokens", help="Who may use the HTTP API: make, list and revoke tokens.", epilog=EPILOG,
    no_args_is_help=True,
)  # fmt: skip

_ID = typer.Argument(metavar="ID", help="The token's id, see list.", show_default=False)


def create(
    options: Options,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="What stands in the history for its changes.", show_default=False
        ),
    ],
    role: Annotated[
        Role,
        typer.Option(
            help="viewer: look; caller: also report calls and hand in tasks; operator: also "
            "override; admin: also change agents and tokens.",
            show_default=False,
        ),
    ],
    expires: Annotated[
        str,
        typer.Option(metavar="TIME", help=f"It ends after {DURATION_HELP}; or never."),
    ] = "90d",
    actor: Annotated[
        str | None, typer.Option(help="Who makes it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Make a token and show it, this once: only a hash of it is kept.

    On stdout stands the token and nothing else, so that a script can take it.
    """

    async def command(backend: Backend) -> None:
        never = expires.strip().lower() == "never"
        made = await TokenStore(backend).create(
            check_text("name", name),
            role,
            life_ms=None if never else parse_duration("expires", expires),
            created_by=who_says(actor),
        )
        if options.as_json:
            look.print_json({"token": made.text, **_document(made.token, made.token.created_ms)})
            return
        typer.echo(made.text)
        note = f"id {made.token.id}, {role.value}, {_end(made.token)}; it is not shown again"
        look.console(stderr=True).print(look.notice(note))

    run(options, command)


def list_tokens(
    options: Options,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are revoked or expired.")
    ] = False,
) -> None:
    """Show the tokens; the tokens themselves cannot be shown."""

    async def command(backend: Backend) -> None:
        now_ms = await backend.learn_time()
        found = [t for t in await TokenStore(backend).list() if every or t.is_valid(now_ms)]
        if options.as_json:
            look.print_json({"tokens": [_document(token, now_ms) for token in found]})
            return
        if not found:
            typer.echo("no tokens; `fuseline tokens create NAME --role ROLE` makes one")
            return
        table = Table.grid(padding=(0, 2))
        for token in found:
            valid = token.is_valid(now_ms)
            used = token.last_used_ms
            table.add_row(
                Text(token.id, style="bold" if valid else "dim"),
                Text(token.name),
                Text(token.role.value),
                Text(_end(token), style="" if valid else "red"),
                Text(f"used {look.ago(used, now_ms)} ago" if used else "never used", style="dim"),
                Text(f"by {token.created_by}", style="dim"),
            )
        look.show(look.console(), table)

    run(options, command)


def revoke(options: Options, token_id: Annotated[str, _ID]) -> None:
    """End a token and the sessions opened with it, everywhere at once."""

    async def command(backend: Backend) -> None:
        token = await TokenStore(backend).revoke(token_id)
        if options.as_json:
            look.print_json(_document(token, await backend.learn_time()))
        else:
            typer.echo(f"{token.id} ({token.name}, {token.role.value}) is revoked")

    run(options, command)


def sign_out(options: Options, token_id: Annotated[str, _ID]) -> None:
    """End all sessions opened with a token; the token goes on."""

    async def command(backend: Backend) -> None:
        await TokenStore(backend).end_sessions(token_id)
        if options.as_json:
            look.print_json({"id": token_id, "signed_out": True})
        else:
            typer.echo(f"all sessions of {token_id} are ended")

    run(options, command)


def _end(token: Token) -> str:
    if token.revoked_ms is not None:
        return f"revoked {clock(token.revoked_ms, with_date=True)}"
    if token.expires_ms is None:
        return "never expires"
    return f"until {clock(token.expires_ms, with_date=True)}"


def _document(token: Token, now_ms: int) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(token)
    del document["generation"]
    return document | {"valid": token.is_valid(now_ms)}


for _name, _command in (
    ("create", create),
    ("list", list_tokens),
    ("revoke", revoke),
    ("sign-out", sign_out),
):
    tokens.command(_name, epilog=EPILOG)(with_options(_command))
