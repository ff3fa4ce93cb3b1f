"""Where the executor may connect to: allow and deny lists over safe defaults. Does no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self

from fuseline.bridge.classify import Verdict
from fuseline.bridge.outbound.addresses import INTERNAL, Address, Kind, carried, kind_of, mapped
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.errors import ConfigError
from fuseline.core.events import Result

ALLOW_VARIABLE = "FUSELINE_OUTBOUND_ALLOW"
DENY_VARIABLE = "FUSELINE_OUTBOUND_DENY"

_ALLOWED = "host names, *.domain, addresses or networks like 10.1.0.0/16, or * for all"
_EVERYTHING = "*"

Network = IPv4Network | IPv6Network


class OutboundRefusedError(AgentCallError):
    """The policy forbids to connect there; nothing has been sent."""

    def __init__(self, agent: str, message: str) -> None:
        super().__init__(agent, message, Verdict(Result.NOT_SENT, "outbound_refused"), sent=False)


class OutboundPolicy:
    """Decides about each address that a connection is about to be made to.

    - Public addresses are allowed; all others (private, loopback, link-local, CGNAT, metadata,
      multicast, IPv4 inside IPv6) are not, unless they are in `allow`.
    - A host name (or `*`) in `allow` allows its loopback, private and CGNAT addresses. The other
      kinds need their network there: no service is meant to have them, and names can be made to
      lead anywhere.
    - `deny` wins over `allow`; but `*` in `deny` only turns the default around, so that nothing is
      allowed besides `allow`.

    Args:
        allow: host names, `*.domain`, addresses, networks, or `*`.
        deny: the same.

    Raises:
        ConfigError: an entry is none of these.
    """

    def __init__(self, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None:
        self._allow = _Entries("allow", allow)
        self._deny = _Entries("deny", deny)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """FUSELINE_OUTBOUND_ALLOW and FUSELINE_OUTBOUND_DENY, with commas between the entries.

        Raises:
            ConfigError: naming the variable.
        """
        lists = {}
        for name, variable in (("allow", ALLOW_VARIABLE), ("deny", DENY_VARIABLE)):
            lists[name] = [e for e in environ.get(variable, "").replace(",", " ").split() if e]
            _Entries(variable, lists[name])
        return cls(**lists)

    def check_host(self, agent: str, host: str) -> None:
        """Decides what the name alone decides, before it is looked up.

        Raises:
            OutboundRefusedError: the name is denied.
        """
        if self._deny.names(normal_host(host)):
            raise OutboundRefusedError(agent, f"host {host!r} is denied ({DENY_VARIABLE})")

    def check(self, agent: str, host: str, address: Address) -> None:
        """Decides about an address that `host` has led to.

        Raises:
            OutboundRefusedError: no connection may be made to it.
        """
        where = f"{host!r}" if host == str(address) else f"{host!r} at {address}"
        name = normal_host(host)
        if self._deny.names(name) or any(map(self._deny.holds, (address, *carried(address)))):
            raise OutboundRefusedError(agent, f"{where} is denied ({DENY_VARIABLE})")
        if any(map(self._allow.holds, (address, *mapped(address)))):
            return
        kind = kind_of(address)
        allowed_by_name = self._allow.names(name) or self._allow.everything
        if allowed_by_name and (kind is Kind.PUBLIC or kind in INTERNAL):
            return
        if kind is not Kind.PUBLIC:
            raise OutboundRefusedError(
                agent,
                f"{where} is a {kind} address; allow its network in {ALLOW_VARIABLE} to call it",
            )
        if self._deny.everything:
            raise OutboundRefusedError(agent, f"{where} is not in {ALLOW_VARIABLE}")


class _Entries:
    """One list, read."""

    def __init__(self, field: str, entries: Sequence[str]) -> None:
        if isinstance(entries, str):
            raise ConfigError(field, entries, f"a list of {_ALLOWED}")
        self.everything = False
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        self._domains: list[str] = []
        for entry in entries:
            self._add(field, entry)

    def _add(self, field: str, entry: str) -> None:
        if entry == _EVERYTHING:
            self.everything = True
            return
        try:
            network = ip_network(entry.strip("[]"))
        except ValueError:
            pass
        else:
            if network.prefixlen == 0:
                self.everything = True
            else:
                self._networks.append(network)
            return
        name = normal_host(entry.removeprefix("*."))
        # Digits, dots and slashes alone are an address or a network with a mistake in it.
        if not _is_host(name) or name.replace(".", "").isdigit():
            raise ConfigError(field, entry, _ALLOWED)
        if entry.startswith("*."):
            self._domains.append(f".{name}")
        else:
            self._hosts.add(name)

    def names(self, host: str) -> bool:
        """Whether a host name is listed; `*.domain` means all below the domain."""
        return host in self._hosts or any(map(host.endswith, self._domains))

    def holds(self, address: Address) -> bool:
        """Whether an address is in a listed network."""
        return any(address in network for network in self._networks)


def normal_host(host: str) -> str:
    """A host name in the one form that is compared: lower case, ASCII, no dot at the end."""
    name = host.strip().lower().rstrip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return ""


def _is_host(name: str) -> bool:
    return 0 < len(name) <= 253 and all(
        0 < len(label) <= 63 and all(c.isalnum() or c in "-_" for c in label)
        for label in name.split(".")
    )
