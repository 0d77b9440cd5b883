"""Many lists at once: bounded, on few connections, and no list at the cost of the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from revocation.authorities import ListScope
from revocation.crl.archive import StoredList
from revocation.crl.fetch import Failed, Fetched, FetchLimits, FetchResult, HttpSource, NotModified
from tests.base.eventually import HANG_S
from tests.revocation.fetching import ONE_TRY, QUICK, code, fetch, retries, scope
from tests.revocation.list_server import ListServer, list_server


@pytest.fixture
async def server() -> AsyncIterator[ListServer]:
    async with list_server() as running:
        yield running


@pytest.fixture(autouse=True)
def seen() -> Iterator[list[Any]]:
    with retries() as seen:
        yield seen


def addresses(server: ListServer, count: int) -> dict[ListScope, str]:
    """Lists that the server has, by scope."""
    for number in range(count):
        server.lists.setdefault(f"/{number}.crl", b"%d" % number)
    return {scope(number): server.url(f"/{number}.crl") for number in range(count)}


def stored(results: dict[ListScope, FetchResult]) -> dict[str, StoredList]:
    """As the archive would remember them."""
    found = {}
    for one, result in results.items():
        if isinstance(result, NotModified):
            found[str(one)] = result.stored
        else:
            assert isinstance(result, Fetched)
            digest = sha256(result.path.read_bytes()).digest()
            found[str(one)] = StoredList(result.path, digest, result.address, result.etag)
    return found


@pytest.mark.parametrize("count", [190, pytest.param(1900, marks=pytest.mark.slow)])
async def test_1900_lists_cold_unchanged_and_one_changed(
    server: ListServer, tmp_path: Path, count: int
) -> None:
    """Each once, never more than the limit at a time, on as many connections; then 304 for all of them; then
    one alone is sent.
    """
    source = HttpSource(addresses(server, count), limits=FetchLimits(parallel=8, attempts=1))
    first = await fetch(source, tmp_path)
    assert all(isinstance(result, Fetched) for result in first.values())
    assert len(server.requests) == len(set(server.requests)) == count
    assert 1 < server.most_at_once <= 8
    assert len(server.connections) <= 8

    known = await asyncio.to_thread(stored, first)
    server.requests.clear()
    second = await fetch(source, tmp_path, stored=known)
    assert {status for _, status in server.requests} == {304}
    assert len(server.requests) == count
    assert second == {one: NotModified(known[str(one)]) for one in first}

    server.lists["/123.crl"] = b"changed"
    server.requests.clear()
    third = await fetch(source, tmp_path, stored=known)
    assert [path for path, status in server.requests if status != 304] == ["/123.crl"]
    assert [one.partition_number for one, result in third.items() if isinstance(result, Fetched)] == [123]
    assert server.most_at_once <= 8
    assert len(server.connections) <= 24, "eight for each of the three calls"


def paths(server: ListServer) -> list[int]:
    """The numbers of the lists in the order in which they were answered."""
    return [int(path[1:-4]) for path, _ in server.requests]


async def test_a_list_that_drips_gives_its_turn_to_the_others(server: ListServer, tmp_path: Path) -> None:
    """One turn only, and the first list sends an octet now and then: after its own deadline all others come,
    and only then its second try.
    """
    limits = FetchLimits(parallel=1, attempts=2, wait_s=0.0, idle_s=5.0, list_s=2.5)
    source = HttpSource(addresses(server, 30), limits=limits)
    server.break_("/0.crl", "drip", times=1)
    results = await fetch(source, tmp_path)
    assert all(isinstance(result, Fetched) for result in results.values())
    assert set(paths(server)) == set(range(30))
    assert paths(server)[-1] == 0


async def test_a_list_that_only_drips(server: ListServer, tmp_path: Path) -> None:
    """It never falls silent, and fails all the same: with its own deadline, and what that was."""
    limits = replace(ONE_TRY, list_s=0.1)
    server.break_("/0.crl", "drip")
    result = (await fetch(HttpSource(addresses(server, 1), limits=limits), tmp_path))[scope(0)]
    assert code(result) == "FETCH_TIMEOUT"
    assert isinstance(result, Failed)
    assert "within 0.1 s" in result.error.expected


async def test_who_waits_to_try_again_holds_no_turn(server: ListServer, tmp_path: Path) -> None:
    """503 with Retry-After: the wait is spent while the others are fetched."""
    source = HttpSource(addresses(server, 10), limits=replace(QUICK, parallel=1))
    server.break_("/0.crl", "503 1", times=1)
    results = await fetch(source, tmp_path)
    assert all(isinstance(result, Fetched) for result in results.values())
    assert paths(server) == [*range(10), 0]


async def test_a_server_that_is_asked_too_often_is_left_alone(server: ListServer, tmp_path: Path) -> None:
    """429 with Retry-After: nobody asks that server before the time is over, and then all get their lists."""
    asked: list[float] = []
    source = HttpSource(addresses(server, 6), limits=replace(QUICK, parallel=2))
    answer = server._answer

    async def timed(request: Any) -> Any:
        asked.append(time.monotonic())
        return await answer(request)

    server._answer = timed  # type: ignore[method-assign]
    server.break_("/0.crl", "429 1", times=1)
    server.delay_s = 0.05
    results = await fetch(source, tmp_path)
    assert all(isinstance(result, Fetched) for result in results.values())
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert max(pauses) > 0.85
    assert len(asked) == 7


@pytest.mark.parametrize(("kind", "tries"), [("503 61", 1), ("429 3600", 1), ("503 0", 2), ("503 soon", 2)])
async def test_retry_after_within_bounds(server: ListServer, tmp_path: Path, kind: str, tries: int) -> None:
    """Who asks for more patience than we have is not asked again too early, but not at all; nonsense is not
    heard.
    """
    source = HttpSource(addresses(server, 1), limits=QUICK)
    server.break_("/0.crl", kind)
    assert code((await fetch(source, tmp_path))[scope(0)]) == "FETCH_STATUS"
    assert len(server.requests) == tries


@pytest.mark.parametrize("kind", ["500 3600", "404 1"])
async def test_retry_after_means_nothing_elsewhere(server: ListServer, tmp_path: Path, kind: str) -> None:
    """Only 429 and 503 give it this sense."""
    source = HttpSource(addresses(server, 1), limits=QUICK)
    server.break_("/0.crl", kind)
    assert code((await fetch(source, tmp_path))[scope(0)]) == "FETCH_STATUS"
    assert len(server.requests) == (2 if kind.startswith("500") else 1)


async def test_the_deadline_keeps_what_the_server_said(server: ListServer, tmp_path: Path) -> None:
    """Two lists wait for another try when the time is over: the one that got a 503 says so, and the one that
    got nothing yet says that it was late."""
    server.break_("/1.crl", "503")
    server.break_("/2.crl", "silent")
    addresses = {scope(n): server.url(f"/{n}.crl") for n in (1, 2)}
    limits = replace(QUICK, attempts=3, wait_s=5.0, idle_s=5.0, deadline_s=0.4)
    results = await fetch(HttpSource(addresses, limits=limits), tmp_path)
    assert code(results[scope(1)]) == "FETCH_STATUS"
    assert code(results[scope(2)]) == "FETCH_TIMEOUT"


async def test_what_failed_together_does_not_come_back_together(
    server: ListServer, tmp_path: Path, seen: list[Any]
) -> None:
    """The waits before the second try are spread over five times the first wait."""
    source = HttpSource(addresses(server, 20), limits=replace(QUICK, wait_s=0.02))
    for number in range(20):
        server.break_(f"/{number}.crl", "500" if number % 2 else "503 0", times=1)
    results = await fetch(source, tmp_path)
    assert all(isinstance(result, Fetched) for result in results.values())
    waits = sorted(retry.wait_for for retry in seen)
    assert len(set(waits)) == 20
    assert waits[0] >= 0.0
    assert 0.03 < waits[-1] <= 0.12
    assert all("crl" not in repr(retry.caused_by) for retry in seen), "an address is a municipality"


async def test_ctrl_c_among_many(server: ListServer, tmp_path: Path) -> None:
    """Everything at work ends, no part of a small list stays, and every connection is closed."""
    server.delay_s = 0.01
    source = HttpSource(addresses(server, 100), limits=ONE_TRY)
    task = asyncio.create_task(fetch(source, tmp_path))
    async with asyncio.timeout(HANG_S):
        while len(server.requests) < 20:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    names = await asyncio.to_thread(lambda: [path.suffix for path in tmp_path.iterdir()])
    assert set(names) == {".crl"}
    assert [one for one in asyncio.all_tasks() if "fetch" in repr(one.get_coro())] == []


async def test_a_second_call_asks_for_what_is_missing(server: ListServer, tmp_path: Path) -> None:
    """A cycle asks in rounds: the later ones want fewer lists, and what has come stays."""
    source = HttpSource(addresses(server, 5), limits=ONE_TRY)
    server.break_("/3.crl", "404", times=1)
    first = await fetch(source, tmp_path)
    assert code(first[scope(3)]) == "FETCH_STATUS"
    second = await source.fetch([scope(3)], tmp_path, stored={}, done=lambda: None)
    assert set(second) == {scope(3)}
    results = {**first, **second}
    assert len(await asyncio.to_thread(stored, results)) == 5
