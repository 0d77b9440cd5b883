"""Tasks that ended: which of them go, when, and that nothing is asked or told again for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from platform_api.db.transactions import tenant
from platform_api.refresh import retention
from tests.features.cards import make_card
from tests.features.consenting import put
from tests.features.refreshing import DAY, UNAVAILABLE, Refresher, refresher
from tests.features.test_refresh import Explaining
from tests.revocation import sets

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(60)
KEPT = timedelta(days=90)


async def states(refresher: Refresher) -> list[str]:
    return sorted(task["state"] for task in await refresher.tasks())


async def test_done_goes_ninety_days_after_its_end(refresher: Refresher) -> None:
    """And not a second before; what is open stays however old it is."""
    await refresher.begin(hand_over_after_days=3650)
    done, still_open = await refresher.customers(2)
    await refresher.move([done, still_open])
    refresher.reissue([done])
    await refresher.run()
    (waiting,) = await refresher.deliveries()
    await refresher.acknowledge(waiting["delivery_id"])
    await refresher.run()
    refresher.clock.advance(KEPT)
    await refresher.run()
    assert await states(refresher) == ["DONE", "WAITING"]
    refresher.clock.advance(timedelta(seconds=1))
    await refresher.run()
    assert await states(refresher) == ["WAITING"]
    assert await refresher.state(done) == "WATCHED"


async def test_handed_over_stays_while_its_certificate_does(refresher: Refresher) -> None:
    """It holds back a second asking and telling; it goes once the registration has moved on."""
    await refresher.begin(hand_over_after_days=1)
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    await refresher.run()
    refresher.clock.advance(DAY)
    await refresher.run()
    asked = len(refresher.jlis.queries)
    refresher.clock.advance(2 * KEPT)
    for _ in range(2):
        await refresher.run()
    assert (await states(refresher), len(refresher.jlis.queries)) == (["HANDED_OVER"], asked)
    assert await refresher.told() == [UNAVAILABLE]
    fresh = make_card(sets.ca(), not_before=refresher.clock.now() - DAY)
    await put(refresher.service, refresher.institution, fresh, "r0")
    await refresher.run()
    assert (await states(refresher), await refresher.told()) == ([], [UNAVAILABLE])


async def test_cancelled_goes_though_its_certificate_is_current(refresher: Refresher) -> None:
    """It holds nothing back: with it or without, the cause that is wanted again makes a task anew."""
    await refresher.begin()
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    await refresher.run()
    await refresher.put_policy(refresh_on=["RENEWED"])
    await refresher.run()
    assert await states(refresher) == ["CANCELLED"]
    refresher.clock.advance(KEPT + timedelta(seconds=1))
    await refresher.run()
    assert await states(refresher) == []
    refresher.reissue([one])
    await refresher.put_policy()
    report = await refresher.run()
    assert (report.created, report.delivered) == (1, 1)


async def test_also_of_a_service_that_is_switched_off(refresher: Refresher) -> None:
    """In batches, all of them in one pass; and only this institution's, by the index made for it."""
    await refresher.begin()
    customers = await refresher.customers(5)
    await refresher.move(customers)
    await refresher.run()
    await refresher.put_policy(refresh_on=["RENEWED"])
    await refresher.run()
    await refresher.put_policy(enabled=False)
    refresher.clock.advance(KEPT + timedelta(seconds=1))
    institution_id = refresher.institution.institution_id
    async with tenant(refresher.pool, institution_id) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        explaining = Explaining(connection)
        before = refresher.clock.now() - KEPT
        assert await retention.delete_ended(explaining, before, 1) == 1  # type: ignore[arg-type]
        assert "refresh_task_ended" in explaining.plans[0], explaining.plans[0]
        assert "Seq Scan" not in explaining.plans[0], explaining.plans[0]
    gone = await retention.forget_ended(refresher.pool, institution_id, refresher.clock, batch=2)
    assert (gone, await states(refresher)) == (4, [])
