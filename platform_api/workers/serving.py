"""The serving word as one process sees it: which set may be answered from, and saying what we have prepared.

A worker never answers from a set above the word, and says so itself where it has only one below: so no
answer is older than one that any worker gave before it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from platform_api.workers.part import Part
    from platform_api.workers.shared import Shared


class Serving(Protocol):
    """What ``CurrentSnapshot`` needs of the others."""

    @property
    def word(self) -> int:
        """The number of the set that may be answered from; it only rises."""

    def prepared(self, seq: int) -> None:
        """This process can answer from set ``seq`` as soon as the word says so."""


class AtOnce:
    """A process that is alone: what it has prepared may be answered from."""

    def __init__(self, shared: Shared, part: Part) -> None:
        self._shared: Final = shared
        self._part: Final = part

    @property
    def word(self) -> int:
        return self._shared.serving

    def prepared(self, seq: int) -> None:
        self._part.say_prepared(seq)
        self._shared.advance(seq)


class Announced:
    """One of several: it says what it has prepared, the supervisor alone raises the word."""

    def __init__(self, shared: Shared, part: Part, tell: Callable[[], None]) -> None:
        """``tell``: wake the supervisor, which then looks at the slots."""
        self._shared: Final = shared
        self._part: Final = part
        self._tell: Final = tell

    @property
    def word(self) -> int:
        return self._shared.serving

    def prepared(self, seq: int) -> None:
        self._part.say_prepared(seq)
        self._tell()


class FlipRule:
    """When the word rises: the supervisor's rule, without any clock or memory of its own.

    * Everybody who answers from the word's set or a newer one is waited for. The word then goes to the newest
      set that all of them have prepared.
    * Whoever is behind the word already answers tryLater, and a process that only starts answers nobody:
      they are not waited for.
    * A laggard is waited for ``wait_s`` seconds; then the others go on, and it is behind.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s: Final = wait_s
        self._above_since: float | None = None

    @property
    def waits(self) -> bool:
        """Somebody has prepared a set above the word: ask again, also when nothing happens."""
        return self._above_since is not None

    def decide(self, word: int, answering: Sequence[int], starting: Sequence[int], now: float) -> int:
        """The word as it should be: never below ``word``.

        ``answering``, ``starting``: the newest set that each living process has prepared, 0 for none.
        ``now``: seconds of any monotonic clock.
        """
        risen = self._risen(word, answering, starting, now)
        if risen > word:
            # Whoever still has a newer one begins to wait now.
            above = any(seq > risen for seq in (*answering, *starting))
            self._above_since = now if above else None
        return risen

    def _risen(self, word: int, answering: Sequence[int], starting: Sequence[int], now: float) -> int:
        above = [seq for seq in (*answering, *starting) if seq > word]
        if not above:
            self._above_since = None
            return word
        waited_for = [seq for seq in answering if seq >= word]
        if not waited_for or word == 0:
            # Nobody answers from anything: an answer of the first set of all is older than none.
            return max(above)
        if min(waited_for) > word:
            return min(waited_for)
        if self._above_since is None:
            self._above_since = now
        return min(above) if now - self._above_since >= self._wait_s else word
