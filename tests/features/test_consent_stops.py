"""A consent stopped over HTTP: the institution's own act, at once or from a day in Japan on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from platform_api.consents.model import JST
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import (
    consent,
    consent_events,
    effective,
    fetch,
    seen,
    withdraw,
    withdrawal,
)
from tests.features.gateways import FakeJlis
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

UP_TO_REFLECTED = [("RECEIVED", "holder"), ("SENT", "institution"), ("REFLECTED", "jlis")]
EFFECTIVE = [*UP_TO_REFLECTED, ("EFFECTIVE", "clock")]


async def test_stopped_at_once_and_again(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The institution's own act: nothing is fetched any more, one event; saying it again changes nothing."""
    card = make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, card)
    stopped = await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {})
    assert stopped["state"] == "STOPPED"
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"
    assert jlis.queries == []
    again = await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {})
    assert again == stopped
    assert await seen(service, institution, consent_id) == (
        "STOPPED",
        [*EFFECTIVE, ("STOPPED", "institution")],
    )
    assert await consent_events(service, institution) == ["consent.effective", "consent.stopped"]


async def test_a_stopped_consent_can_be_withdrawn(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """It stands at J-LIS still: the holder's withdrawal is taken and forwarded."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {})
    signed = await withdrawal(service, institution, consent_id, card)
    assert (await withdraw(service, institution, consent_id, signed))["state"] == "WITHDRAWN"
    assert len(jlis.withdrawals) == 1
    # At one and the same instant here: the history still has them in their order.
    history = (await seen(service, institution, consent_id))[1]
    assert history == [*EFFECTIVE, ("STOPPED", "institution"), ("WITHDRAWN", "holder")]
    stop_again = await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {}, expect=409)
    assert stop_again["code"] == "CONSENT_ENDED"


async def test_stopped_from_a_day_in_japan_on(service: Service, institution: TestInstitution) -> None:
    """The second before midnight still fetches, midnight does not, whether a pass has run or not."""
    world = service.world
    card = make_card(sets.ca())
    registration_id, consent_id = await effective(service, institution, card)
    day = world.clock.now().astimezone(JST).date() + timedelta(days=2)
    path = f"/v1/consents/{consent_id}:stop"
    planned = await service.call(
        institution, "POST", path, {"stop_on": (day + timedelta(days=5)).isoformat()}
    )
    assert planned["state"] == "EFFECTIVE"
    planned = await service.call(institution, "POST", path, {"stop_on": day.isoformat()})
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    assert planned["stops_at"] == midnight.astimezone(UTC).isoformat().replace("+00:00", "Z")
    world.clock.set(midnight - timedelta(microseconds=1))
    assert (await fetch(service, institution, registration_id))["outcome"] == "NO_NEW_CERTIFICATE"
    world.clock.set(midnight)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"
    assert (await service.call(institution, "GET", f"/v1/consents/{consent_id}"))["state"] == "STOPPED"


@pytest.mark.parametrize(
    ("stop_on", "code"), [("2020-01-01", "STOP_IN_THE_PAST"), ("2099-01-01", "STOP_AFTER_THE_END")]
)
async def test_a_stop_that_says_nothing_is_refused(
    service: Service, institution: TestInstitution, stop_on: str, code: str
) -> None:
    """A day that is over, and a day after the end of the consent."""
    card = make_card(sets.ca())
    _, consent_id = await effective(service, institution, card)
    path = f"/v1/consents/{consent_id}:stop"
    assert (await service.call(institution, "POST", path, {"stop_on": stop_on}, expect=422))["code"] == code


async def test_ended_consents_stay_ended(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Refused and expired ones are neither stopped nor withdrawn; a new consent is a new record."""
    card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=5000))
    registration_id, expired = await effective(service, institution, card)
    jlis.refuse = "JLIS_CONSENT_CERTIFICATE_INVALID"
    await consent(service, institution, card, registration_id, expect=422)
    refused = (await service.call(institution, "GET", "/v1/consents?state=REFUSED"))["consents"][0]
    assert refused["refusal_code"] == "JLIS_CONSENT_CERTIFICATE_INVALID"
    assert await seen(service, institution, refused["consent_id"]) == (
        "REFUSED",
        [("RECEIVED", "holder"), ("SENT", "institution"), ("REFUSED", "jlis")],
    )
    service.world.clock.set(service.world.clock.now() + timedelta(days=3653))
    for consent_id in (expired, refused["consent_id"]):
        for path in (":stop", "/withdrawal-applications"):
            ended = await service.call(
                institution, "POST", f"/v1/consents/{consent_id}{path}", {}, expect=409
            )
            assert ended["code"] == "CONSENT_ENDED"
    assert "consent.refused" in await consent_events(service, institution)
