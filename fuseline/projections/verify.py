"""Verifying: the projection at its checkpoint must equal the fold of all events up to it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.core.what_if.shadow import Shadow
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Wire
from fuseline.projections.codec import decode_circuit
from fuseline.projections.replay import LogInfo, OnEvents, Replay, id_after, log_info, refold
from fuseline.projections.shadow_codec import decode_shadow
from fuseline.projections.tally import Tally, decode_tally
from fuseline.projections.tally_check import differing_units

_DERIVED = {"next_deadline_ms", "bucket_ms", "bucket_count", "slow_ms"}
_COMPARED = [name for name in Circuit.__struct_fields__ if name not in _DERIVED]


class Difference(Struct, frozen=True):
    """A field in which the stored projection is not what the log says."""

    field: str
    stored: Any
    folded: Any


class Verification(Struct, frozen=True, kw_only=True):
    """What verifying one agent found.

    Attributes:
        agent: name of the agent.
        checkpoint: up to where the projection is folded; "" if there is none yet.
        events: entries folded again.
        outcomes: how many of them were outcomes of calls.
        missing: entries the log has lost; above 0 nothing can be compared.
        trimmed: entries that retention has taken off; what they came to is where folding begins.
        duplicates: outcomes counted twice, by (worker, sequence number).
        duplicate_ids: ids of the first few of them.
        differences: fields that differ.
        problem: why it could not be verified; "" if it could.
    """

    agent: str
    checkpoint: str = ""
    events: int = 0
    outcomes: int = 0
    missing: int = 0
    trimmed: int = 0
    duplicates: int = 0
    duplicate_ids: list[str] = []
    differences: list[Difference] = []
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the projection is what the log says, and the log is whole."""
        return not (self.missing or self.duplicates or self.differences or self.problem)


async def verify(
    backend: Backend,
    agent: AgentKeys,
    on_events: OnEvents | None = None,
    wire: Wire | None = None,
) -> Verification:
    """Folds an agent's log again up to the checkpoint and compares; changes nothing.

    Raises:
        BackendUnavailableError: the server does not answer. Whatever is wrong with the agent's
            own keys stands in the result instead.
    """
    try:
        return await _verify(backend, agent, on_events, wire)
    except BackendUnavailableError:
        raise
    except BackendError as error:
        return Verification(agent=agent.name, problem=str(error))


async def _verify(
    backend: Backend, agent: AgentKeys, on_events: OnEvents | None, wire: Wire | None
) -> Verification:
    flat = await (wire or backend.wire).call("HGETALL", agent.circuit)
    stored = {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}
    info = await log_info(backend, agent, wire)
    blob = stored.get("blob")
    if blob is None:
        # Nothing folded is a true statement about no event; the projector's lag is no error here.
        return Verification(agent=agent.name, missing=info.missing)
    circuit = decode_circuit(blob)
    if id_after(circuit.checkpoint, info.last_id):
        return Verification(agent=agent.name, checkpoint=circuit.checkpoint, problem=_lost(info))
    counted = decode_tally(stored.get("tally"))
    if counted is not None and counted.position != circuit.position:
        counted = None  # a release that does not count has folded on; nothing stands on it now
    replay = await refold(backend, agent, circuit.checkpoint, on_events=on_events, wire=wire)
    if replay.circuit.position > circuit.position:
        # It took so long that what was to be compared is trimmed by now.
        return await _verify(backend, agent, on_events, wire)
    differences: list[Difference] = []
    if not info.missing:
        differences = _compare(stored, circuit, replay.circuit)
        differences += _compare_shadow(circuit, stored.get("shadow"), replay)
        if counted is not None:
            differences += await _compare_counts(backend, agent, counted, replay, wire)
    return Verification(
        agent=agent.name,
        checkpoint=circuit.checkpoint,
        events=replay.events,
        outcomes=replay.outcomes,
        missing=info.missing,
        trimmed=replay.origin.trimmed,
        duplicates=replay.duplicates,
        duplicate_ids=replay.duplicate_ids,
        differences=differences,
    )


def _compare_shadow(circuit: Circuit, raw: bytes | None, replay: Replay) -> list[Difference]:
    """The settings and states of the shadow; what else it holds only tells of the past."""
    shadow = decode_shadow(raw)
    if shadow is not None and shadow.recorded.circuit.position != circuit.position:
        return []  # a release that knows no shadows has folded on; it begins again
    found, expected = map(_told, (shadow, replay.shadow))
    return [] if found == expected else [Difference("shadow", found, expected)]


def _told(shadow: Shadow | None) -> dict[str, Any] | None:
    if shadow is None:
        return None
    states = [[circuit.state.value, circuit.since_ms] for circuit in shadow.circuits]
    return {"settings": dict(shadow.patch), "states": states}


async def _compare_counts(
    backend: Backend, agent: AgentKeys, counted: Tally, replay: Replay, wire: Wire | None
) -> list[Difference]:
    units = await differing_units(
        backend, agent, counted, replay.tally, replay.rollups, replay.reach, wire
    )
    return [Difference(f"counts:{unit}", *sums) for unit, *sums in units]


def _lost(info: LogInfo) -> str:
    end = f"ends at {info.last_id}" if info.last_id else "is empty"
    return (
        f"the log {end}, before the checkpoint: events that were folded are lost (a failover?); "
        "the projector folds anew within 30 s, or run `fuseline rebuild`"
    )


def _compare(stored: dict[str, bytes], circuit: Circuit, folded: Circuit) -> list[Difference]:
    differences = [
        Difference(name, plain(getattr(circuit, name)), plain(getattr(folded, name)))
        for name in _COMPARED
        if getattr(circuit, name) != getattr(folded, name)
    ]
    # What acquire_probe and commit read beside the blob.
    beside = {
        "checkpoint": folded.checkpoint,
        "state": folded.state.value,
        "epoch": str(folded.epoch),
        "open_until": str(folded.open_until_ms),
        "limit": str(folded.config.half_open_max_calls),
    }
    for name, expected in beside.items():
        found = stored.get(name, b"").decode(errors="replace")
        if found != expected:
            differences.append(Difference(f"hash:{name}", found, expected))
    return differences


def plain(value: Any) -> Any:
    """A value of a circuit as JSON and text show it."""
    to_wire = getattr(value, "to_wire", None)
    if to_wire is not None:
        return dict(zip(type(value).__struct_fields__, to_wire(), strict=True))
    name = getattr(value, "name", None)
    return name.lower() if isinstance(name, str) else value
