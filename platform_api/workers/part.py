"""What one worker alone writes in the shared memory: its slot, its counters, its tables."""

from __future__ import annotations

import os
import time
from typing import Final
from uuid import UUID

from platform_api.workers.counts import GAUGES, Count
from platform_api.workers.layout import (
    CALLERS,
    JLIS_CALLS,
    JLIS_PAUSED,
    JLIS_SECONDS,
    REQUESTS,
    ROUTES,
    SECONDS,
    UPSTREAM,
    Slot,
    State,
    callers_span,
    counts_span,
    jlis_calls_span,
    jlis_paused_span,
    jlis_seconds_span,
    requests_span,
    routes_span,
    slot_span,
    upstream_span,
)
from platform_api.workers.rows import Rows

_NS: Final = 1_000_000_000
#: In the place of an outcome: the answer contradicted our lists.
INCIDENT: Final = "incident"


class Part:
    """Of the thread of this worker's event loop; nobody else writes here.

    A new process in the place of a dead one goes on counting where that one stopped.
    """

    def __init__(self, words: memoryview, index: int, workers: int) -> None:
        self.index: Final = index
        self._slot: Final = words[slot_span(index).slice]
        #: Format "Q", positions by ``Count``: for the compiled fast path, which adds to it by itself.
        self.counts: Final = words[counts_span(index, workers).slice]
        self._callers: Final = Rows(words[callers_span(index, workers).slice], CALLERS)
        self._requests: Final = Rows(words[requests_span(index, workers).slice], REQUESTS)
        self._routes: Final = Rows(words[routes_span(index, workers).slice], ROUTES)
        self._upstream: Final = Rows(words[upstream_span(index, workers).slice], UPSTREAM)
        self._jlis: Final = Rows(words[jlis_calls_span(index, workers).slice], JLIS_CALLS)
        self._jlis_seconds: Final = Rows(words[jlis_seconds_span(index, workers).slice], JLIS_SECONDS)
        self._jlis_paused: Final = Rows(words[jlis_paused_span(index, workers).slice], JLIS_PAUSED)

    def take(self) -> None:
        """Begin as the process of this slot: what a dead one held (connections, cache) is held no more."""
        for gauge in GAUGES:
            self.counts[gauge] = 0
        self._slot[Slot.PREPARED_SEQ] = 0
        self._slot[Slot.PREPARED_AT_NS] = 0
        self._slot[Slot.PID] = os.getpid()
        self._slot[Slot.STARTS] += 1
        self._slot[Slot.STATE] = State.STARTING

    def enter(self, state: State) -> None:
        self._slot[Slot.STATE] = state

    def say_prepared(self, seq: int) -> None:
        """This worker can answer from set ``seq`` as soon as the serving word says so."""
        self._slot[Slot.PREPARED_AT_NS] = time.monotonic_ns()
        self._slot[Slot.PREPARED_SEQ] = seq

    def add(self, count: Count, n: int = 1) -> None:
        self.counts[count] += n

    def caller(self, institution_id: UUID, key_id: UUID) -> memoryview:
        """The words of a caller's row, format "Q", positions by ``CallerCount``; to be kept by the caller."""
        return self._callers.values(institution_id.bytes + key_id.bytes)

    def request_done(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """One request of the ordinary route; ``route`` is its template."""
        self._requests.values(request_key(route, method, status))[0] += 1
        _add_seconds(self._routes.values(route.encode()), seconds)

    def upstream(self, ca_id: str, outcome: str) -> None:
        """One certificate that another OCSP responder was to be asked about, or ``INCIDENT``."""
        self._upstream.values(f"{ca_id} {outcome}".encode())[0] += 1

    def jlis_called(self, call: str, outcome: str, seconds: float) -> None:
        """One call to J-LIS, with all its attempts."""
        self._jlis.values(f"{call} {outcome}".encode())[0] += 1
        _add_seconds(self._jlis_seconds.values(call.encode()), seconds)

    def jlis_left_alone(self, kind: str, *, is_so: bool) -> None:
        """Whether this process sends calls of this kind at all."""
        self._jlis_paused.values(kind.encode())[0] = int(is_so)


def _add_seconds(values: memoryview, seconds: float) -> None:
    values[next((at for at, bound in enumerate(SECONDS) if seconds <= bound), len(SECONDS))] += 1
    values[len(SECONDS) + 1] += round(seconds * _NS)


def request_key(route: str, method: str, status: int) -> bytes:
    """The key of a row of requests; ``request_labels`` is the way back."""
    return b"%d %s %s" % (status, method.encode(), route.encode())


def request_labels(key: bytes) -> tuple[str, str, str] | None:
    """(route, method, status); None for what is no such key."""
    try:
        status, method, route = key.decode().split(" ", 2)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return route, method, status
