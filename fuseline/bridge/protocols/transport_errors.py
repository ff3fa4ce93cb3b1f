"""What an error of the HTTP client says about an attempt: verdict, and whether it was sent."""

from __future__ import annotations

import errno
import socket
import ssl

import httpx2

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.events import Result

_FAILURE, _TIMEOUT, _NOT_SENT = Result.FAILURE, Result.TIMEOUT, Result.NOT_SENT

_DISCONNECTED = "Server disconnected"

# error, result, kind, in words, whether the agent may have seen the request
_TABLE: tuple[tuple[type[Exception], Result, str, str, bool], ...] = (
    (httpx2.ConnectTimeout, _TIMEOUT, "timeout_connect", "no connection in time", False),
    (httpx2.PoolTimeout, _NOT_SENT, "pool_full", "all connections of this process are busy", False),
    (httpx2.ReadTimeout, _TIMEOUT, "timeout_read", "it sent nothing more in time", True),
    (httpx2.WriteTimeout, _TIMEOUT, "timeout_write", "it did not take the request in time", True),
    (httpx2.NetworkError, _FAILURE, "connection_lost", "the connection was lost", True),
    (httpx2.RemoteProtocolError, _FAILURE, "malformed", "what it sent is no HTTP", True),
    (httpx2.DecodingError, _FAILURE, "malformed", "its answer cannot be decompressed", True),
    (httpx2.SSEError, _FAILURE, "malformed", "its stream cannot be read", True),
    (httpx2.LocalProtocolError, _NOT_SENT, "bad_request", "the request is no HTTP", False),
    (httpx2.UnsupportedProtocol, _NOT_SENT, "bad_url", "the URL cannot be called", False),
    (httpx2.InvalidURL, _NOT_SENT, "bad_url", "the URL cannot be called", False),
)


def transport_error(agent: str, error: Exception) -> AgentCallError:
    """The error of ours for one of httpx2's; raise it from that one."""
    text = f": {error}" if str(error) else ""
    if isinstance(error, httpx2.ConnectError):
        kind, words = _connect_kind(error)
        return AgentCallError(agent, f"{words}{text}", Verdict(_FAILURE, kind), sent=False)
    if isinstance(error, httpx2.RemoteProtocolError) and str(error).startswith(_DISCONNECTED):
        verdict = Verdict(_FAILURE, "connection_lost")
        return AgentCallError(agent, "it closed the connection without an answer", verdict)
    for known, result, kind, words, sent in _TABLE:
        if isinstance(error, known):
            return AgentCallError(agent, f"{words}{text}", Verdict(result, kind), sent=sent)
    return AgentCallError(
        agent, f"{type(error).__name__}{text}", Verdict(_FAILURE, type(error).__name__)
    )


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
    return "connect_error", "no connection"
