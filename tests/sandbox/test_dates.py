"""Dates as JPKI counts them, by vectors."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from platform_api.sandbox.dates import consent_period, date_of_birth_digits, parse_instant, valid_until, wire


@pytest.mark.parametrize(
    ("born", "issued", "birthdays", "ends"),
    [
        # The test card of jpki.md section 1.3.
        (date(1980, 2, 17), "2025-10-27T03:00:00Z", 5, "2030-02-17T14:59:59Z"),
        # Issued on the birthday: that day does not count.
        (date(1980, 2, 17), "2025-02-17T03:00:00Z", 5, "2030-02-17T14:59:59Z"),
        # 23:30 JST of the day before the birthday, and half past midnight on it.
        (date(1980, 2, 17), "2025-02-16T14:30:00Z", 5, "2029-02-17T14:59:59Z"),
        (date(1980, 2, 17), "2025-02-16T15:30:00Z", 5, "2030-02-17T14:59:59Z"),
        # Renewed inside the three months: the sixth birthday.
        (date(1980, 2, 17), "2029-12-01T03:00:00Z", 6, "2035-02-17T14:59:59Z"),
        # 29 February is deemed to be the 28th, in leap years too.
        (date(1984, 2, 29), "2023-05-01T03:00:00Z", 5, "2028-02-28T14:59:59Z"),
        (date(1984, 2, 29), "2024-02-28T03:00:00Z", 5, "2029-02-28T14:59:59Z"),
        (date(1984, 2, 29), "2024-02-27T03:00:00Z", 5, "2028-02-28T14:59:59Z"),
        (date(1999, 12, 31), "2024-12-31T15:00:00Z", 5, "2029-12-31T14:59:59Z"),
    ],
)
def test_a_certificate_ends_on_the_fifth_birthday(born: date, issued: str, birthdays: int, ends: str) -> None:
    """Validity ends at 23:59:59 JST of the fifth birthday after the day of issue (the sixth at renewal)."""
    assert wire(valid_until(born, parse_instant(issued), birthdays=birthdays)) == ends


@pytest.mark.parametrize(
    ("reflected", "begins", "ends"),
    [
        # The example of the guideline: 2023-05-18 10:00 JST.
        ("2023-05-18T01:00:00Z", "2023-05-18T15:00:00Z", "2033-05-18T14:59:59Z"),
        # One second before and at midnight JST.
        ("2023-05-18T14:59:59Z", "2023-05-18T15:00:00Z", "2033-05-18T14:59:59Z"),
        ("2023-05-18T15:00:00Z", "2023-05-19T15:00:00Z", "2033-05-19T14:59:59Z"),
        # First day 29 February: ten years on there is none, so the last day of that month.
        ("2024-02-28T03:00:00Z", "2024-02-28T15:00:00Z", "2034-02-28T14:59:59Z"),
        # Reflected on 29 February: first day 1 March.
        ("2024-02-29T03:00:00Z", "2024-02-29T15:00:00Z", "2034-02-28T14:59:59Z"),
        ("2025-12-31T03:00:00Z", "2025-12-31T15:00:00Z", "2035-12-31T14:59:59Z"),
        # Ends on 29 February where the tenth year has one: first day 1 March 2018, last 29 February 2028.
        ("2018-02-28T03:00:00Z", "2018-02-28T15:00:00Z", "2028-02-29T14:59:59Z"),
    ],
)
def test_a_consent_lasts_ten_years_from_the_next_day(reflected: str, begins: str, ends: str) -> None:
    """From the day after reflection 00:00:00 JST for ten years, to 23:59:59 JST of the last day."""
    begin, end = consent_period(parse_instant(reflected))
    assert (wire(begin), wire(end)) == (begins, ends)


@pytest.mark.parametrize(
    ("born", "digits"),
    [
        (date(1980, 2, 17), "319800217"),
        (date(1989, 1, 7), "319890107"),
        (date(1989, 1, 8), "419890108"),
        (date(2019, 4, 30), "420190430"),
        (date(2019, 5, 1), "520190501"),
        (date(1926, 12, 24), "219261224"),
        (date(1926, 12, 25), "319261225"),
        (date(1912, 7, 29), "119120729"),
    ],
)
def test_a_birth_date_has_its_era_before_the_gregorian_date(born: date, digits: str) -> None:
    """EYYYYMMDD: eras change on their very day, the year stays Gregorian."""
    assert date_of_birth_digits(born) == digits


@pytest.mark.parametrize("text", ["2026-11-22T12:00:00", "2026-11-22", "20261122T120000Z", "yesterday", ""])
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    """A time on the wire is RFC 3339 with an offset, or nothing."""
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_instant(text)


def test_a_time_is_written_in_utc_with_z() -> None:
    """Whatever the offset was, the answer is in UTC and ends in Z."""
    assert wire(parse_instant("2026-11-22T21:00:00+09:00")) == "2026-11-22T12:00:00Z"
    assert parse_instant("2026-11-22T12:00:00.25Z") == datetime(2026, 11, 22, 12, 0, 0, 250000, tzinfo=UTC)
