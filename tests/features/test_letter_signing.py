"""A letter is signed: by the right person, by the wrong one, twice, by two at once, and what is kept of
each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from platform_api.invitations.letter_texts import TEXTS
from platform_api.invitations.model import CONFIRM_WITHIN
from platform_api.invitations.signing import Result
from platform_api.problems import Problem
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import AUTH_POLICY, ITEMS, Card, make_card
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
    letters,
    shown,
    signed_by,
    taken,
)
from tests.features.service import Service
from tests.features.visiting import Visitor
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(90)
JA = TEXTS["ja"]
PENDING = "PENDING_INSTITUTION_CONFIRMATION"


@pytest.fixture
def app() -> FakeApp:
    return FakeApp()


@pytest.fixture
async def service(
    world: World, jlis: FakeJlis, institution: TestInstitution, app: FakeApp
) -> AsyncIterator[Service]:
    """A service that customers reach, an institution with a delivery key."""
    await world.day()
    async with letters(world, jlis, app=app) as running:
        await put_key(running, institution)
        yield running


@pytest.fixture
def visitor(service: Service, app: FakeApp) -> Visitor:
    return Visitor(service, app)


async def rows_of(service: Service, *tables: str) -> dict[str, int]:
    rows = await everything(service.world.database)
    return {table: len(rows[table]) for table in tables}


async def told(service: Service, institution: TestInstitution) -> list[str]:
    return [event.type for event in await service.world.events(institution)]


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
    jlis.down = False
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert (answer["state"], answer["consent_id"]) == ("REFLECTED", seen["consent_id"])


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


@pytest.mark.parametrize("what", ["revoked", "auth", "foreign"])
async def test_certificates_that_cannot_consent(
    service: Service, institution: TestInstitution, visitor: Visitor, what: str
) -> None:
    """Revoked, an authentication certificate, of no CA of ours: the customer may try another card."""
    if what == "auth":
        card = make_card(sets.ca(), policies=(AUTH_POLICY,), items=None)
    elif what == "foreign":
        card = make_card(sets.ca(), issuer_key=pki.key("p256", 70))
    else:
        card = make_card(sets.ca())
        await next_day(service, {card.serial: 3})
    made = await letter(service, institution)
    page = await visitor.sign(made, card)
    assert (page.title, JA["error_certificate"] in page.alert) == (JA["title_ask"], True)
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"
    assert (await visitor.sign(made, make_card(sets.ca()))).title == JA["title_pending"]


async def test_another_application_was_signed(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis
) -> None:
    """Of another letter, or with more items than the page showed: not what was asked."""
    made, other = await letter(service, institution), await letter(service, institution)
    theirs = await visitor.leave(other)
    foreign = visitor.app.requests[theirs].application
    state = await visitor.leave(made)
    own = visitor.app.requests[state].application
    wider = own.replace("<項目>name</項目>".encode(), "<項目>name</項目><項目>gender</項目>".encode())
    for octets in (foreign, wider):
        state = await visitor.leave(made)
        code = visitor.app.sign(state, make_card(sets.ca()), octets=octets)
        page = await visitor.come_back(state=state, code=code)
        assert JA["error_refused"] in page.alert
    with pytest.raises(Problem) as refused:
        await complete(
            service, jlis, institution, made.invitation_id, signed_by(make_card(sets.ca()), b"<x/>")
        )
    assert refused.value.code == "CONSENT_APPLICATION_MALFORMED"
    assert await rows_of(service, "delivery") == {"delivery": 0}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"error": "access_denied"}, "error_cancelled"),
        ({"error": "pin_locked"}, "error_pin"),
        ({"error": "something_else"}, "error_again"),
        ({}, "error_again"),
        ({"code": "x" * 600}, "error_again"),
    ],
)
async def test_nothing_was_signed(
    service: Service, institution: TestInstitution, visitor: Visitor, query: dict[str, str], error: str
) -> None:
    """Cancelled, wrong PIN too often, whatever: the customer reads why, and may begin again."""
    made = await letter(service, institution)
    state = await visitor.leave(made)
    page = await visitor.come_back(state=state, **query)
    assert (page.title, JA[error] in page.alert) == (JA["title_ask"], True)
    assert (await visitor.sign(made, make_card(sets.ca()))).title == JA["title_pending"]


async def test_a_state_works_once_in_its_own_browser(
    service: Service, institution: TestInstitution, app: FakeApp
) -> None:
    """Used again, in another browser, without a cookie, too late, with another app's name: nothing
    happens.
    """
    made = await letter(service, institution)
    one, other, third = (Visitor(service, app) for _ in range(3))
    state = await one.leave(made)
    await other.leave(made)
    code = app.sign(state, make_card(sets.ca()))
    page = await other.come_back(state=state, code=code)
    assert JA["error_browser"] in page.alert
    page = await third.come_back(state=state, code=code)
    assert (page.status, page.title) == (404, JA["title_unknown"])
    cookie = one.cookie
    assert (await one.come_back(state=state, code=code)).title == JA["title_pending"]
    one.cookie = cookie
    assert (await one.come_back(state=state, code=code)).title == JA["title_pending"]
    assert await told(service, institution) == ["consent.pending_confirmation"]
    late = await letter(service, institution)
    state = await one.leave(late)
    service.world.clock.set(service.world.clock.now() + timedelta(minutes=20))
    page = await one.come_back(state=state, code=app.sign(state, make_card(sets.ca())))
    assert JA["error_again"] in page.alert


async def test_the_app_does_not_answer(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """Before or after the signature: a sentence, and the letter stays as it was."""
    made = await letter(service, institution)
    app.down = True
    page = await visitor.agree(made)
    assert (page.status, JA["error_app_failed"] in page.alert) == (503, True)
    app.down = False
    state = await visitor.leave(made)
    code = app.sign(state, make_card(sets.ca()))
    app.down = True
    assert JA["error_app_failed"] in (await visitor.come_back(state=state, code=code)).alert
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"


async def test_expired_while_signing(
    service: Service, institution: TestInstitution, visitor: Visitor, app: FakeApp
) -> None:
    """The link's time runs out while the customer is at the app: nothing is taken."""
    made = await letter(service, institution, expires_in_days=1)
    service.world.clock.set(service.world.clock.now() + timedelta(days=1, minutes=-5))
    state = await visitor.leave(made)
    service.world.clock.set(service.world.clock.now() + timedelta(minutes=6))
    page = await visitor.come_back(state=state, code=app.sign(state, make_card(sets.ca())))
    assert page.title == JA["title_expired"]
    assert await rows_of(service, "delivery") == {"delivery": 0}


