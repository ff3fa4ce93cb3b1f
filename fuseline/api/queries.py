"""Which query parameters a route takes; others are refused.

A filter that is misspelt filters nothing, and a change whose reason is misspelt has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.typing import FieldDefinition

from fuseline.api.refusals import parameter_name
from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK
from fuseline.registry.errors import DocumentError

_MAX_TOLD = 20


def check_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of every route but those without credentials, to which probes add what they like.

    Raises:
        DocumentError: parameters that the route does not know.
    """
    if handler.opt.get("public") or not connection.query_params:
        return
    parameters = handler.parsed_fn_signature.parameters
    inner = {*handler.resolve_dependencies(), *connection.path_params, "request"}
    known = _names(parameters, inner)
    strange = [name for name in connection.query_params if name not in known]
    if strange:
        words = f"one of the parameters {', '.join(known)}" if known else "no parameter at all"
        # The value is not repeated: it may be a token that somebody tries to send this way.
        raise DocumentError(
            [ConfigError(name[:100], MASK, words) for name in dict.fromkeys(strange[:_MAX_TOLD])]
        )


def _names(parameters: Mapping[str, FieldDefinition], inner: set[str]) -> list[str]:
    return [
        parameter_name(one)
        for name, one in parameters.items()
        if name not in inner and getattr(one.kwarg_definition, "header", None) is None
    ]
