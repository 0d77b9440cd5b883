"""Answers of the database that are remembered for seconds, so that a question in every request is not a
query in every request.

* An answer is used for at most ``ttl_s`` after it was asked for, so what was ended ends within that time.
  From half of it on it is asked for again beside the requests: none waits while the database answers.
* While the database is away a yes goes on being used, for at most ``grace_s`` after it was confirmed (T20).
  A no and a new question become ``UNAVAILABLE``, which is false: an outage never lets anybody in.
* One question of a kind is in flight at a time, few are asked at once, and some wait. More are
  ``UNAVAILABLE`` at once: a flood of wrong keys is no flood of queries. What is known has a lane of its own.

Times here are of the monotonic clock, as durations; the time of day comes in by ``usable_s``.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar

from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.faults import DatabaseFailed

#: How long a question may take before the database counts as away; it is a look-up by a unique index. Less
#: than half of the usual ``ttl_s``: a confirmation that fails is over before anybody must wait for it.
ANSWER_WITHIN_S: Final = 2.0
#: How long the database is left alone after it did not answer.
LEFT_ALONE_S: Final = 1.0

V = TypeVar("V")


class Unavailable(Enum):
    """The database could not be asked; neither yes nor no, and false like the no."""

    UNAVAILABLE = "unavailable"

    def __bool__(self) -> bool:
        return False


UNAVAILABLE: Final = Unavailable.UNAVAILABLE

#: Gives the answer, None for a no. Raises what asyncpg raises, or ``DatabaseFailed``.
Question: TypeAlias = Callable[[], Coroutine[Any, Any, V | None]]


class Entry(Generic[V]):
    """A yes. ``value`` may be used while the monotonic clock is before ``fresh_until``."""

    __slots__ = ("confirmed_at", "fresh_until", "key", "question", "refresh_at", "value")

    def __init__(self, key: bytes, value: V, question: Question[V]) -> None:
        self.key = key
        self.value = value
        self.question = question
        self.confirmed_at = self.fresh_until = self.refresh_at = -math.inf


class _Lane:
    """Those who wait for a turn at the database, and the turns."""

    __slots__ = ("keys", "turns")

    def __init__(self, most_asking: int) -> None:
        self.keys: set[bytes] = set()
        self.turns = asyncio.Semaphore(most_asking)


class Remembered(Generic[V]):
    """A bounded memory of yes and no by key; ``usable_s(value)`` says for how long by the time of day."""

    def __init__(
        self,
        *,
        ttl_s: float,
        grace_s: float,
        most: int,
        monotonic: Callable[[], float],
        usable_s: Callable[[V], float] = lambda _: math.inf,
        most_asking: int = 2,
        most_waiting: int = 64,
    ) -> None:
        self._ttl_s = ttl_s
        self._grace_s = max(grace_s, ttl_s)
        self._most = most
        self._monotonic = monotonic
        self._usable_s = usable_s
        self._most_waiting = most_waiting
        self._most_asking = most_asking
        # Oldest confirmation first: those in use are confirmed again and again, the others are dropped.
        self._kept: OrderedDict[bytes, Entry[V]] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._in_flight: dict[bytes, asyncio.Task[V | Unavailable | None]] = {}
        self._new, self._known = _Lane(most_asking), _Lane(most_asking)
        #: What the database is at; some that did not end in time end later, by the pool's own limits.
        self._asking: set[asyncio.Future[V | None]] = set()
        self._alone_until = -math.inf

    def fresh(self, key: bytes) -> Entry[V] | None:
        """The yes that may be used now, without asking; a new confirmation is begun where it is time."""
        entry = self._kept.get(key)
        return entry if entry is not None and self.usable(entry) else None

    def usable(self, entry: Entry[V]) -> bool:
        """May this entry be used now? For who holds one; as cheap as a request wants it."""
        at = self._monotonic()
        if at >= entry.fresh_until:
            return False
        if at >= entry.refresh_at:
            self._refresh(entry, at)
        return True

    def refused(self, key: bytes) -> bool:
        """Was a no heard just now?"""
        until = self._refused.get(key)
        if until is None:
            return False
        if self._monotonic() < until:
            return True
        del self._refused[key]
        return False

    async def ask(self, key: bytes, question: Question[V]) -> V | Unavailable | None:
        """The answer, from memory or from the database; the question is asked once, whoever waits for it."""
        if (entry := self.fresh(key)) is not None:
            return entry.value
        if self.refused(key):
            return None
        if (task := self._in_flight.get(key)) is None:
            if self._left_alone():
                return self._last_known(key)
            if (task := self._begin(key, question)) is None:
                return UNAVAILABLE
        # Not awaited itself: a request that is cancelled leaves the question to the others.
        await asyncio.wait({task})
        return UNAVAILABLE if task.cancelled() else task.result()

    def entry(self, key: bytes) -> Entry[V] | None:
        """What ``ask`` has just learnt, for who wants to hold it."""
        return self._kept.get(key)

    async def close(self) -> None:
        """End what is in flight."""
        tasks: list[asyncio.Future[Any]] = [*self._in_flight.values(), *self._asking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, entry: Entry[V], at: float) -> None:
        entry.refresh_at = at + self._ttl_s / 10  # where it cannot be asked now
        if self._left_alone():
            self._last_known(entry.key)
        elif self._begin(entry.key, entry.question) is not None:
            entry.refresh_at = math.inf

    def _begin(self, key: bytes, question: Question[V]) -> asyncio.Task[V | Unavailable | None] | None:
        """Ask beside the caller; None where too many ask, which says nothing about the database."""
        lane = self._known if key in self._kept else self._new
        if (task := self._in_flight.get(key)) is None and len(lane.keys) < self._most_waiting:
            lane.keys.add(key)
            task = self._in_flight[key] = asyncio.create_task(self._answer(key, question, lane))
        return task

    async def _answer(self, key: bytes, question: Question[V], lane: _Lane) -> V | Unavailable | None:
        try:
            async with lane.turns:
                return await self._from_database(key, question)
        finally:
            lane.keys.discard(key)
            del self._in_flight[key]

    async def _from_database(self, key: bytes, question: Question[V]) -> V | Unavailable | None:
        if self._left_alone():
            return self._last_known(key)
        asked_at = self._monotonic()
        asking = asyncio.ensure_future(question())
        self._asking.add(asking)
        asking.add_done_callback(self._ended)
        # A frozen server keeps even a cancelled query from ending, so it is left behind, not waited for.
        try:
            await asyncio.wait({asking}, timeout=ANSWER_WITHIN_S)
        finally:
            asking.cancel()
        try:
            if not asking.done() or asking.cancelled():
                raise TimeoutError
            value = asking.result()
        except (DatabaseFailed, *DATABASE_ANSWERS_NOT):
            self._alone_until = self._monotonic() + LEFT_ALONE_S
            return self._last_known(key)
        return self._heard(key, value, question, asked_at)

    def _left_alone(self) -> bool:
        """Did the database not answer just now, or does it hold as many unended questions as it may?"""
        return self._monotonic() < self._alone_until or len(self._asking) >= 4 * self._most_asking

    def _ended(self, asking: asyncio.Future[V | None]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # looked at: one that came too late is nobody's to tell

    def _heard(self, key: bytes, value: V | None, question: Question[V], asked_at: float) -> V | None:
        entry = self._kept.pop(key, None)
        if value is None:
            if entry is not None:
                entry.fresh_until = entry.refresh_at = -math.inf
            self._refused.pop(key, None)
            self._refused[key] = asked_at + self._ttl_s
            _shorten(self._refused, self._most)
            return None
        if entry is None:
            entry = Entry(key, value, question)
        elif entry.value != value:  # an equal one stays the same object: others may have hung things on it
            entry.value = value
        entry.confirmed_at = asked_at
        usable_s = min(self._ttl_s, self._usable_s(entry.value))
        entry.fresh_until = asked_at + usable_s
        entry.refresh_at = asked_at + usable_s / 2
        self._kept[key] = entry
        self._refused.pop(key, None)
        _shorten(self._kept, self._most)
        return entry.value

    def _last_known(self, key: bytes) -> V | Unavailable:
        """The yes of before, while nobody can say otherwise, within its bound; never a new yes."""
        entry = self._kept.get(key)
        if entry is None:
            return UNAVAILABLE
        at = self._monotonic()
        until = min(at + self._ttl_s, entry.confirmed_at + self._grace_s, at + self._usable_s(entry.value))
        if until <= at:
            return UNAVAILABLE
        entry.fresh_until = until
        entry.refresh_at = (at + until) / 2
        return entry.value


def _shorten(memory: OrderedDict[bytes, Any], most: int) -> None:
    while len(memory) > most:
        memory.popitem(last=False)
