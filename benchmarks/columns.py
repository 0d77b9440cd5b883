"""Entries by number, in columns: whatever run asks for entry 4,711 of a seed gets the same one.

Nothing is drawn one after the other, so any stretch of any length can be made alone, and memory stays
bounded. All arithmetic is on whole columns; products lose what lies above 32 or 64 bits, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.workload import Workload

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

#: Positive INTEGERs of exactly 4 octets (X.690 section 8.3.2).
FIRST_SHORT: Final = 0x0080_0000
PAST_SHORT: Final = 0x8000_0000
MOST_ENTRIES: Final = PAST_SHORT - FIRST_SHORT
#: Stands for "no reasonCode", as in the decoder's records.
NO_REASON: Final = 0xFF
_LONG: Final = (8, 20)
_SHARES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries ``start`` to ``start + count - 1``, revoked in turn in ``[since, since + span)``."""

    start: int
    count: int
    since: int
    span: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Some entries, in the order of their list."""

    #: Of those with 4 octets; what stands here for the others means nothing.
    short: U32
    #: Octets of each serial.
    octets: U8
    #: (count, 24): of those with 8 to 20 octets the first so many; no rows where nobody has so many.
    long: U8
    reasons: U8
    dates: I64

    def __len__(self) -> int:
        return len(self.short)

    def serials(self) -> list[bytes]:
        """Each serial's octets, as new objects."""
        if not self.long.size:
            packed = self.short.astype(">u4").tobytes()
            return [packed[at : at + 4] for at in range(0, len(packed), 4)]
        short = self.short.astype(">u4").tobytes()
        long = self.long.tobytes()
        return [
            short[4 * at : 4 * at + 4] if size == 4 else long[24 * at : 24 * at + size]
            for at, size in enumerate(self.octets.tolist())
        ]


def mixed(numbers: U64, key: int) -> U64:
    """A bijection of 64 bits whose results look random (the finisher of splitmix64)."""
    x = numbers + np.uint64(key * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def short_serials(numbers: U64, seed: int) -> U32:
    """Entry numbers to 4-octet serials, one to one, without an order: a permutation of that range.

    A permutation of 31 bits, again for what falls below the range (one in 256), until nothing does.
    """
    x = _permuted((numbers + np.uint64(FIRST_SHORT)).astype(np.uint32), seed)
    outside = np.flatnonzero(x < FIRST_SHORT)
    while outside.size:
        x[outside] = _permuted(x[outside], seed)
        outside = outside[x[outside] < FIRST_SHORT]
    return x


def _permuted(x: U32, seed: int) -> U32:
    low = np.uint32(PAST_SHORT - 1)
    x = x ^ np.uint32(seed & (PAST_SHORT - 1))
    x *= np.uint32(0x7FEB352D)
    x &= low
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x846CA68B)
    x &= low
    x ^= x >> np.uint32(15)
    return x


def _long_serials(numbers: U64, chosen: NDArray[np.bool_], seed: int) -> U8:
    """24 octets each, of which a serial has the first ones; top bits 01 keep them positive and minimal."""
    found = np.zeros((len(numbers), 3), dtype=np.uint64)
    picked = numbers[chosen]
    for column in range(3):
        found[chosen, column] = mixed(picked, seed + 1 + column)
    octets: U8 = found.view(np.uint8).reshape(len(numbers), 24)
    octets[:, 0] = octets[:, 0] & 0x3F | 0x40
    return octets


@lru_cache(maxsize=8)
def _reasons_by_share(reasons: tuple[tuple[int, float], ...], share: float) -> U8:
    table = np.full(_SHARES, NO_REASON, dtype=np.uint8)
    at = 0.0
    for reason, part in reasons:
        table[round(at * _SHARES) : round((at + part * share) * _SHARES)] = reason
        at += part * share
    return table


def traits(workload: Workload, numbers: U64) -> tuple[U8, U8]:
    """Octets of each serial, and reasons: all that decides how long an entry is."""
    drawn = mixed(numbers, workload.seed)
    table = _reasons_by_share(tuple(sorted(workload.reasons.items())), workload.share_with_reason)
    reasons: U8 = table[(drawn >> np.uint64(32) & np.uint64(_SHARES - 1)).astype(np.intp)]
    octets: U8 = np.full(len(numbers), 4, dtype=np.uint8)
    if workload.share_long:
        least, most = _LONG
        low = drawn.astype(np.uint32)
        sizes = ((low >> np.uint32(16)) * np.uint32(most - least + 1) >> np.uint32(16)).astype(np.uint8)
        long = (low & np.uint32(_SHARES - 1)) < round(workload.share_long * _SHARES)
        octets = np.where(long, sizes + np.uint8(least), octets)
    return octets, reasons


def leaving(workload: Workload, numbers: U64, day: int) -> NDArray[np.bool_]:
    """Who has left by that day, of those that may (the first day's entries)."""
    step = max(1, round(workload.leaving_per_day * _SHARES))
    return (mixed(numbers, workload.seed) >> np.uint64(48)) < np.uint64(min(day * step, _SHARES))


def columns_of(workload: Workload, numbers: U64, dates: I64) -> Columns:
    """These entries."""
    octets, reasons = traits(workload, numbers)
    long: U8 = np.zeros((0, 24), dtype=np.uint8)
    if workload.share_long:
        long = _long_serials(numbers, octets > 4, workload.seed)
    return Columns(short_serials(numbers, workload.seed), octets, long, reasons, dates)
