"""Where a process stands among those that answer as one: its memory, its part, its view of the word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from platform_api.workers.part import Part
from platform_api.workers.serving import Announced, AtOnce, Serving
from platform_api.workers.shared import Shared


@dataclass(frozen=True, slots=True)
class Place:
    """Taken once, at the start of a process."""

    shared: Shared
    part: Part
    serving: Serving
    #: One of several under a supervisor, which runs the database and decides when to stop.
    supervised: bool

    @classmethod
    def alone(cls) -> Place:
        """A single process: the same counters and the same word, in memory of its own."""
        shared = Shared.private()
        part = shared.part(0)
        part.take()
        return cls(shared, part, AtOnce(shared, part), supervised=False)

    @classmethod
    def worker(cls, shared: Shared, index: int, tell: Callable[[], None]) -> Place:
        """Worker ``index``; ``tell`` wakes the supervisor."""
        part = shared.part(index)
        part.take()
        return cls(shared, part, Announced(shared, part, tell), supervised=True)
