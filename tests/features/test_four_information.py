"""Consents and the four items over HTTP: who may have them, how they arrive, and that nothing stays."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from platform_api.db.transactions import tenant
from tests import pki
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import AUTH_POLICY, Card, make_card
from tests.features.gateways import CANARY_ADDRESS, CANARY_BIRTH, CANARY_NAME, FakeJlis, successor
from tests.features.service import Service, b64, serving
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

ALL = ["name", "address", "date_of_birth", "gender"]


@pytest.fixture
async def jlis(world: World) -> FakeJlis:
    """J-LIS on the world's clock."""
    return FakeJlis(world.clock)


@pytest.fixture
async def service(world: World, jlis: FakeJlis) -> AsyncIterator[Service]:
    """A service after its first night."""
    await world.day()
    async with serving(world, jlis) as running:
        yield running


async def consent(
    service: Service,
    institution: TestInstitution,
    card: Card,
    registration_id: str,
    items: list[str] | None = None,
    *,
    signer: Card | None = None,
    expect: int = 201,
    change: Any = None,
) -> dict[str, Any]:
    """Application, signature on the card, consent."""
    application = await service.call(
        institution,
        "POST",
        "/v1/consent-applications",
        {
            "service_id": str(institution.service_id),
            "registration_id": registration_id,
            "items": items or ALL,
        },
        expect=201,
    )
    octets = base64.b64decode(application["application"])
    if change is not None:
        octets = change(octets)
    signer = signer or card
    return await service.call(
        institution,
        "POST",
        "/v1/consents",
        {
            "registration_id": registration_id,
            "application": b64(octets),
            "signature": b64(signer.sign(octets)),
            "signature_algorithm": signer.algorithm,
            "certificate": b64(signer.der),
        },
        expect=expect,
    )


