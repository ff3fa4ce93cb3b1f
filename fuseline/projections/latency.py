"""Percentiles of durations, estimated from the bins of a histogram."""

from __future__ import annotations

from fuseline.projections.tally import Sum, bin_bounds


def percentile_ms(total: Sum, share: float) -> float | None:
    """The duration that a share of the finished calls did not exceed; None without calls.

    Exact below 16 ms; above, interpolated within a bin, so at most an eighth off.
    """
    calls = sum(total.bins.values())
    if not calls:
        return None
    rank = share * calls
    before = 0
    for number in sorted(total.bins):
        count = total.bins[number]
        if before + count >= rank:
            low, beyond = bin_bounds(number)
            inside = (rank - before) / count * (beyond - 1 - low)
            return round(min(low + inside, total.longest_ms), 3)
        before += count
    return float(total.longest_ms)
