"""A refresh policy over HTTP, and the customer's agreement to linkage beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.delivering import put_key
from tests.features.service import Service, b64
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)
POLICY: dict[str, Any] = {"enabled": True, "items": ["name"], "daily_cap": 100, "daily_questions_cap": 1000}


def path(institution: TestInstitution) -> str:
    return f"/v1/services/{institution.service_id}/refresh-policy"


async def test_a_policy_needs_a_key_and_a_service_of_ones_own(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Enabling without a delivery key: 409; a disabled one may stand; another's service is not there."""
    here = path(institution)
    missing = await service.call(institution, "GET", here, expect=404)
    assert missing["code"] == "REFRESH_POLICY_MISSING"
    refused = await service.call(institution, "PUT", here, POLICY, expect=409)
    assert refused["code"] == "DELIVERY_KEY_MISSING"
    off = await service.call(institution, "PUT", here, POLICY | {"enabled": False})
    assert off["enabled"] is False
    await put_key(service, institution)
    put = await service.call(institution, "PUT", here, POLICY | {"keep_hours": 72, "linkage": True})
    assert (put["keep_hours"], put["linkage"], put["back_off_days"]) == (72, True, [1, 3, 7, 14, 30])
    assert put["refresh_on"] == ["CONTENT_CHANGED", "UNSPECIFIED"]
    assert (put["today"]["questions"], put["today"]["data"], put["open_tasks"]) == (0, 0, {})
    assert await service.call(institution, "GET", here) == put
    assert (await service.call(other_institution, "GET", here, expect=404))["code"] == missing["code"]
    await service.call(other_institution, "PUT", here, POLICY | {"enabled": False}, expect=404)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep_hours": 73},
        {"keep_hours": 0},
        {"back_off_days": []},
        {"back_off_days": [0]},
        {"refresh_on": ["HOLD"]},
        {"refresh_on": ["RENEWED", "RENEWED"]},
        {"daily_cap": -1},
        {"hand_over_after_days": 0},
        {"items": []},
        {"delivery": "response"},
    ],
)
async def test_a_policy_out_of_bounds_is_refused(
    service: Service, institution: TestInstitution, wrong: dict[str, Any]
) -> None:
    """Each bound is the schema's and the table's alike; nothing is kept of a refused one."""
    await service.call(institution, "PUT", path(institution), POLICY | {"enabled": False} | wrong, expect=422)
    await service.call(institution, "GET", path(institution), expect=404)


async def test_agreement_to_linkage_stays_until_it_is_said_otherwise(
    service: Service, institution: TestInstitution
) -> None:
    """False by default; a PUT that says nothing of it leaves it; said, it follows at once."""
    card = make_card(sets.ca())
    here = f"/v1/services/{institution.service_id}/registrations/a"
    body = {"certificate": b64(card.der), "customer_ref": "customer-1"}

    async def put(**more: Any) -> bool:
        return bool((await service.call(institution, "PUT", here, body | more))["linkage_agreed"])

    assert [await put(), await put(linkage_agreed=True), await put(), await put(linkage_agreed=False)] == [
        False,
        True,
        True,
        False,
    ]


async def test_agreement_may_come_with_the_first_signature(
    service: Service, institution: TestInstitution
) -> None:
    """signatures:verify registers with the customer's agreement as PUT does; left out it changes nothing."""
    card = make_card(sets.ca())
    register = {
        "service_id": str(institution.service_id),
        "registration_ref": "a",
        "customer_ref": "customer-1",
    }
    for said, agreed in ((None, False), (True, True), (None, True), (False, False)):
        form = register | ({} if said is None else {"linkage_agreed": said})
        answer = await service.verify(institution, card, "a", register=form)
        found = await service.call(
            institution, "GET", f"/v1/registrations/{answer['registration']['registration_id']}"
        )
        assert found["linkage_agreed"] is agreed
