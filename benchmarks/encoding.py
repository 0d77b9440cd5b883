"""Columns to DER, a chunk at a time: those of one length are one array of records (RFC 5280 section 5.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.columns import I64, NO_REASON, U8, U32, U64, Columns

_HOUR: Final = 3_600
_FIRST_HOUR: Final = datetime(2000, 1, 1, tzinfo=UTC)
_HOURS: Final = 24 * 366 * 50
_OFFSET: Final = int(_FIRST_HOUR.timestamp())
#: crlEntryExtensions with a reasonCode (RFC 5280 section 5.3.1), up to its last octet.
_REASON_HEAD: Final = bytes.fromhex("300c300a0603551d1504030a01")
#: An entry's octets beside its serial: SEQUENCE, INTEGER and UTCTime heads and the time; the extension.
_FIXED: Final = 2 + 2 + 2 + 13
_REASON: Final = len(_REASON_HEAD) + 1


def tlv(tag: int, *parts: bytes) -> bytes:
    """One value with the shortest definite length (X.690 section 10.1)."""
    content = b"".join(parts)
    return head(tag, len(content)) + content


def head(tag: int, size: int) -> bytes:
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def integer(value: int) -> bytes:
    """A non-negative INTEGER (X.690 section 8.3)."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def utc_time(moment: datetime) -> bytes:
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))


@lru_cache(maxsize=1)
def _hours() -> U64:
    """YYMMDDHH of every hour since 2000: a UTCTime has 13 octets, its first 8 are one number here."""
    text = "".join((_FIRST_HOUR + timedelta(days=day)).strftime("%y%m%d00") for day in range(_HOURS // 24))
    octets = np.frombuffer(text.encode("ascii"), dtype=np.uint8).reshape(-1, 1, 8).repeat(24, axis=1)
    octets[:, :, 6] += np.arange(24, dtype=np.uint8) // 10
    octets[:, :, 7] += np.arange(24, dtype=np.uint8) % 10
    return octets.reshape(-1).view(np.uint64)


@lru_cache(maxsize=1)
def _minutes() -> U32:
    """MMSS of every second of an hour."""
    text = "".join(f"{minute:02}{second:02}" for minute in range(60) for second in range(60))
    return np.frombuffer(text.encode("ascii"), dtype=np.uint32)


def sizes_of(octets: U8, reasons: U8) -> I64:
    """Octets of each entry; all fit one length octet, so that only these two decide."""
    return octets.astype(np.int64) + np.where(reasons == NO_REASON, _FIXED, _FIXED + _REASON)


@lru_cache(maxsize=64)
def _blank(octets: int, with_reason: bool) -> NDArray[Any]:
    """One record of its length, with everything in it that is the same for all."""
    serial = "u4" if octets == 4 else f"V{octets}"
    fields = [
        ("head", "V4"),
        ("serial", serial),
        ("time", "V2"),
        ("hour", "u8"),
        ("minute", "u4"),
        ("z", "V1"),
    ]
    if with_reason:
        fields += [("reason_head", f"V{len(_REASON_HEAD)}"), ("reason", "u1")]
    shape = np.dtype(fields)
    blank = np.zeros(1, dtype=shape)
    blank["head"] = np.void(bytes((0x30, shape.itemsize - 2, 0x02, octets)))
    blank["time"] = np.void(bytes((0x17, 13)))
    blank["z"] = np.void(b"Z")
    if with_reason:
        blank["reason_head"] = np.void(_REASON_HEAD)
    return blank


class Encoder:
    """Encodes chunk after chunk, in memory that it keeps: fresh pages may cost more than the work."""

    def __init__(self) -> None:
        self._records: Final[dict[tuple[int, bool], NDArray[Any]]] = {}
        self._rooms: Final[list[U8]] = [np.empty(0, dtype=np.uint8) for _ in range(2)]

    def _records_of(self, octets: int, with_reason: bool, count: int) -> NDArray[Any]:
        """So many records in which only serial, time and reason are still to be filled in."""
        key = octets, with_reason
        if key not in self._records or len(self._records[key]) < count:
            self._records[key] = np.repeat(_blank(octets, with_reason), count + count // 4)
        return self._records[key][:count]

    def _room(self, size: int) -> U8:
        """The two rooms in turn: while one is hashed the other is filled."""
        room = self._rooms.pop(0)
        if len(room) < size:
            room = np.empty(size + size // 4, dtype=np.uint8)
        self._rooms.append(room)
        return room[:size]

    def encode(self, columns: Columns) -> memoryview:
        """The content of revokedCertificates that these entries are; it lasts until the call after next."""
        sizes = sizes_of(columns.octets, columns.reasons)
        ends = np.cumsum(sizes)
        starts = ends - sizes
        out = self._room(int(ends[-1]) if len(ends) else 0)
        since = columns.dates - _OFFSET
        hours = since // _HOUR
        hour, minute = _hours()[hours], _minutes()[since - hours * _HOUR]
        kinds = columns.octets * np.uint8(2) + (columns.reasons != NO_REASON).astype(np.uint8)
        order = np.argsort(kinds, kind="stable")
        present = np.bincount(kinds)
        at = 0
        for kind in np.flatnonzero(present):
            chosen = order[at : at + int(present[kind])]
            at += len(chosen)
            octets, with_reason = divmod(int(kind), 2)
            records = self._records_of(octets, bool(with_reason), len(chosen))
            if octets == 4:
                records["serial"] = columns.short[chosen].byteswap()
            else:
                serials = np.ascontiguousarray(columns.long[chosen, :octets])
                records["serial"] = serials.view(f"V{octets}")[:, 0]
            records["hour"], records["minute"] = hour[chosen], minute[chosen]
            if with_reason:
                records["reason"] = columns.reasons[chosen]
            # One window of this length at every octet: a record is put down by one copy.
            size = records.itemsize
            windows: NDArray[np.void] = np.ndarray(
                (len(out) - size + 1,), dtype=f"V{size}", buffer=out.data, strides=(1,)
            )
            windows[starts[chosen]] = records.view(f"V{size}")
        return out.data
