"""One service while its lists live and end: registration, certificate, serial, OCSP, readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ocsp

from platform_api.follower import FollowedAuthorities
from platform_api.institutions.model import Entitlement
from revocation.answers import AfterNextUpdate
from revocation.authorities import Authorities, CrlSigning
from revocation.ocsp.responder import Responder, ResponderPolicy, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests import pki
from tests.base.postgres import TestDatabase, TestInstitution, make_institution
from tests.features.cards import AUTH_POLICY, Card, make_card
from tests.features.service import Service, b64, serving
from tests.features.world import World, make_world
from tests.revocation import sets
from tests.revocation.removing import Removing

pytestmark = pytest.mark.timeout(60)

SECOND = timedelta(seconds=1)
LISTED = 4711


def responding(world: World, after: AfterNextUpdate = AfterNextUpdate.TRY_LATER) -> None:
    key = pki.key("p256", 95)
    certificate = pki.ca_certificate(
        key, (("CN", "responder"),), sets.T0 - timedelta(days=1), ca=False, crl_sign=None
    )
    world.responders[TrustMode.LOCAL] = Responder(
        world.authorities,
        {TrustMode.LOCAL: LocallyTrustedSigner(certificate, key)},
        world.clock,
        policy=ResponderPolicy(after_next_update=after),
    )


async def check(service: Service, institution: TestInstitution, **asked: Any) -> dict[str, Any]:
    headers = asked.pop("headers", None)
    body = {"purpose": "current_status_check", **asked}
    answer = await service.call(institution, "POST", "/v1/certificates:check", body, headers=headers)
    status: dict[str, Any] = answer["status"]
    return status


def short(status: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    return status["status"], status["unknown_reason"], status["last_known"]


async def by_ocsp(service: Service, card: Card) -> str:
    issuer = sets.ca().generations[1].certificate
    asked = ocsp.OCSPRequestBuilder().add_certificate(card.certificate, issuer, SHA256()).build()
    response = await service.client.post("/ocsp", data=asked.public_bytes(pki.Encoding.DER))
    answer = ocsp.load_der_ocsp_response(await response.read())
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        assert response.headers["Cache-Control"] == "no-cache, no-store"
        return answer.response_status.name
    head = response.headers["Cache-Control"]
    assert int(head.split("max-age=")[1].split(",")[0]) >= 0
    return answer.certificate_status.name


async def readiness(service: Service) -> tuple[int, list[str], list[str]]:
    response = await service.client.get("/readyz")
    body = await response.json()
    return response.status, body["reasons"], body["warnings"]


def serial_form(card: Card) -> dict[str, Any]:
    key = sets.ca().generations[1].key_id.hex()
    return {"ca_id": "card-sign", "issuer_key": key, "serial_number": f"{card.serial:x}"}


@pytest.mark.parametrize("after", list(AfterNextUpdate))
async def test_t05_a_service_whose_lists_end(world: World, after: AfterNextUpdate) -> None:
    """One second before nextUpdate and at it: registration, serial, listed serial, OCSP and readiness of one
    running service; the warning came at 75 %."""
    institution = await make_institution(world.database)
    await world.day({LISTED: 3})
    responding(world, after)
    card, listed = make_card(sets.ca()), make_card(sets.ca(), serial=LISTED)
    registered = await world.register(institution, card)
    by_id = {"registration_id": str(registered.registration.registration_id)}
    end = sets.T0 + timedelta(days=2)
    async with serving(world) as service:
        world.clock.set(sets.T0 + timedelta(hours=36) - SECOND)
        assert await readiness(service) == (200, [], [])
        world.clock.set(sets.T0 + timedelta(hours=36))
        assert await readiness(service) == (200, [], ["LISTS_STALE_SOON"])
        world.clock.set(end - SECOND)
        for asked in (by_id, {"serial": serial_form(card)}):
            assert short(await check(service, institution, **asked)) == ("GOOD", None, None)
        assert [await by_ocsp(service, each) for each in (card, listed)] == ["GOOD", "REVOKED"]
        assert (await readiness(service))[0] == 200
        world.clock.set(end)
        for asked in (by_id, {"serial": serial_form(card)}):
            assert short(await check(service, institution, **asked)) == ("UNKNOWN", "STALE", "GOOD")
        revoked = await check(service, institution, serial=serial_form(listed))
        assert (revoked["status"], revoked["reason"]) == ("REVOKED", "affiliationChanged")
        assert [await by_ocsp(service, each) for each in (card, listed)] == [after.name] * 2
        assert await readiness(service) == (503, ["LISTS_EXPIRED"], [])


async def test_texts_come_in_the_callers_language(world: World) -> None:
    """Accept-Language chooses; 「失効していません」, and 「有効」 only where the dates were looked at."""
    institution = await make_institution(world.database)
    await world.day({})
    card = make_card(sets.ca())
    japanese = {"Accept-Language": "ja"}
    async with serving(world) as service:
        by_serial = await check(service, institution, serial=serial_form(card), headers=japanese)
        assert by_serial["message"] == "失効していません。証明書の期間は確認していません。"
        presented = await check(service, institution, certificate=b64(card.der), headers=japanese)
        assert presented["message"] == "有効です。失効しておらず、有効期間内です。"
        english = await check(service, institution, serial=serial_form(card))
        assert english["message"].startswith("Not revoked.")
        assert english["evidence"]["tolerances"] == []


async def test_what_is_out_of_scope(world: World) -> None:
    """A CA's certificate, and one whose policy is none of the CA's kinds: UNKNOWN/OUT_OF_SCOPE, no evidence,
    by check and by verify, which then takes nothing from it; a listed one is REVOKED; a key that may not ask
    about every kind of the CA's is refused; as ever nothing is registered."""
    institution = await make_institution(world.database)
    narrow = await make_institution(world.database, kinds=frozenset({"card-sign"}))
    await world.day({LISTED: 3})
    root = sets.ca().certificates[1].public_bytes(pki.Encoding.DER)
    other = make_card(sets.ca(), policies=("1.2.3.4",))
    listed = make_card(sets.ca(), policies=("1.2.3.4",), serial=LISTED)
    async with serving(world) as service:
        for der in (root, other.der):
            found = await check(service, institution, certificate=b64(der))
            assert short(found) == ("UNKNOWN", "OUT_OF_SCOPE", None)
            assert found["evidence"] is None
            body = {"purpose": "current_status_check", "certificate": b64(der)}
            refused = await service.call(narrow, "POST", "/v1/certificates:check", body, expect=403)
            assert refused["code"] == "NOT_PERMITTED"
        assert (await check(service, institution, certificate=b64(listed.der)))["status"] == "REVOKED"
        verified = await service.verify(institution, other)
        assert verified["signature_valid"] is False
        assert short(verified["status"]) == ("UNKNOWN", "OUT_OF_SCOPE", None)
        assert (verified["certificate"], verified["four_information"], verified["registration"]) == (
            None,
        ) * 3
        put = f"/v1/services/{institution.service_id}/registrations/account-1"
        body = {"customer_ref": "customer-1", "certificate": b64(root)}
        refused = await service.call(institution, "PUT", put, body, expect=422)
        assert refused["code"] == "CERTIFICATE_KIND_UNKNOWN"
        auth = make_card(sets.ca(), policies=(AUTH_POLICY,))
        assert short(await check(service, institution, certificate=b64(auth.der))) == ("GOOD", None, None)


