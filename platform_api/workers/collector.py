"""Prometheus families from the shared memory, summed over the workers.

Labels come from closed sets: what was answered, route templates, methods, statuses; and the ids of
institutions, as many as the table of callers has rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_api.workers.counts import LATENCY_BUCKETS, LATENCY_NS, CallerCount, Count
from platform_api.workers.histograms import add_seconds, cumulative
from platform_api.workers.jlis_families import JlisFamilies
from platform_api.workers.layout import Slot, State
from platform_api.workers.part import INCIDENT, request_labels
from platform_api.workers.shared import Shared

_NS: Final = 1e9
_METHODS: Final = (Count.POST, Count.GET, Count.HEAD)
_ANSWERS: Final = (
    Count.GOOD,
    Count.REVOKED,
    Count.UNKNOWN,
    Count.MALFORMED_REQUEST,
    Count.INTERNAL_ERROR,
    Count.TRY_LATER,
    Count.SIG_REQUIRED,
    Count.UNAUTHORIZED,
)
#: Plain counters: name behind ``jpki_ocsp_``, what it counts.
_COUNTERS: Final = {
    Count.NOT_MODIFIED: ("not_modified", "Requests answered with 304."),
    Count.CACHE_HIT: ("cache_hits", "Answers taken from the cache of signed answers."),
    Count.CACHE_MISS: ("cache_misses", "Answers that were not in the cache."),
    Count.CACHE_ADMITTED: ("cache_admitted", "Signed answers taken into the cache."),
    Count.CACHE_EVICTED: ("cache_evicted", "Signed answers dropped to make room."),
    Count.NONCE: ("nonce_answers", "Answers signed for one request because of its nonce."),
    Count.SIGNATURES: ("signatures", "Signatures made."),
    Count.RATE_LIMITED: ("rate_limited", "Requests above the rate of their caller."),
    Count.CALLERS_REFUSED: ("callers_refused", "Requests whose caller is unknown or may not ask."),
    Count.HANDED_OVER: ("handed_over", "Requests that the fast path gave to the ordinary route."),
    Count.CONNECTIONS_OPENED: ("connections_opened", "Connections taken."),
    Count.CONNECTIONS_REFUSED: ("connections_refused", "Connections closed because there were too many."),
    Count.TIMEOUTS: ("timeouts", "Connections closed because their client was too slow."),
    Count.TOO_LARGE: ("too_large", "Requests refused for their size."),
    Count.OVERLOADED: ("overloaded", "Requests answered tryLater because of too much load."),
    Count.BEHIND: ("behind", "Requests answered tryLater by a worker behind the others' set."),
}
_GAUGES: Final = {
    Count.CACHE_OCTETS: ("cache_octets", "Octets held by the cache of signed answers."),
    Count.CACHE_ENTRIES: ("cache_entries", "Signed answers in the cache."),
    Count.CONNECTIONS_OPEN: ("connections_open", "Connections that are open."),
}


class SharedCollector(Collector):
    """Everything that was counted, by whichever worker."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def collect(self) -> Iterator[Metric]:
        yield from self._http()
        yield from self._ocsp()
        yield self._callers()
        yield from self._upstream()
        yield from JlisFamilies(self._shared).collect()
        yield from self._workers()

    def _http(self) -> Iterator[Metric]:
        done = CounterMetricFamily(
            "jpki_http_requests", "HTTP requests by route template.", labels=("route", "method", "status")
        )
        for key, (count,) in sorted(self._shared.requests().items()):
            labels = request_labels(key)
            if labels is not None:
                done.add_metric(labels, count)
            elif count:
                done.add_metric(("other", "other", "other"), count)
        yield done
        seconds = HistogramMetricFamily(
            "jpki_http_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            labels=("route",),
        )
        add_seconds(seconds, self._shared.routes())
        yield seconds
        yield CounterMetricFamily(
            "jpki_http_malformed_requests",
            "Requests that were no HTTP; counted instead of logged.",
            value=self._shared.total(Count.HTTP_MALFORMED),
        )
        yield CounterMetricFamily(
            "jpki_log_dropped",
            "Log events and fields outside the allow-list.",
            value=self._shared.total(Count.LOG_DROPPED),
        )

    def _ocsp(self) -> Iterator[Metric]:
        total = self._shared.total
        asked = CounterMetricFamily("jpki_ocsp_requests", "OCSP requests by method.", labels=("method",))
        for count in _METHODS:
            asked.add_metric((count.name,), total(count))
        answered = CounterMetricFamily(
            "jpki_ocsp_answers", "OCSP answers by what they say.", labels=("answer",)
        )
        for count in _ANSWERS:
            answered.add_metric((count.name.lower(),), total(count))
        yield from (asked, answered)
        for count, (name, said) in _COUNTERS.items():
            yield CounterMetricFamily(f"jpki_ocsp_{name}", said, value=total(count))
        for count, (name, said) in _GAUGES.items():
            yield GaugeMetricFamily(f"jpki_ocsp_{name}", said, value=total(count))
        yield HistogramMetricFamily(
            "jpki_ocsp_seconds",
            "Seconds from a whole OCSP request to its answer.",
            buckets=cumulative(
                [f"{bound / _NS}" for bound in LATENCY_NS], [total(count) for count in LATENCY_BUCKETS]
            ),
            sum_value=total(Count.LATENCY_SUM_NS) / _NS,
        )

    def _callers(self) -> Metric:
        """By institution: its keys are summed, so that a new key does not begin a new series."""
        sums: dict[str, list[int]] = {}
        for key, values in self._shared.callers().items():
            name = str(UUID(bytes=key[:16])) if len(key) == 32 else "other"
            sums[name] = [sum(pair) for pair in zip(sums.get(name, [0] * len(values)), values, strict=True)]
        metered = CounterMetricFamily(
            "jpki_ocsp_caller_answers",
            "OCSP answers by institution and what they say.",
            labels=("institution_id", "answer"),
        )
        for name, values in sorted(sums.items()):
            if any(values):
                for count in CallerCount:
                    metered.add_metric((name, count.name.lower()), values[count])
        return metered

    def _upstream(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            "jpki_upstream_ocsp",
            "Certificates that another OCSP responder was to be asked about, by how it ended; "
            "kept: answered from an answer of the last minutes.",
            labels=("ca", "outcome"),
        )
        incidents = CounterMetricFamily(
            "jpki_upstream_ocsp_incidents",
            "Answers of another OCSP responder that contradict our lists: somebody must look.",
            labels=("ca",),
        )
        for key, (count,) in sorted(self._shared.upstream().items()):
            ca_id, _, outcome = key.decode(errors="replace").partition(" ")
            if outcome == INCIDENT:
                incidents.add_metric((ca_id,), count)
            elif count:
                asked.add_metric((ca_id or "other", outcome or "other"), count)
        yield from (asked, incidents)

    def _workers(self) -> Iterator[Metric]:
        slots = [self._shared.slot(index) for index in range(self._shared.workers)]
        states = GaugeMetricFamily("jpki_workers", "Processes that answer, by state.", labels=("state",))
        for state in State:
            states.add_metric((state.name.lower(),), sum(slot[Slot.STATE] == state for slot in slots))
        yield states
        yield CounterMetricFamily(
            "jpki_worker_starts",
            "Starts of worker processes, the first ones included.",
            value=sum(slot[Slot.STARTS] for slot in slots),
        )
