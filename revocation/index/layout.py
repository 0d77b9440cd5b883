"""Layout of the index file, version 2: the structures of FORMAT.md and nothing else.

Everything is little-endian. Numbers here are the format; changing one means a new version.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from isal import isal_zlib

from revocation.errors import OwnFault

MAGIC: Final = b"\x89RVX\r\n\x1a\n"
VERSION: Final = 2

#: magic, version, reserved.
HEADER: Final = struct.Struct("<8sH54s")
SECTION_TAGS: Final = (
    b"SHRT", b"LONG", b"LDIR", b"SGON", b"SGDR", b"LGON", b"LGDR", b"SMNY", b"LMNY",
    b"CODE", b"PART", b"LINE", b"PIEC",
)  # fmt: skip
#: Each section begins at a multiple of this, so that a line of entries is a line of the cache.
ALIGNMENT: Final = 64
LINE_OCTETS: Final = 64
#: Octets that one checksum of PIEC, and one leaf of the manifest's tree, is for.
PIECE_OCTETS: Final = 262_144
#: Octets of a code: entries that fit into a line beside a count.
ENTRIES_IN_LINE: Final = {1: 7, 2: 6, 4: 5}
#: Records for each number of a directory, at most, on average.
RECORDS_FOR_DIRECTORY: Final = 8

LONG_OCTETS: Final = 24  # and a code
SHORT_GONE_OCTETS: Final = 20
LONG_GONE_OCTETS: Final = 36
SHORT_MANY_OCTETS: Final = 12
LONG_MANY_OCTETS: Final = 28
MIXING_KEY_OCTETS: Final = 40

#: partition, reason, flags, upper half of the date.
CODE: Final = struct.Struct("<HBBi")

#: partition, state, length of cRLNumber, flags, cRLNumber (20 octets big-endian, right-justified), signing
#: key, SHA-256 of the list, thisUpdate, nextUpdate, ingested at (µs), accepted in set, entries, SHA-256 of
#: the distribution point.
PARTITION: Final = struct.Struct("<HBBI20s32s32sqqqQQ32s")

#: Flag of a partition row: a newer list may have been accepted in a set that was lost.
LIST_OUTDATED: Final = 0x0001

#: Flag of a gone entry: it was on hold when it left, and its release is not allowed or not proved.
GONE_HELD: Final = 0x0001

#: "No such time": the smallest i64, which no calendar date reaches.
NO_TIME: Final = -(1 << 63)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_MOMENT: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST_MOMENT: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


class Code(NamedTuple):
    """What an entry says besides its serial and the lower half of its date."""

    partition: int
    #: Raw CRLReason octet; 0xFF where the list gives none.
    reason: int
    flags: int
    #: revocationDate in seconds since 1970 = this x 2**32 + the entry's date.
    date_high: int


class ListPresence(StrEnum):
    """What a set declares for each of its lists."""

    ACCEPTED = "accepted"
    CARRIED = "carried"
    ABSENT = "absent"


_STATE_CODE: Final = {ListPresence.ABSENT: 0, ListPresence.ACCEPTED: 1, ListPresence.CARRIED: 2}
_STATE_OF: Final = {code: state for state, code in _STATE_CODE.items()}


@dataclass(frozen=True, slots=True)
class ListState:
    """One list of a set: its own numbers and times, also when it was carried over from an earlier set."""

    partition_number: int
    #: Hex of the key that signed it; of an absent list the key that is expected to.
    signing_key: str
    state: ListPresence
    crl_number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    ingested_at: datetime | None = None
    #: Digest of the list (FORMAT.md).
    sha256: bytes | None = None
    #: The set in which this list was accepted; None for an absent one.
    accepted_seq: int | None = None
    #: Entries that the list itself holds.
    entries: int = 0
    #: SHA-256 of the distribution point (DER) that the partition had; zeros match none.
    point_sha256: bytes = bytes(32)
    #: Carried from below a published set that could not be read, and not confirmed since: a newer list may
    #: have been accepted there. What it lists is revoked; what it does not list is not thereby good.
    outdated: bool = False

    @property
    def carried_from_seq(self) -> int | None:
        return self.accepted_seq if self.state is ListPresence.CARRIED else None

    def pack(self) -> bytes:
        number = b"" if self.crl_number is None else _unsigned(self.crl_number)
        return PARTITION.pack(
            self.partition_number,
            _STATE_CODE[self.state],
            len(number),
            LIST_OUTDATED if self.outdated else 0,
            number.rjust(20, b"\0"),
            bytes.fromhex(self.signing_key),
            self.sha256 or bytes(32),
            seconds_of(self.this_update),
            seconds_of(self.next_update),
            _micros_of(self.ingested_at),
            self.accepted_seq or 0,
            self.entries,
            self.point_sha256,
        )

    @classmethod
    def unpack(cls, row: bytes | memoryview) -> ListState:
        (
            partition,
            code,
            length,
            flags,
            number,
            key,
            digest,
            this,
            following,
            ingested,
            seq,
            entries,
            point,
        ) = PARTITION.unpack(row)
        if code not in _STATE_OF or length > 20 or flags & ~LIST_OUTDATED or not partition:
            raise broken("a partition row of FORMAT.md", "another state, length, flag or number")
        state = _STATE_OF[code]
        return cls(
            partition_number=partition,
            signing_key=key.hex(),
            state=state,
            crl_number=int.from_bytes(number, "big") if length else None,
            this_update=_list_moment(this),
            next_update=_list_moment(following),
            ingested_at=_moment_of_micros(ingested),
            sha256=None if state is ListPresence.ABSENT else digest,
            accepted_seq=seq or None,
            entries=entries,
            point_sha256=point,
            outdated=bool(flags & LIST_OUTDATED),
        )


def _unsigned(value: int) -> bytes:
    """RFC 5280 section 5.2.3: a cRLNumber has at most 20 octets and is not negative."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


