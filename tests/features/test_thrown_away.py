"""Answers that may not be handed on, and applications that are no consent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from platform_api.db.transactions import tenant
from tests import pki
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import AUTH_POLICY, Card, make_card
from tests.features.consenting import consent, fetch, next_day, onboard, signed_consent
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def test_t39_answer_with_more_than_the_consent_by_then_covers_is_thrown_away(
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


async def test_t39_answer_after_withdrawal_is_thrown_away(
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
        ("other_ca", "SUCCESSOR_ISSUER_UNKNOWN"),
        ("auth", "SUCCESSOR_KIND"),
        ("foreign_key", "SUCCESSOR_ISSUER_UNKNOWN"),
        ("over", "SUCCESSOR_DATES"),
        ("other_birthday", "PERSON_MISMATCH"),
    ],
)
async def test_t40_implausible_answers_are_thrown_away(
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
        "auth": replace(found, kind="card-auth"),
        "other_birthday": replace(
            found,
            validity=replace(found.validity, not_after=found.validity.not_after + timedelta(days=1)),
        ),
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
    """A consent needs a certificate that is good now; a revoked one is refused for good."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    await next_day(service, {card.serial: 3})
    answer = await consent(service, institution, card, registration_id, expect=422)
    assert answer["code"] == "CONSENT_CERTIFICATE_NOT_GOOD"
    assert jlis.submissions == 0


async def test_a_consent_that_was_kept_goes_on_after_the_card_has_ended(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS took it and its answer was lost; that night the card is listed. The same request still learns
    what became of it: whether the card was good was looked at when the consent was received."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    body = await signed_consent(service, institution, card, registration_id)
    jlis.answer_lost = True
    await service.call(institution, "POST", "/v1/consents", body, expect=503)
    jlis.answer_lost = False
    await next_day(service, {card.serial: 3})
    taken = await service.call(institution, "POST", "/v1/consents", body, expect=201)
    assert (taken["state"], len(jlis.taken)) == ("EFFECTIVE", 1)


async def test_a_card_of_which_our_lists_cannot_say_anything(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Late lists are no word against the card: nothing is kept, and the same request is taken once they are
    back, under the same Idempotency-Key."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    body = await signed_consent(service, institution, card, registration_id)
    once = {"Idempotency-Key": "once"}
    service.world.clock.advance(timedelta(days=5))
    refused = await service.call(institution, "POST", "/v1/consents", body, expect=503, headers=once)
    assert refused["code"] == "CONSENT_CERTIFICATE_UNDETERMINED"
    assert int(service.headers["Retry-After"]) > 0
    assert (jlis.submissions, (await everything(service.world.database))["consent"]) == (0, [])
    await next_day(service)
    taken = await service.call(institution, "POST", "/v1/consents", body, expect=201, headers=once)
    assert taken["state"] == "REFLECTED"
