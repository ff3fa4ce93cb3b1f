"""What is no outcome: settings, overrides, probes that begin, entries that cannot be read."""

from __future__ import annotations

from fuseline.core.circuit import (
    Cause,
    Change,
    Circuit,
    CircuitState,
    ConfigApplied,
    EventSetAside,
    ModeChanged,
    ShadowChanged,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import (
    AgentRemoved,
    AnyEvent,
    ConfigChanged,
    Mode,
    OverrideSet,
    ProbeStarted,
    ShadowSet,
    UnreadableEvent,
)
from fuseline.core.transitions import close_circuit
from fuseline.core.window import rescale

# Whoever still calls it is not held up.
_REMOVED = CircuitBreakerConfig(enabled=False)

_CLOSED, _OPEN, _HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN


def apply_control(circuit: Circuit, event: AnyEvent, now_ms: int, changes: list[Change]) -> None:
    """Applies an event that is no outcome; `circuit` stands at its id already."""
    kind = type(event)
    if kind is ProbeStarted:
        assert isinstance(event, ProbeStarted)
        if (
            circuit.state is _HALF_OPEN
            and event.epoch == circuit.epoch
            and circuit.probe_places > 0
        ):
            circuit.probes[circuit.checkpoint] = now_ms + event.lease_ms
            circuit.derive_deadline()
    elif kind is ConfigChanged:
        assert isinstance(event, ConfigChanged)
        _configure(circuit, event, now_ms, changes)
    elif kind is OverrideSet:
        assert isinstance(event, OverrideSet)
        _override(circuit, event, now_ms, changes)
    elif kind is AgentRemoved:
        assert isinstance(event, AgentRemoved)
        _remove(circuit, event, now_ms, changes)
    elif kind is ShadowSet:
        assert isinstance(event, ShadowSet)
        # The circuit itself has nothing to do with it; `what_if.shadow` folds the other one.
        changes.append(
            ShadowChanged(now_ms, event.settings, circuit.checkpoint, event.actor, event.reason)
        )
    elif kind is UnreadableEvent:
        assert isinstance(event, UnreadableEvent)
        _set_aside(circuit, event.error, now_ms, changes)


def _configure(circuit: Circuit, event: ConfigChanged, now_ms: int, changes: list[Change]) -> None:
    try:
        config = CircuitBreakerConfig.from_wire(event.config)
    except (ConfigError, TypeError) as error:
        _set_aside(circuit, str(error), now_ms, changes)
        return
    old_width, old_config = circuit.bucket_ms, circuit.config
    circuit.config, circuit.revision = config, event.revision
    circuit.derive()
    if circuit.bucket_ms != old_width:
        circuit.buckets = rescale(circuit.buckets, old_width, circuit.bucket_ms)
        for worker, index in circuit.troubled_workers.items():
            circuit.troubled_workers[worker] = index * old_width // circuit.bucket_ms
    if not config.adaptive:
        circuit.baseline = None
    elif circuit.baseline is not None:
        circuit.baseline.rescale(
            old_config.adaptive_half_life_seconds, config.adaptive_half_life_seconds
        )
    changes.append(
        ConfigApplied(
            now_ms,
            event.revision,
            event.config,
            circuit.checkpoint,
            event.actor,
            event.reason,
            event.details,
        )
    )
    if circuit.removed:
        circuit.removed = False
        circuit.baseline = None
        circuit.clear_window()  # a new agent of that name starts fresh
    if circuit.state is not _CLOSED and not config.enabled:
        close_circuit(circuit, Cause.DISABLED, now_ms, changes, event)
    elif circuit.state is _OPEN:
        open_ms = config.open_ms(
            circuit.opens_in_a_row, max(0, circuit.retry_until_ms - circuit.since_ms)
        )
        circuit.open_until_ms = max(now_ms, circuit.since_ms + open_ms)
    elif circuit.state is _HALF_OPEN and circuit.probe_successes >= config.half_open_max_calls:
        close_circuit(circuit, Cause.PROBES_SUCCEEDED, now_ms, changes, event)
    circuit.derive_deadline()


def _override(circuit: Circuit, event: OverrideSet, now_ms: int, changes: list[Change]) -> None:
    expires = event.expires_in_ms if event.mode is not Mode.AUTO else 0
    circuit.mode = event.mode
    circuit.mode_until_ms = now_ms + expires if expires else 0
    changes.append(
        ModeChanged(
            now_ms, event.mode, circuit.checkpoint, event.actor, event.reason, circuit.mode_until_ms
        )
    )
    if event.reset and event.mode is Mode.AUTO:
        if circuit.state is _CLOSED:
            circuit.clear_window()
        else:
            close_circuit(circuit, Cause.RESET, now_ms, changes, event)
    circuit.derive_deadline()


def _remove(circuit: Circuit, event: AgentRemoved, now_ms: int, changes: list[Change]) -> None:
    # Always a transition: a result of the agent that was must not count for one to come.
    close_circuit(circuit, Cause.REMOVED, now_ms, changes, event)
    circuit.config, circuit.revision = _REMOVED, event.revision
    circuit.mode, circuit.mode_until_ms = Mode.AUTO, 0
    circuit.removed = True
    circuit.derive()


def _set_aside(circuit: Circuit, error: str, now_ms: int, changes: list[Change]) -> None:
    circuit.set_aside += 1
    changes.append(EventSetAside(now_ms, circuit.checkpoint, error))
