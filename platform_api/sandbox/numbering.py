"""Serial numbers of the past: one dense counter for each CA, in the order of issue; compact arrays.

Also the index of everything that the past issued. A certificate is a row of four octets in each of three
arrays, so a million residents' six million certificates take some 70 MB; who holds one is looked up here,
and everything else of it is drawn again (``history.py``).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from platform_api.sandbox.history import HOLD, ROLL_AGE, Past, draw_past
from platform_api.sandbox.kinds import ALL, MOBILE_SIGN, CaProfile
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.revoked import ListKey, Lists, entry, utc_time

_DEPARTED_SHARE: Final = 0.15
#: Ages count down to the beginning; this many seconds before it nothing had happened yet.
_BEFORE_ALL: Final = 1 << 28
_SHIFT: Final = 24 + 2
_CODES: Final = tuple(place.code for place in MUNICIPALITIES)


class _Rows:
    """All certificates of one kind, in the order of their holders' numbers."""

    __slots__ = ("ages", "ended", "first", "holders", "places", "reasons", "serials", "then")

    def __init__(self) -> None:
        #: Where the rows of each person begin; person 0 does not exist.
        self.first = array("I", (0,))
        self.holders = array("I")
        self.ages = array("I")
        self.places = array("B")
        self.ended = array("I")
        self.reasons = array("B")
        #: The few that had a second step: row to (age, reason).
        self.then: dict[int, tuple[int, int]] = {}
        self.serials = array("I")


class Held(NamedTuple):
    """Where the holder of a certificate keeps it: the ``nth`` of its kind."""

    number: int
    kind: str
    nth: int


class _Counter(NamedTuple):
    """The numbers of one CA: where they begin, and how many certificates each founding generation has."""

    first: int
    issued: tuple[int, ...]


