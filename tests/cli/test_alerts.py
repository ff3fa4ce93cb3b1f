"""`alerts`: from a file to a webhook, with the notifier as a process."""

import asyncio
import json
import signal
from pathlib import Path

from tests.alerts.support import SECRET, receiving
from tests.cli.support import World, stop, until

FILE = """
channels:
- name: ops
  to: {kind: webhook, url: "URL", secret: "${env:HOOK_SECRET}"}
rules:
- name: open
  when: {kind: opened}
  channels: [ops]
"""


async def test_a_file_a_notifier_a_test_and_an_incident(world: World, tmp_path: Path) -> None:
    async with receiving() as receiver:
        file = tmp_path / "alerts.yaml"
        file.write_text(FILE.replace("URL", f"{receiver.url}/ok"))

        async def run(*arguments: str) -> object:
            ended = await asyncio.to_thread(world.run, "alerts", *arguments, "--json")
            assert ended.code == 0, ended.err
            return ended.document

        apply = ("apply", "-f", str(file))
        planned = await run(*apply, "--dry-run")
        assert isinstance(planned, dict)
        assert [step["name"] for step in planned["steps"]] == ["ops", "open"]
        assert await run(*apply) == planned | {"dry_run": False}
        notifier = world.start(
            "alerts", "run", HOOK_SECRET=SECRET, FUSELINE_OUTBOUND_ALLOW="127.0.0.1"
        )
        key = f"{{{world.namespace}.alerts}}:lease"
        await asyncio.to_thread(until, lambda: world.redis("GET", key))
        tested = await run("test", "ops")
        assert isinstance(tested, dict)
        assert tested["result"] == "delivered", tested
        await asyncio.to_thread(world.call, "broken", False, False, False)
        await asyncio.to_thread(
            until, lambda: world.redis("XLEN", f"{{{world.namespace}.alerts}}:deliveries") == 2
        )
        listed = await run("incidents", "--state", "open")
        assert isinstance(listed, dict)
        assert [one["subject"] for one in listed["items"]] == ["broken"]
        ended = await asyncio.to_thread(stop, notifier, signal.SIGTERM)
        assert ended.code == 0, ended.err
        types = [json.loads(request["body"])["type"] for request in receiver.requests]
        assert types == ["fuseline.alert.test", "fuseline.alert.opened"]


def test_what_is_wrong_is_one_line(world: World, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    file.write_text('{"rules": [{"name": "r", "when": {"kind": "opened"}, "channels": ["nope"]}]}')
    ended = world.run("alerts", "apply", "-f", str(file), "--json")
    assert ended.code == 2
    assert ended.error["message"].startswith("rules[0].channels[0]: 'nope' is not allowed")
