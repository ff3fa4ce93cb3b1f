"""Pages of circuits: filters, order, cursors. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from fuseline.api.summaries import summary_of
from fuseline.core.circuit import CircuitState
from fuseline.core.errors import ConfigError
from fuseline.core.events import Mode
from fuseline.projections.documents import mode_name
from fuseline.projections.overview import AgentStatus, Order, Overview, order_of
from fuseline.schemas.circuits import CircuitList

MAX_CIRCUITS = 1000
"""Most circuits of a page."""

_STATES = (*CircuitState, "forced_open", "forced_closed")


def parse_states(words: Sequence[str]) -> frozenset[str]:
    """States and modes, each word alone or several with commas.

    Raises:
        ConfigError: under the name state.
    """
    states = [part.strip() for word in words for part in word.split(",") if part.strip()]
    for state in states:
        if state not in _STATES:
            raise ConfigError("state", state, f"some of {', '.join(_STATES)}")
    return frozenset(states)


def circuit_page(
    found: Overview, *, states: frozenset[str], search: str, limit: int, cursor: str | None
) -> CircuitList:
    """The circuits after the cursor that pass the filters.

    Raises:
        ConfigError: the cursor is none of ours.
    """
    wanted = search.casefold()
    passed = [
        status
        for status in found.agents
        if (not states or _in(status, states)) and wanted in status.agent.casefold()
    ]
    after = _decode(cursor) if cursor else None
    rest = passed if after is None else [one for one in passed if order_of(one) > after]
    page = rest[:limit]
    return CircuitList(
        items=[summary_of(status, found.now_ms) for status in page],
        total=len(passed),
        counts=_counts(found.agents),
        next_cursor=_encode(order_of(page[-1])) if len(rest) > limit else None,
        now_ms=found.now_ms,
        unprojected_shards=sorted(found.unprojected),
    )


def _in(status: AgentStatus, states: frozenset[str]) -> bool:
    circuit = status.circuit
    if circuit is None:
        return False
    return circuit.state.value in states or mode_name(circuit.mode) in states


def _counts(agents: Sequence[AgentStatus]) -> dict[str, int]:
    counts = dict.fromkeys((str(state) for state in _STATES), 0)
    counts["unreadable"] = 0
    for status in agents:
        if status.circuit is None:
            counts["unreadable"] += 1
            continue
        counts[status.circuit.state.value] += 1
        if status.circuit.mode is not Mode.AUTO:
            counts[mode_name(status.circuit.mode)] += 1
    return counts


def _encode(key: Order) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def _decode(cursor: str) -> Order:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key: Order = _decoder.decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise ConfigError("cursor", cursor, "next_cursor of an earlier answer") from None
    return key


_decoder = msgspec.msgpack.Decoder(Order)
