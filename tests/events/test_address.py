"""URLs of one server, of Sentinels and of a cluster."""

import pytest
from redis.asyncio.connection import SSLConnection

from fuseline.core.errors import ConfigError
from fuseline.events.address import parse_address, redact
from fuseline.events.settings import BackendSettings


def test_sentinels_a_service_and_a_database() -> None:
    address = parse_address("redis+sentinel://me:p%40ss@one:1,two,[::1]:3/the-master/5")
    assert address.topology == "sentinel"
    assert address.hosts == (("one", 1), ("two", 26379), ("::1", 3))
    assert address.service == "the-master"
    assert address.server == {"username": "me", "password": "p@ss", "db": 5}
    assert address.sentinel == {}  # their user is not the servers'


def test_sentinels_with_a_password_of_their_own_and_tls() -> None:
    address = parse_address(
        "rediss+sentinel://:secret@one/service?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required"
        "&sentinel_username=watch&sentinel_password=other%26"
    )
    tls = {"ssl_ca_certs": "/ca.pem", "ssl_cert_reqs": "required"}
    wanted = {"password": "secret", "db": 0, "connection_class": SSLConnection}
    assert address.server == wanted | tls
    assert address.sentinel == {"username": "watch", "password": "other&", "ssl": True} | tls


@pytest.mark.parametrize(
    ("scheme", "tls", "wanted"),
    [("redis", "true", True), ("rediss", "false", None), ("rediss", None, True)],
)
def test_sentinels_may_differ_from_the_servers_in_tls(
    scheme: str, tls: str | None, wanted: bool | None
) -> None:
    query = f"?sentinel_tls={tls}" if tls else ""
    address = parse_address(f"{scheme}+sentinel://one/service{query}")
    assert address.sentinel.get("ssl") == wanted


def test_nodes_of_a_cluster() -> None:
    address = parse_address("rediss+cluster://me:secret@one,two:7001?ssl_check_hostname=no")
    assert address.topology == "cluster"
    assert address.hosts == (("one", 6379), ("two", 7001))
    assert address.server["connection_class"] is SSLConnection
    assert address.server["ssl_check_hostname"] is False


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:6379/3",
        "rediss://me:secret@host?ssl_cert_reqs=none",
        "unix:///tmp/server.sock?db=2",
        "redis://host?max_connections=5&health_check_interval=3",
    ],
)
def test_one_server(url: str) -> None:
    assert parse_address(url).topology == "server"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("redis+sentinel://one:26379", "name of the master"),
        ("redis+sentinel://one:26379/", "name of the master"),
        ("redis+sentinel://one/service/0/1", "one service and one database"),
        ("redis+sentinel://one/service/main", "one service and one database"),
        ("redis+sentinel:///service", "redis\\+sentinel://host"),
        ("redis+sentinel://one,/service", "redis\\+sentinel://host"),
        ("redis+sentinel://one:port/service", "redis\\+sentinel://host"),
        ("redis+sentinel://one/service?sentinel_user=x", "sentinel_username"),
        ("redis+sentinel://one/service?sentinel_tls=maybe", "true or false"),
        ("redis+cluster://one/1", "a cluster has none"),
        ("redis+cluster://one?db=1", "a cluster has none"),
        ("redis+cluster://one?ssl_ca_cert=/ca.pem", "ssl_ca_cert"),
        ("redis+cluster://", "redis\\+cluster://host"),
        ("redis+tls://one", "rediss://"),
        ("redis://one,two", "redis\\+cluster://host"),
        ("redis://one?sentinel_password=x", "sentinel_password"),
        ("rediss://one?ssl_cert_reqs=perhaps", "perhaps"),
    ],
)
def test_what_is_not_allowed_is_named(url: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        BackendSettings.from_env({"REDIS_URL": url})


def test_no_password_is_shown() -> None:
    url = "redis+sentinel://me:one@host/x/y/z?sentinel_password=two&password=three&a=b"
    shown = "redis+sentinel://me:***@host/x/y/z?sentinel_password=***&password=***&a=b"
    assert redact(url) == shown
    with pytest.raises(ConfigError) as caught:
        BackendSettings.from_env({"REDIS_URL": url})
    assert not {"one@", "two", "three"} & {word for word in ("one@", "two", "three")
                                           if word in str(caught.value)}  # fmt: skip
