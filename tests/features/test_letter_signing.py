"""A letter is signed: by the right person, by the wrong one, twice, by two at once, and what is kept of
each.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from platform_api.invitations.letter_texts import TEXTS
from platform_api.invitations.model import CONFIRM_WITHIN
from platform_api.invitations.signing import Result
from tests.base.postgres import TestInstitution
from tests.features.cards import ITEMS, Card, make_card
from tests.features.consenting import next_day, onboard
from tests.features.delivering import put_key
from tests.features.gateways import FakeJlis
from tests.features.inviting import (
    FakeApp,
    Letter,
    act,
    body_of,
    complete,
    letter,
    rows_of,
    shown,
    signed_by,
    taken,
    told,
)
from tests.features.service import Service, b64
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


async def test_signed_and_confirmed(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """Letter, signature, delivery, comparison, confirmation: registered and consented as of the signature."""
    card = make_card(sets.ca())
    made = await letter(service, institution)
    page = await visitor.sign(made, card)
    assert (page.status, page.title) == (200, JA["title_pending"])
    seen = await shown(service, institution, made.invitation_id)
    assert (seen["state"], seen["registration_id"]) == (PENDING, None)
    assert await rows_of(service, "registration", "watched_certificate", "consent") == {
        "registration": 0,
        "watched_certificate": 0,
        "consent": 0,
    }
    assert jlis.submissions == 0
    events = await service.world.events(institution)
    assert [(e.type, str(e.invitation_id), str(e.delivery_id), e.action) for e in events] == [
        ("consent.pending_confirmation", made.invitation_id, seen["delivery_id"], "CONFIRM_SIGNER")
    ]
    body, items = await taken(service, institution, seen["delivery_id"])
    assert items["name"]["value"] == ITEMS["1"]
    service.world.clock.set(service.world.clock.now() + timedelta(hours=30))
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["state"] == "REFLECTED"
    registration = await service.call(institution, "GET", f"/v1/registrations/{answer['registration_id']}")
    assert (registration["registration_ref"], registration["customer_ref"]) == ("account-1", "customer-1")
    seen = await shown(service, institution, made.invitation_id)
    assert (seen["state"], seen["consent_id"]) == ("CONFIRMED", answer["consent_id"])
    rows = await everything(service.world.database)
    assert rows["consent"][0]["received_at"].isoformat() == seen["signed_at"].replace("Z", "+00:00")
    again = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert again["consent_id"] == answer["consent_id"]
    assert jlis.submissions == 1
    assert (await visitor.get(made.path)).title == JA["title_confirmed"]


async def test_wrong_person_signs_the_letter(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """The letter reaches somebody else, who signs: nothing is registered, fetched or sent to J-LIS before the
    institution has looked; it rejects, and nothing of that person stays."""
    stranger = make_card(sets.ca())
    made = await letter(service, institution)
    await visitor.sign(made, stranger, person="stranger-ppid")
    seen = await shown(service, institution, made.invitation_id)
    await taken(service, institution, seen["delivery_id"])
    rejected = await act(service, institution, made.invitation_id, "reject")
    assert rejected["state"] == "REJECTED"
    assert (await act(service, institution, made.invitation_id, "reject"))["state"] == "REJECTED"
    rows = await everything(service.world.database)
    assert rows["registration"] == rows["watched_certificate"] == rows["consent"] == []
    assert rows["invitation_signing"] == rows["delivery"] == []
    kept = rows["consent_invitation"][0]
    assert [kept[name] for name in ("ppid", "ppid_tag", "certificate_hash", "signed_hash")] == [None] * 4
    assert (jlis.submissions, jlis.queries) == (0, [])
    page = await visitor.get(made.path)
    assert (page.status, page.title) == (410, JA["title_rejected"])
    body = {"application": "AA==", "signature": "AA==", "signature_algorithm": "x", "certificate": "AA=="}
    await act(service, institution, made.invitation_id, "confirm", body=body, expect=422)
    refused = await act(
        service, institution, made.invitation_id, "confirm", body=unsigned(stranger), expect=422
    )
    assert refused["code"].startswith("CONSENT_")
    assert (await everything(service.world.database))["registration"] == []


def unsigned(card: Card) -> dict[str, str]:
    return body_of(signed_by(card, b"<x/>").application) | {"signature": "AAAA"}


async def test_nothing_of_the_signer_at_rest(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """While the letter waits: no item, no certificate, no pairwise id in the clear in any table."""
    card = make_card(sets.ca())
    await visitor.sign(await letter(service, institution), card, person="ppid-canary-77")
    rows = await everything(service.world.database)
    stored = b"".join(
        value if isinstance(value, bytes) else str(value).encode()
        for table in rows.values()
        for row in table
        for value in row.values()
    )
    for secret in (ITEMS["1"].encode(), ITEMS["5"].encode(), b"ppid-canary-77", card.der, card.der[-64:]):
        assert secret not in stored
    assert rows["consent_invitation"][0]["ppid"] is not None


async def test_only_what_was_signed_confirms(
    service: Service, institution: TestInstitution, visitor: Visitor, other_institution: TestInstitution
) -> None:
    """Another signature by the same card, another card, another institution: refused, nothing registered."""
    card = make_card(sets.ca())
    made = await letter(service, institution)
    state = await visitor.leave(made)
    octets = visitor.app.requests[state].application
    await visitor.come_back(state=state, code=visitor.app.sign(state, card))
    for other in (card, make_card(sets.ca())):
        body = body_of(signed_by(other, octets).application)
        refused = await act(service, institution, made.invitation_id, "confirm", body=body, expect=422)
        assert refused["code"] == "INVITATION_SIGNATURE_MISMATCH"
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    await act(service, other_institution, made.invitation_id, "confirm", body=body, expect=404)
    assert (await shown(service, institution, made.invitation_id))["state"] == PENDING
    assert (await everything(service.world.database))["registration"] == []


async def test_the_registrations_own_holder_needs_no_confirmation(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """The certificate that the registration watches: handed to J-LIS at once, no delivery, no question."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    made = await letter(service, institution, registration_id=registration_id)
    assert (await visitor.sign(made, card)).title == JA["title_confirmed"]
    seen = await shown(service, institution, made.invitation_id)
    assert (seen["state"], seen["delivery_id"]) == ("CONFIRMED", None)
    assert jlis.submissions == 1
    rows = await everything(service.world.database)
    assert str(rows["consent"][0]["consent_id"]) == seen["consent_id"]
    assert "consent.pending_confirmation" not in await told(service, institution)


