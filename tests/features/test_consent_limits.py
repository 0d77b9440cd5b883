"""T39 and T60 by name: what a consent does not cover is not asked; it ends at midnight in Japan exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_api.institutions.administration import create_service
from tests import pki
from tests.base.postgres import MADE_AT, TestInstitution
from tests.features.cards import make_card
from tests.features.consent_passes import at, passes
from tests.features.consenting import consent, fetch, next_day, onboard, withdraw, withdrawal
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, b64
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def logged(world: World) -> tuple[str, str]:
    """Outcome and code of the newest query, as the log keeps them."""
    async with world.database.superuser() as connection:
        row = await connection.fetchrow(
            "SELECT outcome, detail_code FROM four_information_query ORDER BY asked_at DESC LIMIT 1"
        )
    return row["outcome"], row["detail_code"]


async def test_t39_no_consent_no_question(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Absent: refused, the refusal logged, J-LIS not asked."""
    registration_id = await onboard(service, institution, make_card(sets.ca()))
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_MISSING"
    assert await logged(service.world) == ("CONSENT_MISSING", "REFUSED_BY_US")
    assert jlis.queries == []


@pytest.mark.parametrize("way", ["withdrawn", "stopped"])
async def test_t39_ended_between_check_and_fetch(
    service: Service, jlis: FakeJlis, institution: TestInstitution, way: str
) -> None:
    """The institution saw it EFFECTIVE, then it ended, then it asked with that very consent: not asked."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    await next_day(service)
    seen = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    assert seen["state"] == "EFFECTIVE"
    if way == "withdrawn":
        signed = await withdrawal(service, institution, consent_id, card)
        await withdraw(service, institution, consent_id, signed)
    else:
        await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {})
    got = await fetch(service, institution, registration_id, consent_id=consent_id)
    assert (got["outcome"], got["four_information"]) == ("CONSENT_WITHDRAWN", None)
    assert await logged(service.world) == ("CONSENT_WITHDRAWN", "REFUSED_BY_US")
    assert jlis.queries == []


async def test_t39_expired(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """After its last second: refused by us, whatever J-LIS would say."""
    card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=5000))
    registration_id = await onboard(service, institution, card)
    await consent(service, institution, card, registration_id)
    service.world.clock.set(at("2036-11-21T00:00:00").astimezone(UTC))
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_EXPIRED"
    assert await logged(service.world) == ("CONSENT_EXPIRED", "REFUSED_BY_US")
    assert jlis.queries == []


async def test_t39_another_service(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """One customer, two services of one bank: what he allowed to the one, the other may not."""
    world, card = service.world, make_card(sets.ca())
    async with world.database.owner() as owner:
        other = await create_service(
            owner,
            institution_id=institution.institution_id,
            service_code="svc-other",
            name="Other",
            now=MADE_AT,
        )
    allowed = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, allowed))["consent_id"]
    path = f"/v1/services/{other.service_id}/registrations/a"
    put = await service.call(
        institution, "PUT", path, {"certificate": b64(card.der), "customer_ref": "customer-1"}
    )
    await next_day(service)
    assert (await fetch(service, institution, put["registration_id"]))["outcome"] == "CONSENT_MISSING"
    path = f"/v1/registrations/{put['registration_id']}/four-information:fetch"
    body: dict[str, Any] = {"items": ["name"], "consent_id": consent_id}
    await service.call(institution, "POST", path, body, expect=404)
    assert jlis.queries == []
    assert (await fetch(service, institution, allowed))["outcome"] == "NO_NEW_CERTIFICATE"


async def test_t39_narrower_items(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """Consent to the name: only it is asked for, and only it is answered; the address alone is refused."""
    world, old, new = service.world, make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id, ["name"])
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(world, new)
    got = await fetch(service, institution, registration_id)
    assert got["outcome"] == "DATA"
    assert {item for item, value in got["four_information"].items() if value is not None} == {"name"}
    assert [query.items for query in jlis.queries] == [("name",)]
    world.clock.set(world.clock.now() + timedelta(seconds=1))
    got = await fetch(service, institution, registration_id, ["address"])
    assert got["outcome"] == "ITEM_NOT_CONSENTED"
    assert await logged(world) == ("ITEM_NOT_CONSENTED", "REFUSED_BY_US")
    assert len(jlis.queries) == 1


async def test_t60_at_midnight_in_japan_exactly_the_due_ones(
    service: Service, institution: TestInstitution
) -> None:
    """Three consents a day apart: at each midnight exactly one expires, a microsecond before it none."""
    consent_ids = []
    for number in range(3):
        card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=5000))
        registration_id = await onboard(service, institution, card, f"r-{number}")
        consent_ids.append((await consent(service, institution, card, registration_id))["consent_id"])
        await next_day(service)
    await passes(service, institution)
    moment = timedelta(microseconds=1)
    for number in range(3):
        midnight: datetime = at(f"2036-11-{21 + number}T00:00:00").astimezone(UTC)
        for now, expired in ((midnight - moment, number), (midnight, number + 1)):
            service.world.clock.set(now)
            await passes(service, institution)
            listed = await service.call(institution, "GET", "/v1/consents?state=EXPIRED")
            assert [one["consent_id"] for one in listed["consents"]] == consent_ids[:expired]
            async with service.world.database.superuser() as connection:
                count = await connection.fetchval(
                    "SELECT count(*) FROM consent_history WHERE state = 'EXPIRED'"
                )
            assert count == expired
