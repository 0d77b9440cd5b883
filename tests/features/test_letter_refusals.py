"""Signatures of a letter that do not count: another card, another text, another browser, too late, half
done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from platform_api.invitations.letter_texts import TEXTS
from platform_api.invitations.signing import Result
from platform_api.problems import Problem
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import AUTH_POLICY, make_card
from tests.features.consenting import next_day
from tests.features.gateways import FakeJlis
from tests.features.inviting import (
    FakeApp,
    act,
    complete,
    letter,
    rows_of,
    shown,
    signed_by,
    taken,
    told,
)
from tests.features.service import Service
from tests.features.visiting import Visitor
from tests.revocation import sets

pytestmark = pytest.mark.timeout(90)
JA = TEXTS["ja"]
PENDING = "PENDING_INSTITUTION_CONFIRMATION"


@pytest.fixture
def service(letter_service: Service) -> Service:
    """Customers reach it."""
    return letter_service


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


async def test_lists_that_cannot_say(
    service: Service, institution: TestInstitution, visitor: Visitor
) -> None:
    """Our lists are too old to say anything: that is no word against the card. Customer and institution are
    asked to try again later, and the letter waits for it.
    """
    made, other = await letter(service, institution), await letter(service, institution)
    card = make_card(sets.ca())
    await visitor.sign(other, card)
    seen = await shown(service, institution, other.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    service.world.clock.set(service.world.clock.now() + timedelta(days=3))
    page = await visitor.sign(made, card)
    assert (page.status, page.title) == (200, JA["title_ask"])
    assert JA["error_undetermined"] in page.alert
    assert (await shown(service, institution, made.invitation_id))["state"] == "OPENED"
    later = await act(service, institution, other.invitation_id, "confirm", body=body, expect=503)
    assert later["code"] == "CONSENT_CERTIFICATE_UNDETERMINED"
    assert (await shown(service, institution, other.invitation_id))["state"] == PENDING
    for _ in range(4):
        await next_day(service)
    assert (await visitor.sign(made, card)).title == JA["title_pending"]
    answer = await act(service, institution, other.invitation_id, "confirm", body=body)
    assert answer["state"] == "REFLECTED"


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
    taken, and nobody is sent to the app to enter his PIN for nothing; declining needs no key.
    """
    made, other = await letter(service, institution), await letter(service, institution)
    state = await visitor.leave(made)
    await service.call(institution, "POST", "/v1/delivery-keys/key-1:retire")
    page = await visitor.come_back(state=state, code=visitor.app.sign(state, make_card(sets.ca())))
    assert JA["error_refused"] in page.alert
    page = await visitor.agree(made)
    assert (page.status, page.title) == (410, JA["title_closed"])
    assert len(visitor.app.requests) == 1
    form = await visitor.form(other, "declining")
    page = await visitor.get(await visitor.post(f"{other.path}/decline", form))
    assert page.title == JA["title_declined"]
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


@pytest.mark.parametrize("step", ["register", "mark_confirmed", "forget_signer"])
async def test_a_confirmation_that_fails_changes_nothing(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """Whichever write fails: the letter waits as before, nothing is registered, and confirming again does
    it.
    """
    from platform_api.invitations import deciding

    made = await letter(service, institution)
    await visitor.sign(made, make_card(sets.ca()))
    seen = await shown(service, institution, made.invitation_id)
    body, _ = await taken(service, institution, seen["delivery_id"])
    with monkeypatch.context() as patched:
        place = deciding.store if step == "mark_confirmed" else deciding
        patched.setattr(place, step, _fails)
        answer = await act(service, institution, made.invitation_id, "confirm", body=body, expect=503)
        assert answer["code"] == "DATABASE_UNAVAILABLE"
    assert (await shown(service, institution, made.invitation_id))["state"] == PENDING
    assert await rows_of(service, "registration", "consent", "delivery") == {
        "registration": 0,
        "consent": 0,
        "delivery": 1,
    }
    assert jlis.submissions == 0
    answer = await act(service, institution, made.invitation_id, "confirm", body=body)
    assert answer["state"] == "REFLECTED"
