"""How the API listens and whom it trusts: settings of a process, from arguments and environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from fuseline.api.access.addresses import Network
from fuseline.core.errors import ConfigError
from fuseline.core.rules import Rule, apply_rules, rules_of

ENV_PREFIX = "FUSELINE_API_"

_HOST = r"^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?\Z|^[0-9A-Fa-f:.]+\Z"
_File = Annotated[str, Meta(pattern=r"^[^\x00]+\Z", max_length=4096)]
_LISTS = ("cors_origins", "trusted_proxies")
_LIST_WORDS = {
    "cors_origins": "origins like https://ui.example:8443, with commas",
    "trusted_proxies": "addresses and networks like 10.0.0.0/8, with commas",
}
_TRACE_URL_WORDS = (
    "a URL like https://jaeger.example/trace/{trace_id}, with {trace_id} once in its path or query"
)
_PUBLIC_URL_WORDS = "a URL like https://fuseline.example, without path, query and user"


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the API; immutable, validated when made.

    Raises:
        ConfigError: a value has the wrong type or is out of its range.
    """

    host: Annotated[
        Annotated[str, Meta(pattern=_HOST, max_length=253)],
        Meta(
            description="address to listen on",
            extra={"allowed": "an address or host name like 127.0.0.1, ::1 or 0.0.0.0"},
        ),
    ] = "127.0.0.1"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65_535)],
        Meta(description="port to listen on; 0: any that is free"),
    ] = 8787
    tls_certificate_file: Annotated[
        _File | None,
        Meta(
            description="certificate chain (PEM); with it the API speaks TLS itself",
            extra={"allowed": "the path of a PEM file"},
        ),
    ] = None
    tls_key_file: Annotated[
        _File | None,
        Meta(
            description="private key (PEM) of the certificate",
            extra={"allowed": "the path of a PEM file"},
        ),
    ] = None
    max_body_bytes: Annotated[
        Annotated[int, Meta(ge=1024, le=1 << 30)], Meta(description="largest body of a request")
    ] = 1 << 20
    session_hours: Annotated[
        Annotated[float, Meta(ge=0.01, le=168)],
        Meta(description="a session of the UI ends after this long without use"),
    ] = 12.0
    public_url: Annotated[
        Annotated[str, Meta(max_length=2048)] | None,
        Meta(
            description="where people reach the UI, if a proxy stands before it",
            extra={"allowed": _PUBLIC_URL_WORDS},
        ),
    ] = None
    trace_url: Annotated[
        Annotated[str, Meta(max_length=2048)] | None,
        Meta(
            description="where a viewer shows the trace {trace_id}; the UI leads there",
            extra={"allowed": _TRACE_URL_WORDS},
        ),
    ] = None
    cors_origins: Sequence[str] = ()  # pages of these may read answers to requests with a token
    trusted_proxies: Sequence[str] = ()  # whose X-Forwarded-For and -Proto are believed

    def __post_init__(self) -> None:
        apply_rules(self, RULES)
        if ":" in self.host and _network(self.host) is None:
            raise ConfigError("host", self.host, RULES["host"].allowed)
        force = msgspec.structs.force_setattr
        force(self, "cors_origins", _checked(self.cors_origins, "cors_origins", _cors_origin))
        force(self, "trusted_proxies", _checked(self.trusted_proxies, "trusted_proxies", _network))
        if self.public_url is not None:
            force(self, "public_url", _public_url(self.public_url))
        if self.trace_url is not None:
            _check_trace_url(self.trace_url)
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            missing = "tls_key_file" if self.tls_key_file is None else "tls_certificate_file"
            raise ConfigError(missing, None, "a file too, where the other of the two is given")

    @property
    def tls(self) -> bool:
        """Whether the API speaks TLS itself."""
        return self.tls_certificate_file is not None

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of trusted proxies."""
        return tuple(ip_network(text) for text in self.trusted_proxies)

    @classmethod
    def from_env(cls, environ: Mapping[str, str], **given: Any) -> ApiSettings:
        """Arguments that are not None win over FUSELINE_API_HOST, FUSELINE_API_PORT, ...

        Raises:
            ConfigError: naming the argument, or the variable.
        """
        values: dict[str, Any] = {n: value for n, value in given.items() if value is not None}
        names: dict[str, str] = {}
        for name in (*RULES, *_LISTS):
            variable = ENV_PREFIX + name.upper()
            text = environ.get(variable, "").strip()
            if name in values or not text:
                continue
            names[name] = variable
            rule = RULES.get(name)
            values[name] = _split(text) if rule is None else rule.parse(text, variable)
        try:
            return cls(**values)
        except ConfigError as error:
            field = names.get(error.field, error.field)
            raise ConfigError(field, error.value, error.allowed) from None


def _split(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _checked(values: Any, field: str, check: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ConfigError(field, values, _LIST_WORDS[field])
    checked = []
    for value in values:
        found = check(value) if isinstance(value, str) else None
        if found is None:
            raise ConfigError(field, value, _LIST_WORDS[field])
        checked.append(found)
    return tuple(checked)


def _cors_origin(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    # No "*": then any page could use a token it has got hold of.
    fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    plain = text == f"{parts.scheme}://{parts.netloc}" and "*" not in text
    return text.lower() if fits and plain else None


def _network(text: str) -> str | None:
    try:
        return str(ip_network(text))
    except ValueError:
        return None


def _public_url(text: str) -> str:
    bare = text.rstrip("/")
    if (origin := _cors_origin(bare)) is None:
        raise ConfigError("public_url", text.partition("@")[2] or text, _PUBLIC_URL_WORDS)
    return origin


def _check_trace_url(text: str) -> None:
    before, _, after = text.partition("{trace_id}")
    try:
        parts = urlsplit(before)
        fits = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        rest = parts.path + parts.query + parts.fragment
    except ValueError:
        fits, rest = False, ""
    if not fits or not rest or before == text or re.search(r"[{}\s\x00-\x1f]", before + after):
        raise ConfigError("trace_url", text.partition("@")[2] or text, _TRACE_URL_WORDS)


RULES: dict[str, Rule] = rules_of(ApiSettings)
"""The settings by name, without the lists."""
