"""`fuseline shadow`: other settings folded beside an agent's own, and how they did."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.changes import patch_of
from fuseline.cli.exits import Exit, report_text
from fuseline.cli.force import WAIT_SECONDS, check_text, projecting, who_says
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.cli.what_if import show_answer
from fuseline.core.errors import ConfigError
from fuseline.core.events import ShadowSet
from fuseline.events.agents import override
from fuseline.events.backend import Backend
from fuseline.projections.overview import overview
from fuseline.projections.replay import log_info
from fuseline.projections.shadowing import compared, load_shadow, shadow_document
from fuseline.projections.word import wait_until_folded
from fuseline.schemas.shadow import Shadow, ShadowAnswer


def shadow(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A setting that would be another from now on; again for more.",
            show_default=False,
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Fold nothing along any more.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")
    ] = "",
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Fold other settings beside an AGENT's own from now on, or show how they did since then.

    Callers see nothing of it. What it would have done stands in the timeline.
    """

    async def command(backend: Backend) -> int:
        settings = patch_of(changes or [], "set")
        if off and settings:
            raise ConfigError("off", off, "nothing together with --set")
        await overview(backend, [agent])  # is there such an agent?
        if settings or off:
            why = check_text("reason", reason) if reason else ""
            event = ShadowSet(settings, who_says(actor), why)
            if not await _said(backend, agent, options, event):
                return Exit.FAILED
        found = await load_shadow(backend, agent)
        document = shadow_document(found, backend.clock.now_ms())
        answer = ShadowAnswer(agent=agent, shadow=document)
        if found is not None and not settings:
            info = await log_info(backend, backend.keys.agent(agent))
            with counting("Folding", info.length, options) as count:
                comparison, problem = await compared(backend, agent, found, count)
            answer = msgspec.structs.replace(answer, comparison=comparison, problem=problem)
        if options.as_json:
            look.print_json(msgspec.to_builtins(answer))
        else:
            _show(look.console(), answer)
        return Exit.OK

    run(options, command)


async def _said(backend: Backend, agent: str, options: Options, event: ShadowSet) -> bool:
    async with projecting(backend):
        event_id = await override(backend, agent, event)
        if await wait_until_folded(backend, agent, event_id, WAIT_SECONDS):
            return True
    text = (
        f"the shadow is in the log as {event_id}, but no projector has folded it within "
        f"{WAIT_SECONDS:g} s; see `fuseline doctor`"
    )
    report_text(text, "NotFoldedError", Exit.FAILED, as_json=options.as_json)
    return False


def _show(console: Console, answer: ShadowAnswer) -> None:
    shadow = answer.shadow
    if shadow is None:
        console.print(f"Nothing is folded beside {answer.agent}.")
        return
    look.show(console, _head(answer.agent, shadow))
    if answer.comparison is not None:
        look.show(console, Text(""))
        show_answer(console, answer.comparison)
    elif answer.problem:
        console.print(look.notice(f"Nothing can be compared yet: {answer.problem}"))


def _head(agent: str, shadow: Shadow) -> Text:
    settings = ", ".join(
        f"{name} {'off' if value is None else str(value).lower()}"
        for name, value in shadow.settings.items()
    )
    head = Text.assemble((agent, "bold"), f"  shadow with {settings}: ")
    head.append_text(look.state_text(shadow.state))
    if not shadow.known:
        head.append(" (if nobody had called where nobody saw it)", style="dim")
    since = f"since {clock(shadow.since_ms, with_date=True)} by {shadow.actor}"
    head.append(f"\n{since}" + (f": {shadow.reason}" if shadow.reason else ""), style="dim")
    return head
