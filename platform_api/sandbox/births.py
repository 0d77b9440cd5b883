"""Births: a date, or as much of one as the register knows, and who is under fifteen on a day.

Records of old or foreign births may lack the day, the month or everything; the certificate then has zeros
(jpki.md section 1.4). How such a certificate's end is counted is not published: here the missing parts are
taken as the first of their kind.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from platform_api.sandbox.dates import JST, birthday_in, date_of_birth_digits

#: Nobody younger gets a signing certificate (jpki.md section 1.3).
AGE_OF_SIGNING: Final = 15


class Known(StrEnum):
    """How much of the birth date the register knows."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    NOTHING = "nothing"


class Birth(NamedTuple):
    """``on`` is what validity is counted from; ``known`` says how much of it is written down."""

    on: date
    known: Known = Known.DAY

    @property
    def digits(self) -> str:
        """EYYYYMMDD with zeros for what nobody knows."""
        whole = date_of_birth_digits(self.on)
        match self.known:
            case Known.DAY:
                return whole
            case Known.MONTH:
                return whole[:7] + "00"
            case Known.YEAR:
                return whole[:5] + "0000"
            case Known.NOTHING:
                return "000000000"

    def under_fifteen(self, at: datetime) -> bool:
        day = at.astimezone(JST).date()
        return birthday_in(self.on, self.on.year + AGE_OF_SIGNING) > day


_FIRST_ADULT: Final = date(1926, 12, 1)
_ADULTS: Final = (date(2004, 12, 31) - _FIRST_ADULT).days + 1
_FIRST_CHILD: Final = date(2014, 1, 1)
_CHILDREN: Final = (date(2023, 12, 31) - _FIRST_CHILD).days + 1


def drawn_birth(one: float, two: float, *, child: bool) -> Birth:
    """From two numbers between 0 and 1. One in forty is born on 29 February, so that the rule for it is
    lived every day; one in eighty has a birth date with unknown parts."""
    if child:
        return Birth(_FIRST_CHILD + timedelta(days=int(one * _CHILDREN)))
    if two < 1 / 40:
        return Birth(date(1928 + 4 * int(one * 19), 2, 29))
    born = _FIRST_ADULT + timedelta(days=int(one * _ADULTS))
    if two < 1 / 40 + 1 / 160:
        return Birth(born.replace(day=1), Known.MONTH)
    if two < 1 / 40 + 1 / 90:
        return Birth(born.replace(month=1, day=1), Known.YEAR)
    if two < 1 / 40 + 1 / 80:
        return Birth(born.replace(month=1, day=1), Known.NOTHING)
    return Birth(born)
