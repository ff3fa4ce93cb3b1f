"""Reading what the agents of a wave have beyond their checkpoints, a shard with each command."""

from collections.abc import Sequence
from typing import Any

from fuseline.events.codec import before_id
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Command, Wire
from fuseline.projections.shard import ShardProjection

Wave = list[tuple[ShardProjection, AgentKeys]]
"""The agents that are folded at one go."""


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
