"""Work that goes on beside its caller: its result, its failure, and that no thread stays behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from revocation.wanted_later import WantedLater
from tests.base.eventually import HANG_S


def fails() -> int:
    raise ValueError("of the work")


async def test_it_goes_on_beside_its_caller() -> None:
    """Begun, and the caller goes on; the work ends only by what the caller does next."""
    told = threading.Event()

    def work() -> int:
        return 7 if told.wait(HANG_S) else 0

    async with WantedLater[int]() as later:
        later.begin(work)
        told.set()
        assert await later.result(otherwise=0) == 7


async def test_nothing_begun() -> None:
    """Then the answer is what the caller has instead."""
    async with WantedLater[int]() as later:
        assert await later.result(otherwise=3) == 3


async def test_a_failure_is_told_where_the_result_is_wanted() -> None:
    """Not where it happened, and not where more is begun: then it is of no interest any more."""
    async with WantedLater[int]() as later:
        later.begin(fails)
        later.begin(lambda: 1)
        assert await later.result(otherwise=0) == 1
        later.begin(fails)
        await asyncio.sleep(0.05)
        with pytest.raises(ValueError, match="of the work"):
            await later.result(otherwise=0)


async def test_one_thread_at_a_time() -> None:
    """The second work begins when the first has ended."""
    told = threading.Event()
    order: list[str] = []

    def first() -> int:
        told.wait(HANG_S)
        order.append("first")
        return 1

    def second() -> int:
        order.append("second")
        return 2

    async with WantedLater[int]() as later:
        later.begin(first)
        asyncio.get_running_loop().call_later(0.05, told.set)
        later.begin(second)
        assert await later.result(otherwise=0) == 2
    assert order == ["first", "second"]


async def test_whoever_leaves_waits_for_the_thread() -> None:
    """Also by an error of his own, which is the one that is told; and cancelled while he waits for it."""
    ended: list[int] = []
    told = threading.Event()

    def work() -> int:
        told.wait(HANG_S)
        ended.append(1)
        raise ValueError("of the work")

    async def stumble() -> None:
        async with WantedLater[int]() as later:
            later.begin(work)
            asyncio.get_running_loop().call_later(0.05, told.set)
            raise KeyError

    with pytest.raises(KeyError):
        await stumble()
    assert ended == [1]

    told.clear()
    wants = asyncio.Event()

    async def wait() -> None:
        async with WantedLater[int]() as later:
            later.begin(work)
            wants.set()
            await later.result(otherwise=0)

    waiting = asyncio.create_task(wait())
    await wants.wait()
    await asyncio.sleep(0.01)
    waiting.cancel()
    asyncio.get_running_loop().call_later(0.05, told.set)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == [1, 1]


async def test_whoever_leaves_waits_for_all_that_was_begun() -> None:
    """Also for what was begun before, which its caller has forgotten and which has not ended yet."""
    ended: list[int] = []
    told = threading.Event()

    def work(number: int) -> None:
        told.wait(HANG_S)
        ended.append(number)

    async with WantedLater[None]() as later:
        later.begin(lambda: work(1))
        await asyncio.sleep(0.01)
        later.begin(lambda: work(2))
        asyncio.get_running_loop().call_later(0.05, told.set)
    assert ended == [1, 2]