async def fetch(
    service: Service,
    institution: TestInstitution,
    registration_id: str,
    items: list[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    return await service.call(institution, "POST", path, {"items": items or ALL} | more)


async def onboard(service: Service, institution: TestInstitution, card: Card, ref: str = "a") -> str:
    answer = await service.verify(institution, card, ref)
    return str(answer["registration"]["registration_id"])


async def next_day(service: Service, listing: sets.Listing | None = None) -> None:
    await service.world.day(listing)
    await service.world.night()


async def test_the_whole_way(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """Consent, move, event, items byte for byte, acknowledgement, and the new certificate is watched."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    given = await consent(service, institution, old, registration_id)
    assert given["state"] == "REFLECTED"
    assert given["items"] == ALL
    assert (given["valid_from"], given["valid_until"]) == ("2026-11-20T15:00:00Z", "2036-11-20T14:59:59Z")
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, registration_id)
    assert got["outcome"] == "DATA"
    assert got["four_information"] == {
        "name": {
            "value": CANARY_NAME,
            "substitute_characters": "0" * len(CANARY_NAME),
            "substitute_characters_reliable": True,
        },
        "address": {
            "value": CANARY_ADDRESS,
            "substitute_characters": "0" * len(CANARY_ADDRESS),
            "substitute_characters_reliable": True,
        },
        "date_of_birth": {"raw": CANARY_BIRTH, "precision": "day", "date": "1992-02-29"},
        "gender": {"raw": "2", "code": "female"},
    }
    assert got["registration"] == {
        "registration_id": registration_id,
        "registration_ref": "a",
        "state": "CHANGED_DATA_AVAILABLE",
        "pending_successor": True,
    }
    again = await fetch(service, institution, registration_id)
    assert again["four_information"] == got["four_information"]
    assert [q.identity for q in jlis.queries] == [world.known(old).identity] * 2
    done = await service.call(
        institution, "POST", f"/v1/registrations/{registration_id}/four-information:acknowledge", {}
    )
    assert done["registration"]["state"] == "WATCHED"
    await next_day(service, {old.serial: 3, new.serial: 5})
    assert await world.told(institution) == [
        ("REVOKED", "CONTENT_CHANGED", 2),
        ("REVOKED", "ENDED_CAUSE_UNKNOWN", 3),
    ]
    jlis.successor = None
    assert (await fetch(service, institution, registration_id))["outcome"] == "NO_NEW_CERTIFICATE"
    assert jlis.queries[-1].identity == world.known(new).identity


async def put(service: Service, institution: TestInstitution, card: Card, ref: str = "a") -> None:
    path = f"/v1/services/{institution.service_id}/registrations/{ref}"
    body = {"certificate": b64(card.der), "customer_ref": "customer-1"}
    await service.call(institution, "PUT", path, body)


async def acknowledge(
    service: Service, institution: TestInstitution, registration_id: str, **body: Any
) -> dict[str, Any]:
    path = f"/v1/registrations/{registration_id}/four-information:acknowledge"
    return await service.call(institution, "POST", path, body)


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


async def test_answer_with_more_than_the_consent_by_then_covers_is_thrown_away(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The consent loses an item while J-LIS answers: nothing is given; asking again gives what is left."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)

    async def narrow() -> None:
        async with tenant(world.database.app_pool, institution.institution_id) as connection:
            await connection.execute("UPDATE consent SET items = array_remove(items, 'gender')")

    jlis.meanwhile = narrow
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == ("TEMPORARY", None)
    rows = await everything(world.database)
    assert rows["four_information_query"][-1]["detail_code"] == "ANSWER_AFTER_CONSENT_NARROWED"
    jlis.meanwhile = None
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]["gender"]) == ("DATA", None)


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


async def test_nothing_of_an_answer_is_kept(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """After on-boarding, fetch and a replayed fetch, no table holds an item, in any form we know of."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    headers = {"Idempotency-Key": "once"}
    got = await service.call(institution, "POST", path, {"items": ALL}, headers=headers)
    assert got["outcome"] == "DATA"
    gone = await service.call(institution, "POST", path, {"items": ALL}, headers=headers, expect=410)
    assert gone["code"] == "RESPONSE_NOT_KEPT"
    rows = await everything(world.database)
    assert rows["four_information_query"]
    assert rows["watched_certificate"]
    assert rows["idempotency"]
    kept = "\n".join(_texts(rows))
    serial = new.serial.to_bytes(2, "big").hex()
    planted = [CANARY_NAME, CANARY_ADDRESS, CANARY_BIRTH, "1992-02-29", "黒桐　幹也", "319800217", "歌子"]
    for text in planted:
        for form in _forms(text):
            assert form not in kept, f"an item is kept as {form[:4]}…"
    assert f'"serial":"{serial}"' not in kept
    # The search finds what is there: the control is the reference that is kept on purpose.
    assert "customer-1" in kept
    assert b"customer-1".hex() in kept


def _texts(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Every value as text and every octet as hex, also of texts."""
    found = []
    for table in rows.values():
        for row in table:
            for value in row.values():
                octets = value if isinstance(value, bytes) else str(value).encode()
                found += [str(value), octets.hex(), octets.decode("utf-8", "replace")]
    return found


def _forms(text: str) -> list[str]:
    forms = [text, text.encode().hex(), text.encode("utf-16-le").hex(), json.dumps(text)[1:-1]]
    if not text.isascii():
        forms += [text.encode("cp932").hex(), b64(text.encode())[:-4]]
    return forms


async def test_without_consent_nothing_is_asked(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """No consent, or one that is not yet effective: refused by us, J-LIS not asked, the refusal logged."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"
    await consent(service, institution, card, registration_id)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    assert jlis.queries == []
    log = (await everything(service.world.database))["four_information_query"]
    assert [(row["outcome"], row["detail_code"]) for row in log] == [
        ("CONSENT_MISSING", "REFUSED_BY_US"),
        ("CONSENT_NOT_YET_EFFECTIVE", "REFUSED_BY_US"),
    ]


async def test_consent_of_one_institution_says_nothing_at_another(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """The same person at two institutions, one with consent: the other gets CONSENT_MISSING, unasked."""
    card = make_card(sets.ca())
    with_consent = await onboard(service, institution, card)
    without = await onboard(service, other_institution, card)
    await consent(service, institution, card, with_consent)
    await next_day(service, {card.serial: 3})
    assert (await fetch(service, other_institution, without))["outcome"] == "CONSENT_MISSING"
    assert jlis.queries == []
    path = f"/v1/registrations/{with_consent}/four-information:fetch"
    await service.call(other_institution, "POST", path, {"items": ALL}, expect=404)


async def test_only_consented_items_are_asked_for(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Beyond the consent nothing is asked; with nothing left nothing is asked at all."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id, ["address"])
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    got = await fetch(service, institution, registration_id)
    assert got["four_information"]["address"]["value"] == CANARY_ADDRESS
    assert [got["four_information"][item] for item in ("name", "date_of_birth", "gender")] == [None] * 3
    assert jlis.queries[-1].items == ("address",)
    refused = await fetch(service, institution, registration_id, ["gender"])
    assert refused["outcome"] == "ITEM_NOT_CONSENTED"
    assert len(jlis.queries) == 1


async def test_jlis_down_is_temporary(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """J-LIS unreachable: TEMPORARY, no state changes; a consent is kept and goes on when sent again."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    application = await service.call(
        institution,
        "POST",
        "/v1/consent-applications",
        {"service_id": str(institution.service_id), "registration_id": registration_id, "items": ALL},
        expect=201,
    )
    octets = base64.b64decode(application["application"])
    body = {
        "registration_id": registration_id,
        "application": b64(octets),
        "signature": b64(card.sign(octets)),
        "signature_algorithm": card.algorithm,
        "certificate": b64(card.der),
    }
    jlis.down = True
    failed = await service.call(institution, "POST", "/v1/consents", body, expect=503)
    assert failed["code"] == "JLIS_TIMEOUT"
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    jlis.down = False
    first = await service.call(institution, "POST", "/v1/consents", body, expect=201)
    assert first["state"] == "REFLECTED"
    again = await service.call(institution, "POST", "/v1/consents", body, expect=201)
    assert again["consent_id"] == first["consent_id"]
    assert jlis.submissions == 2
    await next_day(service, {card.serial: 3})
    jlis.down = True
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["registration"]["state"]) == ("TEMPORARY", "CHANGED_AWAITING_REISSUE")


async def test_refusal_of_jlis_wins(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """A consent that J-LIS refuses never permits a fetch."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.refuse = "JLIS_CONSENT_CERTIFICATE_INVALID"
    refused = await consent(service, institution, card, registration_id, expect=422)
    assert refused["code"] == "JLIS_CONSENT_CERTIFICATE_INVALID"
    await next_day(service)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"


async def test_answer_after_withdrawal_is_thrown_away(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The consent ends while J-LIS answers: no items, no successor, and the log says why."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)

    async def withdraw() -> None:
        async with tenant(world.database.app_pool, institution.institution_id) as connection:
            await connection.execute("UPDATE consent SET state = 'WITHDRAWN'")

    jlis.meanwhile = withdraw
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == ("CONSENT_WITHDRAWN", None)
    rows = await everything(world.database)
    assert [row["slot"] for row in rows["watched_certificate"]] == ["current"]
    assert rows["four_information_query"][-1]["detail_code"] == "ANSWER_AFTER_CONSENT_ENDED"


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        ("same", "SUCCESSOR_IS_OLD_CERTIFICATE"),
        ("other_ca", "SUCCESSOR_OTHER_CA"),
        ("foreign_key", "SUCCESSOR_ISSUER_UNKNOWN"),
        ("over", "SUCCESSOR_DATES"),
    ],
)
async def test_implausible_answers_are_thrown_away(
    service: Service, jlis: FakeJlis, institution: TestInstitution, bend: str, code: str
) -> None:
    """A successor that cannot be this holder's is TEMPORARY with its code; nothing of it is kept."""
    from dataclasses import replace

    from platform_api.jlis.gateway import FourInformationAnswer, QueryOutcome
    from revocation.status import Validity

    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    found = successor(world, new)
    bent = {
        "same": successor(world, old),
        "other_ca": replace(found, identity=replace(found.identity, ca_id="card-auth")),
        "foreign_key": replace(found, identity=replace(found.identity, issuer_key=bytes(32))),
        "over": replace(found, validity=Validity(found.validity.not_before, sets.T0)),
    }[bend]

    class Bending:
        async def query_four_information(self, query: Any) -> FourInformationAnswer:
            return FourInformationAnswer(QueryOutcome.DATA, jlis.items, bent, world.clock.now())

    async with serving(world, Bending()) as other:
        got = await fetch(other, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == ("TEMPORARY", None)
    rows = await everything(world.database)
    assert rows["four_information_query"][-1]["detail_code"] == code
    assert len(rows["watched_certificate"]) == 1


def _swap(old: str, new: str) -> Any:
    return lambda octets: octets.replace(old.encode(), new.encode())


async def test_what_is_not_a_consent(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Signature, holder, institution, service, items, text version, number, octets: each is checked."""
    card = make_card(sets.ca())
    stranger = make_card(sets.ca(), key=pki.key("p256", 91))
    registration_id = await onboard(service, institution, card)
    second = await make_institution(service.world.database, service_code="other-service")

    async def refused(**bent: Any) -> str:
        answer = await consent(service, institution, card, registration_id, expect=422, **bent)
        return str(answer["code"])

    bank = str(institution.institution_id)
    assert await refused(signer=stranger) == "CONSENT_HOLDER_MISMATCH"
    assert await refused(change=_swap(bank, str(second.institution_id))) == "CONSENT_INSTITUTION_MISMATCH"
    assert (
        await refused(change=_swap(institution.service_code, "other-service")) == "CONSENT_SERVICE_MISMATCH"
    )
    dropped = _swap("<項目>gender</項目>", "")
    assert await refused(change=dropped) == "CONSENT_ITEMS_MISMATCH"
    assert await refused(change=_swap("2026-05<", "2099-01<")) == "CONSENT_APPLICATION_MALFORMED"
    assert await refused(change=lambda o: o.replace(b"\n", b"\n\n")) == "CONSENT_OCTETS_MISMATCH"
    assert await refused(change=lambda o: o + b"<!-- x -->") == "CONSENT_OCTETS_MISMATCH"
    unknown = "00000000-0000-4000-8000-000000000000"

    def renumber(octets: bytes) -> bytes:
        before, rest = octets.split("<申請番号>".encode())
        return before + f"<申請番号>{unknown}".encode() + rest[36:]

    assert await refused(change=renumber) == "CONSENT_NUMBER_UNKNOWN"
    forged = Card(card.certificate, stranger.key)
    assert await refused(signer=forged) == "CONSENT_SIGNATURE_INVALID"
    auth = make_card(sets.ca(), policies=[AUTH_POLICY], items=None)
    assert await refused(signer=auth) == "CONSENT_KIND"
    assert jlis.submissions == 0


async def test_revoked_card_cannot_consent(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """A consent needs a certificate that is good now; revoked, or with stale lists, it is refused."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    await next_day(service, {card.serial: 3})
    answer = await consent(service, institution, card, registration_id, expect=422)
    assert answer["code"] == "CONSENT_CERTIFICATE_NOT_GOOD"
    fresh = make_card(sets.ca())
    other = await onboard(service, institution, fresh, "b")
    service.world.clock.advance(timedelta(days=5))
    answer = await consent(service, institution, fresh, other, expect=422)
    assert answer["code"] == "CONSENT_CERTIFICATE_NOT_GOOD"
    assert jlis.submissions == 0
