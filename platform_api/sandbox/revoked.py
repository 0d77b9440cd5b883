"""What the lists say: for each list the DER of its entries, kept sorted by serial number.

No object per entry: a million residents have some three million entries, here in 35 to 37 octets each. The
register notes every step with its moment; ``advance`` brings the lists up to a thisUpdate, so that nothing
of later is ever signed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from heapq import heappop, heappush
from typing import Final, NamedTuple

from platform_api.sandbox import der

#: RFC 5280 section 5.3.1: an entry leaves the list. On a list itself it never stands (delta CRLs only).
REMOVED: Final = 8

_REASON_CODE: Final = {
    reason: der.sequence(der.extension("2.5.29.21", der.integer(reason, der.ENUMERATED)))
    for reason in range(1, 7)
}
#: SEQUENCE header, INTEGER header, UTCTime, reasonCode.
_FIXED: Final = 2 + 2 + 15 + len(_REASON_CODE[1])
_WIDTH_LIMITS: Final = (1 << 7, 1 << 15, 1 << 23, 1 << 31)


class ListKey(NamedTuple):
    """One list: a CA, one of its generations, a municipality."""

    ca_id: str
    generation: int
    municipality_code: str


_DAY: Final = 86_400


@lru_cache(maxsize=4096)
def _day(days: int) -> bytes:
    """UTCTime (RFC 5280 section 5.1.2.4); from 2050 on entries would be wider, and the sandbox ends."""
    day = datetime.fromtimestamp(days * _DAY, UTC)
    if day.year >= 2050:
        raise ValueError("expected a revocation before 2050")
    return b"\x17\x0d%02d%02d%02d" % (day.year % 100, day.month, day.day)


def utc_time(seconds: int) -> bytes:
    """The moment so many seconds after 1970, as the lists write it."""
    days, rest = divmod(seconds, _DAY)
    return b"%s%02d%02d%02dZ" % (_day(days), rest // 3600, rest // 60 % 60, rest % 60)


def entry(serial: int, time: bytes, reason: int) -> bytes:
    length = serial.bit_length() // 8 + 1
    return b"%c%c\x02%c%s%s%s" % (
        0x30,
        _FIXED - 2 + length,
        length,
        serial.to_bytes(length, "big"),
        time,
        _REASON_CODE[reason],
    )


class Entries:
    """The entries of one list; where one begins follows from the serial numbers before it."""

    __slots__ = ("body", "serials")

    def __init__(self) -> None:
        self.serials = array("I")
        self.body = bytearray()

    def __len__(self) -> int:
        return len(self.serials)

    def _offset(self, index: int) -> int:
        wider = sum(index - bisect_left(self.serials, limit, 0, index) for limit in _WIDTH_LIMITS)
        return (_FIXED + 1) * index + wider

    def append(self, serial: int, encoded: bytes) -> None:
        """For who comes in order of serial numbers."""
        self.serials.append(serial)
        self.body += encoded

    def put(self, serial: int, at: datetime, reason: int) -> None:
        """Enters, or gives an entry another reason.

        The date stays that of the first step: where a hold is replaced by a final reason, the revocation
        date is that of the hold (X.509 on certificateHold); the certificate has not been valid since.
        """
        index = bisect_left(self.serials, serial)
        begin = self._offset(index)
        if index < len(self.serials) and self.serials[index] == serial:
            self.body[self._offset(index + 1) - 1] = reason
        else:
            self.body[begin:begin] = entry(serial, utc_time(int(at.timestamp())), reason)
            self.serials.insert(index, serial)

    def remove(self, serial: int) -> None:
        index = bisect_left(self.serials, serial)
        if index < len(self.serials) and self.serials[index] == serial:
            del self.body[self._offset(index) : self._offset(index + 1)]
            del self.serials[index]

    def take(self, other: Entries) -> None:
        """Everything of another list, which is empty afterwards."""
        begin = 0
        for index, serial in enumerate(other.serials):
            end = other._offset(index + 1)
            place = bisect_left(self.serials, serial)
            at = self._offset(place)
            self.body[at:at] = other.body[begin:end]
            self.serials.insert(place, serial)
            begin = end
        other.serials, other.body = array("I"), bytearray()


class _Noted(NamedTuple):
    at: datetime
    nth: int
    key: ListKey
    serial: int
    reason: int


class Lists:
    """All lists. ``note`` says what befell a certificate, ``advance`` enters what was due by then."""

    def __init__(self) -> None:
        self._entries: dict[ListKey, Entries] = {}
        self._noted: list[_Noted] = []
        self._count = 0
        #: Municipalities whose entries went into another's lists: theirs are published no more.
        self._moved: dict[str, str] = {}

    def entries(self, key: ListKey) -> Entries:
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = Entries()
        return found

    def known(self) -> list[ListKey]:
        """The lists that have, or had, an entry."""
        return list(self._entries)

    def note(self, at: datetime, key: ListKey, serial: int, reason: int) -> None:
        """From ``at`` on the list says so; ``REMOVED``: says nothing of it any more."""
        self._count += 1
        heappush(self._noted, _Noted(at, self._count, key, serial, reason))

    def advance(self, moment: datetime) -> None:
        """Everything noted up to this moment, in order of time."""
        while self._noted and self._noted[0].at <= moment:
            noted = heappop(self._noted)
            code = self.where(noted.key.municipality_code)
            entries = self.entries(noted.key._replace(municipality_code=code))
            if noted.reason == REMOVED:
                entries.remove(noted.serial)
            else:
                entries.put(noted.serial, noted.at, noted.reason)

    def where(self, municipality_code: str) -> str:
        """In whose lists the entries of this municipality's certificates stand."""
        while municipality_code in self._moved:
            municipality_code = self._moved[municipality_code]
        return municipality_code

    def move(self, municipality_code: str, into: str) -> None:
        """A merger that takes the entries along: the older lists end, the successor's say everything."""
        self._moved[municipality_code] = into
        target = self.where(into)
        for key in [key for key in self._entries if key.municipality_code == municipality_code]:
            self.entries(key._replace(municipality_code=target)).take(self._entries[key])
            del self._entries[key]

    @property
    def moved(self) -> Mapping[str, str]:
        return self._moved
