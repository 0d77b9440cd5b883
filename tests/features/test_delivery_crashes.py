"""An acknowledgement and a fetch die at each of their steps, before the commit and after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from platform_api.keys import POOL
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, fetch, next_day, onboard
from tests.features.delivering import put_key, queued
from tests.features.gateways import CANARY_NAME, FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.test_detect_crashes import Crash, CrashingPool
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(120)


class CommittingPool(CrashingPool):
    """Dies when the nth connection is given back: what was to be committed is, and an error is reported."""

    def __init__(self, pool: Any) -> None:
        super().__init__(pool, 1_000_000)
        self.left = 0
        self.died = False

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.real)
        self.left -= 1
        if self.left == 0:
            self.died = True
            raise Crash

    def die_after(self, at: int) -> None:
        self.left, self.died = at, False


@asynccontextmanager
async def _dying(service: Service, jlis: FakeJlis, pool: CrashingPool) -> AsyncIterator[Service]:
    state: dict[Any, Any] = {POOL: pool}
    async with serving(service.world, jlis, state=state) as dying:
        yield dying


async def _status(dying: Service, who: TestInstitution, path: str, body: Any = None) -> int:
    async with dying.client.post(path, json=body, headers=who.headers) as response:
        return response.status


async def _waiting(service: Service, jlis: FakeJlis, institution: TestInstitution) -> tuple[str, str]:
    """A registration, and its items that wait in the queue."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await put_key(service, institution)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    got = await fetch(service, institution, registration_id)
    delivery_id = await queued(
        service, institution, registration_id, {"name": CANARY_NAME}, query_id=UUID(got["query_id"])
    )
    return registration_id, delivery_id


async def test_an_acknowledgement_that_dies_was_not(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Before each statement and before COMMIT: the delivery still waits and the old certificate is current;
    when it goes through, both have changed."""
    registration_id, delivery_id = await _waiting(service, jlis, institution)
    path = f"/v1/deliveries/{delivery_id}:acknowledge"
    pool = CrashingPool(service.world.database.app_pool, 0)
    async with _dying(service, jlis, pool) as dying:
        for steps in range(60):
            pool.die_at(steps)
            status = await _status(dying, institution, path)
            state, slots = await service.world.state(UUID(registration_id))
            rows = await everything(service.world.database)
            if status == 200:
                break
            assert status == 500
            assert (state, set(slots)) == ("CHANGED_DATA_AVAILABLE", {"current", "pending_successor"})
            assert len(rows["delivery"]) == 1
            assert not any(row["acknowledged_at"] for row in rows["four_information_query"])
    assert steps > 8
    assert (state, slots) == ("WATCHED", {"current": "NOT_LISTED"})
    assert rows["delivery"] == []
    assert [bool(row["acknowledged_at"]) for row in rows["four_information_query"]] == [True]


async def test_an_acknowledgement_whose_answer_is_lost_was(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """After each commit: whatever the institution was told, delivery and successor agree; asking again is
    200 or, where it had been done, 410."""
    registration_id, delivery_id = await _waiting(service, jlis, institution)
    path = f"/v1/deliveries/{delivery_id}:acknowledge"
    seen = set()
    pool = CommittingPool(service.world.database.app_pool)
    async with _dying(service, jlis, pool) as dying:
        for at in range(1, 10):
            pool.die_after(at)
            status = await _status(dying, institution, path)
            state, _ = await service.world.state(UUID(registration_id))
            waiting = (await everything(service.world.database))["delivery"]
            assert (state == "WATCHED") == (waiting == [])
            seen.add((status, state))
            if not pool.died:
                break
    assert (500, "WATCHED") in seen
    assert (200, "WATCHED") not in seen
    refused = await service.call(institution, "POST", path, expect=410)
    assert refused["code"] == "DELIVERY_GONE"


async def test_a_fetch_that_dies_gives_nothing_and_can_be_asked_again(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Before each statement, before COMMIT and after it: no items without their successor, none kept; asking
    again with the old certificate gives them."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    crashing = CrashingPool(service.world.database.app_pool, 0)
    async with _dying(service, jlis, crashing) as dying:
        for steps in range(60):
            crashing.die_at(steps)
            status = await _status(dying, institution, path, {"items": ALL})
            _, slots = await service.world.state(UUID(registration_id))
            if status == 200:
                break
            assert (status, set(slots)) == (500, {"current"})
    assert set(slots) == {"current", "pending_successor"}
    assert steps > 10
    committing = CommittingPool(service.world.database.app_pool)
    async with _dying(service, jlis, committing) as dying:
        for at in range(1, 10):
            committing.die_after(at)
            status = await _status(dying, institution, path, {"items": ALL})
            if not committing.died:
                break
            assert status == 500
    assert status == 200
    got = await fetch(service, institution, registration_id)
    assert got["outcome"] == "DATA"
    assert {query.identity for query in jlis.queries} == {service.world.known(old).identity}
    assert CANARY_NAME not in str(await everything(service.world.database))
