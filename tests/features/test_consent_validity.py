"""Ten years of a consent: committed vectors, and the same arithmetic done another way."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.consents.due import anniversaries, due_steps, next_due
from platform_api.consents.model import (
    JST,
    Consent,
    ConsentState,
    Validity,
    jst_midnight,
    narrowed,
    validity,
)

VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parent / "data" / "consent_validity.json").read_text()
)["vectors"]

SECOND = timedelta(seconds=1)
MOMENTS = st.datetimes(
    min_value=datetime(2023, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive bounds beside a time zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def jst(text: str) -> datetime:
    return datetime.fromisoformat(text + "+09:00")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, str]) -> None:
    """First and last second of each, and not a microsecond more on either side."""
    bounds = validity(jst(vector["received"]), jst(vector["reflected"]))
    if "jlis_from" in vector:
        bounds = narrowed(bounds, Validity(jst(vector["jlis_from"]), jst(vector["jlis_until"])))
    first, last = jst(vector["first"]), jst(vector["last"])
    assert bounds == Validity(first, last)
    moment = timedelta(microseconds=1)
    assert [bounds.holds(at) for at in (first - moment, first, last + SECOND - moment, last + SECOND)] == [
        False,
        True,
        True,
        False,
    ]


def _counted(event: datetime) -> tuple[int, int]:
    """One rule, as days since 1970 in Japan, by walking the calendar: nothing of the product's is used.

    The ten years end on the day before the tenth corresponding day; in a February without a 29th the last
    day of that month ends the year.
    """
    first = date(1970, 1, 1) + timedelta(days=(int(event.timestamp()) + 9 * 3600) // 86_400 + 1)
    day, years = first, 0
    while years < 10:
        day += timedelta(days=1)
        before = day - timedelta(days=1)
        leap_day = (first.month, first.day) == (2, 29)
        corresponds = (day.month, day.day) == (first.month, first.day)
        years += corresponds or (leap_day and (day.month, day.day, before.day) == (3, 1, 28))
    return (first - date(1970, 1, 1)).days, (day - date(1970, 1, 1)).days - 1


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=800)))
def test_against_a_walk_through_the_calendar(received: datetime, later: timedelta) -> None:
    """Whatever instants: the later first day 00:00:00 and the earlier last day 23:59:59, in Japan."""
    reflected = received + later
    one, two = _counted(received), _counted(reflected)
    bounds = validity(received, reflected)
    assert int(bounds.first.timestamp()) == max(one[0], two[0]) * 86_400 - 9 * 3600
    assert int(bounds.last.timestamp()) == (min(one[1], two[1]) + 1) * 86_400 - 9 * 3600 - 1


def consent_of(
    received: datetime, reflected: datetime | None = None, stops_at: datetime | None = None, **more: Any
) -> Consent:
    bounds = validity(received, reflected or received)
    return Consent(
        consent_id=UUID(int=1),
        registration_id=UUID(int=2),
        service_id=UUID(int=3),
        state=more.pop("state", ConsentState.REFLECTED),
        items=frozenset({"name"}),
        received_at=received,
        reflected_at=reflected or received,
        validity=more.pop("bounds", bounds),
        holder_id=UUID(int=4),
        stops_at=stops_at,
    )


@given(MOMENTS, st.integers(-1, 11 * 365), st.integers(0, 86_399))
def test_steps_say_what_the_state_says(received: datetime, days: int, seconds: int) -> None:
    """Looked at whenever: the last due step is the state as of then, and the next one lies ahead."""
    now = received + timedelta(days=days, seconds=seconds)
    for stops_at in (None, received + timedelta(days=400), received + timedelta(days=4000)):
        consent = consent_of(received, stops_at=stops_at)
        steps = due_steps(consent, frozenset(), now)
        assert (steps[-1].state if steps else ConsentState.REFLECTED) is consent.state_at(now)
        assert [step.at for step in steps] == sorted(step.at for step in steps)
        ahead = next_due(consent, now)
        assert ahead is None or ahead > now
        if ahead is None:
            assert consent.state_at(now) in (ConsentState.EXPIRED, ConsentState.STOPPED)
        else:
            between = [step for step in due_steps(consent, frozenset(), ahead) if now < step.at < ahead]
            assert between == []


@pytest.mark.parametrize(
    ("received", "days"),
    [
        ("2026-11-20T12:00:00", [date(year, 11, 21) for year in range(2027, 2036)]),
        (
            "2028-02-28T12:00:00",
            [
                date(2029, 2, 28),
                date(2030, 2, 28),
                date(2031, 2, 28),
                date(2032, 2, 29),
                date(2033, 2, 28),
                date(2034, 2, 28),
                date(2035, 2, 28),
                date(2036, 2, 29),
                date(2037, 2, 28),
            ],
        ),
    ],
)
def test_once_a_year(received: str, days: list[date]) -> None:
    """Nine anniversaries of the first day, 29 February on the last day of a shorter one."""
    assert anniversaries(consent_of(jst(received))) == days


def test_a_short_period_has_the_anniversaries_before_its_end() -> None:
    """J-LIS's narrower period ends the reminders too."""
    received = jst("2026-11-20T12:00:00")
    bounds = Validity(jst_midnight(date(2026, 11, 21)), jst("2028-11-20T23:59:59"))
    assert anniversaries(consent_of(received, bounds=bounds)) == [date(2027, 11, 21)]


def test_a_period_shorter_than_the_warning_begins_with_it() -> None:
    """Effective and expiring at one instant, in this order."""
    received = jst("2026-11-20T12:00:00")
    bounds = Validity(jst_midnight(date(2026, 11, 21)), jst("2026-12-20T23:59:59"))
    steps = due_steps(consent_of(received, bounds=bounds), frozenset(), bounds.first)
    assert [step.state for step in steps] == [ConsentState.EFFECTIVE, ConsentState.EXPIRING]
    assert JST.utcoffset(None) == timedelta(hours=9)
