"""Protocols by name: those that come along, and those that other distributions bring."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from fuseline.bridge.protocols.base import ENTRY_POINT_GROUP, AgentProtocol
from fuseline.core.errors import ConfigError

_OWN = {
    "http": ("fuseline.bridge.protocols.http", "HttpProtocol"),
    "a2a": ("fuseline.bridge.protocols.a2a", "A2AProtocol"),
}
_EXTRAS = {"a2a": "a2a-sdk, which the extra fuseline[a2a] installs"}


def load_protocol(name: str) -> AgentProtocol:
    """Makes the protocol of that name.

    Raises:
        ConfigError: nobody brings it, several distributions do, or it cannot be loaded.
    """
    found = [point for point in _plugins() if point.name == name]
    brought_by = sorted({_origin(point) for point in found})
    if len(brought_by) > 1 or (found and name in _OWN):
        raise ConfigError(
            "protocol",
            name,
            f"a name that one distribution brings; {', '.join([*_own(name), *brought_by])} bring "
            "it, uninstall all but one",
        )
    try:
        if name in _OWN:
            module, attribute = _OWN[name]
            return cast("AgentProtocol", getattr(import_module(module), attribute)())
        if found:
            return cast("AgentProtocol", found[0].load()())
    except ImportError as error:
        needed = _EXTRAS.get(name, "what it imports")
        raise ConfigError(
            "protocol", name, f"a protocol that can be loaded; {error} ({needed})"
        ) from error
    raise ConfigError("protocol", name, f"one of {', '.join(protocol_names())}")


def protocol_names() -> list[str]:
    """Names of all protocols there are, without loading them."""
    return sorted({*_OWN, *(point.name for point in _plugins())})


def _plugins() -> list[EntryPoint]:
    own = set(_OWN.values())
    return [
        point
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if (point.module, point.attr) not in own
    ]


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _own(name: str) -> list[str]:
    return ["fuseline"] if name in _OWN else []
