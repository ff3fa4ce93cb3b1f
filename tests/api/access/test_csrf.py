"""Which requests another web site may have made, and which hosts are this machine."""

import pytest

from fuseline.api.access.csrf import check_local_host, check_same_origin, is_safe, origin_of
from fuseline.api.access.errors import CsrfError, ForbiddenError


@pytest.mark.parametrize(
    ("host", "secure", "public_url", "origin"),
    [
        ("a.example", False, None, "http://a.example"),
        ("A.example:80", False, None, "http://a.example"),
        ("a.example:443", True, None, "https://a.example"),
        ("a.example:8443", True, None, "https://a.example:8443"),
        ("[::1]:8787", False, None, "http://[::1]:8787"),
        ("inside:8787", False, "https://out.example", "https://out.example"),
        ("", False, None, ""),
        ("a.example, b.example", False, None, "http://a.example, b.example"),
        ("a:b:c", False, None, ""),
        ("me@a.example", False, None, ""),
    ],
)
def test_the_origin_of_this_server(
    host: str, secure: bool, public_url: str | None, origin: str
) -> None:
    assert origin_of({"host": host}, secure=secure, public_url=public_url) == origin


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://a.example"},
        {"origin": "https://a.example:443"},
        {"origin": "https://A.example"},
        {"sec-fetch-site": "same-origin"},
        {"origin": "https://a.example", "sec-fetch-site": "same-origin"},
    ],
    ids=repr,
)
def test_a_page_of_this_server_passes(headers: dict[str, str]) -> None:
    check_same_origin(headers, "https://a.example")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ""},
        {"origin": "null"},
        {"origin": "http://a.example"},
        {"origin": "https://a.example:444"},
        {"origin": "https://a.example.evil.example"},
        {"origin": "https://evil.example/https://a.example"},
        {"origin": "https://a.example@evil.example"},
        {"origin": "https://a.example, https://evil.example"},
        {"origin": "https://a.example:x"},
        {"origin": "file://"},
        {"sec-fetch-site": ""},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "origin": "https://a.example"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    ],
    ids=repr,
)
def test_what_another_page_may_have_made_does_not(headers: dict[str, str]) -> None:
    with pytest.raises(CsrfError):
        check_same_origin(headers, "https://a.example")


@pytest.mark.parametrize("origin", ["", "null", "nonsense", "https://evil.example"])
def test_a_server_that_does_not_know_its_origin_has_no_pages(origin: str) -> None:
    with pytest.raises(CsrfError):
        check_same_origin({"origin": origin}, "")


def test_only_reading_is_safe() -> None:
    assert all(map(is_safe, ("GET", "HEAD", "OPTIONS", "get")))
    assert not any(map(is_safe, ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "", "X")))


@pytest.mark.parametrize(
    "host", ["localhost:8787", "LOCALHOST:8787", "127.0.0.1:8787", "[::1]:8787"]
)
def test_names_of_this_machine_are_answered(host: str) -> None:
    check_local_host({"host": host}, "127.0.0.1", 8787)


@pytest.mark.parametrize(
    "host",
    [
        "", "localhost", "localhost:8788", "localhost:87870", "127.0.0.1", "[::1]", "::1:8787",
        "evil.example:8787", "localhost.evil.example:8787", "127.0.0.1.evil.example:8787",
        "evil.example", "127.0.0.2:8787", "0.0.0.0:8787", "localhost.:8787", "2130706433:8787",
        "localhost:8787, evil.example", "localhost:8787@evil.example", "me@localhost:8787",
    ],
)  # fmt: skip
def test_other_names_that_lead_here_are_not(host: str) -> None:
    with pytest.raises(ForbiddenError, match="localhost:8787"):
        check_local_host({"host": host}, "127.0.0.1", 8787)
    with pytest.raises(ForbiddenError, match="localhost:8787"):
        check_local_host({}, "127.0.0.1", 8787)


def test_the_address_listened_on_is_this_machine_too() -> None:
    check_local_host({"host": "127.0.0.5:1"}, "127.0.0.5", 1)
    check_local_host({"host": "localhost"}, "127.0.0.1", 80)
    with pytest.raises(ForbiddenError):
        check_local_host({"host": "localhost"}, "127.0.0.1", 8080)


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_what_comes_through_a_proxy_does_not_come_from_this_machine(header: str) -> None:
    with pytest.raises(ForbiddenError, match="proxies"):
        check_local_host({"host": "localhost:1", header: "127.0.0.1"}, "127.0.0.1", 1)
