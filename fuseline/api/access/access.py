"""The door of the HTTP API: who sends a request, and may it pass. Knows no web framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from msgspec import Struct

from fuseline.api.access.addresses import client_of, is_trusted, parse_address
from fuseline.api.access.attempts import Attempts, Limits
from fuseline.api.access.cookies import clear_cookie, read_cookie, set_cookie
from fuseline.api.access.csrf import (
    check_csrf_token,
    check_local_host,
    check_same_origin,
    is_safe,
    origin_of,
)
from fuseline.api.access.errors import ForbiddenError, NotAuthenticatedError, RoleError
from fuseline.api.access.hashing import Hashing
from fuseline.api.access.roles import LOCAL, Caller, Role, allows
from fuseline.api.access.sessions import Session, SessionStore
from fuseline.api.access.settings import ApiSettings
from fuseline.api.access.tokens import Found, TokenStore
from fuseline.api.access.verifying import TokenVerifier
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.telemetry.logs import get_logger

_log = get_logger("access")


class LoggedIn(Struct, frozen=True, kw_only=True):
    """A session just opened: `set_cookie` is the header, `csrf_token` goes to the page."""

    caller: Caller
    csrf_token: str
    set_cookie: str

    def __repr__(self) -> str:
        return f"LoggedIn({self.caller!r})"


class Access:
    """Decides who may use the API. Safe to share by all requests of a process.

    Headers are mappings by lower-case name; `client_address` is the other end of the socket.

    Args:
        backend: the namespace.
        settings: of the API.
        local_mode: no token is needed and everybody is admin; see `why_not_local`.
        port: that is listened on, if the settings leave it open.
        limits: how many attempts may fail.

    Raises (all methods that look somebody up): BackendError, if the server cannot be asked.
    """

    def __init__(
        self,
        backend: Backend,
        settings: ApiSettings,
        *,
        local_mode: bool = False,
        port: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.settings = settings
        self.local_mode = local_mode
        self.port = settings.port if port is None else port
        self._backend = backend
        self._proxies = settings.proxies
        # Nobody waits at the door behind the long answers of others.
        self._wire = backend.make_wire()
        self._hashing = Hashing()
        self.tokens = TokenStore(backend, self._wire, self._hashing)
        self._attempts = Attempts(backend, self._wire, limits)
        self._verifier = TokenVerifier(self.tokens, self._hashing, self._attempts)
        self._sessions = SessionStore(backend, self._wire, self.tokens, settings.session_hours)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._backend.drop_wire(self._wire)

    @property
    def secrets_checked(self) -> int:
        """Number of secrets that had to be hashed so far."""
        return self._hashing.checks

    async def authenticate(
        self,
        *,
        method: str,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        client_address: str | None,
    ) -> Caller:
        """Who sends a request: by `Authorization: Bearer`, else the cookie, else the local mode.

        Raises:
            NotAuthenticatedError: nobody that is known.
            CsrfError: another web site may have sent it.
            ForbiddenError: in the local mode, it does not come straight from this machine.
            TooManyAttemptsError: too many tokens were wrong of late.
        """
        if "authorization" in headers:
            client = self._client(headers, client_address)
            found = await self._verifier.verify(_bearer(headers["authorization"]), client)
            await self._note_use(found)
            return _caller(found, "token")
        secure = self.is_secure(headers, client_address)
        secret = read_cookie(cookies, secure=secure)
        if not self.local_mode:
            opened = None if secret is None else await self._sessions.find(secret)
            if opened is None:
                raise NotAuthenticatedError
            session, found = opened
            if not is_safe(method):
                check_same_origin(headers, self._origin(headers, secure=secure))
                check_csrf_token(headers, session.csrf)
            await self._note_use(found)
            return _caller(found, "session")
        self._check_local(headers, client_address)
        if not is_safe(method):
            check_same_origin(headers, self._origin(headers, secure=secure))
        return LOCAL

    async def log_in(
        self,
        token: str,
        *,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        client_address: str | None,
    ) -> LoggedIn:
        """Opens a session with a token, always a new one; one that was open is ended.

        Raises:
            NotAuthenticatedError: the token is not valid.
            CsrfError: another web site would sign its visitor in.
            TooManyAttemptsError: too many tokens were wrong of late.
        """
        secure = self.is_secure(headers, client_address)
        # A program without cookies says nothing of where it comes from, and need not.
        check_same_origin(headers, self._origin(headers, secure=secure), needs_evidence=False)
        found = await self._verifier.verify(token.strip(), self._client(headers, client_address))
        if (before := read_cookie(cookies, secure=secure)) is not None:
            await self._sessions.close(before)
        opened = await self._sessions.open(found)
        await self._note_use(found)
        return LoggedIn(
            caller=_caller(found, "session"),
            csrf_token=opened.session.csrf,
            set_cookie=set_cookie(opened.secret, opened.max_age_seconds, secure=secure),
        )

    async def log_out(
        self,
        *,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        client_address: str | None,
    ) -> str:
        """Ends the session of a request that `authenticate` has let pass.

        Returns:
            The `Set-Cookie` header that takes the cookie away.
        """
        secure = self.is_secure(headers, client_address)
        if (secret := read_cookie(cookies, secure=secure)) is not None:
            await self._sessions.close(secret)
        return clear_cookie(secure=secure)

    async def csrf_token(
        self,
        *,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        client_address: str | None,
    ) -> str | None:
        """The CSRF token of the request's session, for a page that was loaded again."""
        secret = read_cookie(cookies, secure=self.is_secure(headers, client_address))
        opened = None if secret is None else await self._sessions.find(secret)
        session: Session | None = None if opened is None else opened[0]
        return None if session is None else session.csrf

    def is_secure(self, headers: Mapping[str, str], client_address: str | None) -> bool:
        """Whether the browser's side of the connection is TLS."""
        public = self.settings.public_url
        if self.settings.tls or (public is not None and public.startswith("https:")):
            return True
        # The nearest proxy's word, which is the last one.
        protocol = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        return protocol == "https" and is_trusted(client_address, self._proxies)

    def _client(self, headers: Mapping[str, str], client_address: str | None) -> str:
        return client_of(client_address, headers.get("x-forwarded-for"), self._proxies)

    def _origin(self, headers: Mapping[str, str], *, secure: bool) -> str:
        return origin_of(headers, secure=secure, public_url=self.settings.public_url)

    def _check_local(self, headers: Mapping[str, str], client_address: str | None) -> None:
        check_local_host(headers, self.settings.host, self.port)
        address = parse_address(client_address)
        if address is None or not address.is_loopback:
            raise ForbiddenError("without tokens this server answers this machine only")

    async def _note_use(self, found: Found) -> None:
        try:
            await self.tokens.note_use(found)
        except BackendError as error:
            # It is for people who tidy up; no request fails for it.
            _log.debug("token_use_not_noted", token=found.token.id, error=str(error))


def require(caller: Caller, needed: Role) -> None:
    """Lets a caller pass whose role is enough.

    Raises:
        RoleError: it is not.
    """
    if not allows(caller.role, needed):
        raise RoleError(caller.role, needed)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticatedError
    return token.strip()


def _caller(found: Found, kind: Literal["token", "session"]) -> Caller:
    token = found.token
    return Caller(
        name=token.name,
        role=token.role,
        kind=kind,
        token_id=token.id,
    )
