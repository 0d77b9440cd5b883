"""The one clock. ``now`` is an argument everywhere; only this module reads the time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, Protocol

from revocation.errors import InputRefused

#: Japan has no summer time.
JST: Final = timezone(timedelta(hours=9), "JST")


def jst_day(at: datetime) -> date:
    """The JST day of a moment; every day of this product is one (design 4)."""
    return at.astimezone(JST).date()


class Clock(Protocol):
    """Source of the time of day: aware, UTC."""

    def now(self) -> datetime:
        """The time of day, timezone-aware UTC."""
        ...


class SystemClock:
    """The machine's clock, as it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """Stands still until it is set; for tests and for answers ``--at`` a time."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("expected an aware datetime, got a naive one; give it a time zone")
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._at += by

    def now(self) -> datetime:
        return self._at


class OffsetClock:
    """Another clock moved into the past; the offset is never positive, so that no clock runs ahead."""

    def __init__(self, base: Clock, offset: timedelta = timedelta(0)) -> None:
        self._base = base
        self._offset = timedelta(0)
        self.set_offset(offset)

    @property
    def offset(self) -> timedelta:
        return self._offset

    def set_offset(self, offset: timedelta) -> None:
        if offset > timedelta(0):
            raise ValueError("expected an offset of zero or less; a clock never runs ahead")
        self._offset = offset

    def now(self) -> datetime:
        return self._base.now() + self._offset


def moment_of(text: object) -> datetime:
    """A time with its zone, from RFC 3339."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        if at is not None and at.tzinfo is not None:
            # The first and the last day of all have no other zone.
            at.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        raise InputRefused(
            "TIME_MALFORMED",
            expected="a time with its zone",
            got="another text",
            remedy="write it like 2026-11-23T06:00:00Z",
        )
    return at