async def test_a_registration_signed_by_another_certificate(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """It may be the customer's new card or another person's: the institution says which."""
    registration_id = await onboard(service, institution, make_card(sets.ca()))
    renewed = make_card(sets.ca())
    made = await letter(service, institution, registration_id=registration_id)
    assert (await visitor.sign(made, renewed)).title == JA["title_pending"]
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["registration_id"] == registration_id


@pytest.mark.parametrize("by", ["registration_id", "references", "made_later"])
async def test_references_that_changed_meanwhile(
    service: Service, institution: TestInstitution, visitor: Visitor, by: str
) -> None:
    """The registration's customer_ref is its own: confirming a letter never writes back the letter's."""
    card = make_card(sets.ca())
    if by == "made_later":
        made = await letter(service, institution)
        registration_id = await onboard(service, institution, card, "account-1")
    else:
        registration_id = await onboard(service, institution, card, "account-1")
        wish = {"registration_id": registration_id} if by == "registration_id" else {}
        made = await letter(service, institution, **wish)
    await visitor.sign(made, make_card(sets.ca()))
    path = f"/v1/services/{institution.service_id}/registrations/account-1"
    moved = {"certificate": b64(card.der), "customer_ref": "customer-of-today"}
    await service.call(institution, "PUT", path, moved)
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["registration_id"] == registration_id
    registration = await service.call(institution, "GET", f"/v1/registrations/{registration_id}")
    assert registration["customer_ref"] == "customer-of-today"


async def test_a_known_holder_signs_again_without_a_delivery_key(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """Nothing is to be delivered of him: a key that was retired meanwhile stops nobody from completing."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    made = await letter(service, institution, registration_id=registration_id)
    jlis.down = True
    await visitor.sign(made, card)
    await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire")
    jlis.down = False
    assert (await visitor.sign(made, card)).title == JA["title_confirmed"]


async def test_j_lis_does_not_answer(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """The known holder signs again later; nobody else can; then it is complete, with one consent."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    made = await letter(service, institution, registration_id=registration_id)
    jlis.down = True
    page = await visitor.sign(made, card)
    assert JA["notice_later"] in page.alert
    assert (await shown(service, institution, made.invitation_id))["state"] == "SIGNED"
    await visitor.sign(made, make_card(sets.ca()))
    assert (await shown(service, institution, made.invitation_id))["state"] == "SIGNED"
    jlis.down = False
    assert (await visitor.sign(made, card)).title == JA["title_confirmed"]
    assert await rows_of(service, "consent", "delivery") == {"consent": 1, "delivery": 0}


async def test_j_lis_does_not_answer_the_confirmation(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """The decision stands; the same request again goes on from there."""
    made = await letter(service, institution)
    await visitor.sign(made, make_card(sets.ca()))
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    jlis.down = True
    await act(service, institution, made.invitation_id, "confirm", body=body, expect=503)
    seen = await shown(service, institution, made.invitation_id)
    assert seen["state"] == "CONFIRMED"
    assert seen["consent_id"] is not None
    assert (await visitor.get(made.path)).title == JA["title_pending"]
    jlis.down = False
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert (answer["state"], answer["consent_id"]) == ("REFLECTED", seen["consent_id"])


async def test_j_lis_refuses(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """Its no ends the letter, whoever signed; the customer reads that there is no consent, never that it
    is complete.
    """
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.refuse = "JLIS_CONSENT_REFUSED"
    known = await letter(service, institution, registration_id=registration_id)
    assert (await visitor.sign(known, card)).title == JA["title_refused"]
    other = await letter(service, institution, registration_ref="account-2", customer_ref="customer-2")
    await visitor.sign(other, make_card(sets.ca()))
    seen = await shown(service, institution, other.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    await act(service, institution, other.invitation_id, "confirm", body=body, expect=422)
    assert (await visitor.get(other.path)).title == JA["title_refused"]
    for made in (known, other):
        seen = await shown(service, institution, made.invitation_id)
        assert (seen["state"], seen["consent_id"] is not None) == ("CONFIRMED", True)
        assert (await visitor.get(made.path)).title == JA["title_refused"]


async def test_two_browsers_race(
    service: Service, institution: TestInstitution, app: FakeApp, jlis: FakeJlis
) -> None:
    """Both are at the app, both sign: exactly one completes, one delivery, one event; the other page is
    calm.
    """
    made = await letter(service, institution)
    racers = [Visitor(service, app) for _ in range(4)]
    ways = [await racer.leave(made) for racer in racers]
    codes = [app.sign(state, make_card(sets.ca())) for state in ways]
    pages = await asyncio.gather(
        *(
            racer.come_back(state=state, code=code)
            for racer, state, code in zip(racers, ways, codes, strict=True)
        )
    )
    assert {page.title for page in pages} == {JA["title_pending"]}
    assert await told(service, institution) == ["consent.pending_confirmation"]
    assert await rows_of(service, "delivery") == {"delivery": 1}


async def test_exactly_one_of_many_completes(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """The same, one layer below: of twelve one waits, eleven are told that it is taken."""
    made = await letter(service, institution)
    state = await visitor.leave(made)
    octets = visitor.app.requests[state].application
    results = await asyncio.gather(
        *(
            complete(service, jlis, institution, made.invitation_id, signed_by(make_card(sets.ca()), octets))
            for _ in range(12)
        )
    )
    assert sorted(results) == [Result.TAKEN] * 11 + [Result.WAITING]


async def test_same_person_twice(
    service: Service, institution: TestInstitution, visitor: Visitor, other_institution: TestInstitution
) -> None:
    """One person signs two letters of one service: each shows the other, also with another card; another
    service's letter shows nothing, and the pairwise id is never shown."""
    await put_key(service, other_institution)
    first = await letter(service, institution)
    second = await letter(service, institution, registration_ref="account-2", customer_ref="customer-2")
    foreign = await letter(service, other_institution)
    for made in (first, second, foreign):
        await visitor.sign(made, make_card(sets.ca()), person="one-person")
    seen = await shown(service, institution, second.invitation_id)
    assert seen["same_person_as"] == [first.invitation_id]
    assert (await shown(service, institution, first.invitation_id))["same_person_as"] == [
        second.invitation_id
    ]
    assert (await shown(service, other_institution, foreign.invitation_id))["same_person_as"] == []
    assert "one-person" not in str(seen)
    await act(service, institution, first.invitation_id, "reject")
    assert (await shown(service, institution, second.invitation_id))["same_person_as"] == []


async def _pending(service: Service, institution: TestInstitution, visitor: Visitor) -> Letter:
    made = await letter(service, institution)
    await visitor.sign(made, make_card(sets.ca()))
    return made


async def test_nobody_confirms_in_time(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """After 14 days the letter is over: announced, and what was known of the signer is gone."""
    made = await _pending(service, institution, visitor)
    await taken(service, institution, (await shown(service, institution, made.invitation_id))["delivery_id"])
    service.world.clock.set(service.world.clock.now() + CONFIRM_WITHIN)
    seen = await shown(service, institution, made.invitation_id)
    assert seen["state"] == "EXPIRED"
    rows = await everything(service.world.database)
    assert (rows["consent_invitation"][0]["ppid"], rows["delivery"]) == (None, [])
    assert await told(service, institution) == ["consent.pending_confirmation", "consent.invitation_expired"]


async def test_a_certificate_that_ends_before_the_confirmation(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """Revoked meanwhile: it can give no consent, and nothing is registered."""
    card = make_card(sets.ca())
    made = await letter(service, institution)
    await visitor.sign(made, card)
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    await next_day(service, {card.serial: 3})
    refused = await act(service, institution, made.invitation_id, "confirm", body=body, expect=422)
    assert refused["code"] == "CONSENT_CERTIFICATE_NOT_GOOD"
    assert (await everything(service.world.database))["registration"] == []
    assert (await shown(service, institution, made.invitation_id))["state"] == PENDING
