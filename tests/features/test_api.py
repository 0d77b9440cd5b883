"""Status and registrations over HTTP: what they answer, refuse and never show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from platform_api.db import database as databases
from platform_api.db.addresses import APP
from platform_api.institutions.model import Entitlement
from tests import pki
from tests.base.postgres import TestInstitution, make_institution
from tests.features.cards import AUTH_POLICY, ITEMS, Card, digest, make_card
from tests.features.service import Service, b64, serving
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def service(world: World) -> AsyncIterator[Service]:
    """A service after its first night, without J-LIS."""
    await world.day()
    async with serving(world) as running:
        yield running


async def check(
    service: Service, institution: TestInstitution, expect: int = 200, **form: Any
) -> dict[str, Any]:
    body = {"purpose": "current_status_check"} | form
    return await service.call(institution, "POST", "/v1/certificates:check", body, expect=expect)


async def test_verify_and_register(service: Service, institution: TestInstitution) -> None:
    """A good signature gives the items once, the status with evidence, and a watched registration."""
    card = make_card(sets.ca())
    answer = await service.verify(institution, card)
    assert answer["signature_valid"] is True
    assert answer["certificate"] == {"ca_id": "card-sign", "kind": "card-sign"}
    assert answer["four_information"]["name"]["value"] == ITEMS["1"]
    assert answer["four_information"]["date_of_birth"] == {
        "raw": "319800217",
        "precision": "day",
        "date": "1980-02-17",
    }
    registration = answer["registration"]
    assert (registration["state"], registration["set_seq"]) == ("WATCHED", 1)
    status = answer["status"]
    assert (status["status"], status["validity"]) == ("GOOD", {"checked": True})
    assert status["evidence"]["coverage"] == "partition"
    assert (status["evidence"]["set_seq"], status["evidence"]["crl_number"]) == (1, "1")
    assert status["evidence"]["this_update"] == "2026-11-20T00:00:00Z"
    assert status["evidence"]["age_s"] == 3600
    path = f"/v1/registrations/{registration['registration_id']}"
    shown = await service.call(institution, "GET", path)
    assert (shown["registration_ref"], shown["kind"], shown["set_seq"]) == ("account-1", "card-sign", 1)
    assert "CONTENT_CHANGED" in shown["detects"]
    assert not {"serial_number", "not_after", "partition"} & shown.keys()


@pytest.mark.parametrize("what", ["signature", "digest", "foreign", "no_key_usage"])
async def test_what_does_not_verify_gives_nothing(
    service: Service, institution: TestInstitution, what: str
) -> None:
    """A wrong signature or a foreign chain is 200 with signature_valid false, no items, no registration."""
    card = make_card(sets.ca(), key_usage=what != "no_key_usage")
    bent: dict[str, Any] = {}
    if what == "signature":
        bent["signature"] = b64(card.sign(b"another"))
    elif what == "digest":
        bent["digest"] = b64(digest(b"another"))
    elif what == "foreign":
        card = make_card(sets.ca(), issuer_key=pki.key("p256", 70))
    answer = await service.verify(institution, card, **bent)
    assert answer["signature_valid"] is False
    assert answer["four_information"] is None
    assert answer["registration"] is None
    if what == "foreign":
        assert (answer["status"]["status"], answer["status"]["unknown_reason"]) == (
            "UNKNOWN",
            "ISSUER_UNKNOWN",
        )
    assert (await everything(service.world.database))["registration"] == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"certificate": b64(b"garbage")}, 422, "CERTIFICATE_MALFORMED"),
        ({"certificate": "%%%"}, 422, None),
        ({"digest": b64(b"short")}, 422, "DIGEST_MALFORMED"),
        ({"digest_algorithm": "sha1"}, 422, None),
        ({"purpose": "current_status_check"}, 422, None),
        ({"unknown": 1}, 422, None),
    ],
)
async def test_undecodable_input_is_a_problem(
    service: Service, institution: TestInstitution, change: dict[str, Any], status: int, code: str | None
) -> None:
    """Input that cannot be read is refused with a stable code and is not repeated."""
    card = make_card(sets.ca())
    body = {
        "digest_algorithm": "sha256",
        "digest": b64(digest(b"x")),
        "signature": b64(card.sign(b"x")),
        "certificate": b64(card.der),
        "purpose": "signature_verification",
    }
    answer = await service.call(institution, "POST", "/v1/signatures:verify", body | change, expect=status)
    assert code is None or answer["code"] == code
    assert "request_id" in answer
    assert "%%%" not in str(answer)


async def test_registering_again(service: Service, institution: TestInstitution) -> None:
    """The same reference with the same certificate changes nothing; with another it moves on, silently."""
    world = service.world
    first, second = make_card(sets.ca()), make_card(sets.ca())
    path = f"/v1/services/{institution.service_id}/registrations/account-9"

    async def put(card: Card, customer: str = "c-1") -> dict[str, Any]:
        body = {"certificate": b64(card.der), "customer_ref": customer}
        return await service.call(institution, "PUT", path, body)

    made = await put(first)
    assert await put(first) == made
    moved = await put(second, "c-2")
    assert moved["registration_id"] == made["registration_id"]
    assert moved["customer_ref"] == "c-2"
    rows = await everything(world.database)
    assert len(rows["watched_certificate"]) == len(rows["registration_tag"]) == 1
    await world.day({first.serial: 3})
    await world.night()
    assert await world.told(institution) == []
    await world.day({first.serial: 3, second.serial: 4})
    await world.night()
    assert await world.told(institution) == [("REVOKED", "RENEWED", 3)]


async def test_serials_stay_sealed(service: Service, institution: TestInstitution) -> None:
    """Serial, dates and partition are in no column in the clear; only the expiry month is."""
    serial = 0x5EC2E7
    card = make_card(sets.ca(), serial=serial)
    await service.verify(institution, card)
    rows = await everything(service.world.database)
    text = str(rows).lower()
    assert "5ec2e7" not in text
    assert str(serial) not in text
    octets = b"".join(v for r in rows["watched_certificate"] for v in r.values() if isinstance(v, bytes))
    assert serial.to_bytes(3, "big") not in octets
    assert {row["expiry_month"].day for row in rows["watched_certificate"]} == {1}


async def test_check_by_three_forms(service: Service, institution: TestInstitution) -> None:
    """Registration, certificate and serial number agree; the serial-only answer needs the whole CA."""
    world = service.world
    card = make_card(sets.ca(), serial=0xBFCD)
    made = await service.verify(institution, card)
    registration_id = made["registration"]["registration_id"]
    await world.day({0xBFCD: 3})
    issuer_key = sets.ca().generations[1].key_id.hex()
    serials = [
        {"ca_id": "card-sign", "issuer_key": issuer_key, "serial_number": text}
        for text in ("bfcd", "BFCD", "00bfcd")
    ]
    forms: list[dict[str, Any]] = [
        {"registration_id": registration_id},
        {"certificate": b64(card.der)},
        *({"serial": serial} for serial in serials),
    ]
    for form in forms:
        status = (await check(service, institution, **form))["status"]
        assert (status["status"], status["reason_code"], status["reason"]) == (
            "REVOKED",
            3,
            "affiliationChanged",
        )
        assert status["revoked_at"] == "2026-11-19T00:00:00Z"
    good = await check(service, institution, serial=serials[0] | {"serial_number": "bfce"})
    assert good["status"]["status"] == "GOOD"
    assert good["status"]["evidence"]["coverage"] == "ca"
    assert good["status"]["validity"] == {"checked": False}
    ambiguous = {"ca_id": "card-sign", "serial_number": "1"}
    assert (await check(service, institution, 422, serial=ambiguous))["code"] == "ISSUER_KEY_REQUIRED"
    await check(service, institution, 422, serial=serials[0] | {"serial_number": "xyz"})
    await check(service, institution, 422)
    await check(service, institution, 422, registration_id=registration_id, serial=serials[0])
    await check(service, institution, 404, serial=serials[0] | {"ca_id": "unheard-of"})


async def test_stale_lists_are_never_good(service: Service, institution: TestInstitution) -> None:
    """After nextUpdate: UNKNOWN with what was last known; and max_age_s shortens that for who wants it."""
    made = await service.verify(institution, make_card(sets.ca()))
    form = {"registration_id": made["registration"]["registration_id"]}
    status = (await check(service, institution, **form, max_age_s=60))["status"]
    assert (status["status"], status["unknown_reason"]) == ("UNKNOWN", "STALE")
    service.world.clock.advance(timedelta(days=3))
    status = (await check(service, institution, **form))["status"]
    assert (status["status"], status["last_known"]) == ("UNKNOWN", "GOOD")


async def test_denied_by_default(service: Service, institution: TestInstitution) -> None:
    """Purposes, kinds, entitlement and scopes each close the door on their own."""
    database = service.world.database
    card, auth = make_card(sets.ca()), make_card(sets.ca(), policies=[AUTH_POLICY], items=None)
    made = await service.verify(institution, card)
    registration_id = made["registration"]["registration_id"]
    sign_only = await make_institution(database, kinds=frozenset({"card-sign"}))
    await check(service, sign_only, certificate=b64(card.der))
    await check(service, sign_only, 403, certificate=b64(auth.der))
    no_purpose = await make_institution(database, purposes=frozenset({"signature_verification"}))
    await check(service, no_purpose, 403, certificate=b64(card.der))
    registered = await make_institution(database, entitlement=Entitlement.REGISTERED)
    await check(service, registered, 403, certificate=b64(card.der))
    presented = await make_institution(database, entitlement=Entitlement.PRESENTED)
    await check(service, presented, certificate=b64(card.der))
    issuer_key = sets.ca().generations[1].key_id.hex()
    serial = {"ca_id": "card-sign", "issuer_key": issuer_key, "serial_number": "1"}
    await check(service, presented, 403, serial=serial)
    # Another institution's registration does not exist, in any way of asking.
    await check(service, sign_only, 404, registration_id=registration_id)
    await service.call(sign_only, "GET", f"/v1/registrations/{registration_id}", expect=404)
    body = {"certificate": b64(card.der), "customer_ref": "c"}
    foreign_service = f"/v1/services/{institution.service_id}/registrations/x"
    await service.call(sign_only, "PUT", foreign_service, body, expect=404)
    reader = await make_institution(database, scopes=frozenset({"signatures:verify"}))
    answer = await service.client.post(
        "/v1/signatures:verify",
        json={
            "digest_algorithm": "sha256",
            "digest": b64(digest(b"x")),
            "signature": b64(card.sign(b"x")),
            "certificate": b64(card.der),
            "purpose": "signature_verification",
            "register": {
                "service_id": str(reader.service_id),
                "registration_ref": "r",
                "customer_ref": "c",
            },
        },
        headers=reader.headers,
    )
    assert answer.status == 403


async def test_registering_needs_its_purpose_by_either_way(service: Service) -> None:
    """PUT and verify with registration both need current_status_check; verifying alone does not."""
    only_verify = await make_institution(
        service.world.database, purposes=frozenset({"signature_verification"})
    )
    card = make_card(sets.ca())
    path = f"/v1/services/{only_verify.service_id}/registrations/a"
    body = {"certificate": b64(card.der), "customer_ref": "c"}
    refused = await service.call(only_verify, "PUT", path, body, expect=403)
    form = {"service_id": str(only_verify.service_id), "registration_ref": "a", "customer_ref": "c"}
    verify = {
        "digest_algorithm": "sha256",
        "digest": b64(digest(b"x")),
        "signature": b64(card.sign(b"x")),
        "certificate": b64(card.der),
        "purpose": "signature_verification",
    }
    registering = verify | {"register": form}
    also = await service.call(only_verify, "POST", "/v1/signatures:verify", registering, expect=403)
    assert also["code"] == refused["code"]
    assert (await everything(service.world.database))["registration"] == []
    assert (await service.call(only_verify, "POST", "/v1/signatures:verify", verify))["signature_valid"]


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_waiting_for_the_night_too_long_is_503(
    world: World, institution: TestInstitution, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registration that waits for detection longer than the database's limit is told to come back, under
    an Idempotency-Key too, and does once detection is over."""
    card = make_card(sets.ca())
    path = f"/v1/services/{institution.service_id}/registrations/a"
    body = {"certificate": b64(card.der), "customer_ref": "c"}
    # What every session begins with, but much less patient.
    monkeypatch.setattr(databases, "_SESSION", databases._SESSION | {limit: "100ms"})
    opened = databases.Database({APP: world.database.app_address}, None)
    world.database = replace(world.database, app_pool=await opened.app_pool(4))
    await world.day()
    try:
        async with serving(world) as service, world.database.superuser() as other:
            async with other.transaction():
                await other.execute("SELECT set_seq FROM detection_cursor FOR UPDATE")
                async with service.client.put(
                    path, json=body, headers=institution.headers | {"Idempotency-Key": "k"}
                ) as response:
                    answer = await response.json(content_type=None)
                    assert (response.status, answer["code"]) == (503, "DATABASE_UNAVAILABLE")
                    assert int(response.headers["Retry-After"]) >= 1
            again = await service.call(institution, "PUT", path, body, headers={"Idempotency-Key": "k"})
            assert again["state"] == "WATCHED"
    finally:
        await opened.close()


