"""Ours and the neighbour in turn; the median of the ratios, and how far they lie apart."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from revocation.errors import OwnFault

#: A task may know better how long it took than who called it: a child without its start.
Task = Callable[[], float | None]
#: Endless (ours, neighbour); what a pair needs is made before it is handed out.
Pairs = Iterator[tuple[Task, Task]]

LEAST_PAIRS: Final = 5


def not_a_figure(expected: str, got: str) -> OwnFault:
    """What was measured is not what the figure says: better none than a wrong one."""
    return OwnFault(
        "BENCHMARK_WRONG", expected=expected, got=got, remedy="report this as a bug; no figure is given"
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: a value for each pair, and what stands behind it."""

    values: tuple[float, ...]
    #: Entries and workload that it was measured with.
    entries: int
    workload: str
    #: Median seconds of either side; none for sizes.
    seconds: dict[str, float]

    @property
    def middle(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Interquartile range / median."""
        if len(self.values) < 2 or not self.middle:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return abs((high - low) / self.middle)


def _seconds(task: Task) -> float:
    started = time.perf_counter()
    own = task()
    return time.perf_counter() - started if own is None else own


def in_turn(pairs: Pairs, count: int, *, warm_up: int = 1) -> list[tuple[float, float]]:
    """``count`` times (seconds of ours, seconds of the neighbour); those that warm up do not count."""
    taken: list[tuple[float, float]] = []
    for number in range(-warm_up, count):
        ours, neighbour = next(pairs)
        # What the benchmark itself holds must not make either side's garbage collection dearer.
        gc.collect()
        gc.freeze()
        if number % 2:
            theirs_took = _seconds(neighbour)
            ours_took = _seconds(ours)
        else:
            ours_took = _seconds(ours)
            theirs_took = _seconds(neighbour)
        if number >= 0:
            taken.append((ours_took, theirs_took))
    gc.unfreeze()
    return taken


def ratio(
    taken: list[tuple[float, float]], entries: int, workload: str, *, higher_is_better: bool = False
) -> Figure:
    """Ours / neighbour, or the inverse where more is better."""
    values = tuple(n / o if higher_is_better else o / n for o, n in taken)
    ours, neighbour = (statistics.median(side) for side in zip(*taken, strict=True))
    return Figure(values, entries, workload, {"ours": ours, "neighbour": neighbour})


def plain(values: list[float], entries: int, workload: str) -> Figure:
    """A figure that is no ratio of times."""
    return Figure(tuple(values), entries, workload, {})