# Times of a day's 1,900 lists are few; each is packed, and read back, several times.


@lru_cache(maxsize=1024)
def seconds_of(at: datetime | None) -> int:
    return NO_TIME if at is None else (at - _EPOCH) // timedelta(seconds=1)


@lru_cache(maxsize=1024)
def _micros_of(at: datetime | None) -> int:
    return NO_TIME if at is None else (at - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1024)
def _moment_of_micros(micros: int) -> datetime | None:
    """Our own clock's word, so there is no honest one beyond the calendar."""
    if micros == NO_TIME:
        return None
    try:
        return _EPOCH + micros * _MICROSECOND
    except OverflowError as error:
        raise broken("a partition row of FORMAT.md", "an ingestion beyond the calendar") from error


def moment(seconds: int) -> datetime | None:
    """The time of an i64; a date beyond the calendar of years 1 to 9999 becomes its nearest end.

    The clamp can only move a revocation date; that the certificate is listed does not depend on it.
    """
    if seconds == NO_TIME:
        return None
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return _FIRST_MOMENT if seconds < 0 else _LAST_MOMENT


_list_moment: Final = lru_cache(maxsize=1024)(moment)


def checksum(data: bytes | memoryview, before: int = 0) -> int:
    """CRC-32 (that of zlib, ISO 3309) of ``data``, behind octets whose own one is ``before``.

    isal multiplies without carries where the processor can: zlib's tables would cost as much as the whole
    order check. The interpreter lock is free meanwhile.
    """
    return isal_zlib.crc32(data, before)


def broken(expected: str, got: str) -> OwnFault:
    """An index file that is not what it must be: never used, not even in part."""
    return OwnFault(
        "INDEX_CORRUPT",
        expected=expected,
        got=got,
        remedy="the last good set keeps serving; publish again, and look at the disk",
    )
