"""Automatic refresh when things fail: J-LIS away, a process that dies at each write, two passes at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from platform_api.refresh.model import LEASE
from revocation.errors import OutsideFailed
from tests.base.postgres import TestInstitution
from tests.features.dying_pool import Crash, DyingPool
from tests.features.refreshing import AVAILABLE, DAY, UNAVAILABLE, Refresher, refresher

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(240)
EVERY = timedelta(hours=1)


async def passes(refresher: Refresher, time: timedelta) -> None:
    """A worker's passes, one an hour, for that long."""
    end = refresher.clock.now() + time
    while refresher.clock.now() < end:
        await refresher.run()
        refresher.clock.advance(EVERY)


@pytest.mark.parametrize("days", [1, 3])
async def test_jlis_down_one_day_and_three(refresher: Refresher, days: int) -> None:
    """Tasks survive, no storm (two attempts a pass, however many wait), nothing is lost or told falsely; once
    it is back every customer's items are delivered, each asked for once more and no more."""
    await refresher.begin(keep_hours=72, enabled=False)
    customers = await refresher.customers(12)
    await refresher.move(customers)
    refresher.reissue(customers)
    await refresher.run()  # withdrawals are read
    await refresher.put_policy(keep_hours=72)
    jlis = refresher.jlis
    jlis.down = True
    await passes(refresher, days * DAY)
    attempts = len(jlis.queries)
    # Withdrawals unread for more than a day: nothing is asked at all. Before that, three failures in a row
    # (the poll is one) end a pass, and each failed question waits 5 minutes to 4 hours.
    assert 12 <= attempts <= 25 * 2
    assert {task["state"] for task in await refresher.tasks()} == {"WAITING"}
    assert await refresher.told() == []
    jlis.down = False
    jlis.queries.clear()
    await passes(refresher, timedelta(hours=5))
    assert len(await refresher.deliveries()) == len(jlis.queries) == 12
    assert await refresher.told() == [AVAILABLE] * 12
    refs = set()
    for waiting in await refresher.deliveries():
        refs.add((await refresher.take(waiting["delivery_id"]))["payload"]["registration_ref"])
        await refresher.acknowledge(waiting["delivery_id"])
    assert refs == {f"r{number}" for number in range(12)}
    await refresher.run()
    assert {task["state"] for task in await refresher.tasks()} == {"DONE"}
    assert [await refresher.state(one) for one in customers] == ["WATCHED"] * 12


async def test_outside_service_hours_nothing_is_counted_or_lost(refresher: Refresher) -> None:
    """J-LIS is closed: the pass ends with the first question, no back-off grows, no question is counted."""
    await refresher.begin()
    customers = await refresher.customers(3)
    await refresher.move(customers)
    refresher.reissue(customers)
    ask = refresher.jlis.query_four_information

    async def closed(_: Any) -> Any:
        raise OutsideFailed("JLIS_CLOSED", expected="a", got="b", remedy="c")

    refresher.jlis.query_four_information = closed  # type: ignore[method-assign]
    for _ in range(20):
        report = await refresher.run()
        assert report.asked <= 1
        refresher.clock.advance(EVERY)
    assert (await refresher.policy())["today"]["questions"] == 0
    assert {task["unreached"] for task in await refresher.tasks()} == {0}
    refresher.jlis.query_four_information = ask  # type: ignore[method-assign]
    assert (await refresher.run()).delivered == 3


async def moved(refresher: Refresher) -> None:
    await refresher.begin()
    customers = await refresher.customers(2)
    await refresher.move(customers)
    refresher.reissue(customers)


