"""Settings of the API, where it may listen, and the headers of its answers."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fuseline.api.access.headers import Content, security_headers
from fuseline.api.access.listening import (
    LOCAL_NOTICE,
    check_listen,
    check_tls_files,
    is_loopback,
    is_private,
    why_not_local,
)
from fuseline.api.access.settings import ApiSettings
from fuseline.core.errors import ConfigError

OPEN = ("0.0.0.0", "::", "192.0.2.1", "fuse.example", "host")
LOOPBACK = ("127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1")


def test_defaults_listen_on_this_machine_alone() -> None:
    settings = ApiSettings.from_env({})
    assert settings == ApiSettings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8787)
    assert (settings.max_body_bytes, settings.session_hours) == (1 << 20, 12.0)
    assert settings.cors_origins == settings.trusted_proxies == ()
    assert not settings.tls


def test_the_environment_sets_every_field_and_arguments_win() -> None:
    environ = {
        "FUSELINE_API_HOST": "0.0.0.0",
        "FUSELINE_API_PORT": "9000",
        "FUSELINE_API_TLS_CERTIFICATE_FILE": "/c.pem",
        "FUSELINE_API_TLS_KEY_FILE": "/k.pem",
        "FUSELINE_API_MAX_BODY_BYTES": "2048",
        "FUSELINE_API_SESSION_HOURS": "1.5",
        "FUSELINE_API_PUBLIC_URL": "https://Fuse.example/",
        "FUSELINE_API_TRACE_URL": "https://v.example/t?id={trace_id}",
        "FUSELINE_API_CORS_ORIGINS": "https://a.example, http://b.example:8080,",
        "FUSELINE_API_TRUSTED_PROXIES": "10.0.0.0/8,::1",
    }
    expected = ApiSettings(
        host="0.0.0.0", port=9000, tls_certificate_file="/c.pem", tls_key_file="/k.pem",
        max_body_bytes=2048, session_hours=1.5, public_url="https://fuse.example",
        trace_url="https://v.example/t?id={trace_id}",
        cors_origins=("https://a.example", "http://b.example:8080"),
        trusted_proxies=("10.0.0.0/8", "::1/128"),
    )  # fmt: skip
    assert ApiSettings.from_env(environ) == expected
    assert len(environ) == len(ApiSettings.__struct_fields__)
    assert ApiSettings.from_env(environ, port=1, host=None).port == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("host", v) for v in ("", " ", "a b", "a:b", "-a", "a/b", "http://a", "x" * 254, 5, None,
                                "127.0.0.1\n")),
        *(("port", v) for v in (-1, 65_536, 1.5, "80", True, None, float("nan"))),
        *(("max_body_bytes", v) for v in (0, 1023, (1 << 30) + 1, "1")),
        *(("session_hours", v) for v in (0, -1, 168.1, float("inf"), float("nan"), "1")),
        *(("public_url", v) for v in ("", "a", "ftp://a", "https://", "https://a/b",
                                      "https://a?b", "https://u:p@a", "https://a:x", 5)),
        *(("trace_url", v) for v in ("", "a", "https://a/t", "https://a/{trace}", "ftp://a/{trace_id}",
                                     "https://a/{trace_id}/{trace_id}", "https://u:p@a/{trace_id}",
                                     "https://{trace_id}", "https://a.{trace_id}/", "/{trace_id}",
                                     "javascript:x({trace_id})", "https://a/{trace_id} b", 5)),
        *(("cors_origins", v) for v in ("https://a", ["*"], ["https://*.a"], ["https://a/"],
                                        ["a"], ["null"], [5], ["https://u@a"], 5, None)),
        *(("trusted_proxies", v) for v in ("10.0.0.1", ["x"], ["10.0.0.1/8"], [5], ["*"], None)),
        ("tls_key_file", ""),
        ("tls_certificate_file", "a\x00b"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_that_is_not_allowed_is_named(field: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        ApiSettings(**{field: value})
    assert caught.value.field == field
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FUSELINE_API_PORT", "x"), ("FUSELINE_API_PORT", "70000"), ("FUSELINE_API_HOST", "a b"),
        ("FUSELINE_API_TRUSTED_PROXIES", "1.2.3.4,x"), ("FUSELINE_API_CORS_ORIGINS", "*"),
        ("FUSELINE_API_SESSION_HOURS", "nan"), ("FUSELINE_API_PUBLIC_URL", "x"),
    ],
)  # fmt: skip
def test_a_bad_variable_is_named(variable: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ApiSettings.from_env({variable: text})
    assert caught.value.field == variable


def test_a_password_in_the_public_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        ApiSettings(public_url="https://user:hunter2@a.example")
    assert "hunter2" not in str(caught.value)


def test_certificate_and_key_come_together() -> None:
    for given, missing in (
        ("tls_certificate_file", "tls_key_file"),
        ("tls_key_file", "tls_certificate_file"),
    ):
        with pytest.raises(ConfigError) as caught:
            ApiSettings(**{given: "/x.pem"})
        assert caught.value.field == missing


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_needs_no_token_to_listen(host: str) -> None:
    assert is_loopback(host)
    for local_mode in (True, False):
        check_listen(ApiSettings(host=host), any_valid_token=False, local_mode=local_mode)


@pytest.mark.parametrize("host", OPEN)
def test_other_addresses_need_a_valid_token_and_never_do_without(host: str) -> None:
    settings = ApiSettings(host=host)
    check_listen(settings, any_valid_token=True, local_mode=False)
    with pytest.raises(ConfigError, match="fuseline tokens create") as caught:
        check_listen(settings, any_valid_token=False, local_mode=False)
    assert (caught.value.field, caught.value.value) == ("host", host)
    for any_valid_token in (True, False):
        with pytest.raises(ConfigError, match="while no token is needed"):
            check_listen(settings, any_valid_token=any_valid_token, local_mode=True)


def test_doing_without_tokens_has_conditions(tmp_path: Path) -> None:
    private, shared = tmp_path / "private", tmp_path / "shared"
    private.mkdir(mode=0o700)
    shared.mkdir()
    shared.chmod(0o755)
    here, open_ = ApiSettings(), ApiSettings(host="0.0.0.0")
    assert why_not_local(here, private, any_valid_token=False) is None
    assert why_not_local(here, private, any_valid_token=True) == "there are tokens"
    assert "embedded" in (why_not_local(here, None, any_valid_token=False) or "")
    assert "0.0.0.0" in (why_not_local(open_, private, any_valid_token=False) or "")
    assert "other users" in (why_not_local(here, shared, any_valid_token=False) or "")
    assert "admin" in LOCAL_NOTICE.format(url="http://127.0.0.1:8787")


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o750, 0o755, 0o770, 0o777, 0o1700, 0o500])
def test_a_folder_that_others_may_enter_is_not_private(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    assert is_private(folder)
    folder.chmod(mode)
    assert not is_private(folder)
    folder.chmod(0o700)


def test_what_is_no_folder_of_this_users_is_not_private(tmp_path: Path) -> None:
    folder, link, file = tmp_path / "data", tmp_path / "link", tmp_path / "file"
    folder.mkdir(mode=0o700)
    link.symlink_to(folder)
    file.write_text("x")
    file.chmod(0o700)
    assert not is_private(link)
    assert not is_private(file)
    assert not is_private(tmp_path / "none")


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two certificates with their keys, made by openssl."""
    folder = tmp_path_factory.mktemp("pems")
    files = {}
    for name in ("one", "other"):
        files[f"{name}_key"], files[name] = (str(folder / f"{name}.{x}") for x in ("key", "pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", files[f"{name}_key"],
             "-out", files[name]],
            check=True, capture_output=True,
        )  # fmt: skip
    locked = str(folder / "locked.key")
    subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", files["one_key"], "-out", locked],
        check=True,
        capture_output=True,
    )
    (folder / "text").write_text("text")
    return files | {"locked": locked, "text": str(folder / "text"), "none": str(folder / "none")}


