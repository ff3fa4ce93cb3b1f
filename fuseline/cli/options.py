"""Options that every command takes, before or after its name."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
from msgspec import Struct

from fuseline.events.settings import BackendSettings
from fuseline.telemetry.logs import LogLevel as LogLevel

_PANEL = "Options of every command"


class Options(Struct, kw_only=True):
    """What was given before and after the command; after it wins."""

    redis_url: str | None = None
    namespace: str | None = None
    shards: int | None = None
    as_json: bool = False
    log_level: LogLevel | None = None

    def settings(self) -> BackendSettings:
        """Where the log is.

        Raises:
            ConfigError: an option or variable is not allowed.
        """
        return BackendSettings.from_env(os.environ, self.redis_url, self.namespace, self.shards)


RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        help="redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// "
        "(env: REDIS_URL; else the embedded server)",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        metavar="NAME",
        help="Prefix of all keys (env: FUSELINE_NAMESPACE; else fuseline)",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Shards = Annotated[
    int | None,
    typer.Option(
        "--shards",
        metavar="N",
        help="Shards of the namespace, fixed when it is made (env: FUSELINE_SHARDS; else 16)",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON document; JSON lines for what goes on (--watch, --follow, up)",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
Level = Annotated[
    LogLevel | None,
    typer.Option(
        "--log-level",
        help="Log lines on stderr (env: FUSELINE_LOG_LEVEL, FUSELINE_LOG_FORMAT)",
        rich_help_panel=_PANEL,
        show_default=False,
        case_sensitive=False,
    ),
]

_FIELDS: dict[str, Any] = {
    "redis_url": RedisUrl,
    "namespace": Namespace,
    "shards": Shards,
    "as_json": AsJson,
    "log_level": Level,
}


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function whose first parameter is `options: Options` the options of every command."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.name != "options"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=False if name == "as_json" else None, annotation=hint)
        for name, hint in _FIELDS.items()
    ]
    context = inspect.Parameter("context", kind, annotation=typer.Context)

    @functools.wraps(command)
    def wrapper(**values: Any) -> Any:
        given = {name: values.pop(name) for name in _FIELDS}
        ctx = values.pop("context")
        before = ctx.obj if isinstance(ctx.obj, Options) else Options()
        options = Options(**{n: given[n] or getattr(before, n) for n in _FIELDS})
        if given["shards"] is not None:  # 0 is given, and wrong
            options.shards = given["shards"]
        ctx.obj = options
        return command(options, **values)

    parameters = [context, *(p.replace(kind=kind) for p in own), *added]
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    del wrapper.__wrapped__
    return wrapper
