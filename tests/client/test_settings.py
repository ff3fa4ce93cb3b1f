"""Where the client finds the API and the token."""

import pytest

from fuseline.client import FuselineClient
from fuseline.client.settings import find_target
from fuseline.core.errors import ConfigError

ENVIRON = {"FUSELINE_API_URL": "https://fuseline.example/", "FUSELINE_API_TOKEN": " fl_env\n"}


def test_arguments_win_over_the_environment() -> None:
    found = find_target("http://other:1", "fl_own", ENVIRON)
    assert (found.url, found.token) == ("http://other:1", "fl_own")


def test_the_environment_is_asked_for_what_is_not_given() -> None:
    found = find_target(None, None, ENVIRON)
    assert (found.url, found.token) == ("https://fuseline.example", "fl_env")


def test_without_anything_it_is_this_machine_without_a_token() -> None:
    found = find_target(None, None, {"FUSELINE_API_TOKEN": ""})
    assert (found.url, found.token) == ("http://127.0.0.1:8787", None)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://a", "http://a/api/v1"),
        ("http://a/api/v1/", "http://a/api/v1"),
        ("https://a:8443/fuseline/", "https://a:8443/fuseline/api/v1"),
        ("http://[::1]:8787", "http://[::1]:8787/api/v1"),
    ],
)
def test_a_url_may_have_a_path(url: str, base: str) -> None:
    assert find_target(url, None, {}).base == base


@pytest.mark.parametrize(
    "url",
    ["a:8787", "ftp://a", "http://", "http://a?b=c", "http://a#b", "http://a:0", "http://a:x"],
)
def test_what_is_no_url_of_an_api_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        find_target(url, None, {})
    with pytest.raises(ConfigError, match="FUSELINE_API_URL"):
        find_target(None, None, {"FUSELINE_API_URL": url})


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        find_target("http://user:geheim@a", None, {})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("token", ["fl_a\r\nX: y", "fl a", "fl_ä", " "])
def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_target(None, token, {})
    assert caught.value.field == "token"
    assert caught.value.value == "***"


@pytest.mark.parametrize("values", [{"timeout_seconds": 0}, {"attempts": 0}])
def test_times_and_attempts_have_bounds(values: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        FuselineClient(**values)  # type: ignore[arg-type]