def test_tls_files_that_fit_are_taken(pems: dict[str, str]) -> None:
    settings = ApiSettings(tls_certificate_file=pems["one"], tls_key_file=pems["one_key"])
    check_tls_files(settings)
    check_tls_files(ApiSettings())
    assert settings.tls
    assert ssl.OPENSSL_VERSION


@pytest.mark.parametrize(
    ("certificate", "key", "field"),
    [
        ("none", "one_key", "tls_certificate_file"),
        ("one", "none", "tls_key_file"),
        ("text", "one_key", "tls_certificate_file"),
        ("one", "text", "tls_certificate_file"),
        ("one", "other_key", "tls_certificate_file"),
        ("one", "locked", "tls_certificate_file"),
    ],
)
def test_tls_files_that_do_not_fit_are_named(
    pems: dict[str, str], certificate: str, key: str, field: str
) -> None:
    settings = ApiSettings(tls_certificate_file=pems[certificate], tls_key_file=pems[key])
    with pytest.raises(ConfigError) as caught:
        check_tls_files(settings)
    assert caught.value.field == field


def directives(content: Content, **options: Any) -> dict[str, str]:
    policy = security_headers(content, tls=False, **options)["content-security-policy"]
    return {name: value for name, _, value in (part.partition(" ") for part in policy.split("; "))}


def test_of_an_answer_with_data_a_browser_runs_nothing() -> None:
    assert directives(Content.API) == dict.fromkeys(
        ("default-src", "frame-ancestors", "base-uri", "form-action"), "'none'"
    )
    assert security_headers(Content.API, tls=False)["cache-control"] == "no-store"


@pytest.mark.parametrize("content", [Content.UI, Content.DOCS])
def test_pages_run_what_this_server_sent_and_nothing_inline(content: Content) -> None:
    policy = directives(content)
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["font-src"] == "'self'"
    assert policy["form-action"] == "'self'"
    assert "http" not in " ".join(policy.values())
    if content is Content.UI:
        assert "unsafe" not in " ".join(policy.values())


def test_inline_scripts_of_the_docs_are_named_by_their_hash() -> None:
    policy = directives(Content.DOCS, script_hashes=["sha256-abc="])
    assert policy["script-src"] == "'self' 'sha256-abc='"


@pytest.mark.parametrize("content", Content)
def test_every_answer_is_kept_apart_from_other_sites(content: Content) -> None:
    headers = security_headers(content, tls=False)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers
    assert "max-age=" in security_headers(content, tls=True)["strict-transport-security"]
    assert all(name == name.lower() for name in headers)
