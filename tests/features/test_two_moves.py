"""Histories that cost a customer's address when they go wrong, by name."""

from __future__ import annotations

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, acknowledge, consent, fetch, next_day, onboard, put
from tests.features.delivering import put_key, queued
from tests.features.gateways import CANARY_ADDRESS, FakeJlis, canary, successor
from tests.features.service import Service
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def test_lost_acknowledgement_between_two_moves(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """DATA, never acknowledged; the person moves again: told, since the successor is watched. The re-fetch
    asks with the OLD certificate and gives the newest items; the older query acknowledges nothing; and what
    happens to the newest certificate, pending and then current, is told once each."""
    world = service.world
    old, new, newest = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    first = await fetch(service, institution, registration_id)
    assert first["four_information"]["address"]["value"] == CANARY_ADDRESS
    # Nothing is acknowledged. The second move revokes the pending successor.
    await next_day(service, {old.serial: 3, new.serial: 3})
    assert await world.told(institution) == [
        ("REVOKED", "CONTENT_CHANGED", 2),
        ("REVOKED", "CONTENT_CHANGED", 3),
    ]
    jlis.successor, jlis.items = successor(world, newest), canary(address="大阪府堺市堺区南瓦町３番１号")
    second = await fetch(service, institution, registration_id)
    assert jlis.queries[-1].identity == world.known(old).identity
    assert second["four_information"]["address"]["value"] == "大阪府堺市堺区南瓦町３番１号"
    path = f"/v1/registrations/{registration_id}/four-information:acknowledge"
    refused = await service.call(institution, "POST", path, {"query_id": first["query_id"]}, expect=409)
    assert refused["code"] == "NEWER_ANSWER_PENDING"
    # A hold of the pending successor is told before it is acknowledged, its revocation after.
    await next_day(service, {old.serial: 3, new.serial: 3, newest.serial: 6})
    done = await acknowledge(service, institution, registration_id, query_id=second["query_id"])
    assert done["registration"]["state"] == "ON_HOLD"
    await next_day(service, {old.serial: 3, new.serial: 3, newest.serial: 3})
    assert (await world.told(institution))[2:] == [
        ("ON_HOLD", "HOLD", 4),
        ("REVOKED", "CONTENT_CHANGED", 5),
    ]
    await next_day(service, {old.serial: 3, new.serial: 3, newest.serial: 3})
    assert len(await world.told(institution)) == 4


async def test_renewal_without_agreement_then_a_move(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """A renewal with nothing that names the new certificate: RENEWED_UNLINKED, "obtain it at the next login",
    linkage is not asked without the customer's agreement. A move of the unseen new certificate is told to
    nobody; a fetch, which the consent permits, still asks with the old one and gives the newest items, and
    from its acknowledgement on the newest certificate is watched."""
    world = service.world
    old, renewed, moved = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 4})
    events = await world.events(institution)
    renewal = next(event for event in events if event.type == "certificate.renewed")
    assert (renewal.cause, renewal.action) == ("RENEWED", "OBTAIN_CERTIFICATE_AT_NEXT_LOGIN")
    answer = await service.call(institution, "GET", f"/v1/registrations/{registration_id}")
    assert (answer["state"], answer["pending_successor"]) == ("RENEWED_UNLINKED", False)
    await next_day(service, {old.serial: 4, renewed.serial: 3})
    assert await world.told(institution) == [("REVOKED", "RENEWED", 2)]
    assert jlis.linkage_queries == []
    jlis.successor = successor(world, moved)
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], jlis.queries[-1].identity) == ("DATA", world.known(old).identity)
    done = await acknowledge(service, institution, registration_id, query_id=got["query_id"])
    assert done["registration"]["state"] == "WATCHED"
    await next_day(service, {old.serial: 4, renewed.serial: 3, moved.serial: 3})
    assert (await world.told(institution))[1:] == [("REVOKED", "CONTENT_CHANGED", 4)]


async def test_renewal_without_agreement_then_the_customer_shows_the_new_card(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The other way on: presented at the next login, the move of the new certificate is told; the consent of
    who signed before does not go along, since nothing proves that it is he."""
    world = service.world
    old, renewed = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 4})
    await put(service, institution, renewed)
    await next_day(service, {old.serial: 4, renewed.serial: 3})
    assert await world.told(institution) == [("REVOKED", "RENEWED", 2), ("REVOKED", "CONTENT_CHANGED", 3)]
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], jlis.queries) == ("CONSENT_MISSING", [])


async def test_same_person_at_two_institutions_one_with_consent(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Both are told of the move; one gets the items, the other CONSENT_MISSING and J-LIS no question; what
    the one learnt (successor, query, delivery) is nowhere in the other's rows."""
    world = service.world
    card, new = make_card(sets.ca()), make_card(sets.ca())
    with_consent = await onboard(service, institution, card)
    without = await onboard(service, other_institution, card)
    await consent(service, institution, card, with_consent)
    await put_key(service, institution)
    await put_key(service, other_institution)
    await next_day(service, {card.serial: 3})
    moved = [("REVOKED", "CONTENT_CHANGED", 2)]
    assert await world.told(institution) == await world.told(other_institution) == moved
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, with_consent)
    assert (got["outcome"], len(jlis.queries)) == ("DATA", 1)
    await queued(service, institution, with_consent, {"name": "x"})
    refused = await fetch(service, other_institution, without)
    assert (refused["outcome"], refused["four_information"], len(jlis.queries)) == (
        "CONSENT_MISSING",
        None,
        1,
    )
    body = {
        "service_id": str(other_institution.service_id),
        "items": ALL,
        "registrations": [{"registration_id": without}, {"registration_id": with_consent}],
    }
    batch = await service.call(other_institution, "POST", "/v1/four-information:batchFetch", body)
    assert [one["outcome"] for one in batch["results"]] == ["CONSENT_MISSING", "REFUSED"]
    assert len(jlis.queries) == 1
    theirs = await service.call(other_institution, "GET", f"/v1/registrations/{without}")
    assert (theirs["state"], theirs["pending_successor"]) == ("CHANGED_AWAITING_REISSUE", False)
    rows = await everything(world.database)
    other = other_institution.institution_id
    slots = [row["slot"] for row in rows["watched_certificate"] if row["institution_id"] == other]
    assert slots == ["current"]
    assert [row["institution_id"] for row in rows["delivery"]] == [institution.institution_id]
    await next_day(service, {card.serial: 3, new.serial: 3})
    assert len(await world.told(institution)) == 2
    assert await world.told(other_institution) == moved
