"""EYYYYMMDD: the date of birth as a signing certificate carries it, a type of its own.

Nine digits: an era (1 Meiji, 2 Taisho, 3 Showa, 4 Heisei, 5 Reiwa, 0 unknown) and a *Gregorian* date
in which day, month and year may each be zeros for "unknown". A text that does not hold together is
kept as it came and called unreliable: guessing at a birthday would be worse than not knowing it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

_SHAPE: Final = re.compile(r"([0-5])([0-9]{4})([0-9]{2})([0-9]{2})\Z", re.ASCII)

#: First and last day of each era; an era's last day is also the first day of the next one's rule.
_ERAS: Final[dict[str, tuple[date, date]]] = {
    "1": (date(1868, 1, 25), date(1912, 7, 30)),
    "2": (date(1912, 7, 30), date(1926, 12, 25)),
    "3": (date(1926, 12, 25), date(1989, 1, 7)),
    "4": (date(1989, 1, 8), date(2019, 4, 30)),
    "5": (date(2019, 5, 1), date(9999, 12, 31)),
}


class Precision(StrEnum):
    """How much of the date the certificate says."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    NONE = "none"
    UNRELIABLE = "unreliable"


@dataclass(frozen=True, slots=True, repr=False)
class BirthDate:
    """What was written, how exact it is, and the date where it is exact."""

    raw: str
    precision: Precision
    date: date | None

    def __repr__(self) -> str:
        return f"BirthDate(precision={self.precision.value}, raw=hidden)"


def birth_date(raw: str) -> BirthDate:
    """Read EYYYYMMDD; fails closed into ``UNRELIABLE``, never into a wrong day."""
    found = _SHAPE.match(raw)
    if found is None:
        return BirthDate(raw, Precision.UNRELIABLE, None)
    era, year, month, day = found[1], int(found[2]), int(found[3]), int(found[4])
    if year == 0:
        whole_unknown = month == 0 and day == 0
        return BirthDate(raw, Precision.NONE if whole_unknown else Precision.UNRELIABLE, None)
    if not _year_in_era(era, year):
        return BirthDate(raw, Precision.UNRELIABLE, None)
    if month == 0:
        return BirthDate(raw, Precision.YEAR if day == 0 else Precision.UNRELIABLE, None)
    if month > 12:
        return BirthDate(raw, Precision.UNRELIABLE, None)
    if day == 0:
        return BirthDate(raw, Precision.MONTH, None)
    return _exact(raw, era, year, month, day)


def _exact(raw: str, era: str, year: int, month: int, day: int) -> BirthDate:
    try:
        exact = date(year, month, day)
    except ValueError:
        return BirthDate(raw, Precision.UNRELIABLE, None)
    if era in _ERAS:
        first, last = _ERAS[era]
        if not first <= exact <= last:
            return BirthDate(raw, Precision.UNRELIABLE, None)
    return BirthDate(raw, Precision.DAY, exact)


def _year_in_era(era: str, year: int) -> bool:
    if era not in _ERAS:  # era 0: unknown, but nobody alive was born before Meiji
        return year >= _ERAS["1"][0].year
    first, last = _ERAS[era]
    return first.year <= year <= last.year