async def test_no_key_any_more(service: Service, institution: TestInstitution, visitor: Visitor) -> None:
    """The institution retired its last delivery key: who signed can be told to nobody, so nothing is
    taken.
    """
    made = await letter(service, institution)
    await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire")
    page = await visitor.sign(made, make_card(sets.ca()))
    assert JA["error_refused"] in page.alert
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"


async def _fails(*_: Any, **__: Any) -> None:
    raise ConnectionResetError


@pytest.mark.parametrize("persisted", [False, True])
async def test_the_write_that_completes_fails(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    monkeypatch: pytest.MonkeyPatch,
    persisted: bool,
) -> None:
    """Not persisted: the letter is as before and may be signed. Persisted though an error was reported: it is
    signed, once, and signing again is told so."""
    from platform_api.db import transactions
    from platform_api.invitations import signing

    made = await letter(service, institution)
    state = await visitor.leave(made)
    signed = signed_by(make_card(sets.ca()), visitor.app.requests[state].application)
    with monkeypatch.context() as patched:
        if persisted:
            calls = 0

            from contextlib import asynccontextmanager

            @asynccontextmanager
            async def lossy(*arguments: Any) -> AsyncIterator[Any]:
                nonlocal calls
                calls += 1
                number = calls
                async with transactions.tenant(*arguments) as connection:
                    yield connection
                if number == 2:
                    raise ConnectionResetError

            patched.setattr(signing, "tenant", lossy)
        else:
            patched.setattr(signing, "announce", _fails)
        with pytest.raises(ConnectionResetError):
            await complete(service, jlis, institution, made.invitation_id, signed)
    seen = await shown(service, institution, made.invitation_id)
    assert seen["state"] == (PENDING if persisted else "OPENED")
    result = await complete(service, jlis, institution, made.invitation_id, signed)
    assert result is (Result.TAKEN if persisted else Result.WAITING)
    assert await told(service, institution) == ["consent.pending_confirmation"]
    assert await rows_of(service, "delivery") == {"delivery": 1}
