"""A letter that its registration's own holder signed, and that ends before J-LIS has answered: the consent
ends with it, or the letter is confirmed; never one of them without the other.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from platform_api.invitations.letter_texts import TEXTS
from platform_api.refresh.passing import Passing
from tests.base.postgres import TestInstitution
from tests.features.cards import Card, make_card
from tests.features.consenting import onboard, seen
from tests.features.gateways import FakeJlis
from tests.features.inviting import Letter, act, letter, rows_of, shown, told
from tests.features.service import Service
from tests.features.visiting import Visitor
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(90)
JA = TEXTS["ja"]


@pytest.fixture
def service(letter_service: Service) -> Service:
    """Customers reach it."""
    return letter_service


@pytest.fixture
def card() -> Card:
    """Of the registration's holder."""
    return make_card(sets.ca())


async def known(service: Service, institution: TestInstitution, card: Card) -> Letter:
    """A letter for a registration that watches this card; it is open for a day."""
    registration_id = await onboard(service, institution, card)
    return await letter(service, institution, registration_id=registration_id, expires_in_days=1)


async def night(service: Service, institution: TestInstitution, jlis: FakeJlis, **later: Any) -> None:
    """A pass of the refresh, so much later."""
    world = service.world
    world.clock.set(world.clock.now() + timedelta(**later))
    await Passing(world.database.app_pool, world.watcher, jlis).institution(institution.institution_id)


async def only_consent(service: Service) -> str:
    (row,) = (await everything(service.world.database))["consent"]
    return str(row["consent_id"])


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("who", ["customer", "institution"])
async def test_over_after_the_signature(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    card: Card,
    taken: bool,
    who: str,
) -> None:
    """J-LIS was down, or took the consent and its answer was lost; now the customer declines, or the
    institution cancels: the letter is over, and the consent is stopped in the same transaction.
    """
    made = await known(service, institution, card)
    if taken:
        jlis.answer_lost = True
    else:
        jlis.down = True
    await visitor.sign(made, card)
    if who == "customer":
        page = await visitor.get(
            await visitor.post(f"{made.path}/decline", await visitor.form(made, "declining"))
        )
        title, state, events = "title_declined", "DECLINED", ["consent.stopped", "consent.declined"]
    else:
        await act(service, institution, made.invitation_id, "cancel")
        page = await visitor.get(made.path)
        title, state, events = "title_cancelled", "CANCELLED", ["consent.stopped"]
    assert page.title == JA[title]
    assert JA["text_stopped"] in page.text
    shows = await shown(service, institution, made.invitation_id)
    consent_id = await only_consent(service)
    assert (shows["state"], shows["consent_id"]) == (state, consent_id)
    assert (await seen(service, institution, consent_id))[0] == "STOPPED"
    assert await told(service, institution) == events


@pytest.mark.parametrize("how", ["declined", "expired"])
async def test_over_while_j_lis_is_asked(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    card: Card,
    how: str,
) -> None:
    """J-LIS says yes to what was declined, or ran out, while it was asked: nothing is fetched with it."""
    made = await known(service, institution, card)
    form = await visitor.form(made, "declining")

    async def meanwhile() -> None:
        if how == "declined":
            await visitor.post(f"{made.path}/decline", form)
        else:
            await night(service, institution, jlis, days=1)

    state = await visitor.leave(made)
    jlis.while_submitting = meanwhile
    page = await visitor.come_back(state=state, code=visitor.app.sign(state, card))
    assert page.title == JA[f"title_{how}"]
    shows = await shown(service, institution, made.invitation_id)
    consent_id = await only_consent(service)
    assert (shows["state"], shows["consent_id"]) == (how.upper(), consent_id)
    assert (await seen(service, institution, consent_id))[0] == "STOPPED"
    assert (await everything(service.world.database))["consent"][0]["consent_ref"] == "ref-1"


async def test_declined_before_the_consent_is_kept(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    card: Card,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the instant between the signature and the consent: no consent is made, J-LIS is not asked."""
    from platform_api.consents.receiving import ConsentReceiver

    made = await known(service, institution, card)
    form = await visitor.form(made, "declining")
    state = await visitor.leave(made)
    take = ConsentReceiver.take

    async def after_a_decline(self: ConsentReceiver, *arguments: Any, **more: Any) -> Any:
        await visitor.post(f"{made.path}/decline", form)
        return await take(self, *arguments, **more)

    monkeypatch.setattr(ConsentReceiver, "take", after_a_decline)
    page = await visitor.come_back(state=state, code=visitor.app.sign(state, card))
    assert page.title == JA["title_declined"]
    assert jlis.submissions == 0
    assert await rows_of(service, "consent") == {"consent": 0}


async def test_nobody_signs_again_in_time(
    service: Service, institution: TestInstitution, visitor: Visitor, jlis: FakeJlis, card: Card
) -> None:
    """J-LIS was down and stays unasked: letter and consent end together, and both are told."""
    made = await known(service, institution, card)
    jlis.down = True
    await visitor.sign(made, card)
    await night(service, institution, jlis, days=1)
    shows = await shown(service, institution, made.invitation_id)
    assert (shows["state"], shows["consent_id"]) == ("EXPIRED", await only_consent(service))
    assert (await seen(service, institution, shows["consent_id"]))[0] == "STOPPED"
    assert await told(service, institution) == ["consent.stopped", "consent.invitation_expired"]


@pytest.mark.parametrize("reflects", [False, True])
async def test_a_crash_after_j_lis_answered(
    service: Service,
    institution: TestInstitution,
    visitor: Visitor,
    jlis: FakeJlis,
    card: Card,
    monkeypatch: pytest.MonkeyPatch,
    reflects: bool,
) -> None:
    """J-LIS has the consent and only the letter's own end was not written: nobody's letter expires, and
    its page says that it is complete once J-LIS has put it into force.
    """
    from platform_api.invitations import signing

    async def dies(*_: Any) -> None:
        raise ConnectionResetError

    jlis.reflects = reflects
    made = await known(service, institution, card)
    with monkeypatch.context() as patched:
        patched.setattr(signing.store, "mark_confirmed", dies)
        await visitor.sign(made, card)
    service.world.clock.set(service.world.clock.now() + timedelta(days=1))
    page = await visitor.get(made.path)
    assert page.title == JA["title_confirmed" if reflects else "title_pending"]
    shows = await shown(service, institution, made.invitation_id)
    assert (shows["state"], shows["consent_id"]) == ("CONFIRMED", await only_consent(service))
    assert "consent.invitation_expired" not in await told(service, institution)
