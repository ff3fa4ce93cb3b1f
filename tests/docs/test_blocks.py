"""Every block of code of the documentation runs, or says why it does not."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs_tools.environment import EXAMPLE, variables
from fuseline.core.errors import FuselineError
from fuseline.projections.projector import Projector
from tests.api.running import running_api
from tests.bridge.agents.manners import echoes
from tests.bridge.agents.server import agent_at
from tests.cli.support import environment, until
from tests.docs.commands import commands, matches, unknown
from tests.docs.pages import DOCS, LANGUAGES, ROOT, Block, blocks, pages
from tests.docs.pasts import PASTS
from tests.docs.running import Outputs, Page, compiled, read, shell
from tests.logbook import open_backend

SHARDS = 4

# The agent and the receiver of alerts of the pages; a real one stands for both.
PLACES = ("https://billing.example/ask", "https://ops.example.com/hooks/fuseline")

# Where the pages have an API; one without tokens stands there.
API_AT = "127.0.0.1:8787"

# Whose blocks other tests run.
ELSEWHERE = {
    "docs/api.md": "tests/client/test_guide.py",
    "docs/high-availability.md": "tests/ha/test_guide.py",
    "docs/integrations.md": "tests/integrations/test_guide.py",
    "docs/stream.md": "tests/e2e/browser/test_stream_guide.py",
}

# Pages whose outputs are compared but for their numbers, or not at all, because what they show is
# of more than a test can make.
OUTPUTS = {
    "docs/archive.md": Outputs.ANY_FIGURES,
    "docs/retention.md": Outputs.ANY_FIGURES,
    "docs/what-if.md": Outputs.EXAMPLES,  # seven days; tests/cli/test_what_if_command.py compares
}

# How many blocks of a page are not run; each says why in the page.
NOT_RUN = {
    "README.md": 1,
    "docs/archive.md": 2,
    "docs/deployment.md": 5,
    "docs/telemetry.md": 4,
    "docs/tutorial.md": 1,
}

_MAKES = re.compile(r"(?:^\$|[;&])(?: [A-Z_]+=\S+)* make ([a-z-]+)", re.MULTILINE)

ALL = {page.relative_to(ROOT).as_posix(): list(blocks(page)) for page in pages()}
RUN = [name for name, found in ALL.items() if found and name not in ELSEWHERE]


def every(*languages: str) -> list[Block]:
    return [block for found in ALL.values() for block in found if block.language in languages]


@pytest.fixture(scope="module")
def commands_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of what carries out the `fuseline` commands of all pages."""
    address = tmp_path_factory.mktemp("commands") / "socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.forking", str(address)],
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
    )
    try:
        until(address.exists, 60)
        yield str(address)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("name", RUN)
