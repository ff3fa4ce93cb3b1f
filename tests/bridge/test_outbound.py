"""Which hosts and addresses may be called: the policy, decided without I/O."""

from ipaddress import ip_address

import pytest

from fuseline.bridge.outbound import OutboundPolicy, OutboundRefusedError
from fuseline.bridge.outbound.addresses import Kind, kind_of, parse_address
from fuseline.core.errors import ConfigError
from fuseline.core.events import Result

NOTHING = OutboundPolicy()

KINDS: list[tuple[Kind, list[str]]] = [
    (Kind.PUBLIC, ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"]),
    (Kind.LOOPBACK, ["127.0.0.1", "127.255.255.254", "::1"]),
    (Kind.PRIVATE, ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::1"]),
    (Kind.PRIVATE, ["192.0.2.1", "198.18.0.1", "203.0.113.1", "2001:db8::1", "fec0::1"]),
    (Kind.SHARED, ["100.64.0.1", "100.127.255.255"]),
    (Kind.LINK_LOCAL, ["169.254.0.1", "169.254.169.253", "fe80::1", "fe80::1%eth0"]),
    (Kind.METADATA, ["169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"]),
    (Kind.MULTICAST, ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"]),
    (Kind.UNSPECIFIED, ["0.0.0.0", "0.1.2.3", "::"]),
    (Kind.RESERVED, ["240.0.0.1", "255.255.255.255"]),
    (Kind.TUNNELLED, ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:7f00:1"]),
    (Kind.TUNNELLED, ["::127.0.0.1", "::ffff:0:7f00:1"]),
    (Kind.TUNNELLED, ["64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::1"]),
    (Kind.TUNNELLED, ["fe80::5efe:7f00:1", "2606:4700::200:5efe:7f00:1"]),
]
BY_NAME = {Kind.PUBLIC, Kind.LOOPBACK, Kind.PRIVATE, Kind.SHARED}


@pytest.mark.parametrize(("kind", "address"), [(k, a) for k, texts in KINDS for a in texts])
def test_only_public_addresses_are_allowed_by_themselves(kind: Kind, address: str) -> None:
    found = parse_address(address)
    assert kind_of(found) is kind
    assert allows(NOTHING, "agent.example", address) == (kind is Kind.PUBLIC)
    # A name that is allowed does not open what no service is meant to have.
    assert allows(OutboundPolicy(["agent.example"]), "agent.example", address) == (kind in BY_NAME)
    assert allows(OutboundPolicy(["*"]), "agent.example", address) == (kind in BY_NAME)
    assert allows(OutboundPolicy([str(found)]), "agent.example", address)
    assert not allows(OutboundPolicy([str(found)], [str(found)]), "agent.example", address)


def allows(policy: OutboundPolicy, host: str, address: str) -> bool:
    try:
        policy.check("a", host, parse_address(address))
    except OutboundRefusedError:
        return False
    return True


def test_a_refusal_is_not_sent() -> None:
    with pytest.raises(OutboundRefusedError) as caught:
        NOTHING.check("a", "x", parse_address("10.0.0.1"))
    assert caught.value.verdict.result is Result.NOT_SENT
    assert not caught.value.sent


@pytest.mark.parametrize(
    ("allow", "deny", "host", "address", "allowed"),
    [
        # networks
        (["10.1.0.0/16"], [], "x", "10.1.2.3", True),
        (["10.1.0.0/16"], [], "x", "10.2.0.1", False),
        (["10.1.0.0/16"], [], "x", "::ffff:10.1.2.3", True),
        (["10.1.0.0/16"], [], "x", "64:ff9b::a01:203", False),
        (["fd00::/8"], [], "x", "fd00::1", True),
        (["169.254.0.0/16"], [], "x", "169.254.169.254", True),
        ([], ["8.8.8.0/24"], "x", "8.8.8.8", False),
        ([], ["8.8.8.0/24"], "x", "8.8.4.4", True),
        (["64:ff9b::/96"], ["10.0.0.0/8"], "x", "64:ff9b::a01:203", False),
        (["2002::/16"], ["10.0.0.0/8"], "x", "2002:a01:203::", False),
        # deny wins, by name and by network
        (["10.0.0.0/8"], ["10.0.0.5"], "x", "10.0.0.5", False),
        (["10.0.0.0/8"], ["x.internal"], "x.internal", "10.0.0.6", False),
        (["x.internal"], ["10.0.0.0/8"], "x.internal", "10.0.0.6", False),
        # a star turns the default around
        ([], ["*"], "x", "8.8.8.8", False),
        (["x"], ["*"], "x", "8.8.8.8", True),
        (["8.0.0.0/8"], ["*"], "x", "8.8.8.8", True),
        (["8.0.0.0/8"], ["0.0.0.0/0"], "x", "9.9.9.9", False),
        # names
        (["*.corp"], [], "a.b.corp", "10.0.0.1", True),
        (["*.corp"], [], "corp", "10.0.0.1", False),
        (["*.corp"], [], "evilcorp", "10.0.0.1", False),
        (["agent.corp"], [], "agent.corp.evil.example", "10.0.0.1", False),
        (["agent.corp"], [], "AGENT.corp.", "10.0.0.1", True),
        (["Agent.Corp."], [], "agent.corp", "10.0.0.1", True),
        ([], ["agent.corp"], "agent.corp.", "8.8.8.8", False),
        (["münchen.example"], [], "xn--mnchen-3ya.example", "10.0.0.1", True),
        (["xn--mnchen-3ya.example"], [], "münchen.example", "10.0.0.1", True),
    ],
)
def test_lists(allow: list[str], deny: list[str], host: str, address: str, allowed: bool) -> None:
    assert allows(OutboundPolicy(allow, deny), host, address) == allowed


def test_a_denied_name_is_not_even_looked_up() -> None:
    with pytest.raises(OutboundRefusedError, match=r"evil\.example"):
        OutboundPolicy(deny=["*.example"]).check_host("a", "evil.example.")


@pytest.mark.parametrize(
    "entry",
    ["", " ", "http://a", "a/b", "10.0.0.1/8", "10.0.0.0/33", "1.2.3", "*.", "a*", "a..b", "a b"],
)
def test_entries_that_are_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^allow: "):
        OutboundPolicy([entry])
    with pytest.raises(ConfigError, match=r"^deny: "):
        OutboundPolicy(deny=[entry])


def test_a_text_is_no_list() -> None:
    with pytest.raises(ConfigError, match=r"^allow: "):
        OutboundPolicy("10.0.0.0/8")


def test_lists_come_from_the_environment() -> None:
    environ = {
        "FUSELINE_OUTBOUND_ALLOW": "10.1.0.0/16, *.corp\n::1",
        "FUSELINE_OUTBOUND_DENY": "10.1.9.9",
    }
    policy = OutboundPolicy.from_env(environ)
    for address, allowed in [("10.1.2.3", True), ("10.1.9.9", False), ("::1", True)]:
        assert allows(policy, "x", address) == allowed
    assert allows(OutboundPolicy.from_env({}), "x", "8.8.8.8")
    assert not allows(OutboundPolicy.from_env({}), "x", "10.1.2.3")
    with pytest.raises(ConfigError, match=r"^FUSELINE_OUTBOUND_DENY: "):
        OutboundPolicy.from_env({"FUSELINE_OUTBOUND_DENY": "http://x"})


def test_every_address_has_a_kind() -> None:
    for high in range(256):
        assert isinstance(kind_of(ip_address(high << 24 | 0x010203)), Kind)
        assert isinstance(kind_of(ip_address(high << 120 | 1)), Kind)
