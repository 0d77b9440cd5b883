"""Invitations over the API: made, read, cancelled, and what is kept of them."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from platform_api.refresh.passing import Passing
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import make_card
from tests.features.consenting import onboard
from tests.features.delivering import put_key
from tests.features.gateways import FakeJlis
from tests.features.inviting import PUBLIC, FakeApp, act, invite, letters, shown, wish
from tests.features.service import Service, serving
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def service(world: World, jlis: FakeJlis, institution: TestInstitution) -> AsyncIterator[Service]:
    """A service that customers reach, an institution with a delivery key."""
    await world.day()
    async with letters(world, jlis) as running:
        await put_key(running, institution)
        yield running


async def test_a_letter_is_shown_once(service: Service, institution: TestInstitution) -> None:
    """Link, SVG and PNG in the answer; in the database a keyed hash, in a replay the id alone."""
    headers = {"Idempotency-Key": "letter-1"}
    body = wish(institution)
    path = "/v1/consent-invitations"
    made = await service.call(institution, "POST", path, body, expect=201, headers=headers)
    token = made["url"].removeprefix(f"{PUBLIC}/c/")
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", token)
    assert made["qr_svg"].startswith("<svg")
    assert base64.b64decode(made["qr_png"]).startswith(b"\x89PNG")
    assert made["expires_at"] == "2026-12-20T01:00:00Z"
    assert token not in str(await everything(service.world.database))
    again = await service.call(institution, "POST", path, body, expect=410, headers=headers)
    assert (again["code"], again["ids"]["invitation_id"]) == ("RESPONSE_NOT_KEPT", made["invitation_id"])
    seen = await shown(service, institution, made["invitation_id"])
    assert (seen["state"], seen["items"], seen["text_version"]) == ("CREATED", ["name", "address"], "2026-05")
    assert token not in str(seen)


@pytest.mark.parametrize(
    "change",
    [
        {"expires_in_days": 0},
        {"expires_in_days": 91},
        {"items": []},
        {"items": ["name", "name"]},
        {"customer_ref": None},
        {"registration_ref": None, "customer_ref": None},
        {"registration_ref": "a b"},
        {"language": "fr"},
        {"unknown": 1},
    ],
)
async def test_a_wish_that_makes_no_sense(
    service: Service, institution: TestInstitution, change: dict[str, Any]
) -> None:
    """Refused with places; nothing is made."""
    body = wish(institution) | change
    answer = await service.call(institution, "POST", "/v1/consent-invitations", body, expect=422)
    assert answer["code"] == "VALIDATION_FAILED"
    assert (await everything(service.world.database))["consent_invitation"] == []


async def test_a_registration_or_references_not_both(service: Service, institution: TestInstitution) -> None:
    """Which of them counted would be a guess."""
    registration_id = await onboard(service, institution, make_card(sets.ca()))
    body = wish(institution) | {"registration_id": registration_id}
    await service.call(institution, "POST", "/v1/consent-invitations", body, expect=422)


async def test_who_signed_can_be_told(world: World, jlis: FakeJlis) -> None:
    """No letter without a delivery key, whoever it is for: a registration's customer may sign with a new
    card. A registration is found by its references too.
    """
    await world.day()
    institution = await make_institution(world.database)
    async with letters(world, jlis) as service:
        path = "/v1/consent-invitations"
        registration_id = await onboard(service, institution, make_card(sets.ca()), "account-1")
        for body in (wish(institution), wish(institution, registration_id=registration_id)):
            answer = await service.call(institution, "POST", path, body, expect=409)
            assert answer["code"] == "DELIVERY_KEY_MISSING"
        await put_key(service, institution)
        by_id = await invite(service, institution, registration_id=registration_id)
        by_ref = await invite(service, institution)
        for made in (by_id, by_ref):
            seen = await shown(service, institution, made["invitation_id"])
            assert seen["registration_id"] == registration_id


async def test_nothing_of_another_institution(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Its service, its registration, its invitation: there is nothing here."""
    await put_key(service, other_institution)
    foreign = wish(institution) | {"service_id": str(other_institution.service_id)}
    await service.call(institution, "POST", "/v1/consent-invitations", foreign, expect=404)
    registration_id = await onboard(service, other_institution, make_card(sets.ca()))
    stolen = wish(institution, registration_id=registration_id)
    await service.call(institution, "POST", "/v1/consent-invitations", stolen, expect=404)
    made = await invite(service, institution)
    path = f"/v1/consent-invitations/{made['invitation_id']}"
    await service.call(other_institution, "GET", path, expect=404)
    for what in ("cancel", "reject"):
        await act(service, other_institution, made["invitation_id"], what, expect=404)
    assert (await service.call(other_institution, "GET", "/v1/consent-invitations"))["invitations"] == []
    assert (await shown(service, institution, made["invitation_id"]))["state"] == "CREATED"