async def whole(refresher: Refresher) -> None:
    """What must be true however a pass was cut off: a successor is kept exactly with its delivery, its event
    and its count; no number of the feed is missing or twice."""
    async with refresher.service.world.database.superuser() as connection:
        delivered = await connection.fetch(
            "SELECT registration_id FROM refresh_task WHERE state = 'DELIVERED'"
        )
        queued = await connection.fetch("SELECT registration_id FROM delivery")
        pending = await connection.fetch(
            "SELECT registration_id FROM watched_certificate WHERE slot = 'pending_successor'"
        )
        available = await connection.fetch(
            "SELECT registration_id FROM registration WHERE state = 'CHANGED_DATA_AVAILABLE'"
        )
        told = await connection.fetch(
            "SELECT registration_id FROM event WHERE type = 'four_information.available'"
        )
        counted = await connection.fetchval("SELECT coalesce(sum(data), 0) FROM refresh_day")
    ids = [
        sorted(row["registration_id"] for row in rows)
        for rows in (delivered, queued, pending, available, told)
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3] == ids[4]
    assert counted == len(delivered)
    numbers = [event.seq for event in await refresher.service.world.events(refresher.institution)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_crash_at_every_write_step(refresher: Refresher, after_commit: bool) -> None:
    """Dying before each statement and COMMIT, or after a COMMIT that went through: what is there is whole;
    the passes after it deliver each customer's items once."""
    await moved(refresher)
    stride = 1 if after_commit else 3
    at = crashes = 0
    while True:
        pool = DyingPool(refresher.pool, at, after_commit=after_commit)
        try:
            await refresher.run(pool)
        except (Crash, BaseExceptionGroup):
            crashes += 1
            await whole(refresher)
            at += stride
            # Whoever died over a question leaves it to the next pass only when its lease is over.
            refresher.clock.advance(LEASE)
            continue
        assert not pool.dead
        break
    assert crashes > (8 if after_commit else 15)
    refresher.clock.advance(LEASE)
    await refresher.run()
    await whole(refresher)
    assert len(await refresher.deliveries()) == 2
    assert len({query.identity for query in refresher.jlis.queries}) == 2


async def test_two_passes_at_once_ask_once(refresher: Refresher) -> None:
    """Three hosts, passes side by side: one question for each registration, one delivery, one event."""
    await refresher.begin()
    customers = await refresher.customers(6)
    await refresher.move(customers)
    refresher.reissue(customers)
    refresher.jlis.meanwhile = lambda: asyncio.sleep(0.02)
    await asyncio.gather(*(refresher.run() for _ in range(3)))
    await asyncio.gather(*(refresher.run() for _ in range(3)))
    assert len(refresher.jlis.queries) == 6
    assert len(await refresher.deliveries()) == 6
    assert await refresher.told() == [AVAILABLE] * 6
    await whole(refresher)


async def test_a_cap_holds_with_two_passes_at_once(refresher: Refresher) -> None:
    """What is on its way counts as if it brought data."""
    await refresher.begin(daily_cap=4)
    customers = await refresher.customers(7)
    await refresher.move(customers)
    refresher.reissue(customers)
    refresher.jlis.meanwhile = lambda: asyncio.sleep(0.02)
    await asyncio.gather(*(refresher.run() for _ in range(3)))
    await refresher.run()
    assert len(refresher.jlis.queries) == len(await refresher.deliveries()) == 4


async def test_an_answer_after_the_lease_is_thrown_away(refresher: Refresher) -> None:
    """A host that slept over its question: its answer is not kept beside the one of who asked after
    it, counts all the same, and is not asked for again and again."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    refresher.jlis.meanwhile = lambda: refresher.clock.advance(LEASE)
    report = await refresher.run()
    assert (report.problems, len(refresher.jlis.queries)) == (["TASK_LOST"], 1)
    assert (await refresher.deliveries(), await refresher.told()) == ([], [])
    assert await refresher.state(one) == "CHANGED_AWAITING_REISSUE"
    refresher.jlis.meanwhile = None
    await refresher.run()
    assert await refresher.told() == [AVAILABLE]
    assert (await refresher.policy())["today"]["data"] == 2  # J-LIS answered twice


async def test_an_institution_without_contract_purpose_or_key_asks_nothing(
    refresher: Refresher, institution: TestInstitution
) -> None:
    """Each is looked at before every batch, and named in the report."""
    await moved(refresher)
    table = "UPDATE institution SET"
    for statement, undo, code in (
        (f"{table} purposes = '{{}}'", f"{table} purposes = '{{four_information}}'", "PURPOSE_NOT_PERMITTED"),
        (f"{table} contract_until = '2026-01-02'", f"{table} contract_until = NULL", "PURPOSE_NOT_PERMITTED"),
        ("UPDATE delivery_key SET retired_at = created_at", "UPDATE delivery_key SET retired_at = NULL",
         "DELIVERY_KEY_MISSING"),
    ):  # fmt: skip
        async with refresher.service.world.database.superuser() as connection:
            await connection.execute(statement)
            report = await refresher.run()
            assert (report.asked, report.problems, report.postponed) == (0, [code], 2)
            await connection.execute(undo)
    assert (await refresher.run()).delivered == 2
    assert await refresher.told() == [AVAILABLE] * 2
    assert UNAVAILABLE not in await refresher.told()
    assert refresher.institution is institution


async def test_told_to_stop_it_ends_between_two_customers(refresher: Refresher) -> None:
    """What was claimed and not asked is given back: due at once, and not counted as a question."""
    await refresher.begin()
    customers = await refresher.customers(12)
    await refresher.move(customers)
    refresher.reissue(customers)
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    refresher.jlis.meanwhile = count
    report = await refresher.run(stopped=lambda: asked >= 2)
    assert 2 <= report.delivered < 12
    assert (await refresher.policy())["today"]["questions"] == report.delivered
    assert (await refresher.run()).delivered == 12 - report.delivered
    await whole(refresher)
