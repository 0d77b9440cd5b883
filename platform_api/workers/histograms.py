"""Seconds in buckets, as the shared memory counts them and as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client.core import HistogramMetricFamily

from platform_api.workers.layout import SECONDS

_NS: Final = 1e9


def add_seconds(family: HistogramMetricFamily, rows: Mapping[bytes, Sequence[int]]) -> None:
    """One series for each row that has counted: buckets of ``SECONDS``, then the sum in nanoseconds."""
    for key, (*buckets, sum_ns) in sorted(rows.items()):
        if any(buckets):
            family.add_metric(
                (key.decode(errors="replace") or "other",),
                cumulative([f"{bound}" for bound in SECONDS], buckets),
                sum_ns / _NS,
            )


def cumulative(bounds: Sequence[str], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus buckets (each counts what is at or below its bound) from counts of one bucket each."""
    sums: list[tuple[str, float]] = []
    running = 0
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        running += count
        sums.append((bound, running))
    return sums
