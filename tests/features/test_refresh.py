"""Automatic refresh: who moved is asked about by policy and schedule, and the items wait in the queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from platform_api.db.transactions import tenant
from platform_api.refresh import task_store
from tests.features.cards import make_card
from tests.features.consenting import acknowledge, consent, fetch, next_day, put
from tests.features.gateways import CANARY_ADDRESS, successor
from tests.features.refreshing import AVAILABLE, DAY, UNAVAILABLE, Refresher, refresher
from tests.revocation import sets

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(90)


async def test_a_move_is_delivered_without_anybody_asking(refresher: Refresher) -> None:
    """Event, question, JWE in the queue, event, acknowledgement: the new certificate is watched, once."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    report = await refresher.run()
    assert (report.created, report.asked, report.delivered) == (1, 1, 1)
    (waiting,) = await refresher.deliveries()
    content = await refresher.take(waiting["delivery_id"])
    assert content["payload"]["registration_ref"] == "r0"
    assert content["payload"]["four_information"]["address"]["value"] == CANARY_ADDRESS
    assert await refresher.told() == [AVAILABLE]
    assert await refresher.state(one) == "CHANGED_DATA_AVAILABLE"
    assert (await refresher.run()).asked == 0
    await refresher.acknowledge(waiting["delivery_id"])
    report = await refresher.run()
    assert report.looked == {"DONE": 1}
    assert await refresher.state(one) == "WATCHED"
    assert (await refresher.run()).idle
    assert (len(refresher.jlis.queries), await refresher.told()) == (1, [AVAILABLE])


async def test_no_current_certificate_is_asked_by_schedule(refresher: Refresher) -> None:
    """T43: 1, 3, 7, 14, 30, 30 … days after each answer, however often a pass runs; then handed over."""
    await refresher.begin(hand_over_after_days=120)
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    asked_on, day = [], 0
    for day in range(125):
        for _ in range(2):
            if (await refresher.run()).asked:
                asked_on.append(day)
        refresher.clock.advance(DAY)
    assert asked_on == [0, 1, 4, 11, 25, 55, 85, 115]
    assert await refresher.told() == [UNAVAILABLE]
    assert (await refresher.task())["state"] == "HANDED_OVER"
    assert await refresher.state(one) == "CHANGED_AWAITING_REISSUE"


async def test_a_pass_a_little_earlier_in_its_day_leaves_nobody_out(refresher: Refresher) -> None:
    """Nightly passes differ by minutes: a pause of a day is over for the next one; asked once a night."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    assert (await refresher.run()).asked == 1
    refresher.clock.advance(timedelta(hours=6))
    assert (await refresher.run()).asked == 0
    refresher.clock.advance(timedelta(hours=17, minutes=10))
    assert (await refresher.run()).asked == 1


async def test_without_an_effective_consent_nothing_is_asked(refresher: Refresher) -> None:
    """Blocked, J-LIS not asked, nothing logged as asked; a consent that becomes effective lets it go on."""
    await refresher.begin()
    (one,) = await refresher.customers(1, consents=False)
    # Signed a moment before the move, effective from the next JST day on.
    await consent(refresher.service, refresher.institution, one.card, one.registration_id)
    begun = refresher.clock.now()
    await refresher.move([one])
    refresher.reissue([one])
    refresher.clock.set(begun)  # still the day of the consent
    await refresher.run()
    assert ((await refresher.task())["state"], refresher.jlis.queries) == ("BLOCKED_BY_CONSENT", [])
    assert (await refresher.policy())["open_tasks"] == {"BLOCKED_BY_CONSENT": 1}
    refresher.clock.advance(DAY)
    assert (await refresher.run()).delivered == 1


async def test_caps_hold_until_jst_midnight(refresher: Refresher) -> None:
    """Five changed, two DATA answers a day: 2, 0 until 00:00 JST, 2, 1; questions have a cap of their own."""
    await refresher.begin(daily_cap=2, keep_hours=72)
    customers = await refresher.customers(5)
    await refresher.move(customers)
    refresher.reissue(customers)
    clock = refresher.clock
    clock.set(clock.now().replace(hour=14, minute=59, second=58))  # 23:59:58 JST
    first = await refresher.run()
    assert (first.delivered, first.postponed) == (2, 3)
    clock.advance(timedelta(seconds=1))
    assert (await refresher.run()).asked == 0
    clock.advance(timedelta(seconds=1))
    assert (await refresher.run()).delivered == 2
    assert (await refresher.policy())["today"]["data"] == 2
    await refresher.put_policy(daily_cap=100, daily_questions_cap=2, keep_hours=72)
    assert (await refresher.run()).asked == 0
    clock.advance(DAY)
    assert (await refresher.run()).delivered == 1
    assert len({query.identity for query in refresher.jlis.queries}) == len(refresher.jlis.queries) == 5


async def test_a_delivery_lost_in_a_crash_is_fetched_again(refresher: Refresher) -> None:
    """The queue is UNLOGGED: emptied by a database crash, it is filled again by the next pass."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    async with refresher.service.world.database.superuser() as connection:
        await connection.execute("TRUNCATE delivery")
    report = await refresher.run()
    assert (report.looked, report.delivered) == ({"FETCH_AGAIN": 1}, 1)
    (waiting,) = await refresher.deliveries()
    await refresher.acknowledge(waiting["delivery_id"])
    assert await refresher.state(one) == "WATCHED"
    assert (await refresher.run()).looked == {"DONE": 1}


