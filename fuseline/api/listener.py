"""The socket that an API listens on."""

from __future__ import annotations

import errno
import socket

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
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            if any_port:
                return socket.create_server((address[0], 0), family=family, backlog=_BACKLOG)
            raise ConfigError(
                "port", settings.port, "a port that is free; this one is taken"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigError("port", settings.port, "a port this user may listen on") from None
        raise ConfigError(
            "host", settings.host, f"an address of this machine ({error.strerror})"
        ) from None


def url_of(settings: ApiSettings, listener: socket.socket) -> str:
    """Where people reach the API."""
    host, port = listener.getsockname()[:2]
    if settings.public_url:
        return settings.public_url
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{name}:{port}"
