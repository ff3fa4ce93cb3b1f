"""Tokens, and sessions as browsers have them."""

from __future__ import annotations

from fuseline.client.operation import Operation
from fuseline.client.transport import Transport
from fuseline.schemas.access import (
    Login,
    Me,
    Role,
    TokenCreate,
    TokenCreated,
    TokenList,
)

ME = Operation("getMe", "GET", "/me", Me)
LOG_IN = Operation("logIn", "POST", "/session", Me)
LOG_OUT = Operation("logOut", "DELETE", "/session", type(None))
LIST_TOKENS = Operation("listTokens", "GET", "/tokens", TokenList)
CREATE_TOKEN = Operation("createToken", "POST", "/tokens", TokenCreated)
REVOKE_TOKEN = Operation("revokeToken", "DELETE", "/tokens/{token_id}", type(None))


class Tokens:
    """`client.tokens`. Each method raises `ClientError`; see `fuseline.client.errors`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self) -> TokenList:
        """All tokens, also those that are over."""
        return await self._transport.call(LIST_TOKENS)

    async def create(
        self, name: str, role: Role | str, *, expires_in_seconds: float | None = None
    ) -> TokenCreated:
        """Makes a token; its text is in this answer and nowhere else.

        Args:
            name: what stands in the history for its changes.
            role: what it allows.
            expires_in_seconds: its life; None: until it is revoked.
        """
        token = TokenCreate(name=name, role=Role(role), expires_in_seconds=expires_in_seconds)
        return await self._transport.call(CREATE_TOKEN, body=token)

    async def revoke(self, token_id: str) -> None:
        """Ends a token and its sessions at once."""
        await self._transport.call(REVOKE_TOKEN, path={"token_id": token_id})


class Session:
    """`client.session`: while one is open, it takes the token's place in all requests."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def log_in(self, token: str | None = None) -> Me:
        """Opens a session, as the UI does.

        Args:
            token: exchanged for the session; None: the client's own.
        """
        me = await self._transport.call(
            LOG_IN, body=Login(token=token or self._transport.target.token or "")
        )
        self._transport.csrf_token = me.csrf_token
        return me

    async def log_out(self) -> None:
        """Ends it; from here on the client's token counts again."""
        await self._transport.call(LOG_OUT)
        self._transport.csrf_token = None
