"""The months of a forecast. Pure."""

from __future__ import annotations

from datetime import date


def months_from(day: date, count: int) -> list[date]:
    """The first days of ``count`` months, from the day's own on."""
    first = day.year * 12 + day.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(first, first + count)]
