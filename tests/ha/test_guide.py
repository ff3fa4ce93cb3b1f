"""The settings of docs/high-availability.md: real servers take them, as they stand there."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.docs.pages import DOCS, Block, blocks
from tests.ha.topology import Node, SentinelProcess
from tests.servers import ServerMissingError, _free_port

SERVER, SENTINEL, CLUSTER = (
    block for block in blocks(DOCS / "high-availability.md") if block.language == "ini"
)
MASTER = "mymaster"
MASTER_AT = "10.0.0.1 6379"


def settings(block: Block) -> dict[str, str]:
    """What the block sets, without its comments."""
    lines = [line for line in block.text.splitlines() if line and not line.startswith("#")]
    return dict(line.rsplit(maxsplit=1) for line in lines)


class Configured(Node):
    """A server that reads a block as its configuration file."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        for name in settings(block):
            self._settings.pop(name, None)
        if "cluster-enabled" in settings(block):
            # Else it is 10,000 above the port, which may be above all there are.
            self._settings["cluster-port"] = str(_free_port())
        self._conf = self.folder / "server.conf"
        self._conf.write_text(block.text)

    def _arguments(self) -> list[str]:
        return [str(self._conf), *super()._arguments()]


@contextmanager
def running(block: Block) -> Iterator[Configured]:
    try:
        server = Configured(block)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with closing(server):  # a start that fails leaves nothing behind either
        server.start()
        yield server


@pytest.mark.parametrize("block", [SERVER, CLUSTER], ids=["server", "cluster"])
async def test_a_server_starts_with_the_settings(block: Block) -> None:
    assert len(settings(block)) >= 4
    with running(block) as server:
        for name, value in settings(block).items():
            assert await server.tell("CONFIG", "GET", name) == [name.encode(), value.encode()]


async def test_a_sentinel_starts_with_the_settings() -> None:
    with running(SERVER) as master:
        sentinel = SentinelProcess(master, 2)
        here = SENTINEL.text.replace(MASTER_AT, f"127.0.0.1 {master.port}")
        assert here != SENTINEL.text
        first = sentinel.conf.read_text().partition("sentinel monitor")[0]
        sentinel.conf.write_text(first + here)
        with closing(sentinel):
            sentinel.start()
            flat = await sentinel.tell("SENTINEL", "MASTER", MASTER)
            found = dict(zip(flat[::2], flat[1::2], strict=True))
    found[b"monitor"] = found[b"quorum"]  # which is the last word of that line
    for name, value in settings(SENTINEL).items():
        known = name.removeprefix("sentinel ").partition(" ")[0].encode()
        assert found[known] == value.encode(), name


async def test_settings_that_a_server_does_not_take_are_seen() -> None:
    wrong = Block("page", 1, "ini", "appendfsync everysec  # each second\n")
    with pytest.raises(RuntimeError, match="wrong number of arguments"), running(wrong):
        pass