class Numbering:
    """Everybody's past, numbered. ``residents`` live here; those beyond are gone, only their cards count."""

    def __init__(
        self, seed: int, residents: int, profiles: Sequence[CaProfile], generations: Mapping[str, int]
    ):
        self.seed = seed
        self.residents = residents
        self.people = residents + max(2, round(residents * _DEPARTED_SHARE))
        self._kinds_of = {profile.ca_id: profile.kinds for profile in profiles}
        self._kinds = {kind: profile for profile in profiles for kind in profile.kinds}
        self._rows: dict[str, _Rows] = {kind: _Rows() for kind in ALL if kind in self._kinds}
        self._random = Random()
        #: Seconds after the beginning at which somebody's new card is ready.
        self.reissues: dict[int, int] = {}
        #: Whose phone is on hold when the world begins.
        self.held_phones: list[int] = []
        self._at: dict[str, array[int]] = {}
        self._counters: dict[str, _Counter] = {}
        self._draw()
        for profile in profiles:
            self._number(profile, generations[profile.ca_id])

    def past(self, number: int) -> Past:
        return draw_past(self._random, self.seed, number, departed=number > self.residents)

    def _draw(self) -> None:
        for number in range(1, self.people + 1):
            past = self.past(number)
            if past.reissue_in is not None:
                self.reissues[number] = past.reissue_in
            for kind, rows in self._rows.items():
                rows.first.append(len(rows.ages))
                for aged in past.certificates.get(kind, ()):
                    steps = aged.steps
                    if len(steps) > 1:
                        rows.then[len(rows.ages)] = steps[1]
                    rows.holders.append(number)
                    rows.ages.append(aged.age)
                    rows.places.append(past.places[aged.version])
                    rows.ended.append(steps[0][0] if steps else 0)
                    rows.reasons.append(steps[0][1] if steps else 0)
                if kind == MOBILE_SIGN and len(rows.ages) > rows.first[number] and rows.reasons[-1] == HOLD:
                    self.held_phones.append(number)

    def _number(self, profile: CaProfile, generations: int) -> None:
        """Older certificates have smaller numbers; each generation's own takes the one before its first."""
        order: list[int] = []
        for position, kind in enumerate(profile.kinds):
            rows = self._rows[kind]
            rows.first.append(len(rows.ages))
            rows.serials = array("I", bytes(4 * len(rows.ages)))
            order.extend(
                (_BEFORE_ALL - age) << _SHIFT | row << 1 | position for row, age in enumerate(rows.ages)
            )
        order.sort()
        older = bisect_left(order, (_BEFORE_ALL - ROLL_AGE) << _SHIFT) if generations > 1 else 0
        # The counter crosses 8000 hex on its way, so that serial numbers with and without a sign octet occur.
        first = max(1, 0x8000 - self.residents)
        issued = (older, len(order) - older) if generations > 1 else (len(order),)
        self._counters[profile.ca_id] = _Counter(first, issued)
        at = array("I")
        for position, packed in enumerate(order):
            row = packed & (1 << _SHIFT) - 1
            at.append(row)
            serial = first + 1 + position + (1 if generations > 1 and position >= older else 0)
            self._rows[profile.kinds[row & 1]].serials[row >> 1] = serial
        self._at[profile.ca_id] = at

    def authority_serials(self, ca_id: str) -> tuple[int, ...]:
        counter = self._counters[ca_id]
        return tuple(counter.first + n + sum(counter.issued[:n]) for n in range(len(counter.issued)))

    def next_serial(self, ca_id: str) -> int:
        counter = self._counters[ca_id]
        return counter.first + len(counter.issued) + sum(counter.issued)

    def generation(self, ca_id: str, serial: int) -> int:
        """Of the past's certificates: each generation's own number comes before those that it issued."""
        counter = self._counters[ca_id]
        return 1 if len(counter.issued) == 1 or serial < counter.first + 1 + counter.issued[0] else 2

    def serial(self, number: int, kind: str, nth: int) -> int:
        rows = self._rows[kind]
        return rows.serials[rows.first[number] + nth]

    def find(self, ca_id: str, serial: int) -> Held | None:
        """Who holds the certificate with this number, if the past issued it."""
        at, counter = self._at[ca_id], self._counters[ca_id]
        position = serial - counter.first - self.generation(ca_id, serial)
        if serial in self.authority_serials(ca_id) or not 0 <= position < len(at):
            return None
        kind = self._kinds_of[ca_id][at[position] & 1]
        rows, row = self._rows[kind], at[position] >> 1
        number = rows.holders[row]
        return Held(number, kind, row - rows.first[number])

    def fill(self, lists: Lists, begins_at: datetime, upto: datetime) -> None:
        """Everything that was revoked by ``upto``, in order of serial numbers; the rest is noted for later.

        Ages, places and reasons are let go of: a person's are drawn again when somebody asks.
        """
        begin, latest = int(begins_at.timestamp()), int((begins_at - upto).total_seconds())
        for ca_id, at in self._at.items():
            counter = self._counters[ca_id]
            rolled = counter.first + 1 + counter.issued[0] if len(counter.issued) > 1 else 1 << 32
            of = [self._rows[kind] for kind in self._kinds_of[ca_id]]
            # The lists of each generation, by municipality.
            keys = [[ListKey(ca_id, generation, code) for code in _CODES] for generation in (1, 2)]
            filled = [[lists.entries(key) for key in found] for found in keys]
            for packed in at:
                rows, row = of[packed & 1], packed >> 1
                reason = rows.reasons[row]
                if not reason:
                    continue
                serial, age, place = rows.serials[row], rows.ended[row], rows.places[row]
                generation = serial >= rolled
                then = rows.then.get(row)
                if age >= latest:
                    if then is not None and then[0] >= latest:
                        reason, then = then[1], None
                    filled[generation][place].append(serial, entry(serial, utc_time(begin - age), reason))
                else:
                    moment = begins_at - timedelta(seconds=age)
                    lists.note(moment, keys[generation][place], serial, reason)
                if then is not None:
                    moment = begins_at - timedelta(seconds=then[0])
                    lists.note(moment, keys[generation][place], serial, then[1])
        for rows in self._rows.values():
            rows.ages = rows.ended = array("I")
            rows.places = rows.reasons = array("B")
            rows.then = {}
