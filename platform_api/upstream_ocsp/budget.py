"""How many questions one request may ask, and one institution in a minute. A kept word costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

_MINUTE_S: Final = 60.0


class Budgets:
    """Of all institutions of this process, by the minute; the past minute's counts are forgotten whole."""

    def __init__(self, *, per_request: int, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_request: Final = per_request
        self._per_minute: Final = per_minute
        self._monotonic: Final = monotonic
        self._minute = -1
        self._asked: dict[UUID, int] = {}

    def for_request(self, institution_id: UUID) -> Budget:
        return Budget(self, institution_id, self._per_request)

    def take(self, institution_id: UUID) -> bool:
        """One more question of this institution in this minute, if there is one left."""
        minute = int(self._monotonic() // _MINUTE_S)
        if minute != self._minute:
            # One dictionary for the minute: it never holds more than who asked in it.
            self._minute, self._asked = minute, {}
        asked = self._asked.get(institution_id, 0)
        if asked >= self._per_minute:
            return False
        self._asked[institution_id] = asked + 1
        return True


class Budget:
    """What one request has left."""

    def __init__(self, budgets: Budgets, institution_id: UUID, left: int) -> None:
        self._budgets: Final = budgets
        self._institution_id: Final = institution_id
        self._left = left

    def take(self) -> bool:
        """One question; False when the request or the minute has none left, and then nothing is taken."""
        if self._left <= 0 or not self._budgets.take(self._institution_id):
            return False
        self._left -= 1
        return True
