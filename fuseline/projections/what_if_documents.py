"""Comparisons and proposals as they are shown, the same from the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fuseline.core.what_if.figures import Figures
from fuseline.core.what_if.search import Trial
from fuseline.core.what_if.spans import StateSpan
from fuseline.projections import what_if
from fuseline.projections.documents import config_document
from fuseline.schemas.what_if import (
    Proposal,
    ProposalsAnswer,
    WhatIfAnswer,
    WhatIfBand,
    WhatIfDay,
    WhatIfFigures,
    WhatIfStretch,
)

MAX_BANDS = 5000


def what_if_document(name: str, found: what_if.WhatIfAnswer) -> WhatIfAnswer:
    """A comparison."""
    comparison = found.comparison
    stretches = comparison.unobserved
    most = max(len(comparison.recorded), len(comparison.proposed), len(stretches))
    return WhatIfAnswer(
        agent=name,
        since_ms=comparison.since_ms,
        until_ms=comparison.until_ms,
        complete=found.complete,
        events=found.events,
        reproduced=found.reproduced,
        begun_ms=found.begun_ms,
        settings=config_document(found.settings),
        recorded_settings=config_document(found.recorded_settings),
        total=_figures(comparison.total),
        days=[
            WhatIfDay(from_ms=day.from_ms, figures=_figures(day.figures)) for day in comparison.days
        ],
        recorded=_bands(comparison.recorded),
        proposed=_bands(comparison.proposed),
        unobserved=[
            WhatIfStretch(from_ms=start, to_ms=end) for start, end in stretches[-MAX_BANDS:]
        ],
        unobserved_ms=comparison.unobserved_ms,
        unseen_calls=comparison.unseen_calls,
        truncated=most > MAX_BANDS,
    )


def proposals_document(name: str, found: what_if.Proposals, limit: int) -> ProposalsAnswer:
    """The cheapest settings, and the trade-off between failures and refusals."""
    curve = [one for one in found.trials if one.on_curve]
    curve.sort(key=lambda one: one.figures.failures.high)
    return ProposalsAnswer(
        agent=name,
        since_ms=found.since_ms,
        until_ms=found.until_ms,
        complete=found.complete,
        events=found.events,
        reproduced=found.reproduced,
        tried=len(found.trials),
        recorded=next(_proposal(one) for one in found.trials if not one.patch),
        items=[_proposal(one) for one in found.trials[:limit]],
        curve=[_proposal(one) for one in curve],
        recorded_settings=config_document(found.recorded_settings),
    )


def _proposal(trial: Trial) -> Proposal:
    return Proposal(
        settings=dict(trial.patch),
        figures=_figures(trial.figures),
        cost_low=trial.cost_low,
        cost_high=trial.cost_high,
        on_curve=trial.on_curve,
    )


def _figures(figures: Figures) -> WhatIfFigures:
    return msgspec.convert(figures, WhatIfFigures, from_attributes=True)


def _bands(spans: Sequence[StateSpan]) -> list[WhatIfBand]:
    return [
        WhatIfBand(state=span.state, from_ms=span.from_ms, to_ms=span.to_ms)
        for span in spans[-MAX_BANDS:]
    ]
