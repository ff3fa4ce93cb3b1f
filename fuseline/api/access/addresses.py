"""Where a request comes from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"


def parse_address(text: str | None) -> Address | None:
    """An address as sockets and proxies write it; an IPv4 one inside IPv6 is taken out."""
    if not text:
        return None
    word = text.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ip_address(word)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Whether the other end of the socket is a proxy whose headers count."""
    address = parse_address(peer)
    return address is not None and _within(address, proxies)


def client_of(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The client's address as far as it can be believed.

    It is the other end of the socket. Only if that is a trusted proxy, `X-Forwarded-For` is read
    from its end (each proxy appends whom it saw; what stands before that anybody can write) up to
    the first address that is no trusted proxy.
    """
    address = parse_address(peer)
    if address is None:
        return UNKNOWN
    hops = (forwarded_for or "").split(",")
    while _within(address, proxies) and hops:
        before = parse_address(hops.pop())
        if before is None:
            break
        address = before
    return str(address)


def group_of(client: str) -> str:
    """Whose attempts are counted together: an IPv4 address, or all of an IPv6 /64.

    One household or server has a whole /64 to itself.
    """
    address = parse_address(client)
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 128)).supernet(new_prefix=64))
    return str(address)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
