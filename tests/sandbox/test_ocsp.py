"""J-LIS's OCSP, asked by the service's own upstream client and by cryptography's builder."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPResponseStatus
from yarl import URL

from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.ocsp import refreshed_at
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World
from platform_api.upstream_ocsp.asking import Upstream
from platform_api.upstream_ocsp.outcomes import Asked, Outcome
from platform_api.upstream_ocsp.settings import UpstreamSettings
from platform_api.upstream_ocsp.transport import OcspTransport
from revocation.authorities import Authorities
from revocation.authority_certificates import authority_from_certificates
from revocation.clock import FixedClock
from revocation.identity import CertificateIdentity, serial_from_hex, subject_public_key_bits
from revocation.ocsp.upstream_word import CertStatus
from revocation.partitions import Partition
from tests.features.upstream import INSTITUTION
from tests.sandbox.test_consents import holders
from tests.sandbox.test_linkage import with_phone
from tests.sandbox.worlds import NOW, copied_world, open_world

QUARTER = timedelta(minutes=15)
NONCE = b"a nonce of its own"
SHA_1 = SHA1()  # noqa: S303 - what most clients send


class _Clock:
    """The service follows the sandbox's clock."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> Any:
        return self._world.clock.now()


class Service:
    """The service's upstream client before this sandbox; nothing kept between two questions."""

    def __init__(self, upstream: Upstream, url: URL) -> None:
        self.upstream = upstream
        self.url = url

    async def ask(self, world: World, issued: IssuedCertificate, serial: int | None = None) -> Asked:
        identity = world.life_log.identity(issued)
        found = CertificateIdentity(
            identity["ca_id"],
            bytes.fromhex(identity["issuer_key"]),
            serial_from_hex(f"{issued.serial if serial is None else serial:x}"),
        )
        return await self.upstream.ask(found, self.upstream.budget_for(INSTITUTION))


@asynccontextmanager
async def service(world: World, **settings: Any) -> AsyncIterator[Service]:
    undivided = [Partition(1, b"", "all")]
    authorities = Authorities(
        [
            authority_from_certificates(
                ca_id, [generation.certificate for generation in each.generations], partitions=undivided
            )
            for ca_id, each in world.authorities.items()
        ]
    )
    async with TestServer(make_app(world)) as server:
        url = server.make_url("/jlis/v1/ocsp/card-sign")
        urls = {ca_id: str(server.make_url(f"/jlis/v1/ocsp/{ca_id}")) for ca_id in world.authorities}
        made = UpstreamSettings(urls=urls, keep_for=timedelta(0), **settings)
        async with OcspTransport(
            concurrency=4, timeout_s=made.timeout_s, prefer_get=made.prefer_get
        ) as transport:
            upstream = Upstream(
                made,
                transport,
                authorities,
                _Clock(world),
                log=make_log(io.StringIO(), dropped=Dropped()),
                metrics=Metrics(),
            )
            yield Service(upstream, url)
            await upstream.close()


@pytest.mark.parametrize(
    "settings", [{}, {"hash_name": "sha256"}, {"prefer_get": True, "with_nonce": False}], ids=repr
)
async def test_the_service_is_answered(fresh: World, settings: dict[str, Any]) -> None:
    """Each CA and generation: good, revoked with date and reason, unknown for what was never issued."""
    register, _ = fresh.begun()
    at = refreshed_at(fresh.clock.now())
    assert fresh.clock.now() - QUARTER < at <= fresh.clock.now()
    async with service(fresh, **settings) as client:
        lines = {(one.ca_id, one.generation): one for one in register.everything()}
        assert {ca_id for ca_id, _ in lines} == {"card-sign", "card-auth", "mobile-sign", "mobile-auth"}
        said = set()
        for line in lines:
            of_it = [one for one in register.everything() if (one.ca_id, one.generation) == line]
            revoked = [one for one in of_it if one.step_at(at) is not None]
            for issued in (*of_it[:2], *of_it[-2:], *revoked[:2]):
                found = await client.ask(fresh, issued)
                assert found.outcome is Outcome.ANSWERED
                assert found.word is not None
                step = issued.step_at(at)
                if step is None:
                    assert found.word.status is CertStatus.good
                else:
                    assert found.word.status is CertStatus.revoked
                    assert (found.word.reason, found.word.revoked_at) == (step.reason, step.at)
                assert (found.word.this_update, found.word.next_update) == (at, at + QUARTER)
                said.add((issued.ca_id, found.word.status))
        assert {status for _, status in said} == {CertStatus.good, CertStatus.revoked}
        never = await client.ask(fresh, of_it[0], serial=0xFFFFFE)
        assert never.word is not None
        assert never.word.status is CertStatus.unknown


