"""What the ACL files refuse, asked of the real server as the real user."""

import pytest

from tests.deploy.acl_support import ROLES, Users

DANGEROUS = (
    ("FUNCTION", "FLUSH"), ("FUNCTION", "DELETE", "x"), ("FUNCTION", "DUMP"),
    ("EVAL", "return 1", "0"), ("EVALSHA", "0" * 40, "0"), ("SCRIPT", "LOAD", "return 1"),
    ("KEYS", "*"), ("SCAN", "0"), ("RANDOMKEY",), ("FLUSHALL",), ("FLUSHDB",),
    ("CONFIG", "GET", "*"), ("CONFIG", "SET", "save", ""), ("ACL", "LIST"), ("ACL", "SETUSER", "x"),
    ("SHUTDOWN",), ("DEBUG", "SLEEP", "0"), ("MONITOR",), ("SAVE",), ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "ID", "0"), ("REPLICAOF", "NO", "ONE"), ("MODULE", "LIST"),
    ("SWAPDB", "0", "1"), ("MIGRATE", "h", "1", "k", "0", "1"), ("PUBLISH", "x", "y"),
    ("SUBSCRIBE", "x"), ("INFO",),
)  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_no_role_may_do_what_is_nobodys_work(users: Users, role: str) -> None:
    assert [c for c in DANGEROUS if not users.refuses(role, *c)] == []


@pytest.mark.parametrize("role", ROLES)
def test_no_role_touches_another_namespace(users: Users, role: str) -> None:
    for other in ("other", f"{users.namespace}x", f"x{users.namespace}", f"{users.namespace}.eu"):
        keys = [f"{{{other}}}:namespace", f"{{{other}.00}}:agents", f"{{{other}.access}}:tokens",
                f"{{{other}.tasks}}:running", f"{{{other}.00}}:circuit:a"]  # fmt: skip
        open_ = [
            (key, *command)
            for key in keys
            for command in (("HGET", "f"), ("HSET", "f", "v"), ("HGETALL",), ("HSETNX", "f", "v"))
            if not users.refuses(role, command[0], key, *command[1:])
        ]
        assert open_ == []
    assert users.refuses(role, "GET", "plain")
    assert users.refuses(role, "FCALL", "fuseline_build_1", "1", "plain")


def shard_key(users: Users, part: str, shard: str = "00") -> str:
    return f"{{{users.namespace}.{shard}}}:{part}"


def refused_by_role(users: Users) -> dict[str, list[tuple[str, ...]]]:
    """What each role must not do with the keys of its own namespace."""
    events, circuit = shard_key(users, "events:a"), shard_key(users, "circuit:a")
    history, counts = shard_key(users, "history:a"), shard_key(users, "counts:a")
    feed, lease = shard_key(users, "feed"), shard_key(users, "lease")
    tokens = f"{{{users.namespace}.access}}:tokens"
    tasks = f"{{{users.namespace}.tasks}}:results"
    rules = f"{{{users.namespace}.alerts}}:rules"
    record = f"{{{users.namespace}}}:namespace"
    common = [
        ("XDEL", events, "1-1"), ("XTRIM", events, "MAXLEN", "0"), ("DEL", events),
        ("XDEL", history, "1-1"), ("XTRIM", history, "MAXLEN", "0"), ("DEL", history),
        ("RENAME", events, history), ("XSETID", events, "9-9"), ("XGROUP", "DESTROY", events, "g"),
        ("EXPIRE", events, "1"), ("DEL", record), ("HSET", record, "shards", "1"),
    ]  # fmt: skip
    return {
        "worker": [
            *common, ("FUNCTION", "LOAD", "x"), ("XADD", history, "*", "h", "x"),
            ("XADD", feed, "*", "h", "x"), ("SET", lease, "x"), ("HSET", counts, "a", "b"),
            ("HGETALL", tokens), ("HSET", tokens, "a", "b"), ("DEL", tasks),
            ("HSET", rules, "a", "b"), ("HGETALL", rules),
            # The functions of the projector are refused by the keys they are given.
            ("FCALL", "fuseline_commit_1", "4", lease, shard_key(users, "dirty"), feed, circuit),
            ("FCALL", "fuseline_lease_1", "2", lease, shard_key(users, "fence")),
        ],
        "projector": [
            *[c for c in common if c[0] != "XTRIM"], ("FUNCTION", "LOAD", "x"),
            ("HGETALL", tokens), ("XLEN", tasks),
            ("HSET", rules, "a", "b"), ("HGETALL", rules),
            ("XADD", tasks, "*", "a", "b"), ("HSET", shard_key(users, "agents"), "a", "b"),
            ("FCALL", "fuseline_configure_1", "1", shard_key(users, "agents")),
            ("FCALL", "fuseline_override_1", "1", shard_key(users, "agents")),
            ("FCALL", "fuseline_append_1", "3", shard_key(users, "producers"),
             shard_key(users, "dirty"), shard_key(users, "wake")),
        ],
        "notifier": [
            *common, ("FUNCTION", "LOAD", "x"), ("HGETALL", tokens), ("XLEN", tasks),
            ("XADD", events, "*", "e", "x"), ("XADD", history, "*", "h", "x"),
            ("XADD", feed, "*", "h", "x"), ("SET", lease, "x"), ("HSET", circuit, "a", "b"),
            ("HSET", shard_key(users, "agents"), "a", "b"),
            ("FCALL", "fuseline_configure_1", "1", shard_key(users, "agents")),
            ("FCALL", "fuseline_append_1", "1", shard_key(users, "producers")),
            ("FCALL", "fuseline_lease_1", "2", lease, shard_key(users, "fence")),
        ],
        "api": [
            *common, ("FUNCTION", "LOAD", "x"), ("XADD", history, "*", "h", "x"),
            ("XADD", feed, "*", "h", "x"), ("SET", lease, "x"), ("HSET", counts, "a", "b"),
            ("DEL", tokens + "x", events),
            ("FCALL", "fuseline_commit_1", "4", lease, shard_key(users, "dirty"), feed, circuit),
            ("FCALL", "fuseline_lease_1", "2", lease, shard_key(users, "fence")),
        ],
        "deploy": [
            *[c for c in common if c[0] != "HSET"], ("HGETALL", tokens),
            ("XADD", events, "*", "e", "x"),
            ("HSET", circuit, "a", "b"), ("XRANGE", events, "-", "+"),
            ("FCALL", "fuseline_override_1", "1", shard_key(users, "agents")),
        ],
    }  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_refused_the_work_of_the_others(users: Users, role: str) -> None:
    allowed = [c for c in refused_by_role(users)[role] if not users.refuses(role, *c)]
    assert allowed == []
