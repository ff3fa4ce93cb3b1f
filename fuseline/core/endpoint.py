"""Where an external agent is and how it is called: the settings of the executor, per agent.

As with `config`, bounds stand in the annotations alone and a value is checked once, when made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK, masked, parse_references
from fuseline.core.retry_policy import RETRY_RULES
from fuseline.core.retry_policy import RetryPolicy as RetryPolicy
from fuseline.core.rules import Rule, apply_rules, rules_of

_DAY_SECONDS = 86_400
_Duration = Annotated[float, Meta(ge=0.001, le=_DAY_SECONDS)]
_HOST = r"(\[[0-9a-fA-F:.]+\]|[^\x00-\x20\x7f/?#@\\:\[\]]+)(:[0-9]{1,5})?"
_URL = rf"^https?://{_HOST}([/?][^\x00-\x20\x7f#\\]*)?$"
_STATUS_CLASS = r"^[1-5]([0-9][0-9]|xx)$"

FAILURE_STATUSES = ("429", "5xx")
"""HTTP statuses that count as failures of an agent, unless told otherwise."""

_MAX_HEADERS = 64
_MAX_HEADER = 8192
_MAX_OPTIONS = 16_384
# The framing of a message and the hop it takes are the client's; the rest is set per call.
_RESERVED_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_TOKEN_MARKS = frozenset("!#$%&'*+-.^_`|~")


class WhenOpen(StrEnum):
    """What a worker does with a task whose agent's circuit is open."""

    REJECT = "reject"
    DEFER = "defer"


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Address, protocol and manners of one agent; immutable, validated when made.

    Header values and the query of the URL are masked in `repr`; `shown` is the form to show.

    Raises:
        ConfigError: a value has the wrong type or is out of its range.
    """

    url: Annotated[
        Annotated[str, Meta(pattern=_URL, max_length=2048)],
        Meta(
            description="where the agent listens",
            extra={"allowed": "a URL like https://host:port/path, without user and fragment"},
        ),
    ]
    protocol: Annotated[
        Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.-]{0,39}$")],
        Meta(
            description="how it is spoken to: http, a2a, or the name of a plug-in",
            extra={"allowed": "a lower-case name of at most 40 characters, e.g. http or a2a"},
        ),
    ] = "http"
    headers: Mapping[str, str] = {}  # values may hold ${env:NAME} and ${file:/path}
    connect_timeout_seconds: Annotated[
        _Duration, Meta(description="longest wait for a connection, TLS included")
    ] = 5.0
    attempt_timeout_seconds: Annotated[
        _Duration,
        Meta(description="longest attempt; of a stream, the longest wait for its next part"),
    ] = 30.0
    timeout_seconds: Annotated[
        _Duration, Meta(description="longest call, with all its attempts and waits")
    ] = 120.0
    retry: RetryPolicy = RetryPolicy()
    idempotent: Annotated[
        bool, Meta(description="true: repeating is safe after the agent may have seen the call")
    ] = False
    failure_statuses: Sequence[str] = FAILURE_STATUSES
    ignored_statuses: Sequence[str] = ()  # no evidence for or against the agent
    when_open: Annotated[
        WhenOpen, Meta(description="what a worker does with a task while the circuit is open")
    ] = WhenOpen.REJECT
    max_response_bytes: Annotated[
        Annotated[int, Meta(ge=1, le=1 << 30)],
        Meta(description="largest answer, after decompression; of a stream, the sum of its parts"),
    ] = 10 * 1024 * 1024
    options: Mapping[str, Any] = {}  # the protocol's own

    def __post_init__(self) -> None:
        if isinstance(self.url, str) and "@" in self.url.partition("//")[2].partition("/")[0]:
            # Refused with the value left out, because it may be a password.
            raise ConfigError("url", MASK, RULES["url"].allowed)
        apply_rules(self, RULES)
        force = msgspec.structs.force_setattr
        if not 0 < _port(self.url) < 65_536:
            raise ConfigError("url", self.url, "a port from 1 to 65535")
        if isinstance(self.retry, Mapping):
            force(self, "retry", _struct(RetryPolicy, self.retry, "retry."))
        elif not isinstance(self.retry, RetryPolicy):
            raise ConfigError("retry", self.retry, f"an object with {', '.join(RETRY_RULES)}")
        force(self, "headers", _checked_headers(self.headers))
        for name in ("failure_statuses", "ignored_statuses"):
            force(self, name, checked_statuses(name, getattr(self, name)))
        force(self, "options", _checked_options(self.options))

    def __repr__(self) -> str:
        values = self.shown()
        return f"Endpoint({', '.join(f'{name}={values[name]!r}' for name in values)})"

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Endpoint:
        """Makes an endpoint from names and values (JSON, YAML, CLI); absent names take defaults.

        Raises:
            ConfigError: an unknown name, or a value that is not allowed.
        """
        if "url" not in values:
            raise ConfigError("url", None, RULES["url"].allowed)
        made: Endpoint = _struct(cls, values, "")
        return made

    def shown(self) -> dict[str, Any]:
        """The values as they may be shown: no secret, in types JSON knows."""
        values = self.to_wire()
        document: dict[str, Any] = {}
        for name in FIELDS:
            value = values.get(name, getattr(self, name))
            document[name] = list(value) if isinstance(value, tuple) else value
        base, question, _ = self.url.partition("?")
        document["url"] = base + (question and f"?{MASK}")
        document["headers"] = {name: masked(value) for name, value in self.headers.items()}
        document["retry"] = msgspec.structs.asdict(self.retry)
        document["options"] = {
            name: MASK if sounds_secret(name) else value for name, value in self.options.items()
        }
        document["when_open"] = str(self.when_open)
        return document

    def to_wire(self) -> dict[str, Any]:
        """What differs from the defaults, by name, as the registry stores it."""
        values: dict[str, Any] = {"url": self.url}
        for field in _INFO:
            value = getattr(self, field.name)
            if field.name != "url" and value != field.default and value != _made(field):
                values[field.name] = value
        if "retry" in values:
            values["retry"] = msgspec.structs.asdict(self.retry)
        return values

    @classmethod
    def from_wire(cls, values: Mapping[str, Any]) -> Endpoint:
        """Reads `to_wire`; names that a newer version added are left out.

        Raises:
            ConfigError: a value is not allowed.
        """
        known = {name: value for name, value in values.items() if name in FIELDS}
        if isinstance(retry := known.get("retry"), Mapping):
            known["retry"] = {n: v for n, v in retry.items() if n in RETRY_RULES}
        return cls.from_mapping(known)

    def fails(self, status: int) -> bool:
        """Whether an answer with this HTTP status counts as a failure of the agent."""
        return status_in(status, self.failure_statuses)

    def ignores(self, status: int) -> bool:
        """Whether an answer with this HTTP status says nothing about the agent; it wins."""
        return status_in(status, self.ignored_statuses)


def status_in(status: int, classes: Sequence[str]) -> bool:
    """Whether an HTTP status is among statuses like 503 and classes like 5xx."""
    return bool(classes) and (str(status) in classes or f"{status // 100}xx" in classes)


def _made(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return factory() if factory is not msgspec.NODEFAULT else msgspec.NODEFAULT


def _port(url: str) -> int:
    authority = url.partition("//")[2].partition("/")[0].partition("?")[0]
    _, colon, port = authority.rpartition("]")[2].rpartition(":")
    return int(port) if colon else 80


def _struct(kind: Any, values: Mapping[str, Any], prefix: str) -> Any:
    names = kind.__struct_fields__
    for name in values:
        if name not in names:
            raise ConfigError(f"{prefix}{name}", MASK, f"one of the fields {', '.join(names)}")
    return kind(**values)


def _checked_headers(headers: Any) -> dict[str, str]:
    if not isinstance(headers, Mapping) or len(headers) > _MAX_HEADERS:
        raise ConfigError("headers", MASK, f"an object of at most {_MAX_HEADERS} texts")
    checked: dict[str, str] = {}
    seen = set()
    for name, value in headers.items():
        if not isinstance(name, str) or not _is_token(name):
            raise ConfigError("headers", name, "names of ASCII letters, digits and hyphens")
        if name.lower() in _RESERVED_HEADERS or name.lower() in seen:
            raise ConfigError("headers", name, "a name given once that is not set by the client")
        seen.add(name.lower())
        # Values are never in the message: one that is refused may be a secret all the same.
        if not isinstance(value, str) or len(value) > _MAX_HEADER or not _is_header(value):
            raise ConfigError(
                f"headers.{name}", MASK, f"printable ASCII of at most {_MAX_HEADER} characters"
            )
        try:
            parse_references(value)
        except ValueError:
            raise ConfigError(
                f"headers.{name}", MASK, "text with references ${env:NAME} or ${file:/path}"
            ) from None
        checked[name] = value
    return checked


def _is_token(name: str) -> bool:
    return 0 < len(name) <= 100 and all(
        c in _TOKEN_MARKS or (c.isascii() and c.isalnum()) for c in name
    )


def _is_header(value: str) -> bool:
    return value.isascii() and value.isprintable() and value == value.strip()


def checked_statuses(name: str, statuses: Any) -> tuple[str, ...]:
    """Statuses and classes of them, as texts.

    Args:
        name: of the setting, for the error.
        statuses: like 503, "503" or "5xx".

    Raises:
        ConfigError: one is none.
    """
    allowed = "statuses like 503 or classes like 5xx"
    if isinstance(statuses, str) or not isinstance(statuses, Sequence):
        raise ConfigError(name, statuses, allowed)
    checked = []
    for status in statuses:
        text = str(status).lower() if isinstance(status, int | str) else status
        if isinstance(text, str) and text != text.strip():
            raise ConfigError(name, status, allowed)  # a pattern's end matches before "\\n" too
        try:
            msgspec.convert(text, Annotated[str, Meta(pattern=_STATUS_CLASS)])
        except msgspec.ValidationError:
            raise ConfigError(name, status, allowed) from None
        checked.append(text)
    return tuple(checked)


def _checked_options(options: Any) -> dict[str, Any]:
    allowed = f"an object of JSON values of at most {_MAX_OPTIONS} bytes"
    try:
        encoded = msgspec.json.encode(options)
        plain = msgspec.json.decode(encoded)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        raise ConfigError("options", MASK, allowed) from None
    if not isinstance(plain, dict) or len(encoded) > _MAX_OPTIONS:
        raise ConfigError("options", MASK, allowed)
    return plain


def sounds_secret(name: str) -> bool:
    """Whether an option of this name is masked wherever it is shown."""
    return any(word in name.lower() for word in ("secret", "token", "password", "key"))


RULES: dict[str, Rule] = rules_of(Endpoint)
"""The scalar fields of `Endpoint` with what they accept."""

_INFO = msgspec.structs.fields(Endpoint)  # made once: it reads every annotation
FIELDS: tuple[str, ...] = Endpoint.__struct_fields__