async def test_one_of_1900_partitions_ends_for_a_running_service(
    database: TestDatabase, tmp_path: Path
) -> None:
    """Registered and presented in another partition: GOOD. In that one: UNKNOWN/STALE. By serial alone:
    UNKNOWN/PARTITION_STALE, and OCSP tryLater. Listed: REVOKED. The service stays ready, and warns."""
    world = await asyncio.to_thread(
        make_world,
        database,
        tmp_path / "sets",
        partitions=1900,
        crl_signing=CrlSigning.NEWEST_FOR_ALL,
    )
    institution = await make_institution(database, entitlement=Entitlement.ANY)
    await world.day({LISTED: 3}, partition=7)
    ends = sets.scope(world.authority, 1900, 1)
    again = world.clock.now()
    short_lived = {ends: sets.accepted({}, number=99, this_update=again, lives=timedelta(days=1))}
    await world.day(only=short_lived)
    responding(world)
    seven, last = make_card(sets.ca(), partition=7), make_card(sets.ca(), partition=1900)
    world.clock.set(again + timedelta(hours=1))
    first = await world.register(institution, seven, "account-7")
    second = await world.register(institution, last, "account-1900")
    async with serving(world) as service:

        async def ask(**asked: Any) -> tuple[str, str | None, str | None]:
            return short(await check(service, institution, **asked))

        good, of_seven = ("GOOD", None, None), {"registration_id": str(first.registration.registration_id)}
        of_last = {"registration_id": str(second.registration.registration_id)}
        assert await ask(**of_seven) == await ask(**of_last) == await ask(serial=serial_form(seven)) == good
        assert await by_ocsp(service, seven) == "GOOD"
        world.clock.set(again + timedelta(days=1))
        assert await ask(**of_seven) == await ask(certificate=b64(seven.der)) == good
        assert await ask(**of_last) == ("UNKNOWN", "STALE", "GOOD")
        assert await ask(serial=serial_form(seven)) == ("UNKNOWN", "PARTITION_STALE", "GOOD")
        listed = make_card(sets.ca(), serial=LISTED)
        assert (await ask(serial=serial_form(listed)))[0] == "REVOKED"
        assert [await by_ocsp(service, each) for each in (seven, listed)] == ["TRY_LATER", "REVOKED"]
        assert await readiness(service) == (200, [], ["LISTS_EXPIRED"])


