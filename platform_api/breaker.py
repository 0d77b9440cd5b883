"""A circuit breaker for one of those we ask: after some failures in a row it is left alone, then tried once.

closed --failures--> open --pause over--> half open --the probe succeeds--> closed, or fails --> open again.
A few lines of our own instead of a dependency: no I/O, no task; a monotonic clock is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What is let through: everything, nothing, one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Passage:
    """One question that was let through; given back with how it ended."""

    __slots__ = ()


class Breaker:
    """Each passage ends with exactly one of ``succeeded``, ``failed``, ``left``."""

    def __init__(self, *, failures: int, pause_s: float, monotonic: Callable[[], float]) -> None:
        self._most: Final = failures
        self._pause_s: Final = pause_s
        self._monotonic: Final = monotonic
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probe: Passage | None = None

    @property
    def state(self) -> State:
        if self._opened_at is None:
            return State.CLOSED
        over = self._monotonic() - self._opened_at >= self._pause_s
        return State.HALF_OPEN if over else State.OPEN

    def enter(self) -> Passage | None:
        """May a question be sent now? None: not now."""
        state = self.state
        if state is State.CLOSED:
            return Passage()
        if state is State.OPEN or self._probe is not None:
            return None
        self._probe = Passage()
        return self._probe

    def succeeded(self, _passage: Passage) -> None:
        """Also of a question that was sent before the failures: the responder answers."""
        self._in_a_row, self._opened_at, self._probe = 0, None, None

    def failed(self, passage: Passage) -> None:
        """Of one that was sent before it opened: known already, the pause is not prolonged."""
        self._in_a_row += 1
        if passage is self._probe or (self._opened_at is None and self._in_a_row >= self._most):
            self._opened_at, self._probe = self._monotonic(), None

    def left(self, passage: Passage) -> None:
        """We gave the question up; it says nothing of the responder, and another may probe."""
        if passage is self._probe:
            self._probe = None
