"""The service's adapter before the sandbox J-LIS: every call of the port, and the codes of its refusals."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus

from platform_api.jlis.fields import JlisFields
from platform_api.jlis.gateway import (
    ConsentSubmission,
    FourInformationQuery,
    GatewayRefused,
    LinkageOutcome,
    LinkageQuery,
    LinkRelation,
    QueryOutcome,
    WithdrawalSubmission,
)
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.opening import open_gateway
from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World
from revocation.clock import SystemClock
from revocation.identity import CertificateIdentity, serial_from_hex
from tests.sandbox.consenting import EVERYTHING, application, signed, withdrawal
from tests.sandbox.test_consents import CREATED, START, holders, quiet_days
from tests.sandbox.worlds import DAY, copied_world

__all__ = ["quiet_days"]

pytestmark = pytest.mark.timeout(120)
SERVICE = "bank-accounts"


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return copied_world(tmp_path_factory.mktemp("world"), START)


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[HttpGateway]:
    async with TestServer(make_app(world)) as server:
        fields = JlisFields(jlis_url=str(server.make_url("")).rstrip("/"))
        async with open_gateway(fields, SystemClock()) as opened:
            yield opened


def submission(world: World, number: int, octets: bytes) -> dict[str, Any]:
    body = signed(world, number, octets)
    return {
        name: b64decode(body[name]) if name in ("application", "signature", "certificate") else body[name]
        for name in body
    }


def identity_of(world: World, issued: IssuedCertificate) -> CertificateIdentity:
    told = world.life_log.identity(issued)
    return CertificateIdentity(
        told["ca_id"], bytes.fromhex(told["issuer_key"]), serial_from_hex(told["serial_number"])
    )


async def test_every_call_of_the_port(world: World, gateway: HttpGateway) -> None:
    """Consent, its state, a move, the items with their certificate, linkage, OCSP, withdrawal, poll."""
    (authority, *_) = [one for one in await gateway.authorities() if one.ca_id == "card-sign"]
    assert authority.certificates
    partitions = await gateway.partitions("card-sign")
    assert all(one.lists and one.distribution_point for one in partitions)

    number = holders(world)[0]
    resident = world.resident(f"r-{number:06d}")
    asked_with = identity_of(world, resident.certificates[-1])
    given = await gateway.submit_consent(
        ConsentSubmission(**submission(world, number, application(created_at=CREATED)))
    )
    assert given.items == frozenset(EVERYTHING)
    assert await gateway.consent_state(given.consent_ref) == given
    query = FourInformationQuery(asked_with, SERVICE, EVERYTHING)
    assert (await gateway.query_four_information(query)).outcome is QueryOutcome.CONSENT_NOT_YET_EFFECTIVE

    await asyncio.to_thread(world.play, START + DAY)
    assert (await gateway.query_four_information(query)).outcome is QueryOutcome.NO_NEWER_INFORMATION
    await asyncio.to_thread(world.act, "move", resident.resident_id, Options())
    answer = await gateway.query_four_information(query)
    newest = identity_of(world, resident.certificates[-1])
    assert answer.outcome is QueryOutcome.DATA
    assert answer.items is not None
    assert set(answer.items.given()) >= set(EVERYTHING)
    assert answer.certificate is not None
    assert (answer.certificate.identity, answer.certificate.kind) == (newest, "card-sign")
    linked = await gateway.query_linkage(
        LinkageQuery(asked_with, SERVICE, LinkRelation.SUCCESSOR, customer_agreed=True)
    )
    assert linked.certificate == answer.certificate
    unasked = LinkageQuery(asked_with, SERVICE, LinkRelation.SUCCESSOR, customer_agreed=False)
    assert (await gateway.query_linkage(unasked)).outcome is LinkageOutcome.NOT_AGREED

    await asyncio.to_thread(world.play, START + 2 * DAY)
    issued = next(one for one in resident.certificates if identity_of(world, one) == asked_with)
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        *_hashes(world, issued),
        issued.serial,
        SHA1(),  # noqa: S303 - what most clients send
    )
    response = ocsp.load_der_ocsp_response(
        await gateway.ask_ocsp("card-sign", asked.build().public_bytes(Encoding.DER))
    )
    assert response.certificate_status is OCSPCertStatus.REVOKED

    receipt = await gateway.withdraw_consent(
        WithdrawalSubmission(
            consent_ref=given.consent_ref, **submission(world, number, withdrawal(created_at=CREATED))
        )
    )
    assert (await gateway.consent_state(given.consent_ref)).withdrawn_at == receipt.reflected_at
    assert (await gateway.query_four_information(query)).outcome is QueryOutcome.CONSENT_WITHDRAWN
    page = await gateway.poll_withdrawals("bank", None)
    assert [one.consent_ref for one in page.withdrawals] == [given.consent_ref]
    assert (await gateway.poll_withdrawals("bank", page.cursor)).withdrawals == ()


def _hashes(world: World, issued: IssuedCertificate) -> tuple[bytes, bytes]:
    """issuerNameHash and issuerKeyHash by SHA-1 (RFC 6960 section 4.1.1)."""
    key = world.life_log.identity(issued)["issuer_key"]
    generation = next(one for one in world.authority.generations if one.key_id == key)
    built = ocsp.OCSPRequestBuilder().add_certificate(
        generation.certificate,
        generation.certificate,
        SHA1(),  # noqa: S303
    )
    request = built.build()
    return request.issuer_name_hash, request.issuer_key_hash


async def test_what_the_sandbox_refuses_has_a_code_of_ours(world: World, gateway: HttpGateway) -> None:
    """Each refusal of a consent, a withdrawal, a poll and an address is in the table: none is unknown."""
    number, other = holders(world)[:2]
    octets = application(created_at=CREATED)
    first = submission(world, number, octets)
    given = await gateway.submit_consent(ConsentSubmission(**first))
    assert await gateway.submit_consent(ConsentSubmission(**first)) == given  # known again by its number

    async def refused(call: Any) -> str:
        with pytest.raises(GatewayRefused) as refusal:
            await call
        return refusal.value.code

    altered = {**first, "application": octets.replace(b"a-1", b"a-2")}
    malformed = submission(world, number, b"<a/>")
    again = submission(world, number, application(created_at=CREATED, items=("name",)))
    consents = {
        "JLIS_CONSENT_SIGNATURE_INVALID": altered,
        "JLIS_CONSENT_APPLICATION_REFUSED": malformed,
        "JLIS_CONSENT_CERTIFICATE_INVALID": {**first, "certificate": b"none"},
    }
    for code, given_to in consents.items():
        assert await refused(gateway.submit_consent(ConsentSubmission(**given_to))) == code
    reused = await refused(gateway.submit_consent(ConsentSubmission(**again)))
    assert reused == "JLIS_CONSENT_APPLICATION_REFUSED"
    assert await refused(gateway.consent_state("c-99999999")) == "JLIS_CONSENT_UNKNOWN"
    strangers = submission(world, other, withdrawal(created_at=CREATED))
    asked = gateway.withdraw_consent(WithdrawalSubmission(consent_ref=given.consent_ref, **strangers))
    assert await refused(asked) == "JLIS_CONSENT_UNKNOWN"
    assert await refused(gateway.poll_withdrawals("bank", "no-cursor-of-theirs")) == "JLIS_CURSOR_REFUSED"
    assert await refused(gateway.partitions("no-such-ca")) == "JLIS_CA_UNKNOWN"
