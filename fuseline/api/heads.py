"""The head of a request (its first line and headers) has a bound, as its body has."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b"
)
_PROBLEM = (
    b'{"type":"urn:fuseline:problem:request-header-fields-too-large",'
    b'"title":"Request Header Fields Too Large","status":431,'
    b'"detail":"the first line and the headers have more than %d bytes"}' % MAX_HEAD_BYTES
)


class BoundedHeads(HttpToolsProtocol):
    """The parser keeps a head of any size in memory, whoever sends it; this ends it at a bound."""

    _head_bytes: int | None = 0  # of the head that is being read; None: none is

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_bytes = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; a read brings a quarter of a megabyte at most."""
        if self._head_bytes is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._head_bytes = 0
            self.transport.write(_TOO_LARGE % (len(_PROBLEM), _PROBLEM))
            self.transport.close()
