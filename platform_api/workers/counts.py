"""What is counted, most of it of OCSP, by the position of its word in a worker's counter block.

``_count.pxd`` holds the same positions for the compiled fast path; a test compares the two. A position may
change from one version to the next: nothing that is stored knows it.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

#: Upper bounds of the latency buckets in nanoseconds; one more bucket takes what is above the last.
LATENCY_NS: Final = (
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
)


class Count(IntEnum):
    """One word each, counted in answers, connections or octets since the supervisor started."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:  # noqa: ARG004
        return count

    POST = auto()
    GET = auto()
    HEAD = auto()
    #: Answers by what they say; of several CertIDs each counts.
    GOOD = auto()
    REVOKED = auto()
    UNKNOWN = auto()
    #: OCSPResponseStatus (RFC 6960 section 4.2.1), unsigned.
    MALFORMED_REQUEST = auto()
    INTERNAL_ERROR = auto()
    TRY_LATER = auto()
    SIG_REQUIRED = auto()
    UNAUTHORIZED = auto()
    #: 304 instead of an answer (RFC 9110 section 15.4.5).
    NOT_MODIFIED = auto()
    CACHE_HIT = auto()
    CACHE_MISS = auto()
    CACHE_ADMITTED = auto()
    CACHE_EVICTED = auto()
    #: Gauges: as much as is held now.
    CACHE_OCTETS = auto()
    CACHE_ENTRIES = auto()
    #: Answers that echo a nonce (RFC 9654); each cost a signature.
    NONCE = auto()
    SIGNATURES = auto()
    #: Refused because a caller asked more often than it may.
    RATE_LIMITED = auto()
    #: Refused because the caller is not known or may not ask this.
    CALLERS_REFUSED = auto()
    #: Requests that the fast path gave to the ordinary route.
    HANDED_OVER = auto()
    CONNECTIONS_OPENED = auto()
    #: A gauge.
    CONNECTIONS_OPEN = auto()
    #: Connections refused or closed because there were too many.
    CONNECTIONS_REFUSED = auto()
    #: Connections closed because a head, a body or the reading of an answer took too long.
    TIMEOUTS = auto()
    #: Requests refused for their size.
    TOO_LARGE = auto()
    #: tryLater because too much was asked at once; also counted in TRY_LATER.
    OVERLOADED = auto()
    #: tryLater because another worker already answers from a newer set; also counted in TRY_LATER.
    BEHIND = auto()
    #: Of HTTP as a whole: requests that were none.
    HTTP_MALFORMED = auto()
    #: Log events and fields outside the allow-list.
    LOG_DROPPED = auto()
    #: Sum of the latencies in nanoseconds, then one word for each bucket, not cumulative.
    LATENCY_SUM_NS = auto()
    LATENCY_0 = auto()
    LATENCY_1 = auto()
    LATENCY_2 = auto()
    LATENCY_3 = auto()
    LATENCY_4 = auto()
    LATENCY_5 = auto()
    LATENCY_6 = auto()
    LATENCY_7 = auto()
    LATENCY_8 = auto()
    LATENCY_9 = auto()
    LATENCY_10 = auto()
    LATENCY_11 = auto()


#: What goes up and down: set to 0 when a new worker takes the block of a dead one.
GAUGES: Final = frozenset({Count.CACHE_OCTETS, Count.CACHE_ENTRIES, Count.CONNECTIONS_OPEN})
LATENCY_BUCKETS: Final = tuple(Count[f"LATENCY_{position}"] for position in range(len(LATENCY_NS) + 1))


class CallerCount(IntEnum):
    """What is counted for one caller, by the position of its word in the caller's row."""

    GOOD = 0
    REVOKED = 1
    UNKNOWN = 2
    #: Unsigned answers: malformedRequest, tryLater, unauthorized ...
    ERROR = 3