async def test_the_blocks_of_a_page_do_what_it_says(
    name: str,
    commands_at: str,
    redis_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for folder in ("examples", "deploy", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    environ = {
        "REDIS_URL": redis_url,
        "FUSELINE_NAMESPACE": namespace,
        "FUSELINE_SHARDS": str(SHARDS),
        "FUSELINE_DATA_DIR": str(tmp_path / "data"),
        "FUSELINE_OUTBOUND_ALLOW": "127.0.0.1",
        "BILLING_TOKEN": "of-the-test",
        "OPS_WEBHOOK_SECRET": "of-the-test",
    }
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    async with (
        contextlib.AsyncExitStack() as stack,
        open_backend(redis_url, namespace, SHARDS) as backend,
        shell(tmp_path, commands_at, **environ, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}") as bash,
        agent_at(echoes) as agent,
    ):
        if name in PASTS:
            await PASTS[name](backend, redis_url)
        projecting = asyncio.create_task(Projector(backend, "of-the-page").run())
        places = dict.fromkeys(PLACES, agent.url) | {
            "/var/lib/fuseline/archive": str(tmp_path / "archive"),
            "NAMESPACE=copy": f"NAMESPACE={namespace}-copy",
        }
        if any(API_AT in block.text for block in ALL[name] if not block.skipped):
            api = await stack.enter_async_context(
                running_api(redis_url, namespace, local_mode=True, projector=False)
            )
            places |= {API_AT: api.url.removeprefix("http://")}
        page = Page(bash, tmp_path, places, OUTPUTS.get(name, Outputs.AS_SHOWN))
        for block in ALL[name]:
            if block.skipped:
                continue
            try:
                await page.run(block)
            except Exception as error:
                raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error
        projecting.cancel()
        await asyncio.wait([projecting])


async def test_a_block_that_does_not_do_what_it_says_fails(
    commands_at: str, tmp_path: Path
) -> None:
    async with shell(tmp_path, commands_at) as bash:
        page = Page(bash, tmp_path, {"HERE": "there"})
        await page.run(
            Block("page", 1, "console", "$ echo HERE\nthere\n$ fuseline --version\nfuse…\n")
        )
        for wrong in (
            Block("page", 1, "console", "$ echo a\nb\n"),
            Block("page", 1, "console", "$ fuseline alerts list --redis-url redis://127.0.0.1:1\n"),
            Block("page", 1, "bash", "false"),
            Block("page", 1, "python", "assert await one() == 2\n"),
            Block("page", 1, "text", "nothing of that was printed"),
        ):
            await page.run(Block("page", 1, "python", "async def one():\n    return 1\n"))
            with pytest.raises(AssertionError):
                await page.run(wrong)


def test_what_is_not_run_says_why_and_is_no_more_than_is_known() -> None:
    skipped = [block for found in ALL.values() for block in found if block.skipped]
    silent = [str(block) for block in skipped if len(block.skipped.split()) < 3]
    assert not silent, f"no reason: {silent}"
    counted = {name: sum(bool(b.skipped) for b in found) for name, found in ALL.items()}
    assert {name: count for name, count in counted.items() if count} == NOT_RUN


def test_pages_that_are_run_elsewhere_are_run_there() -> None:
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


def test_every_fence_names_a_language() -> None:
    wrong = []
    for page in pages():
        text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
        wrong += [f"{page}: ```{word}" for word in fences[::2] if word not in LANGUAGES]
    assert not wrong


@pytest.mark.parametrize("block", every("python", "py"), ids=str)
def test_python_can_be_read(block: Block) -> None:
    compiled(block)


@pytest.mark.parametrize("block", every("json", "yaml"), ids=str)
def test_documents_are_taken(block: Block) -> None:
    read(block)


def test_a_document_that_is_wrong_is_refused() -> None:
    agents = "agents: [{name: billing, circuit_breaker_config: {failure_treshold: 3}}]"
    with pytest.raises(FuselineError, match="failure_treshold"):
        read(Block("page", 1, "yaml", agents))
    alerts = "rules: [{name: open, when: {kind: opend}}]"
    with pytest.raises(FuselineError, match="opend"):
        read(Block("page", 1, "yaml", alerts))
    assert read(Block("page", 1, "json", '{"a": 1}')) == "anything"


@pytest.mark.parametrize("block", every("console", "bash"), ids=str)
def test_commands_and_options_exist(block: Block) -> None:
    texts = [c.text for c in commands(block.text)] if block.language == "console" else [block.text]
    assert not [wrong for text in texts for wrong in unknown(text)]


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {
        (str(block), target)
        for block in every("console", "bash")
        for target in re.findall(
            r"(?:^\$|[;&])(?: [A-Z_]+=\S+)* make ([a-z-]+)", block.text, re.MULTILINE
        )
    }
    assert {target for _, target in named} >= {"up", "test"}
    assert not {where for where, target in named if target not in targets}


def test_variables_exist() -> None:
    known = {variable.name for variable in variables(EXAMPLE.read_text(encoding="utf-8"))}
    # Those of compose files and tests.
    for path in (ROOT / "docker-compose.yml", *(ROOT / "tests").rglob("*.py")):
        if path != Path(__file__):
            known |= set(re.findall(r"\bFUSELINE_[A-Z_]+\b", path.read_text(encoding="utf-8")))
    wrong = {
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages()
        if page.parent != DOCS / "decisions"
        for name in re.findall(
            r"\b(?:FUSELINE|CIRCUIT_BREAKER)_[A-Z_]*[A-Z]\b(?![_*])",
            page.read_text(encoding="utf-8"),
        )
        if name not in known
    }
    assert not wrong


def test_the_checks_can_fail() -> None:
    assert matches("a … c\n", "a b  c  \n")
    assert not matches("a … c", "a b d")
    assert matches("1,204 of 3 …", "7 of 214806 x", any_figures=True)
    assert not matches("1,204 of 3", "7 or 214806", any_figures=True)
    assert not matches("1 of 3", "1 of 4")
    assert not unknown("FUSELINE_SHARDS=4 fuseline timeline billing --since 2h | head")
    assert unknown("fuseline timeline billing --sinse 2h") == ["`timeline` has no --sinse"]
    assert not unknown("kubectl -n fuseline rollout status")
    assert unknown("x=$(fuseline nothing here)") == ["no command `nothing here`"]
    assert [c.shown for c in commands("$ a \\\n  b\nout\n$ c\n")] == ["out", None]
