"""Why a circuit stands as it does now, from the last thing that its history tells."""

from __future__ import annotations

from fuseline.core.circuit import Circuit, ModeChanged, Transition
from fuseline.core.events import Mode
from fuseline.events.backend import Backend
from fuseline.projections.explain import explain
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.timeline import Kind, newest_first


async def why(backend: Backend, name: str, circuit: Circuit) -> str:
    """One sentence without a full stop; an override comes before the circuit's own reason.

    Raises:
        WrongKeyTypeError: the history is not a stream.
        BackendUnavailableError: the server does not answer.
    """
    sentences = []
    if circuit.mode is not Mode.AUTO:
        async for item in newest_first(backend, name, kinds={Kind.OVERRIDE}):
            if isinstance(item.content, ModeChanged) and item.content.mode is circuit.mode:
                sentences.append(_capital(explain(item.content, circuit.config)))
            break
    if not circuit.config.enabled:
        sentences.append("The breaker is disabled: every call is admitted")
    if circuit.epoch == 0:
        sentences.append("Closed since the beginning: no transition so far")
        return ". ".join(sentences)
    async for item in newest_first(backend, name, kinds={Kind.TRANSITION}):
        if isinstance(item.content, Transition):
            config = await ConfigBook(backend, name).get(item.content.revision)
            words = explain(item.content, config)
            # The state of the transition: the history may be ahead of the circuit that was read.
            state = item.content.to_state.value.replace("_", " ")
            sentences.append(f"{_capital(state)}, because {words}")
        break
    else:
        sentences.append(f"{_capital(circuit.cause.replace('_', ' '))}; its history is gone")
    return ". ".join(sentences)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
