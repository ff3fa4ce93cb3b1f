"""What an error of an HTTP client says about an attempt: verdict, and whether it was sent.

Errors are known by the names of their classes, because httpx2, httpx and aiohttp need not all be
installed, and because httpx2 has the names of httpx.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import NamedTuple

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.events import Result

_FAILURE, _TIMEOUT, _NOT_SENT = Result.FAILURE, Result.TIMEOUT, Result.NOT_SENT

_DISCONNECTED = "Server disconnected"
_LIBRARIES = frozenset({"aiohttp", "httpx", "httpx2"})


class Fault(NamedTuple):
    """What an error means.

    Attributes:
        result: how the attempt counts.
        kind: of the failure.
        words: the same for people.
        sent: whether the agent may have seen the request.
    """

    result: Result
    kind: str
    words: str
    sent: bool

    @property
    def verdict(self) -> Verdict:
        """What the log gets."""
        return Verdict(self.result, self.kind)


_NO_CONNECTION = Fault(_FAILURE, "connect_error", "no connection", False)
_LOST = Fault(_FAILURE, "connection_lost", "the connection was lost", True)
_SLOW_CONNECTION = Fault(_TIMEOUT, "timeout_connect", "no connection in time", False)
_SILENT = Fault(_TIMEOUT, "timeout_read", "it sent nothing more in time", True)
_BAD_URL = Fault(_NOT_SENT, "bad_url", "the URL cannot be called", False)

# Of an error's classes, the most special one that stands here decides.
_HTTPX = {
    "ConnectError": _NO_CONNECTION,
    "ConnectTimeout": _SLOW_CONNECTION,
    "PoolTimeout": Fault(_NOT_SENT, "pool_full", "all connections of this process are busy", False),
    "ReadTimeout": _SILENT,
    "WriteTimeout": Fault(_TIMEOUT, "timeout_write", "it did not take the request in time", True),
    "NetworkError": _LOST,
    "RemoteProtocolError": Fault(_FAILURE, "malformed", "what it sent is no HTTP", True),
    "DecodingError": Fault(_FAILURE, "malformed", "its answer cannot be decompressed", True),
    "SSEError": Fault(_FAILURE, "malformed", "its stream cannot be read", True),
    "LocalProtocolError": Fault(_NOT_SENT, "bad_request", "the request is no HTTP", False),
    "UnsupportedProtocol": _BAD_URL,
    "InvalidURL": _BAD_URL,  # aiohttp has it too
}
_AIOHTTP = {
    "ClientConnectorError": _NO_CONNECTION,
    "ClientSSLError": _NO_CONNECTION,
    "ConnectionTimeoutError": _SLOW_CONNECTION,
    "ServerTimeoutError": _SILENT,
    "ClientConnectionError": _LOST,
    "ClientPayloadError": _LOST,
    "ClientResponseError": Fault(_FAILURE, "malformed", "what it sent is no HTTP", True),
}
_TABLE = _HTTPX | _AIOHTTP


def fault_of(error: BaseException) -> Fault | None:
    """What an error of httpx2, httpx or aiohttp means; None for any other."""
    for cls in type(error).__mro__:
        if cls.__module__.partition(".")[0] not in _LIBRARIES:
            continue
        if (fault := _TABLE.get(cls.__name__)) is None:
            continue
        if fault is _NO_CONNECTION:
            kind, words = _connect_kind(error)
            return fault._replace(kind=kind, words=words)
        if cls.__name__ == "RemoteProtocolError" and str(error).startswith(_DISCONNECTED):
            return _LOST._replace(words="it closed the connection without an answer")
        return fault
    return None


def transport_error(agent: str, error: Exception) -> AgentCallError:
    """The error of ours for one of httpx2's; raise it from that one."""
    text = f": {error}" if str(error) else ""
    fault = fault_of(error)
    if fault is None:
        kind = type(error).__name__
        return AgentCallError(agent, f"{kind}{text}", Verdict(_FAILURE, kind))
    if fault.kind == "connection_lost" and str(error).startswith(_DISCONNECTED):
        text = ""  # the words say it
    return AgentCallError(agent, f"{fault.words}{text}", fault.verdict, sent=fault.sent)


def _connect_kind(error: BaseException) -> tuple[str, str]:
    """Why there is no connection; the system's own error is somewhere in the chain of causes."""
    found: list[BaseException] = [error]
    for cause in found:
        if isinstance(cause, socket.gaierror):
            return "dns_error", "its host name is not found"
        if isinstance(cause, ssl.SSLError):
            return "tls_error", "no TLS connection"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connect_refused", "nobody listens there"
        found += [e for e in (cause.__cause__, cause.__context__) if e and e not in found]
        if isinstance(cause, BaseExceptionGroup):
            found += cause.exceptions
    return _NO_CONNECTION.kind, _NO_CONNECTION.words
