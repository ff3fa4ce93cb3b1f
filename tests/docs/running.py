"""Running the blocks of a page in their order: one shell, one namespace, one event loop."""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import CodeType
from typing import Any

import yaml

from fuseline.cli import alerts_files
from fuseline.core.config import CircuitBreakerConfig
from fuseline.registry.files import read_documents
from fuseline.registry.plan import plan
from tests.cli.support import environment
from tests.docs.commands import Command, commands, matches
from tests.docs.pages import ROOT, Block

WITHIN_SECONDS = 120.0
SOON_SECONDS = 60.0
LOOKS = re.compile(r"fuseline (status|timeline|state|verify|doctor|agents (list|show)|task) ?")
GOES_ON = {"fuseline up": "Ctrl-C stops"}
"""Commands that go on until they are stopped, and what they say when they are ready."""
STREAMS = "curl -N "
TIME_IS_UP = 28
"""With which curl ends after its `-m`; a stream has no end."""
MAY_BE_MISSING = {"promtool"}
MARK = "@@@ ended with"


class Shell:
    """A bash that has the commands of this checkout, in a folder of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command; returns its exit code and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nended=$?; echo; echo '{MARK}' $ended\n".encode())
        await self._process.stdin.drain()
        lines: list[str] = []
        while True:
            line = (
                await asyncio.wait_for(self._process.stdout.readline(), WITHIN_SECONDS)
            ).decode()
            assert line, f"the shell has ended: {command}"
            if line.startswith(MARK):
                return int(line.removeprefix(MARK)), "".join(lines)
            lines.append(line)


@contextlib.asynccontextmanager
async def shell(folder: Path, commands_at: str, **environ: str) -> AsyncIterator[Shell]:
    """A shell; what it has started ends with it.

    Args:
        folder: where it is.
        commands_at: the socket of a `forking` that carries out `fuseline`.
        environ: what its environment has besides.
    """
    process = await asyncio.create_subprocess_exec(
        "bash",
        "--norc",
        cwd=folder,
        env=environment(COLUMNS="100", TERM="dumb", **environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
        start_new_session=True,
    )
    bash = Shell(process)
    python, here = shlex.quote(sys.executable), shlex.quote(str(Path(__file__).parent))
    try:
        await bash.run(f'python() {{ {python} "$@"; }}')
        await bash.run(f'fuseline() {{ {python} -IS {here}/forking.py {commands_at} "$@"; }}')
        yield bash
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class Outputs(StrEnum):
    """What is compared of what a page shows."""

    AS_SHOWN = "as shown"
    ANY_FIGURES = "but for its numbers"
    EXAMPLES = "nothing"


class Page:
    """A page that is being run; `places` has what stands in the way of what the pages show."""

    def __init__(
        self,
        bash: Shell,
        folder: Path,
        places: dict[str, str],
        outputs: Outputs = Outputs.AS_SHOWN,
    ) -> None:
        self._places = places
        self._outputs = outputs
        self._bash = bash
        self._folder = folder
        self._names: dict[str, Any] = {"__name__": "page"}
        self._printed = ""

    async def run(self, block: Block) -> None:
        """Runs a block.

        Raises:
            AssertionError: it does not do what the page says.
        """
        for shown, real in self._places.items():
            block = replace(block, text=block.text.replace(shown, real))
        if block.file and block.language != "console":
            (self._folder / block.file).write_text(block.text, encoding="utf-8")
        if block.language in {"python", "py"}:
            await self._python(block)
        elif block.language == "console":
            for command in commands(block.text):
                await self._command(command)
        elif block.language == "bash":
            code, printed = await self._bash.run(block.text)
            assert code == 0, f"ended with {code}:\n{printed}"
        elif block.language in {"json", "yaml"}:
            read(block)
        elif block.language == "text" and self._outputs is not Outputs.EXAMPLES:
            assert matches(block.text, self._printed), f"printed is\n{self._printed}"

    def _is_shown(self, command: Command, printed: str) -> bool:
        if command.shown is None or self._outputs is Outputs.EXAMPLES:
            return True
        any_figures = self._outputs is Outputs.ANY_FIGURES
        return matches(command.shown, printed, any_figures=any_figures)

    async def _command(self, command: Command) -> None:
        text, ends = command.text, 0
        if text.split()[0] in MAY_BE_MISSING and shutil.which(text.split()[0]) is None:
            return
        if ready := GOES_ON.get(text):
            text = f"{text} >said 2>&1 & until grep -q '{ready}' said; do sleep 0.1; done"
        if text.startswith(STREAMS):
            text, ends = text.replace(STREAMS, f"{STREAMS}-m 3 ", 1), TIME_IS_UP
        deadline = time.monotonic() + SOON_SECONDS
        while True:
            code, printed = await self._bash.run(text)
            is_shown = code == ends and self._is_shown(command, printed)
            # What only looks may look again: states follow the log in a moment.
            if is_shown or not LOOKS.match(command.text) or time.monotonic() > deadline:
                break
        assert code == ends, f"$ {command.text}\nended with {code}:\n{printed}"
        assert self._is_shown(command, printed), (
            f"$ {command.text}\nshows\n{command.shown}\nand prints\n{printed}"
        )

    async def _python(self, block: Block) -> None:
        code = compiled(block)
        out = io.StringIO()
        if "__main__" in block.text:
            return  # a program: a console block starts it
        with contextlib.redirect_stdout(out):
            # A module of its own would have no names of the blocks before.
            result = eval(code, self._names)
            if inspect.isawaitable(result):
                await asyncio.wait_for(result, WITHIN_SECONDS)
        self._printed = out.getvalue()


def read(block: Block) -> str:
    """Reads a document; one that Fuseline takes has to be one that it takes.

    Returns:
        What the document is.

    Raises:
        FuselineError: Fuseline refuses it.
        ValueError: it is no JSON or YAML at all.
    """
    if block.language == "json":
        found = [json.loads(block.text)]
    else:
        found = list(yaml.safe_load_all(block.text))
    members = {name for one in found if isinstance(one, dict) for name in one}
    if members and members <= {"channels", "rules"}:
        alerts_files.read_file(block.text.encode())
        return "alerts"
    if "agents" in members or "circuit_breaker_config" in members:
        plan({}, read_documents(block.text.encode()), CircuitBreakerConfig())
        return "agents"
    return "anything"


def compiled(block: Block) -> CodeType:
    """A Python block, in which `await` may stand outside of functions."""
    # So that errors name the page and its line.
    padded = "\n" * block.line + block.text
    return compile(
        padded,
        str(ROOT / block.page),
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
