"""One operation of the OpenAPI: how it is asked, and what it answers with."""

from __future__ import annotations

from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from fuseline.client.errors import UnexpectedAnswer

T = TypeVar("T")


class Operation(Generic[T]):
    """What the client knows of an operation; tests compare it with the OpenAPI.

    Args:
        name: the operationId.
        method: of HTTP.
        path: below `/api/v1`, with names of parameters in braces.
        answer: type of the answer; NoneType: there is none; str: plain text.
        statuses: that bring such an answer.
    """

    def __init__(
        self, name: str, method: str, path: str, answer: type[T], *, statuses: tuple[int, ...] = ()
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.answer = answer
        self.statuses = statuses or ((204,) if answer is type(None) else (200, 201, 202))

    @property
    def is_safe(self) -> bool:
        """Whether asking twice does no harm."""
        return self.method == "GET"

    def decode(self, content: bytes) -> T:
        """An answer.

        Members that this release does not know are passed over: the API may be a newer one.

        Raises:
            UnexpectedAnswer: it is something else.
        """
        try:
            if self.answer is str:
                return content.decode()  # type: ignore[return-value]  # T is str
            return self._decoder.decode(content if self.answer is not type(None) else b"null")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnexpectedAnswer(f"{self.name}: the answer cannot be read: {error}") from error

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[T]:
        return msgspec.json.Decoder(self.answer)
