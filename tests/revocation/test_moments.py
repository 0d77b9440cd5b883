"""Few threads for many small files, more for large ones; every file once, and none held up by another."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections import Counter

import pytest

from revocation.crl import moments
from revocation.crl.moments import MOMENT_S, in_moments


class Work:
    """Squares, and remembers in which threads and how many at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun = threading.Event()
        self.most = 0
        self.heard: dict[int, int] = {}
        self.counts: Counter[int] = Counter()
        self._running = 0
        self._lock = threading.Lock()

    def one(self, item: int) -> int:
        assert threading.current_thread() is not threading.main_thread()
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            self.counts[item] += 1
        self.begun.set()
        time.sleep(self.seconds)
        with self._lock:
            self._running -= 1
        return item * item

    def hear(self, item: int, result: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        assert item not in self.heard
        self.heard[item] = result


@pytest.mark.parametrize("count", [0, 1, 2000])
async def test_every_item_is_done_and_heard_of_once(count: int) -> None:
    """Whatever the threads are."""
    work = Work()
    await in_moments(range(count), work.one, work.hear, 4)
    assert work.heard == {item: item * item for item in range(count)}
    assert set(work.counts.values()) <= {1}


async def test_small_ones_stay_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night's 1,900 short lists: no thread takes the interpreter from another."""
    work = Work()
    # On a machine that stands still for a moment none looks slow.
    monkeypatch.setattr(moments, "MOMENT_S", 30.0)
    await in_moments(range(500), work.one, work.hear, 8)
    assert work.most == 1
    assert len(work.heard) == 500


async def test_large_ones_get_as_many_threads_as_allowed_and_no_more() -> None:
    """Each takes longer than a moment."""
    work = Work(2 * MOMENT_S)
    await in_moments(range(20), work.one, work.hear, 3)
    assert work.most == 3
    assert len(work.heard) == 20


async def test_one_that_hangs_holds_up_nobody() -> None:
    """A disk that does not answer for one file: all others are done meanwhile."""
    work = Work()
    stuck, free = threading.Event(), threading.Event()

    def one(item: int) -> int:
        if item == 0:
            stuck.set()
            assert free.wait(30)
        return work.one(item)

    def hear(item: int, result: int) -> None:
        work.hear(item, result)
        if len(work.heard) == 99:
            assert 0 not in work.heard
            free.set()

    await in_moments(range(100), one, hear, 2)
    assert stuck.is_set()
    assert len(work.heard) == 100


async def test_who_is_cancelled_leaves_no_work_behind() -> None:
    """What is in a thread ends by itself; nothing else is begun."""
    work = Work(0.005)
    task = asyncio.ensure_future(in_moments(range(10_000), work.one, work.hear, 2))
    await asyncio.to_thread(work.begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    begun = len(work.counts)
    await asyncio.sleep(0.05)
    assert len(work.counts) == begun < 1_000


async def test_a_fault_ends_it() -> None:
    """It reaches the caller; the others' work stops."""

    def one(item: int) -> int:
        if item == 3:
            raise ZeroDivisionError
        return item

    with pytest.raises(ExceptionGroup) as caught:
        await in_moments(range(100_000), one, lambda *_: None, 2)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


async def test_nothing_that_was_heard_stays_behind() -> None:
    """A night's entries are gone with their last user, without a search for cycles."""
    found: dict[int, Work] = {}
    gc.disable()
    try:
        await in_moments([0, 1], lambda _: Work(), found.setdefault, 2)
        ends = [weakref.ref(found[0]), weakref.ref(found[1])]
        del found
        # What ran it may hold its last step until the next one.
        await asyncio.sleep(0)
        assert [end() for end in ends] == [None, None]
    finally:
        gc.enable()
