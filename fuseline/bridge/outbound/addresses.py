"""What kind of address an IP address is. Pure."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


class Kind(StrEnum):
    """Kinds of addresses, as they stand in messages."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared (CGNAT)"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    TUNNELLED = "IPv4 inside IPv6"
    RESERVED = "reserved"


INTERNAL = frozenset({Kind.LOOPBACK, Kind.PRIVATE, Kind.SHARED})
"""Kinds that a service may have in earnest, so that allowing its name allows them."""

# What clouds answer with credentials on, where it is not link-local anyway.
_METADATA = frozenset(
    map(
        ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)
_THIS_NETWORK = ip_network("0.0.0.0/8")  # some systems take it for the machine itself
_SHARED = ip_network("100.64.0.0/10")
_TUNNELS = tuple(
    map(
        ip_network,
        (
            "::ffff:0:0/96",  # IPv4-mapped
            "::ffff:0:0:0/96",  # IPv4-translated
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",  # NAT64 of a network's own
            "2002::/16",  # 6to4
            "2001::/32",  # Teredo
        ),
    )
)
_COMPATIBLE = ip_network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def parse_address(text: str) -> Address:
    """Reads an address as `getaddrinfo` gives it, the zone left out.

    Raises:
        ValueError: it is none.
    """
    return ip_address(text.partition("%")[0])


def kind_of(address: Address) -> Kind:
    """The kind; an IPv6 address that carries an IPv4 one is that and nothing else."""
    if address in _METADATA:
        return Kind.METADATA
    if address.is_unspecified or address in _THIS_NETWORK:
        return Kind.UNSPECIFIED
    if address.is_loopback:
        return Kind.LOOPBACK
    if isinstance(address, IPv6Address) and _carries_ipv4(address):
        return Kind.TUNNELLED
    if address.is_multicast:
        return Kind.MULTICAST
    if address.is_link_local:
        return Kind.LINK_LOCAL
    if address in _SHARED:
        return Kind.SHARED
    if isinstance(address, IPv6Address) and address.is_site_local:
        return Kind.PRIVATE
    if address.is_reserved:
        return Kind.RESERVED
    if address.is_global:
        return Kind.PUBLIC
    return Kind.PRIVATE if address.is_private else Kind.RESERVED


def _carries_ipv4(address: IPv6Address) -> bool:
    if any(address in network for network in _TUNNELS) or address in _COMPATIBLE:
        return True
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP


def mapped(address: Address) -> tuple[Address, ...]:
    """The IPv4 address that an IPv4-mapped one is for the kernel, which connects to it."""
    found = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (found,) if found else ()


def carried(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses that a tunnelled one may lead to."""
    if not isinstance(address, IPv6Address) or not _carries_ipv4(address):
        return ()
    found: list[IPv4Address] = [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found += address.teredo
    return tuple(found)
