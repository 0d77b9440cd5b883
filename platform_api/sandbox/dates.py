"""Dates as JPKI counts them: Japanese days, fifth birthdays, EYYYYMMDD, ten years of consent."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

JST: Final = timezone(timedelta(hours=9), "JST")

#: First day of each era and the digit that stands for it in the certificate (EYYYYMMDD).
_ERAS: Final = (
    (date(2019, 5, 1), "5"),  # 令和
    (date(1989, 1, 8), "4"),  # 平成
    (date(1926, 12, 25), "3"),  # 昭和
    (date(1912, 7, 30), "2"),  # 大正
    (date(1868, 1, 25), "1"),  # 明治
)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)\Z")


def date_of_birth_digits(born: date) -> str:
    """EYYYYMMDD: the era's digit, then the Gregorian date (the year is not the era's year)."""
    for first_day, digit in _ERAS:
        if born >= first_day:
            return f"{digit}{born:%Y%m%d}"
    return f"0{born:%Y%m%d}"


def birthday_in(born: date, year: int) -> date:
    """The birthday in a year. Who was born on 29 February has it on the 28th, in leap years too.

    The ordinance on validity periods deems 29 February to be 28 February (みなす), without an exception.
    """
    if (born.month, born.day) == (2, 29):
        return date(year, 2, 28)
    return born.replace(year=year)


def valid_until(born: date, issued: datetime, *, birthdays: int = 5) -> datetime:
    """End of the fifth birthday (JST) after the day of issue; the day of issue does not count."""
    issue_day = issued.astimezone(JST).date()
    first_year = issue_day.year
    if birthday_in(born, first_year) <= issue_day:
        first_year += 1
    return end_of_day(birthday_in(born, first_year + birthdays - 1))


def start_of_day(day: date) -> datetime:
    """00:00:00 JST of that day, as UTC."""
    return datetime.combine(day, time(0, 0, 0), JST).astimezone(UTC)


def end_of_day(day: date) -> datetime:
    """23:59:59 JST of that day, as UTC."""
    return datetime.combine(day, time(23, 59, 59), JST).astimezone(UTC)


def consent_period(reflected_at: datetime) -> tuple[datetime, datetime]:
    """From the day after J-LIS reflected the consent, 00:00:00 JST, for ten years to 23:59:59 JST.

    Civil code article 143: the period ends the day before the corresponding day ten years on; where that
    day does not exist (a first day of 29 February), on the last day of that month.
    """
    first = reflected_at.astimezone(JST).date() + timedelta(days=1)
    if (first.month, first.day) == (2, 29):
        last = date(first.year + 10, 2, 28)
    else:
        last = first.replace(year=first.year + 10) - timedelta(days=1)
    return start_of_day(first), end_of_day(last)


def parse_instant(text: str) -> datetime:
    """RFC 3339 with an offset, as aware UTC; ValueError otherwise."""
    if _INSTANT.match(text) is None:
        raise ValueError("expected an RFC 3339 time with an offset, such as 2026-11-22T03:00:00Z")
    return datetime.fromisoformat(text).astimezone(UTC)


def wire(moment: datetime) -> str:
    """RFC 3339 with Z: whole seconds, or microseconds where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
