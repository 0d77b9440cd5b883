"""A refresh policy is switched off while deliveries wait: nothing is asked, and nobody is left waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.features.refreshing import AVAILABLE, DAY, UNAVAILABLE, Customer, Refresher, refresher

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(60)


async def delivered(refresher: Refresher) -> Customer:
    """Has moved; the items wait for an hour; the policy is off by then."""
    await refresher.begin(keep_hours=1)
    (one,) = await refresher.customers(1)
    await refresher.move([one])
    refresher.reissue([one])
    await refresher.run()
    await refresher.put_policy(enabled=False, keep_hours=1)
    return one


async def test_what_waits_can_be_taken_still(refresher: Refresher) -> None:
    """The delivery stays, and its acknowledgement ends the task."""
    one = await delivered(refresher)
    await refresher.run()
    (waiting,) = await refresher.deliveries()
    await refresher.acknowledge(waiting["delivery_id"])
    assert (await refresher.run()).looked == {"DONE": 1}
    assert (await refresher.state(one), await refresher.told()) == ("WATCHED", [AVAILABLE])


@pytest.mark.parametrize("crash", [False, True])
async def test_what_runs_out_is_taken_back_and_told(refresher: Refresher, crash: bool) -> None:
    """Or is lost with the queue. Nobody asks again while the policy is off: the registration says so, and the
    institution hears it once. Switched on again, the items are fetched again."""
    one = await delivered(refresher)
    if crash:
        async with refresher.service.world.database.superuser() as connection:
            await connection.execute("TRUNCATE delivery")
    else:
        refresher.clock.advance(timedelta(hours=1))
    for _ in range(2):
        assert (await refresher.run()).asked == 0
    assert await refresher.state(one) == "CHANGED_AWAITING_REISSUE"
    assert await refresher.told() == [AVAILABLE, UNAVAILABLE]
    await refresher.put_policy(keep_hours=1)
    assert (await refresher.run()).delivered == 1
    assert await refresher.told() == [AVAILABLE, UNAVAILABLE, AVAILABLE]


async def test_a_consent_that_ends_is_told(refresher: Refresher) -> None:
    """The holder withdraws: the delivery goes with it, and the institution hears of that all the same."""
    one = await delivered(refresher)
    refresher.jlis.withdraw(refresher.institution.service_code)
    report = await refresher.run()
    assert (report.withdrawals, report.looked) == (1, {"BLOCKED_BY_CONSENT": 1})
    assert await refresher.told() == [AVAILABLE, UNAVAILABLE]
    assert await refresher.state(one) == "CHANGED_AWAITING_REISSUE"
    assert (await refresher.run()).idle


async def test_nothing_else_goes_on(refresher: Refresher) -> None:
    """No task is made, none is asked about and none is handed over, however long it is off."""
    await refresher.begin(hand_over_after_days=1)
    first, second = await refresher.customers(2)
    await refresher.move([first])
    await refresher.run()  # J-LIS has no new certificate yet
    await refresher.put_policy(enabled=False, hand_over_after_days=1)
    await refresher.move([first, second])
    refresher.reissue([first, second])
    refresher.clock.advance(3 * DAY)
    report = await refresher.run()
    assert (report.created, report.asked, report.looked, await refresher.told()) == (0, 0, {}, [])
    assert (await refresher.task())["state"] == "WAITING"
