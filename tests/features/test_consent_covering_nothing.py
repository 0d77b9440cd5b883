"""J-LIS has put a consent into force of which nothing is left: it is kept, named, asked about, never used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import Card, make_card
from tests.features.consent_passes import passes
from tests.features.consenting import (
    consent_events,
    fetch,
    next_day,
    onboard,
    seen,
    signed_consent,
    withdraw,
    withdrawal,
)
from tests.features.gateways import ONE_DAY, FakeJlis
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def handed_in(
    service: Service, institution: TestInstitution, card: Card
) -> tuple[str, str, dict[str, Any]]:
    """Registration, consent and what was signed, of a consent that J-LIS says to be over already."""
    registration_id = await onboard(service, institution, card)
    signed = await signed_consent(service, institution, card, registration_id)
    refused = await service.call(institution, "POST", "/v1/consents", signed, expect=502)
    assert refused["code"] == "JLIS_ANSWER_IMPLAUSIBLE"
    (kept,) = (await service.call(institution, "GET", "/v1/consents"))["consents"]
    assert (kept["state"], kept["valid_until"]) == ("SENT", None)
    return registration_id, kept["consent_id"], signed


async def test_a_period_that_is_over_covers_nothing(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Refused aloud each time it is handed in; nothing is asked by it; what J-LIS mends is taken."""
    jlis.until = service.world.clock.now() - ONE_DAY
    registration_id, consent_id, signed = await handed_in(service, institution, make_card(sets.ca()))
    await service.call(institution, "POST", "/v1/consents", signed, expect=502)
    await next_day(service)
    report = await passes(service, institution, jlis)
    assert (report.asked, report.reflected, report.implausible) == (1, 0, 1)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_NOT_YET_EFFECTIVE"
    assert (jlis.queries, await consent_events(service, institution)) == ([], [])

    jlis.until = None
    jlis.reflect("ref-1")
    await next_day(service)
    report = await passes(service, institution, jlis)
    assert (report.asked, report.reflected, report.implausible) == (1, 1, 0)
    await next_day(service)
    await passes(service, institution, jlis)
    assert (await seen(service, institution, consent_id))[0] == "EFFECTIVE"
    assert await consent_events(service, institution) == ["consent.effective"]


async def test_put_into_force_after_ten_years(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Received, and reflected when the ten years since are over: the two official rules leave no day."""
    card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=9000))
    jlis.reflects = False
    registration_id = await onboard(service, institution, card)
    signed = await signed_consent(service, institution, card, registration_id)
    given = await service.call(institution, "POST", "/v1/consents", signed, expect=201)
    service.world.clock.set(service.world.clock.now() + 3653 * ONE_DAY)
    jlis.reflect("ref-1")
    report = await passes(service, institution, jlis)
    assert (report.asked, report.reflected, report.implausible) == (1, 0, 1)
    service.world.clock.set(service.world.clock.now() + 30 * ONE_DAY)
    await passes(service, institution, jlis)
    assert (await seen(service, institution, given["consent_id"]))[0] == "SENT"
    assert await consent_events(service, institution) == []


async def test_its_holder_may_withdraw_it(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS's name of it was kept: the withdrawal finds its way there."""
    jlis.until = service.world.clock.now() - ONE_DAY
    card = make_card(sets.ca())
    _, consent_id, _ = await handed_in(service, institution, card)
    application = await withdrawal(service, institution, consent_id, card)
    answer = await withdraw(service, institution, consent_id, application)
    assert answer["state"] == "WITHDRAWN"
    assert [one.consent_ref for one in jlis.withdrawals] == ["ref-1"]
