"""The users of `deploy/redis/acl/` on a real server, in a namespace of their own."""

from pathlib import Path
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from tests.servers import RealServer

FOLDER = Path(__file__).parents[2] / "deploy" / "redis" / "acl"
ROLES = ("worker", "projector", "notifier", "api", "deploy")
PASSWORD = "right"


def rules(role: str, namespace: str) -> list[str]:
    """What the file of a role says, for another namespace, with its user's name."""
    (line,) = (FOLDER / f"{role}.acl").read_text().splitlines()
    word, *parts = line.replace("fuseline", namespace).split(" ")
    assert word == "user"
    return parts


class Users:
    """The five users of one namespace."""

    def __init__(self, server: RealServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self.admin = redis.Redis(unix_socket_path=str(server.socket), protocol=2)
        for role in ROLES:
            name, *parts = rules(role, namespace)
            self.admin.execute_command("ACL", "SETUSER", name, *parts, f">{PASSWORD}")
        self.admin.execute_command("ACL", "LOG", "RESET")

    def url(self, role: str) -> str:
        return f"unix://{self.namespace}-{role}:{PASSWORD}@{self.server.socket}"

    def refuses(self, role: str, *command: str) -> bool:
        """Whether the server refuses a command for want of a permission, before it does anything.

        ACL DRYRUN is not asked: the real connection of the real user is.
        """
        with redis.Redis(
            unix_socket_path=str(self.server.socket),
            username=f"{self.namespace}-{role}",
            password=PASSWORD,
            protocol=2,
        ) as user:
            try:
                user.execute_command(*command)
            except NoPermissionError:
                return True
            except redis.ResponseError:
                return False
            return False

    def denied(self) -> set[tuple[str, str, str]]:
        """What was refused so far: role, why, and which command or key."""
        found = set()
        for entry in self.admin.execute_command("ACL", "LOG", 128):
            fields = _pairs(entry)
            role = fields["username"].removeprefix(f"{self.namespace}-")
            found.add((role, fields["reason"], fields["object"].replace(self.namespace, "ns")))
        return found

    def close(self) -> None:
        for role in ROLES:
            self.admin.execute_command("ACL", "DELUSER", f"{self.namespace}-{role}")
        self.admin.close()


def _pairs(entry: Any) -> dict[str, str]:
    if isinstance(entry, dict):
        items = list(entry.items())
    else:
        items = list(zip(entry[::2], entry[1::2], strict=True))
    return {_text(name): _text(value) for name, value in items}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
