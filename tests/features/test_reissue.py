"""A consent and a new card: it goes along with its signer only, and each answer belongs to its own query."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import Card, make_card
from tests.features.consenting import ALL, acknowledge, consent, fetch, next_day, onboard, put
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, b64
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("way", ["put", "verify"])
async def test_consent_stays_with_the_person_who_signed(
    service: Service, jlis: FakeJlis, institution: TestInstitution, way: str
) -> None:
    """A registration that moves to another card by presentation leaves its consents behind, however it is
    asked and also after going back; the new card's own consent counts, and the old application is used up.
    """
    world = service.world
    first, second, newer = make_card(sets.ca()), make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, first)
    given = await consent(service, institution, first, registration_id)
    application = base64.b64decode(
        (
            await service.call(
                institution,
                "POST",
                "/v1/consent-applications",
                {
                    "service_id": str(institution.service_id),
                    "registration_id": registration_id,
                    "items": ALL,
                },
                expect=201,
            )
        )["application"]
    )

    def signed(card: Card) -> dict[str, Any]:
        return {
            "registration_id": registration_id,
            "application": b64(application),
            "signature": b64(card.sign(application)),
            "signature_algorithm": card.algorithm,
            "certificate": b64(card.der),
        }

    await service.call(institution, "POST", "/v1/consents", signed(first), expect=201)
    move = put if way == "put" else onboard
    await move(service, institution, second, "a")
    await next_day(service)
    jlis.successor = successor(world, newer)
    for more in ({}, {"consent_id": given["consent_id"]}):
        got = await fetch(service, institution, registration_id, **more)
        assert (got["outcome"], got["four_information"]) == ("CONSENT_MISSING", None)
    await move(service, institution, first, "a")
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"
    assert jlis.queries == []
    log = (await everything(world.database))["four_information_query"]
    assert {row["detail_code"] for row in log} == {"CONSENT_OF_FORMER_HOLDER"}
    await move(service, institution, second, "a")
    used = await service.call(institution, "POST", "/v1/consents", signed(second), expect=422)
    assert used["code"] == "CONSENT_NUMBER_USED"
    await consent(service, institution, second, registration_id)
    await next_day(service)
    assert (await fetch(service, institution, registration_id))["outcome"] == "DATA"
    assert [query.identity for query in jlis.queries] == [world.known(second).identity]


@pytest.mark.parametrize("way", ["acknowledged", "presented"])
async def test_consent_survives_a_proven_reissue(
    service: Service, jlis: FakeJlis, institution: TestInstitution, way: str
) -> None:
    """The successor that J-LIS named keeps the consent, acknowledged or shown by the customer himself."""
    world = service.world
    old, new, newest = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    await fetch(service, institution, registration_id)
    if way == "acknowledged":
        await acknowledge(service, institution, registration_id)
    else:
        await put(service, institution, new)
    jlis.successor = successor(world, newest)
    assert (await fetch(service, institution, registration_id))["outcome"] == "DATA"
    assert jlis.queries[-1].identity == world.known(new).identity


async def test_answer_after_another_card_came_is_thrown_away(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Another card is registered while J-LIS answers: TEMPORARY, nothing of the former holder is given,
    kept or told, whatever the answer was."""
    world = service.world
    old, other, new = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 0})
    jlis.meanwhile = lambda: put(service, institution, other)
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == ("TEMPORARY", None)
    assert (got["registration"]["state"], got["registration"]["pending_successor"]) == ("WATCHED", False)
    rows = await everything(world.database)
    assert [row["slot"] for row in rows["watched_certificate"]] == ["current"]
    assert rows["four_information_query"][-1]["detail_code"] == "REGISTRATION_MOVED_ON"
    await consent(service, institution, other, registration_id)
    await next_day(service, {old.serial: 0, other.serial: 0})
    jlis.successor = None
    jlis.meanwhile = lambda: put(service, institution, old)
    got = await fetch(service, institution, registration_id)
    # The former holder's NO_NEW_CERTIFICATE says nothing of the next one, nor of his state.
    assert (got["outcome"], got["registration"]["state"]) == ("TEMPORARY", "UNKNOWN")


async def test_acknowledged_while_a_second_fetch_is_on_its_way(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The first of two fetches is acknowledged before the second is answered: the second is TEMPORARY, the
    certificate stands in one slot only, and its revocation is told once."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    first = await fetch(service, institution, registration_id)
    jlis.meanwhile = lambda: acknowledge(service, institution, registration_id, query_id=first["query_id"])
    second = await fetch(service, institution, registration_id)
    assert (second["outcome"], second["four_information"]) == ("TEMPORARY", None)
    rows = await everything(world.database)
    assert [row["slot"] for row in rows["watched_certificate"]] == ["current"]
    jlis.meanwhile = None
    again = await fetch(service, institution, registration_id)
    assert again["outcome"] == "NO_NEWER_INFORMATION"
    await next_day(service, {old.serial: 3, new.serial: 3})
    assert await world.told(institution) == [
        ("REVOKED", "CONTENT_CHANGED", 2),
        ("REVOKED", "CONTENT_CHANGED", 3),
    ]


async def test_refetched_answer_is_acknowledged_by_its_own_query(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """A lost response, the same successor fetched again: acknowledged by the query of the newest answer."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    lost = await fetch(service, institution, registration_id)
    again = await fetch(service, institution, registration_id)
    assert again["query_id"] != lost["query_id"]
    done = await acknowledge(service, institution, registration_id, query_id=again["query_id"])
    assert done["registration"]["state"] == "WATCHED"
    rows = (await everything(world.database))["four_information_query"]
    assert [str(row["query_id"]) for row in rows if row["acknowledged_at"]] == [again["query_id"]]


async def test_successor_is_watched_before_acknowledgement(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Two moves and a lost acknowledgement: the second is told, and the re-fetch asks with the old serial."""
    world = service.world
    old, new, newest = (make_card(sets.ca()) for _ in range(3))
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    first = await fetch(service, institution, registration_id)
    await next_day(service, {old.serial: 3, new.serial: 3})
    assert [seq for _, _, seq in await world.told(institution)] == [2, 3]
    jlis.successor = successor(world, newest)
    second = await fetch(service, institution, registration_id)
    assert second["outcome"] == "DATA"
    assert jlis.queries[-1].identity == world.known(old).identity
    path = f"/v1/registrations/{registration_id}/four-information:acknowledge"
    refused = await service.call(institution, "POST", path, {"query_id": first["query_id"]}, expect=409)
    assert refused["code"] == "NEWER_ANSWER_PENDING"
    await service.call(institution, "POST", path, {"query_id": second["query_id"]})
    await next_day(service, {old.serial: 3, new.serial: 3, newest.serial: 1})
    assert (await world.told(institution))[2:] == [("REVOKED", "KEY_COMPROMISED", 4)]
