"""How much of the event loop's time signing may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: Seconds of signing that may be done at once after a quiet time.
_AT_ONCE_S: Final = 0.05


class SigningShare:
    """A bucket of seconds that fills by ``share`` of each second that passes.

    What is spent is measured, not estimated: a slow machine signs less, and the rest is served as before.
    """

    def __init__(self, share: float, monotonic: Callable[[], float]) -> None:
        if not 0 < share <= 1:
            raise ValueError("expected a share above 0 and at most 1")
        self._share: Final = share
        self._monotonic: Final = monotonic
        self._left = _AT_ONCE_S
        self._at = monotonic()

    def spent(self) -> bool:
        """Is nothing left?"""
        if self._left > 0:
            return False
        now = self._monotonic()
        self._fill(now)
        return self._left <= 0

    def paid(self, began: float, ended: float) -> None:
        """So long was signed, by the monotonic clock."""
        self._fill(ended)
        self._left -= ended - began

    def _fill(self, now: float) -> None:
        self._left = min(_AT_ONCE_S, self._left + (now - self._at) * self._share)
        self._at = now
