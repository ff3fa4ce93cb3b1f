"""`fuseline tokens`, run as users do."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from fuseline.api.access.errors import NotAuthenticatedError
from fuseline.api.access.roles import Role
from tests.api.access.support import open_door
from tests.cli.support import Ended, World

TOKEN = r"fl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}"


class Tokens:
    """Runs `fuseline tokens` in a namespace of its own."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self, *arguments: str) -> Ended:
        return self.world.run("tokens", *arguments)

    def role_of(self, token: str) -> Role | None:
        """What the API makes of a token."""

        async def ask() -> Role | None:
            async with open_door(self.world.url, self.world.namespace) as door:
                try:
                    return (await door.ask(token)).role
                except NotAuthenticatedError:
                    return None

        return asyncio.run(ask())


@pytest.fixture
def command(redis_url: str, namespace: str) -> Iterator[Tokens]:
    world = World(redis_url, namespace)
    # The doors of these tests have four shards.
    world.env["FUSELINE_SHARDS"] = "4"
    yield Tokens(world)
    world.close()


def test_a_token_is_shown_once_and_lets_in(command: Tokens) -> None:
    made = command.run("create", "ci-deploy", "--role", "operator", "--expires", "90d")
    assert (made.code, made.out.count("\n")) == (0, 1)
    assert re.fullmatch(TOKEN, made.out.strip())
    assert "it is not shown again" in made.err
    assert made.out.strip() not in made.err
    assert command.role_of(made.out.strip()) is Role.OPERATOR
    listed = command.run("list")
    assert "ci-deploy" in listed.out
    assert "operator" in listed.out
    assert "ago" in listed.out
    assert made.out.strip()[-43:] not in listed.out + listed.err


def test_json_says_all_there_is(command: Tokens) -> None:
    made = command.run("create", "ci", "--role", "admin", "--actor", "me", "--json").document
    assert re.fullmatch(TOKEN, made.pop("token"))
    assert made["expires_ms"] - made["created_ms"] == 90 * 86_400_000
    assert made == {
        "id": made["id"], "name": "ci", "role": "admin", "created_by": "me", "valid": True,
        "created_ms": made["created_ms"], "expires_ms": made["expires_ms"],
        "revoked_ms": None, "last_used_ms": None,
    }  # fmt: skip
    assert command.run("list", "--json").document == {"tokens": [made]}


def test_a_revoked_token_lets_nobody_in_and_leaves_the_list(command: Tokens) -> None:
    token = command.run("create", "ci", "--role", "viewer", "--expires", "never").out.strip()
    token_id = token.split("_")[1]
    assert command.role_of(token) is Role.VIEWER
    assert command.run("list", "--json").document["tokens"][0]["expires_ms"] is None
    assert "is revoked" in command.run("revoke", token_id).out
    assert command.role_of(token) is None
    assert command.run("list", "--json").document == {"tokens": []}
    assert "no tokens" in command.run("list").out
    (kept,) = command.run("list", "--all", "--json").document["tokens"]
    assert (kept["id"], kept["valid"]) == (token_id, False)


def test_sessions_of_a_token_can_be_ended(command: Tokens) -> None:
    token = command.run("create", "ci", "--role", "viewer").out.strip()
    ended = command.run("sign-out", token.split("_")[1], "--json")
    assert ended.document["signed_out"] is True
    assert command.role_of(token) is Role.VIEWER


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("create", "a:b", "--role", "viewer"), "name"),
        (("create", " ", "--role", "viewer"), "name"),
        (("create", "x", "--role", "viewer", "--expires", "0"), "expires"),
        (("create", "x", "--role", "viewer", "--expires", "400d"), "expires"),
        (("create", "x", "--role", "viewer", "--expires", "soon"), "expires"),
        (("create", "x", "--role", "viewer", "--actor", "a\nb"), "actor"),
    ],
    ids=repr,
)
def test_bad_input_is_named(command: Tokens, arguments: tuple[str, ...], field: str) -> None:
    ended = command.run(*arguments, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert ended.error["message"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "arguments", [("create", "x"), ("create", "x", "--role", "root"), ("create",), ("revoke",)]
)
def test_what_is_missing_or_unknown_is_bad_input(
    command: Tokens, arguments: tuple[str, ...]
) -> None:
    ended = command.run(*arguments)
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("word", ["revoke", "sign-out"])
def test_a_token_that_is_not_there_is_an_error(command: Tokens, word: str) -> None:
    ended = command.run(word, "a" * 12, "--json")
    assert (ended.code, ended.error["type"]) == (1, "TokenNotFoundError")
