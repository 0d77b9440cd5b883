"""Prometheus metrics. Labels come from closed sets: route templates, methods, statuses, CA ids; no values.

Freshness is told per CA, not per list: a list stands for a municipality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_api.freshness import freshness_by_ca

if TYPE_CHECKING:
    from platform_api.logs import Dropped
    from platform_api.snapshots import CurrentSnapshot
    from revocation.clock import Clock

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Metrics:
    """One registry for one application; nothing is registered in the process-wide one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "jpki_http_requests",
            "HTTP requests by route template.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "jpki_http_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._malformed = Counter(
            "jpki_http_malformed_requests",
            "Requests that were no HTTP; counted instead of logged.",
            registry=self.registry,
        )

    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def request_malformed(self) -> None:
        self._malformed.inc()

    def follow(self, snapshots: CurrentSnapshot, clock: Clock, dropped: Dropped) -> None:
        """Add what is read at each scrape."""
        self.registry.register(_AtScrape(snapshots, clock.now, dropped))

    def render(self) -> bytes:
        return generate_latest(self.registry)


class _AtScrape(Collector):
    def __init__(self, snapshots: CurrentSnapshot, now: Callable[[], datetime], dropped: Dropped) -> None:
        self._snapshots = snapshots
        self._now = now
        self._dropped = dropped

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            "jpki_log_dropped", "Log events and fields outside the allow-list.", value=self._dropped.count
        )
        snapshot = self._snapshots.current()
        yield GaugeMetricFamily(
            "jpki_snapshot_seq",
            "Number of the set that answers; 0 for none.",
            value=snapshot.seq if snapshot else 0,
        )
        if snapshot is None:
            return
        yield GaugeMetricFamily(
            "jpki_snapshot_entries", "Listed certificates in the set that answers.", value=snapshot.entries
        )
        yield from _freshness_families(self._snapshots, self._now())


def _freshness_families(snapshots: CurrentSnapshot, now: datetime) -> Iterator[Metric]:
    lists = GaugeMetricFamily("jpki_lists", "Lists of the set by state.", labels=("ca", "state"))
    age = GaugeMetricFamily("jpki_list_age_seconds", "Age of the oldest list's thisUpdate.", labels=("ca",))
    left = GaugeMetricFamily(
        "jpki_list_seconds_left", "Until the first list's nextUpdate; below 0 it is over.", labels=("ca",)
    )
    for ca_id, fresh in freshness_by_ca(snapshots.current(), now).items():
        for state, count in fresh.counts.items():
            lists.add_metric((ca_id, state), count)
        if fresh.oldest_age_s is not None:
            age.add_metric((ca_id,), fresh.oldest_age_s)
        if fresh.seconds_left is not None:
            left.add_metric((ca_id,), fresh.seconds_left)
    yield from (lists, age, left)
