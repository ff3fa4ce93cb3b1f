"""Addresses of the log: one server, Sentinels that know it, or the nodes of a cluster."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from msgspec import Struct
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fuseline.core.errors import ConfigError

Topology = Literal["server", "sentinel", "cluster"]
Host = tuple[str, int]

ALLOWED = (
    "a URL like redis://host:6379/0, rediss://..., unix:///path/to/server.sock, "
    "redis+sentinel://host:26379,host2:26379/service/0 or redis+cluster://host:6379,host2:6379 "
    "(rediss+sentinel, rediss+cluster: with TLS)"
)

_SCHEMES: dict[str, Topology] = {
    "redis": "server",
    "rediss": "server",
    "unix": "server",
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
_SENTINEL_PORT, _SERVER_PORT = 26379, 6379
_OF_POOL = ("connection_class", "max_connections")
_SECRETS = re.compile(r"((?:^|&)\w*password=)[^&]*")


class Address(Struct, frozen=True, kw_only=True):
    """A parsed URL.

    Attributes:
        topology: what stands behind it.
        hosts: of the Sentinels, or of some nodes of the cluster; of one server none.
        service: the master's name with the Sentinels.
        server: arguments of a connection to a server, its host and port among them only if it is
            the only one.
        sentinel: arguments of a connection to a Sentinel.
    """

    topology: Topology
    hosts: tuple[Host, ...] = ()
    service: str = ""
    server: dict[str, Any]
    sentinel: dict[str, Any] = {}


def parse_address(url: str) -> Address:
    """Reads a URL.

    Raises:
        ConfigError: under the name REDIS_URL, passwords left out.
    """
    try:
        parts = urlsplit(url)
        topology = _SCHEMES[parts.scheme]
        if topology == "server":
            _ = parts.port
            if not (parts.hostname or parts.path) or "," in parts.netloc:
                raise ValueError
            address = Address(topology=topology, server=_checked(parse_url(url), url))
        else:
            address = _of_many(url, topology)
    except (KeyError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError("REDIS_URL", redact(url), ALLOWED) from None
    return address


def redact(url: str) -> str:
    """The URL without its passwords."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable)"
    parts = parts._replace(query=_SECRETS.sub(r"\1***", parts.query))
    user, at, host = parts.netloc.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        parts = parts._replace(netloc=f"{name}{colon and ':***'}@{host}")
    return url if parts == urlsplit(url) else urlunsplit(parts)


def connection_arguments(arguments: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    """What we say of every connection; what the URL says goes over it."""
    return {
        "socket_timeout": None,  # see Wire: one deadline of ours
        "socket_connect_timeout": timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "fuseline",
        "driver_info": None,  # CLIENT SETINFO is refused by older servers and by narrow ACLs
    } | arguments


def _of_many(url: str, topology: Topology) -> Address:
    parts = urlsplit(url)
    user, at, netloc = parts.netloc.rpartition("@")
    default = _SENTINEL_PORT if topology == "sentinel" else _SERVER_PORT
    hosts = tuple(_host(text, default) for text in netloc.split(","))
    query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True))
    words = [unquote(word) for word in parts.path.split("/")[1:] if word]
    service, own = "", {}
    if topology == "sentinel":
        if not words:
            raise ConfigError(
                "REDIS_URL", redact(url), "the name of the master after the hosts, as in "
                "redis+sentinel://host:26379,host2:26379/mymaster/0",
            )  # fmt: skip
        service = words.pop(0)
        own = {name: query.pop(name) for name in list(query) if name.startswith("sentinel_")}
    database = words.pop(0) if words else query.get("db", "0")
    if words or not database.isdigit() or (topology == "cluster" and database != "0"):
        allowed = "no database: a cluster has none" if topology == "cluster" else (
            "one service and one database, as in redis+sentinel://host:26379/mymaster/0"
        )  # fmt: skip
        raise ConfigError("REDIS_URL", redact(url), allowed)
    scheme = parts.scheme.partition("+")[0]
    plain = urlunsplit((scheme, f"{user}{at}host", f"/{database}", urlencode(query), ""))
    server = _checked(parse_url(plain), url)
    for name in ("host", "port"):
        server.pop(name, None)
    return Address(
        topology=topology,
        hosts=hosts,
        service=service,
        server=server,
        sentinel=_sentinel(own, server, url) if topology == "sentinel" else {},
    )


def _sentinel(own: dict[str, str], server: dict[str, Any], url: str) -> dict[str, Any]:
    """Sentinels have users and passwords of their own; TLS they have as the servers have it."""
    tls = own.pop("sentinel_tls", None)
    if tls not in (None, "true", "false"):
        raise ConfigError("sentinel_tls", tls, "true or false")
    arguments: dict[str, Any] = {}
    if server.get("connection_class") is SSLConnection if tls is None else tls == "true":
        arguments = {n: v for n, v in server.items() if n.startswith("ssl_")} | {"ssl": True}
    for name, value in own.items():
        if name not in ("sentinel_username", "sentinel_password"):
            allowed = "sentinel_username, sentinel_password and sentinel_tls"
            raise ConfigError("REDIS_URL", f"{name} in {redact(url)}", allowed)
        arguments[name.removeprefix("sentinel_")] = value
    return arguments


def _host(text: str, default: int) -> Host:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.username is not None:
        raise ValueError
    return parts.hostname, parts.port or default


def _checked(arguments: Any, url: str) -> dict[str, Any]:
    """The arguments, if redis-py knows them all."""
    kind = arguments.get("connection_class", Connection)
    try:
        kind(**{name: value for name, value in arguments.items() if name not in _OF_POOL})
    except (TypeError, ValueError, RedisError) as error:
        what = str(error).rpartition("() ")[2] or str(error)
        raise ConfigError("REDIS_URL", redact(url), f"parameters of redis-py ({what})") from None
    return dict(arguments)