async def test_item_77_a_ca_leaves_the_configuration_of_a_running_service(world: World) -> None:
    """At once: registration and certificate UNKNOWN/ISSUER_UNKNOWN, the listed one too; by serial 404, OCSP
    unauthorized, not ready. It comes back, and all is as before."""
    institution = await make_institution(world.database)
    await world.day({LISTED: 3})
    followed = FollowedAuthorities()
    whole, world.authorities = world.authorities, followed
    followed.adopt(whole)
    responding(world)
    card, listed = make_card(sets.ca()), make_card(sets.ca(), serial=LISTED)
    registered = await world.register(institution, card)
    by_id = {"registration_id": str(registered.registration.registration_id)}
    unknown = ("UNKNOWN", "ISSUER_UNKNOWN", None)
    async with serving(world) as service:
        followed.adopt(Authorities(()))
        for asked in (by_id, {"certificate": b64(card.der)}, {"certificate": b64(listed.der)}):
            found = await check(service, institution, **asked)
            assert (short(found), found["evidence"]) == (unknown, None)
        body = {"purpose": "current_status_check", "serial": serial_form(card)}
        await service.call(institution, "POST", "/v1/certificates:check", body, expect=404)
        assert [await by_ocsp(service, each) for each in (card, listed)] == ["UNAUTHORIZED"] * 2
        assert await readiness(service) == (503, ["NO_AUTHORITIES"], [])
        followed.adopt(whole)
        assert short(await check(service, institution, **by_id)) == ("GOOD", None, None)
        assert [await by_ocsp(service, each) for each in (card, listed)] == ["GOOD", "REVOKED"]


async def test_item_77_a_ca_leaves_while_a_certificate_is_read(world: World) -> None:
    """Found to be its issuer, and gone before its kinds are looked at: as if it had never been there."""
    institution = await make_institution(world.database)
    await world.day({LISTED: 3})
    world.authorities = Removing(world.authorities, 0)
    async with serving(world) as service:
        for card in (make_card(sets.ca(), policies=("1.2.3.4",)), make_card(sets.ca(), serial=LISTED)):
            found = await check(service, institution, certificate=b64(card.der))
            assert short(found) == ("UNKNOWN", "ISSUER_UNKNOWN", None)