async def test_what_the_server_lacks(world: World, jlis: FakeJlis, institution: TestInstitution) -> None:
    """No public address, or no app to sign in: a letter that nobody could answer is not made."""
    await world.day()
    async with serving(world, jlis) as plain:
        answer = await plain.call(
            institution, "POST", "/v1/consent-invitations", wish(institution), expect=503
        )
        assert answer["code"] == "PUBLIC_URL_NOT_CONFIGURED"
    async with letters(world, jlis, app=FakeApp(usable=False)) as service:
        answer = await service.call(
            institution, "POST", "/v1/consent-invitations", wish(institution), expect=503
        )
        assert answer["code"] == "HOLDER_APP_NOT_CONFIGURED"


async def test_cancelled(service: Service, institution: TestInstitution) -> None:
    """Once is enough, twice is the same; nothing else happens to it afterwards."""
    made = await invite(service, institution)
    for _ in range(2):
        assert (await act(service, institution, made["invitation_id"], "cancel"))["state"] == "CANCELLED"
    refused = await act(service, institution, made["invitation_id"], "reject", expect=409)
    assert (refused["code"], refused["state"]) == ("INVITATION_STATE", "CANCELLED")


async def test_expired_is_announced_once(service: Service, institution: TestInstitution) -> None:
    """At the very second, by whoever looks first; the event names the invitation."""
    made = await invite(service, institution, expires_in_days=1)
    world = service.world
    world.clock.set(world.clock.now() + timedelta(days=1))
    for _ in range(2):
        seen = await shown(service, institution, made["invitation_id"])
        assert seen["state"] == "EXPIRED"
    events = [e for e in await world.events(institution) if e.type == "consent.invitation_expired"]
    assert [str(event.invitation_id) for event in events] == [made["invitation_id"]]
    refused = await act(service, institution, made["invitation_id"], "cancel", expect=409)
    assert refused["state"] == "EXPIRED"


async def test_pages_of_invitations(service: Service, institution: TestInstitution) -> None:
    """Each exactly once, the newest first; a state and a service narrow the list; another token is
    refused.
    """
    made = [(await invite(service, institution))["invitation_id"] for _ in range(5)]
    await act(service, institution, made[0], "cancel")
    found: list[str] = []
    token: str | None = None
    while True:
        path = "/v1/consent-invitations?page_size=2" + (f"&page_token={token}" if token else "")
        page = await service.call(institution, "GET", path)
        found += [one["invitation_id"] for one in page["invitations"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert sorted(found) == sorted(made)
    path = "/v1/consent-invitations?state=CANCELLED"
    cancelled = await service.call(institution, "GET", path)
    assert [one["invitation_id"] for one in cancelled["invitations"]] == [made[0]]
    other = await service.call(
        institution, "GET", "/v1/consent-invitations?service_id=00000000-0000-0000-0000-000000000001"
    )
    assert other["invitations"] == []
    bent = await service.call(institution, "GET", "/v1/consent-invitations?page_token=eA", expect=400)
    assert bent["code"] == "PAGE_TOKEN_REFUSED"


async def test_a_pass_of_the_night_ends_what_is_over(
    service: Service, institution: TestInstitution, jlis: FakeJlis
) -> None:
    """Nobody looks, and yet the institution hears of it: the refresh's pass announces what has expired,
    once.
    """
    await invite(service, institution, expires_in_days=1)
    world = service.world
    world.clock.set(world.clock.now() + timedelta(days=1))
    passing = Passing(world.database.app_pool, world.watcher, jlis)
    for _ in range(2):
        await passing.institution(institution.institution_id)
    events = [event.type for event in await world.events(institution)]
    assert events == ["consent.invitation_expired"]
