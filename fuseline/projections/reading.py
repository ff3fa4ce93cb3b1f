"""How much is folded at one go, and reading it: a shard with each command."""

from collections.abc import Sequence
from typing import Any

from fuseline.events.codec import before_id
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Command, Wire
from fuseline.projections.shard import ShardProjection

Wave = list[tuple[ShardProjection, AgentKeys]]
"""The agents that are folded at one go."""

_MOST_AGENTS = 500
_LEAST_AGENTS = 100
_LEAST_EVENTS = 20


class WaveSize:
    """How many agents a wave has, and how many events of each.

    To store an agent costs as much as to fold a dozen events. So while agents have much that waits,
    as after the projector was away, a wave has few of them and more of each.

    Args:
        events: about how many events a wave has.
    """

    def __init__(self, events: int) -> None:
        self._events = events
        self.agents = _MOST_AGENTS

    def each(self, agents: int) -> int:
        """How many events of each agent a wave of so many takes."""
        return max(_LEAST_EVENTS, self._events // agents)

    def learn(self, agents: int, unfinished: int, events: int) -> None:
        """A wave of so many agents and events is folded; so many of the agents have more."""
        if unfinished * 2 > agents:
            self.agents = max(_LEAST_AGENTS, self.agents // 2)
        elif events * 4 < self._events:
            self.agents = min(_MOST_AGENTS, self.agents * 2)


async def read_wave(wire: Wire, wave: Wave, count: int) -> list[Any]:
    """Up to `count` raw entries of each agent, beginning with the last one that was folded.

    If that is not there any more, the log has lost it, and what comes now may be the same
    outcomes sent again.
    """
    groups: dict[int, list[int]] = {}
    for place, (shard, _) in enumerate(wave):
        groups.setdefault(shard.keys.shard, []).append(place)
    found: list[Any] = [[] for _ in wave]

    def command(places: Sequence[int]) -> Command:
        starts = [before_id(wave[n][0].circuits[wave[n][1].name].checkpoint) for n in places]
        streams = [wave[n][1].events for n in places]
        return ("XREAD", "COUNT", count, "STREAMS", *streams, *starts)

    # One command for a shard: a reply of its own for each agent would cost more than its fold.
    places_of = list(groups.values())
    replies = await wire.call_many([command(places) for places in places_of])
    if failed := [n for n, reply in enumerate(replies) if isinstance(reply, Exception)]:
        # One damaged key fails them all; ask for each to find it.
        single = [[place] for n in failed for place in places_of[n]]
        places_of += single
        replies += await wire.call_many([command(places) for places in single])
    for places, reply in zip(places_of, replies, strict=True):
        if isinstance(reply, Exception):
            if len(places) == 1:
                found[places[0]] = reply
            continue
        by_key = {wave[n][1].events.encode(): n for n in places}
        for key, entries in reply or ():
            found[by_key[key]] = entries
    return found
