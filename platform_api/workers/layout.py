"""Where the words of the shared memory stand. All are uint64 in the machine's own order, all aligned.

    header        WORKERS, STOPPING ...; SERVING alone on its cache line, because every request reads it
    slots         one of 8 words for each worker
    parts         one for each worker: counters, then the tables of callers, requests, seconds, upstream,
                  calls to J-LIS

Every word has one writer: SERVING, STOPPING and the header the supervisor (or the only process), a slot and a
part the worker whose index it is. So there is no atomic addition anywhere: a word is read, added to and
stored by one thread, an aligned store of 8 octets is never seen half, and readers take what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from platform_api.workers.counts import LATENCY_BUCKETS, CallerCount, Count

MAGIC: Final = 0x6A706B692D776B31  # "jpki-wk1"
WORD: Final = 8
#: One cache line of 64 octets, in words.
LINE: Final = 8
MOST_WORKERS: Final = 64


class Header(IntEnum):
    """Words at the beginning."""

    MAGIC = 0
    WORKERS = 1
    #: 1 from the moment on which nobody should send requests here any more.
    STOPPING = 2
    #: The number of the set that may be answered from; 0 before the first. It only rises.
    SERVING = LINE


HEADER_WORDS: Final = 2 * LINE


class Slot(IntEnum):
    """Words of a worker's slot."""

    PID = 0
    STATE = 1
    #: The newest set that this worker is ready to answer from, and since when (CLOCK_MONOTONIC, ns).
    PREPARED_SEQ = 2
    PREPARED_AT_NS = 3
    #: How often a process took this slot.
    STARTS = 4


SLOT_WORDS: Final = LINE


class State(IntEnum):
    """What a worker does."""

    NONE = 0
    #: It opens its resources and answers nobody.
    STARTING = 1
    SERVING = 2
    #: It takes no new connections and ends what it has begun.
    DRAINING = 3


@dataclass(frozen=True, slots=True)
class TableShape:
    """A bounded table: rows of a length word, a key and values; the first row takes what finds no room."""

    rows: int
    key_octets: int
    values: int

    @property
    def key_words(self) -> int:
        return -(-self.key_octets // WORD)

    @property
    def row_words(self) -> int:
        """Whole cache lines, so that two rows are never on one."""
        return _lines(1 + self.key_words + self.values)

    @property
    def words(self) -> int:
        return self.rows * self.row_words


#: institution_id and key_id, 16 octets each.
CALLERS: Final = TableShape(rows=4096, key_octets=32, values=len(CallerCount))
#: Route template, method and status; the value is how many.
REQUESTS: Final = TableShape(rows=2048, key_octets=152, values=1)
#: Seconds of a request by route, upper bounds of the buckets; one more takes what is above the last.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
#: Route template; the values are the buckets, not cumulative, and the sum in nanoseconds.
ROUTES: Final = TableShape(rows=256, key_octets=128, values=len(SECONDS) + 2)
#: What became of asking another OCSP responder, by CA; the value is how many.
UPSTREAM: Final = TableShape(rows=256, key_octets=64, values=1)
#: Calls to J-LIS: "call outcome"; the value is how many.
JLIS_CALLS: Final = TableShape(rows=512, key_octets=88, values=1)
#: Seconds of a call by its name; the values as those of ROUTES.
JLIS_SECONDS: Final = TableShape(rows=32, key_octets=40, values=len(SECONDS) + 2)
#: Kinds of calls; 1 while this process leaves them alone.
JLIS_PAUSED: Final = TableShape(rows=32, key_octets=40, values=1)


def _lines(words: int) -> int:
    return -(-words // LINE) * LINE


COUNT_WORDS: Final = _lines(len(Count))
_CALLERS_AT: Final = COUNT_WORDS
_REQUESTS_AT: Final = _CALLERS_AT + CALLERS.words
_ROUTES_AT: Final = _REQUESTS_AT + REQUESTS.words
_UPSTREAM_AT: Final = _ROUTES_AT + ROUTES.words
_JLIS_CALLS_AT: Final = _UPSTREAM_AT + UPSTREAM.words
_JLIS_SECONDS_AT: Final = _JLIS_CALLS_AT + JLIS_CALLS.words
_JLIS_PAUSED_AT: Final = _JLIS_SECONDS_AT + JLIS_SECONDS.words
PART_WORDS: Final = _JLIS_PAUSED_AT + JLIS_PAUSED.words


@dataclass(frozen=True, slots=True)
class Span:
    """First word and number of words."""

    first: int
    words: int

    @property
    def slice(self) -> slice:
        return slice(self.first, self.first + self.words)


def total_words(workers: int) -> int:
    return HEADER_WORDS + workers * (SLOT_WORDS + PART_WORDS)


def slot_span(index: int) -> Span:
    return Span(HEADER_WORDS + index * SLOT_WORDS, SLOT_WORDS)


def _part_at(index: int, workers: int) -> int:
    return HEADER_WORDS + workers * SLOT_WORDS + index * PART_WORDS


def counts_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers), COUNT_WORDS)


def callers_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _CALLERS_AT, CALLERS.words)


def requests_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _REQUESTS_AT, REQUESTS.words)


def routes_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _ROUTES_AT, ROUTES.words)


def upstream_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _UPSTREAM_AT, UPSTREAM.words)


def jlis_calls_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _JLIS_CALLS_AT, JLIS_CALLS.words)


def jlis_seconds_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _JLIS_SECONDS_AT, JLIS_SECONDS.words)


def jlis_paused_span(index: int, workers: int) -> Span:
    return Span(_part_at(index, workers) + _JLIS_PAUSED_AT, JLIS_PAUSED.words)


if len(LATENCY_BUCKETS) != Count.LATENCY_11 - Count.LATENCY_0 + 1:
    raise AssertionError("expected the latency buckets side by side")
