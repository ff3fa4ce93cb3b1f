"""Behind Sentinels: a connection leads to whoever is master when it is made."""

from __future__ import annotations

from typing import Any

import anyio
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, NoPermissionError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from fuseline.events.address import Address, Host, connection_arguments


class LookUp:
    """Asks Sentinels for the master of a service.

    Args:
        address: of the Sentinels.
        timeout_seconds: the longest wait for a connection, the look-up included. A Sentinel that
            says nothing takes its share of it, so that the others are asked in time.
    """

    def __init__(self, address: Address, timeout_seconds: float) -> None:
        share = timeout_seconds / (len(address.hosts) + 1)
        self._sentinels = Sentinel(  # type: ignore[no-untyped-call]
            address.hosts,
            sentinel_kwargs=address.sentinel
            | {
                "socket_timeout": share,
                "socket_connect_timeout": share,
                "retry": Retry(NoBackoff(), 0),
                "protocol": 2,
                "driver_info": None,
            },
        )
        self._service = address.service
        self._hosts = [f"{host}:{port}" for host, port in address.hosts]

    async def master(self) -> Host:
        """Asks the Sentinels in turn, the one that last knew it first.

        Raises:
            MasterNotFoundError: none of them knows a master that is up.
        """
        clients = self._sentinels.sentinels
        reasons = []
        try:
            for place, client in enumerate(clients):
                # As `discover_master`, which does not say what went wrong.
                try:
                    masters = await client.sentinel_masters()
                except (RedisConnectionError, RedisTimeoutError) as error:
                    reasons.append(f"{self._hosts[place]}: {error}")
                    continue
                assert isinstance(masters, dict)  # so it is under protocol 2
                state = masters.get(self._service)
                if state and self._sentinels.check_master_state(state, self._service):
                    clients.insert(0, clients.pop(place))
                    self._hosts.insert(0, self._hosts.pop(place))
                    return state["ip"], state["port"]
        finally:
            # Look-ups are rare, and a cancelled one may leave an answer unread: none is reused.
            with anyio.CancelScope(shield=True):
                await self._sentinels.aclose()
        hosts = ", ".join(self._hosts)
        told = "".join(f"; {reason}" for reason in reasons)
        raise MasterNotFoundError(
            f"no Sentinel of {hosts} knows a master {self._service!r} that is up{told}"
        )


class MasterConnection(Connection):
    """Asks for the master whenever it connects; refuses one that is none, then and later."""

    def __init__(self, *, look_up: LookUp, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._look_up = look_up

    async def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        """Every way to connect leads here."""
        if self.is_connected:
            return
        self.host, self.port = await self._look_up.master()
        await super().connect_check_health(
            check_health=check_health, retry_socket_connect=retry_socket_connect
        )
        # A Sentinel that was cut off may name one that was demoted meanwhile, and that would
        # answer reads with what it has.
        await self.send_command("ROLE", check_health=False)
        try:
            role = (await self.read_response())[0]
        except NoPermissionError:
            return  # a user with the least privileges; writes are refused there all the same
        if role not in (b"master", "master"):
            await self.disconnect()
            raise RedisConnectionError(f"{self.host}:{self.port} is not master any more")

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """A server that is no master any more is left: the next call looks for the new one."""
        try:
            return await super().read_response(*args, **options)
        except (MasterDownError, ReadOnlyError) as error:
            await self.disconnect()
            raise RedisConnectionError(f"the master is being replaced: {error}") from None


class MasterTLSConnection(MasterConnection, SSLConnection):
    """The same by TLS."""


def make_master_pool(address: Address, timeout_seconds: float) -> ConnectionPool:
    """Makes connections to the master of the address's service."""
    arguments = connection_arguments(address.server, timeout_seconds)
    tls = arguments.pop("connection_class", None) is SSLConnection
    return ConnectionPool(
        connection_class=MasterTLSConnection if tls else MasterConnection,
        look_up=LookUp(address, timeout_seconds),
        **arguments,
    )
