"""When J-LIS takes calls: a daily closure, closed days, maintenance. All in JST; pure decisions.

A closure begins with its first moment and ends before its last: at 06:00:00 it is open again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from revocation.clock import JST

_DAY: Final = timedelta(days=1)
#: More closures in a row than any calendar has; settings that never open are refused before.
_MOST_STEPS: Final = 4000


@dataclass(frozen=True, slots=True)
class DailyClosure:
    """From one time of the day until another, perhaps of the next day."""

    begins: time
    ends: time

    @classmethod
    def of(cls, text: str) -> DailyClosure:
        """``23:00-06:00``; ``ValueError`` for what is no such text."""
        begins, _, ends = text.partition("-")
        found = cls(time.fromisoformat(begins), time.fromisoformat(ends))
        if found.begins == found.ends:
            raise ValueError("a closure ends at another time than it begins")
        return found

    def end_at(self, at: datetime) -> datetime | None:
        """When the closure in which this moment (JST) lies ends; None where it lies in none."""
        clock = at.time()
        if self.begins < self.ends:
            return _on(at.date(), self.ends) if self.begins <= clock < self.ends else None
        if clock >= self.begins:
            return _on(at.date() + _DAY, self.ends)
        return _on(at.date(), self.ends) if clock < self.ends else None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A stretch of time that J-LIS announced."""

    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, text: str) -> Maintenance:
        """``2026-12-05T22:00+09:00/2026-12-06T06:00+09:00``; ``ValueError`` for what is no such text."""
        begins, slash, ends = text.partition("/")
        found = cls(datetime.fromisoformat(begins), datetime.fromisoformat(ends)) if slash else None
        if found is None or found.begins.tzinfo is None or found.ends.tzinfo is None:
            raise ValueError("two times with their zones and a slash between them")
        if found.begins >= found.ends:
            raise ValueError("a maintenance ends after it begins")
        return found


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """Nothing set: always open."""

    daily: DailyClosure | None = None
    #: 0 is Monday.
    weekdays: frozenset[int] = frozenset()
    days: frozenset[date] = frozenset()
    maintenance: tuple[Maintenance, ...] = ()

    def opens_at(self, now: datetime) -> datetime | None:
        """None while it is open; else the first moment at which it is open again."""
        at = now.astimezone(JST)
        closed = False
        for _ in range(_MOST_STEPS):
            end = self._end_of_a_closure(at)
            if end is None:
                return at.astimezone(now.tzinfo) if closed else None
            at, closed = end, True
        raise AssertionError("expected a moment at which J-LIS is open")

    def _end_of_a_closure(self, at: datetime) -> datetime | None:
        if at.date() in self.days or at.weekday() in self.weekdays:
            return _on(at.date() + _DAY, time(0))
        for one in self.maintenance:
            if one.begins <= at < one.ends:
                return one.ends.astimezone(JST)
        return None if self.daily is None else self.daily.end_at(at)


def _on(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=JST)
