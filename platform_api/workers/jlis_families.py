"""Prometheus families of the calls to J-LIS. Labels: names of calls and codes of ours, closed sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from platform_api.workers.histograms import add_seconds
from platform_api.workers.shared import Shared


class JlisFamilies:
    """What all workers counted."""

    def __init__(self, shared: Shared) -> None:
        self._shared: Final = shared

    def collect(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            "jpki_jlis_calls",
            "Calls to J-LIS with all their attempts, by how they ended: OK, or a code of ours.",
            labels=("call", "outcome"),
        )
        for key, (count,) in sorted(self._shared.jlis_calls().items()):
            call, _, outcome = key.decode(errors="replace").partition(" ")
            if count:
                asked.add_metric((call or "other", outcome or "other"), count)
        seconds = HistogramMetricFamily(
            "jpki_jlis_call_seconds",
            "Seconds of a call to J-LIS, the waiting for a line and all attempts included.",
            labels=("call",),
        )
        add_seconds(seconds, self._shared.jlis_seconds())
        paused = GaugeMetricFamily(
            "jpki_jlis_paused",
            "Processes whose breaker leaves this kind of calls alone after failures in a row.",
            labels=("kind",),
        )
        for key, (count,) in sorted(self._shared.jlis_paused().items()):
            if key:
                paused.add_metric((key.decode(errors="replace"),), count)
        yield from (asked, seconds, paused)
