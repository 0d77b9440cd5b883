"""A delivery waits, and its registration moves on to another certificate: whose items may be taken then."""

from __future__ import annotations

import pytest

from tests.features.cards import make_card
from tests.features.consenting import put
from tests.features.refreshing import AVAILABLE, Customer, Refresher, refresher
from tests.revocation import sets

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(60)


async def delivered(refresher: Refresher, count: int = 1) -> list[Customer]:
    """They have moved, and their items wait."""
    await refresher.begin()
    customers = await refresher.customers(count)
    await refresher.move(customers)
    refresher.reissue(customers)
    await refresher.run()
    return customers


async def test_another_certificate_ends_what_waits(refresher: Refresher) -> None:
    """A third card at the counter, the same holder's or another's: what was fetched for the second is older
    than what the institution has seen, or a stranger's. It is gone in the transaction of the PUT."""
    await delivered(refresher)
    (waiting,) = await refresher.deliveries()
    path = f"/v1/deliveries/{waiting['delivery_id']}"
    await put(refresher.service, refresher.institution, make_card(sets.ca()), "r0")
    await refresher.service.call(refresher.institution, "GET", path, expect=410)
    assert await refresher.deliveries() == []
    report = await refresher.run()
    assert (report.looked, report.asked, await refresher.told()) == ({"CANCELLED": 1}, 0, [AVAILABLE])
    assert (await refresher.task())["last_code"] == "REGISTRATION_MOVED_ON"


async def test_the_very_certificate_of_the_items_does_not(refresher: Refresher) -> None:
    """The customer shows the card whose items wait, before they are taken: they are his, and can be taken and
    acknowledged still, also after a pass has looked."""
    (one,) = await delivered(refresher)
    (waiting,) = await refresher.deliveries()
    await put(refresher.service, refresher.institution, one.new, "r0")
    await refresher.run()
    content = await refresher.take(waiting["delivery_id"])
    assert content["payload"]["registration_ref"] == "r0"
    assert (await refresher.acknowledge(waiting["delivery_id"]))["state"] == "WATCHED"


async def test_the_same_certificate_again_changes_nothing(refresher: Refresher) -> None:
    """A repeated PUT of the certificate that moved, and another customer's move, leave the delivery alone."""
    first, second = await delivered(refresher, 2)
    await put(refresher.service, refresher.institution, first.card, "r0")
    assert len(await refresher.deliveries()) == 2
    await put(refresher.service, refresher.institution, make_card(sets.ca()), "r0")
    (left,) = await refresher.deliveries()
    assert left["registration_id"] == second.registration_id