async def test_authentication_card_detects_no_move(service: Service, institution: TestInstitution) -> None:
    """A registration says what it can detect; with an authentication certificate never a move."""
    card = make_card(sets.ca(), policies=[AUTH_POLICY], items=None)
    made = await service.verify(institution, card)
    assert made["four_information"] is None
    shown = await service.call(
        institution, "GET", f"/v1/registrations/{made['registration']['registration_id']}"
    )
    assert shown["kind"] == "card-auth"
    assert "CONTENT_CHANGED" not in shown["detects"]


async def test_expired_and_not_yet_valid_cards(service: Service, institution: TestInstitution) -> None:
    """An expired card is registered as awaiting renewal; one whose validity has not begun is refused."""
    over = make_card(sets.ca(), not_after=sets.T0 - timedelta(days=1))
    made = await service.verify(institution, over)
    assert made["registration"]["state"] == "EXPIRED_AWAITING_RENEWAL"
    assert made["status"]["status"] == "EXPIRED"
    path = f"/v1/services/{institution.service_id}/registrations/early"
    early = make_card(sets.ca(), not_before=sets.T0 + timedelta(days=5))
    body = {"certificate": b64(early.der), "customer_ref": "c"}
    answer = await service.call(institution, "PUT", path, body, expect=422)
    assert answer["code"] == "CERTIFICATE_NOT_YET_VALID"


async def test_without_jlis_nothing_breaks(service: Service, institution: TestInstitution) -> None:
    """A server without an address of J-LIS says so, with a code, where it would need one."""
    made = await service.verify(institution, make_card(sets.ca()))
    path = f"/v1/registrations/{made['registration']['registration_id']}/four-information:fetch"
    answer = await service.call(institution, "POST", path, {"items": ["name"]}, expect=503)
    assert answer["code"] == "JLIS_NOT_CONFIGURED"
