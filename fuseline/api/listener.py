"""The socket that an API listens on."""

from __future__ import annotations

import errno
import socket
from typing import Any

from fuseline.api.access.settings import ApiSettings
from fuseline.core.errors import ConfigError

_BACKLOG = 2048


def bind(settings: ApiSettings, *, any_port: bool = False) -> socket.socket:
    """The socket to listen on.

    Args:
        settings: where.
        any_port: another port will do if that one is taken.

    Raises:
        ConfigError: naming host or port.
    """
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise ConfigError("host", settings.host, f"an address of this machine ({error})") from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    try:
        return _listening(address[:2], family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            if any_port:
                return _listening((address[0], 0), family)
            raise ConfigError(
                "port", settings.port, "a port that is free; this one is taken"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigError("port", settings.port, "a port this user may listen on") from None
        raise ConfigError(
            "host", settings.host, f"an address of this machine ({error.strerror})"
        ) from None


def _listening(address: tuple[Any, ...], family: int) -> socket.socket:
    listener = socket.create_server(address, family=family, backlog=_BACKLOG)
    # Connections inherit it. uvloop sets it on each; asyncio does not on those of a socket it has
    # not made, and then each answer on a kept connection comes some 40 ms late.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(settings: ApiSettings, listener: socket.socket) -> str:
    """Where people reach the API."""
    host, port = listener.getsockname()[:2]
    if settings.public_url:
        return settings.public_url
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{name}:{port}"
