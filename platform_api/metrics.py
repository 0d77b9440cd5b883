"""Prometheus metrics. Labels come from closed sets: route templates, methods, statuses, CA ids; no values.

What is counted lies in the memory that all workers share, so whichever of them is scraped tells the sums.
Freshness is told per CA, not per list: a list stands for a municipality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_api.jlis.hours_at_scrape import HoursAtScrape
from platform_api.signing.alarm import SignersAtScrape
from platform_api.upstream_ocsp.outcomes import Outcome
from platform_api.workers.collector import SharedCollector
from platform_api.workers.counts import Count
from platform_api.workers.part import INCIDENT
from platform_api.workers.place import Place
from revocation.metrics import set_freshness

if TYPE_CHECKING:
    from platform_api.jlis.fields import JlisFields
    from platform_api.logs import Dropped
    from platform_api.signing.alarm import Expiries
    from platform_api.snapshots import CurrentSnapshot
    from revocation.authorities import Authorities
    from revocation.clock import Clock

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry for one application; nothing is registered in the process-wide one."""

    def __init__(self, place: Place | None = None) -> None:
        place = place or Place.alone()
        self.registry = CollectorRegistry()
        self.registry.register(SharedCollector(place.shared))
        self._part = place.part

    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None:
        self._part.request_done(route=route, method=method, status=status, seconds=seconds)

    def request_malformed(self) -> None:
        self._part.add(Count.HTTP_MALFORMED)

    def upstream_asked(self, ca_id: str, outcome: Outcome) -> None:
        self._part.upstream(ca_id, outcome.value)

    def upstream_kept(self, ca_id: str) -> None:
        self._part.upstream(ca_id, "kept")

    def upstream_incident(self, ca_id: str) -> None:
        self._part.upstream(ca_id, INCIDENT)

    def jlis_called(self, call: str, outcome: str, seconds: float) -> None:
        self._part.jlis_called(call, outcome, seconds)

    def jlis_left_alone(self, kind: str, *, is_so: bool) -> None:
        self._part.jlis_left_alone(kind, is_so=is_so)

    def follow(
        self, snapshots: CurrentSnapshot, authorities: Authorities, clock: Clock, dropped: Dropped
    ) -> None:
        """Add what is read at each scrape; what the log drops is counted with the rest from now on."""
        dropped.count_in(self._part.counts[Count.LOG_DROPPED : Count.LOG_DROPPED + 1])
        self.registry.register(_AtScrape(snapshots, authorities, clock.now))

    def follow_signers(
        self, expiries: Expiries, authorities: Authorities, refused: Callable[[], int]
    ) -> None:
        """Add when OCSP's signers end, read at each scrape."""
        self.registry.register(SignersAtScrape(expiries, authorities, refused))

    def follow_jlis(self, fields: JlisFields, clock: Clock) -> None:
        """Add whether J-LIS takes calls now, read at each scrape."""
        self.registry.register(HoursAtScrape(fields, clock.now))

    def render(self) -> bytes:
        return generate_latest(self.registry)


class _AtScrape(Collector):
    def __init__(
        self,
        snapshots: CurrentSnapshot,
        authorities: Authorities,
        now: Callable[[], datetime],
    ) -> None:
        self._snapshots = snapshots
        self._authorities = authorities
        self._now = now

    def collect(self) -> Iterator[Metric]:
        whole = set_freshness(self._snapshots.current(), self._authorities, self._now())
        yield GaugeMetricFamily(
            "revocation_set_seq", "Number of the set that answers; 0 for none.", value=whole.set_seq
        )
        yield GaugeMetricFamily(
            "revocation_set_partial",
            "1 when the set lacks a list, or has one older than its newest JST day and not confirmed.",
            value=int(whole.partial),
        )
        lists = GaugeMetricFamily(
            "revocation_lists", "Expected lists by freshness.", labels=("ca", "freshness")
        )
        entries = GaugeMetricFamily("revocation_entries", "Listed certificates.", labels=("ca",))
        age = GaugeMetricFamily("revocation_age_seconds", "Age of the oldest thisUpdate.", labels=("ca",))
        left = GaugeMetricFamily(
            "revocation_seconds_to_next_update",
            "Until the first nextUpdate; below 0 it is over.",
            labels=("ca",),
        )
        for authority in whole.authorities:
            for freshness, count in authority.lists.items():
                lists.add_metric((authority.ca_id, freshness.value), count)
            entries.add_metric((authority.ca_id,), authority.entries)
            if authority.age_s is not None:
                age.add_metric((authority.ca_id,), authority.age_s)
            if authority.seconds_to_next_update is not None:
                left.add_metric((authority.ca_id,), authority.seconds_to_next_update)
        yield from (lists, entries, age, left)