async def test_a_delivery_nobody_takes_is_fetched_again_three_times_at_most(refresher: Refresher) -> None:
    """It runs out, is purged and fetched anew; the third time the institution is told that it is its turn."""
    await refresher.begin(keep_hours=1)
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    for _ in range(6):
        await refresher.run()
        refresher.clock.advance(timedelta(hours=1))
    assert len(refresher.jlis.queries) == 3
    assert await refresher.told() == [AVAILABLE] * 3 + [UNAVAILABLE]
    assert (await refresher.task())["last_code"] == "DELIVERIES_NOT_TAKEN"
    assert (await refresher.state(one), await refresher.deliveries()) == ("CHANGED_AWAITING_REISSUE", [])
    # It is only the automatic way that ended.
    assert (await fetch(refresher.service, refresher.institution, one.registration_id))["outcome"] == "DATA"


async def test_who_moved_on_is_left_alone(refresher: Refresher) -> None:
    """The customer shows the new certificate, or the institution fetches by itself: the task is cancelled."""
    await refresher.begin()
    shown, fetched, erased = await refresher.customers(3)
    await refresher.move([shown, fetched, erased])
    await refresher.run()
    refresher.reissue([shown, fetched])
    await put(refresher.service, refresher.institution, shown.new, "r0")
    got = await fetch(refresher.service, refresher.institution, fetched.registration_id)
    assert got["outcome"] == "DATA"
    refresher.clock.advance(DAY)
    report = await refresher.run()
    assert report.looked == {"CANCELLED": 2}
    assert [task["last_code"] for task in await refresher.tasks()].count("REGISTRATION_MOVED_ON") == 1
    assert report.asked == 1  # the third one, by schedule
    await next_day(refresher.service)


async def test_a_cause_that_is_not_wanted_makes_no_task(refresher: Refresher) -> None:
    """A renewal (4) by default, a compromised key (1) never; once wanted, it is found at the next pass."""
    await refresher.begin()
    renewed, stolen = await refresher.customers(2)
    await next_day(refresher.service, {renewed.card.serial: 4, stolen.card.serial: 1})
    refresher.reissue([renewed, stolen])
    report = await refresher.run()
    assert (report.created, report.asked) == (0, 0)
    await refresher.put_policy(refresh_on=["RENEWED", "ENDED_CAUSE_UNKNOWN"])
    assert (await refresher.run()).delivered == 1
    await refresher.put_policy(enabled=False)
    assert (await refresher.run()).idle


async def test_the_institution_fetches_what_waits_for_it(refresher: Refresher) -> None:
    """Its own fetch replaces the delivery: that one is gone, nothing is fetched a third time, and the answer
    it has is the one to acknowledge."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    got = await fetch(refresher.service, refresher.institution, one.registration_id)
    assert (got["outcome"], await refresher.deliveries()) == ("DATA", [])
    report = await refresher.run()
    assert (report.looked, report.asked) == ({"CANCELLED": 1}, 0)
    assert (await refresher.task())["last_code"] == "FETCHED_BY_INSTITUTION"
    assert await refresher.state(one) == "CHANGED_DATA_AVAILABLE"
    await acknowledge(refresher.service, refresher.institution, one.registration_id, query_id=got["query_id"])
    assert await refresher.state(one) == "WATCHED"
    assert (await refresher.run()).asked == 0
    assert await refresher.told() == [AVAILABLE]


async def test_two_moves_one_after_the_other(refresher: Refresher) -> None:
    """Each is a task of its own certificate: the second move, after an acknowledgement, is fetched too."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    (waiting,) = await refresher.deliveries()
    await refresher.acknowledge(waiting["delivery_id"])
    third = make_card(sets.ca())
    await next_day(refresher.service, {one.card.serial: 3, one.new.serial: 3})
    world = refresher.service.world
    refresher.jlis.successors[world.known(one.new).identity] = successor(world, third)
    report = await refresher.run()
    assert (report.created, report.delivered) == (1, 1)
    (waiting,) = await refresher.deliveries()
    await refresher.acknowledge(waiting["delivery_id"])
    await refresher.run()
    assert [task["state"] for task in await refresher.tasks()] == ["DONE", "DONE"]
    assert await refresher.told() == [AVAILABLE] * 2


class Explaining:
    """A connection that notes the plan of each query, as if no table were small."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans: list[str] = []

    async def fetch(self, query: str, *arguments: Any) -> Any:
        plan = await self._connection.fetch(f"EXPLAIN {query}", *arguments)
        self.plans.append("\n".join(row[0] for row in plan))
        return await self._connection.fetch(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        rows = await self.fetch(query, *arguments)
        return rows[0][0] if rows else None


async def test_a_pass_reads_by_index(refresher: Refresher) -> None:
    """Who moved, what is open, what is due, what is on its way: each by the index made for it; no table is
    read through."""
    await refresher.begin()
    service_id = refresher.institution.service_id
    now = refresher.clock.now()
    first = UUID(int=0)
    async with tenant(refresher.pool, refresher.institution.institution_id) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        explaining: Any = Explaining(connection)
        await task_store.moved(explaining, service_id, first, 500)
        await task_store.open_tasks(explaining, service_id, ["name"], first, 500, now)
        await task_store.count_due(explaining, service_id, now)
        await task_store.claimable(explaining, service_id, 10, now)
        await task_store.in_flight(explaining, service_id, now.date(), now)
        await task_store.count_open(explaining, service_id)
    wanted = ["registration_moved", "refresh_task_open", *["refresh_task_due"] * 3]
    wanted += ["refresh_task_due", "refresh_task_open"]
    for plan, index in zip(explaining.plans, wanted, strict=True):
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan
