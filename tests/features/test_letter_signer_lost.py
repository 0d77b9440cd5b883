"""Who signed a letter waits 72 hours in the queue, and not through a crash of the database: a letter whose
signer the institution never took opens again, and everybody reads the truth of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from platform_api.invitations.letter_texts import TEXTS
from platform_api.refresh.passing import Passing
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.gateways import FakeJlis
from tests.features.inviting import Letter, act, letter, rows_of, shown, taken, told
from tests.features.service import Service
from tests.features.visiting import Visitor
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(90)
JA = TEXTS["ja"]
PENDING = "PENDING_INSTITUTION_CONFIRMATION"


@pytest.fixture
def service(letter_service: Service) -> Service:
    """Customers reach it."""
    return letter_service


async def signed(
    service: Service, institution: TestInstitution, visitor: Visitor, **wish: Any
) -> tuple[Letter, str]:
    """A letter that waits for its institution, and the delivery of who signed it."""
    made = await letter(service, institution, **wish)
    await visitor.sign(made, make_card(sets.ca()))
    return made, (await shown(service, institution, made.invitation_id))["delivery_id"]


async def days_pass(service: Service, count: int) -> None:
    """With their lists: the hour stays the same."""
    for _ in range(count):
        await service.world.day()


async def crash(service: Service) -> None:
    """What PostgreSQL does to an UNLOGGED table when it was not shut down."""
    async with service.world.database.superuser() as connection:
        await connection.execute("TRUNCATE delivery")


@pytest.mark.parametrize("how", ["72 hours", "a crash"])
@pytest.mark.parametrize("who", ["customer", "institution", "night"])
async def test_lost_before_it_was_taken(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    how: str,
    who: str,
) -> None:
    """Whoever looks first: the letter asks again, nothing of the signer stays, the institution is told once,
    and another signature completes it.
    """
    made, delivery_id = await signed(service, institution, visitor)
    if how == "a crash":
        await crash(service)
    else:
        await days_pass(service, 3)
    if who == "night":
        world = service.world
        await Passing(world.database.app_pool, world.watcher, jlis).institution(institution.institution_id)
    if who == "customer":
        assert (await visitor.get(made.path)).title == JA["title_ask"]
    seen = await shown(service, institution, made.invitation_id)
    empty = {name: seen[name] for name in ("signed_at", "confirm_by", "delivery_id")}
    assert (seen["state"], empty) == ("OPENED", dict.fromkeys(empty))
    kept = (await everything(service.world.database))["consent_invitation"][0]
    assert [kept[name] for name in ("ppid", "ppid_tag", "certificate_hash", "signed_hash")] == [None] * 4
    assert await rows_of(service, "delivery") == {"delivery": 0}
    gone = await service.call(institution, "GET", f"/v1/deliveries/{delivery_id}", expect=410)
    assert gone["code"] == "DELIVERY_GONE"
    assert await told(service, institution) == ["consent.pending_confirmation", "consent.signer_lost"]
    assert (await visitor.sign(made, make_card(sets.ca()))).title == JA["title_pending"]
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["state"] == "REFLECTED"


async def test_no_time_for_another_signature(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """The letter's own time ran out before who signed was lost: it has expired, and that is what is told."""
    made, _ = await signed(service, institution, visitor, expires_in_days=2)
    await days_pass(service, 2)
    assert (await shown(service, institution, made.invitation_id))["state"] == PENDING
    await days_pass(service, 1)
    assert (await shown(service, institution, made.invitation_id))["state"] == "EXPIRED"
    assert await told(service, institution) == ["consent.pending_confirmation", "consent.invitation_expired"]
    assert (await visitor.get(made.path)).title == JA["title_expired"]


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("how", ["72 hours", "a crash"])
async def test_taken_it_can_be_confirmed_to_the_last_day(
    service: Service, institution: TestInstitution, visitor: Visitor, how: str, acknowledged: bool
) -> None:
    """The institution has it, acknowledged or not: confirm_by is 14 days after the signature, and true."""
    made, delivery_id = await signed(service, institution, visitor)
    seen = await shown(service, institution, made.invitation_id)
    signed_at = datetime.fromisoformat(seen["signed_at"])
    assert datetime.fromisoformat(seen["confirm_by"]) == signed_at + timedelta(hours=72)
    await days_pass(service, 1)
    body, _ = await taken(service, institution, delivery_id)
    if acknowledged:
        await service.call(institution, "POST", f"/v1/deliveries/{delivery_id}:acknowledge")
    if how == "a crash":
        await crash(service)
    await days_pass(service, 12)
    seen = await shown(service, institution, made.invitation_id)
    assert (seen["state"], datetime.fromisoformat(seen["confirm_by"])) == (
        PENDING,
        signed_at + timedelta(days=14),
    )
    assert (await visitor.get(made.path)).title == JA["title_pending"]
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["state"] == "REFLECTED"


async def test_acknowledged_without_being_taken(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """Whoever acknowledges says that he has it."""
    made, delivery_id = await signed(service, institution, visitor)
    await service.call(institution, "POST", f"/v1/deliveries/{delivery_id}:acknowledge")
    await days_pass(service, 3)
    assert (await shown(service, institution, made.invitation_id))["state"] == PENDING
    assert await told(service, institution) == ["consent.pending_confirmation"]
