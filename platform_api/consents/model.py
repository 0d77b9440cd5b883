"""A consent: its states and its ten years, by both official rules. Pure.

Two official texts disagree on the day from which the ten years run: the day the institution *received*
the consent, or the day J-LIS *reflected* it. Both start on the day after. We fetch only while both
agree: from the later first day, 00:00 JST, to the earlier last day, 23:59:59 JST (design section 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final
from uuid import UUID

from platform_api.consents.states import FETCHING, ConsentState

__all__ = (
    "EXPIRING_DAYS",
    "JST",
    "YEARS",
    "Consent",
    "ConsentState",
    "Validity",
    "first_and_last_day",
    "jst_date",
    "jst_midnight",
    "narrowed",
    "validity",
)

#: Japan has no daylight saving time; a fixed offset needs no time-zone data on the machine.
JST: Final = timezone(timedelta(hours=9), "JST")

YEARS: Final = 10

#: The reminder of renewal begins this long before the end.
EXPIRING_DAYS: Final = 90


#: States that are kept as facts; REFLECTED alone turns with the clock.
_ENDED_BY_AN_ACT: Final = frozenset((ConsentState.REFUSED, ConsentState.WITHDRAWN, ConsentState.STOPPED))


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last second, aware UTC; both inclusive, as the official example writes them."""

    first: datetime
    last: datetime

    @property
    def over(self) -> datetime:
        """The first instant after. The last second counts to its end: 23:59:59.9 is still the last day."""
        return self.last + timedelta(seconds=1)

    @property
    def expiring(self) -> datetime:
        """When the reminder of renewal begins; a short period begins with it."""
        return max(self.first, self.last - timedelta(days=EXPIRING_DAYS))

    def holds(self, at: datetime) -> bool:
        return self.first <= at < self.over


@dataclass(frozen=True, slots=True)
class Consent:
    """What is kept: parsed fields, hash, times; not the certificate, which holds the items."""

    consent_id: UUID
    registration_id: UUID
    service_id: UUID
    state: ConsentState
    items: frozenset[str]
    received_at: datetime
    reflected_at: datetime | None
    validity: Validity | None
    #: The person who signed (``Watched.holder_id``): the consent is his and nobody's after him.
    holder_id: UUID
    #: The institution's own stop: nothing is fetched from this instant on.
    stops_at: datetime | None = None
    #: J-LIS's name of the consent, once it gave one.
    consent_ref: str | None = None
    #: When we passed it to J-LIS.
    sent_at: datetime | None = None
    refusal_code: str | None = None

    def state_at(self, now: datetime) -> ConsentState:
        """The state as of now: REFLECTED becomes EFFECTIVE, EXPIRING and EXPIRED by the clock alone."""
        if self.state in _ENDED_BY_AN_ACT:
            return self.state
        stop = self.effective_stop
        if stop is not None and now >= stop:
            return ConsentState.STOPPED
        if self.state is not ConsentState.REFLECTED or self.validity is None:
            return self.state
        if now < self.validity.first:
            return ConsentState.REFLECTED
        if now >= self.validity.over:
            return ConsentState.EXPIRED
        return ConsentState.EXPIRING if now >= self.validity.expiring else ConsentState.EFFECTIVE

    @property
    def effective_stop(self) -> datetime | None:
        """A stop that would come after the end does not: the consent has expired by then."""
        if self.stops_at is None or (self.validity is not None and self.stops_at >= self.validity.over):
            return None
        return self.stops_at

    def effective(self, now: datetime) -> bool:
        return self.state_at(now) in FETCHING


def jst_date(at: datetime) -> date:
    return at.astimezone(JST).date()


def jst_midnight(day: date) -> datetime:
    """The first instant of a day in Japan."""
    return datetime.combine(day, time(0, 0, 0), JST)


def first_and_last_day(starting_event: datetime) -> tuple[date, date]:
    """One rule's days: from the day after the event, ten years long (received 18 May: 19 May to 18 May)."""
    first = jst_date(starting_event) + timedelta(days=1)
    return first, _same_day_years_later(first) - timedelta(days=1)


def _same_day_years_later(day: date) -> date:
    """The corresponding day ten years on. 29 February has none in a common year: the period then ends
    with the last day of that February (Civil Code article 143(2)), so the day after it is 1 March."""
    try:
        return day.replace(year=day.year + YEARS)
    except ValueError:
        return date(day.year + YEARS, 3, 1)


def validity(received_at: datetime, reflected_at: datetime) -> Validity:
    """The time in which both official rules say yes."""
    by_receipt = first_and_last_day(received_at)
    by_reflection = first_and_last_day(reflected_at)
    first = max(by_receipt[0], by_reflection[0])
    last = min(by_receipt[1], by_reflection[1])
    return Validity(
        datetime.combine(first, time(0, 0, 0), JST), datetime.combine(last, time(23, 59, 59), JST)
    )


def narrowed(ours: Validity, theirs: Validity) -> Validity:
    """J-LIS's own period always wins where it is the narrower one."""
    return Validity(max(ours.first, theirs.first), min(ours.last, theirs.last))