async def test_what_happened_is_known_a_quarter_later(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A revocation, and a certificate just issued, are told from the next multiple of 15 minutes on."""
    base = FixedClock(NOW)
    folder = tmp_path_factory.mktemp("world")
    world = await asyncio.to_thread(copied_world, folder, NOW - timedelta(minutes=5))
    world.close()
    world = await asyncio.to_thread(open_world, folder, clock=base)
    resident = world.resident(f"r-{holders(world)[0]:06d}")
    first = resident.certificates[-1]
    async with service(world) as client:

        async def said(issued: IssuedCertificate) -> CertStatus | None:
            found = (await client.ask(world, issued)).word
            return None if found is None else found.status

        await asyncio.to_thread(world.act, "move", resident.resident_id, Options())
        second = resident.certificates[-1]
        assert (await said(first), await said(second)) == (CertStatus.good, CertStatus.unknown)
        base.advance(QUARTER)
        assert (await said(first), await said(second)) == (CertStatus.revoked, CertStatus.good)


async def test_a_phone_found_is_good_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Held: revoked with certificateHold; released: good from the next quarter on; the card stays good."""
    base = FixedClock(NOW)
    folder = tmp_path_factory.mktemp("world")
    world = await asyncio.to_thread(copied_world, folder, NOW - timedelta(minutes=5))
    world.close()
    world = await asyncio.to_thread(open_world, folder, clock=base)
    resident = world.resident(with_phone(world))
    phone = resident.of_kind("mobile-sign")[-1]
    async with service(world) as client:

        async def said(issued: IssuedCertificate) -> tuple[CertStatus, int | None]:
            word = (await client.ask(world, issued)).word
            assert word is not None
            return word.status, word.reason

        await asyncio.to_thread(world.act, "hold_phone", resident.resident_id, Options())
        base.advance(QUARTER)
        assert await said(phone) == (CertStatus.revoked, 6)
        assert (await said(resident.certificates[-1]))[0] is CertStatus.good
        assert not phone.valid(world.clock.now())
        await asyncio.to_thread(world.act, "release_phone", resident.resident_id, Options())
        assert await said(phone) == (CertStatus.revoked, 6)
        base.advance(QUARTER)
        assert (await said(phone))[0] is CertStatus.good
        assert phone.valid(world.clock.now())


async def test_faults_of_the_responder_are_noticed(fresh: World) -> None:
    """A wrong signature, an answer past its nextUpdate: the client refuses both, and takes the next one."""
    issued = fresh.resident("r-000001").certificates[-1]
    async with service(fresh) as client, ClientSession() as session:
        for kind in ("bad_signature", "stale", "garbage", "duplicated"):
            body = {"kind": kind, "target": "ocsp", "times": 1}
            async with session.post(client.url.with_path("/sandbox/v1/faults"), json=body) as answer:
                assert answer.status == 201
            assert (await client.ask(fresh, issued)).outcome is Outcome.REFUSED, kind
            assert (await client.ask(fresh, issued)).outcome is Outcome.ANSWERED


def _request(world: World, serial: int, algorithm: HashAlgorithm, *, other_ca: bool = False) -> bytes:
    """With a nonce; ``other_ca``: of a CA that is not this one."""
    issuer = world.authority.generations[-1].certificate
    key = subject_public_key_bits(issuer.public_key())
    parts = (b"other" if other_ca else issuer.subject.public_bytes(), key)
    name_hash, key_hash = (hashlib.new(algorithm.name, part).digest() for part in parts)
    return (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(name_hash, key_hash, serial, algorithm)
        .add_extension(x509.OCSPNonce(NONCE), critical=False)
        .build()
        .public_bytes(Encoding.DER)
    )


async def test_each_answer_is_whole(fresh: World) -> None:
    """By POST and GET the nonce comes back under a delegate of the right generation, with nocheck; the same
    delegate after a restart. What has no answer gets an unsigned error."""
    issued = fresh.resident("r-000001").certificates[-1]
    issuer = fresh.authority.generations[-1]
    good = _request(fresh, issued.serial, SHA256())
    cases = {
        b"": OCSPResponseStatus.MALFORMED_REQUEST,
        good[:-1]: OCSPResponseStatus.MALFORMED_REQUEST,
        good + bytes(20_000): OCSPResponseStatus.MALFORMED_REQUEST,
        _request(fresh, issued.serial, SHA512()): OCSPResponseStatus.UNAUTHORIZED,
        _request(fresh, issued.serial, SHA_1, other_ca=True): OCSPResponseStatus.UNAUTHORIZED,
    }
    headers = {"Content-Type": "application/ocsp-request"}
    delegates = set()
    async with TestServer(make_app(fresh)) as server, ClientSession() as session:
        base = server.make_url("/jlis/v1/ocsp/")
        encoded = quote(base64.b64encode(good).decode(), safe="")
        for sent in (
            session.post(base / "card-sign", data=good, headers=headers),
            session.get(URL(f"{base}card-sign/{encoded}", encoded=True)),
        ):
            async with sent as answer:
                assert answer.content_type == "application/ocsp-response"
                response = ocsp.load_der_ocsp_response(await answer.read())
            assert (
                response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
                == b"a nonce of its own"
            )
            assert response.serial_number == issued.serial
            (delegate,) = response.certificates
            delegate.verify_directly_issued_by(issuer.certificate)
            assert delegate.extensions.get_extension_for_class(x509.OCSPNoCheck)
            delegates.add(delegate)
        for der, status in cases.items():
            async with session.post(base / "card-sign", data=der, headers=headers) as answer:
                assert answer.status == 200
                assert ocsp.load_der_ocsp_response(await answer.read()).response_status is status
        async with session.get(base / "card-sign" / "@@") as answer:
            assert (await answer.read())[-1] == 1
        async with session.post(base / "card-sign", data=good) as answer:
            assert answer.status == 415
        async with session.post(base / "no-such-ca", data=good, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "NO_SUCH_CA")
    folder = fresh.folder
    fresh.close()
    again = await asyncio.to_thread(open_world, folder)
    async with TestServer(make_app(again)) as server, ClientSession() as session:
        url = server.make_url("/jlis/v1/ocsp/card-sign")
        async with session.post(url, data=good, headers=headers) as answer:
            delegates |= set(ocsp.load_der_ocsp_response(await answer.read()).certificates)
    assert len(delegates) == 1


async def test_before_the_first_day_nothing_is_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    """tryLater, unsigned: there is no register yet."""
    world = await asyncio.to_thread(open_world, tmp_path_factory.mktemp("new"))
    async with service(world) as client, ClientSession() as session:
        sent = session.post(
            client.url,
            data=_request(world, 1, SHA_1),
            headers={"Content-Type": "application/ocsp-request"},
        )
        async with sent as answer:
            found = ocsp.load_der_ocsp_response(await answer.read())
    assert found.response_status is OCSPResponseStatus.TRY_LATER


def test_a_key_roll_gives_the_responder_a_certificate_of_the_new_key(fresh: World) -> None:
    """Asked before and after a roll: each time one for every generation there is, else the same ones."""
    pem = Ed25519PrivateKey.generate().public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    before = fresh.responder_certificates(text)
    assert fresh.responder_certificates(text) == before
    authority = fresh.authorities["card-sign"]
    rolled = authority.roll(
        ec.generate_private_key(ec.SECP384R1()), at=fresh.clock.now(), serial=next(fresh.serials["card-sign"])
    )
    after = {row["generation"] for row in fresh.responder_certificates(text)}
    assert after == {row["generation"] for row in before} | {rolled.key_id}
