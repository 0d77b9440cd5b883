"""Who signs while a service runs: rotation without a gap, the end of a certificate, keys on a token.

By the fast path and by aiohttp alone: both must change over at the same moment.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from platform_api.logs import Dropped, make_log
from platform_api.signing.following import SignerFollower
from platform_api.signing.pairs import PairFolder
from platform_api.workers.counts import Count
from revocation.clock import FixedClock
from revocation.ocsp.policy import ResponderPolicy, TrustMode
from revocation.ocsp.responder import Responder
from tests.base.responder_pairs import key_of, put
from tests.features.ocsp_face import ROUTES, Faces, faces
from tests.revocation import ocsp_world
from tests.revocation.ocsp_world import NOW, REVOKED, cert_id, request
from tests.revocation.sets import DAY

pytestmark = pytest.mark.timeout(60)

OLD, NEW = key_of(60), key_of(61)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass
class Serving:
    """Both routes behind a signer that follows ``folder``."""

    made: Faces
    follower: SignerFollower
    clock: FixedClock
    folder: Path
    old: x509.Certificate
    client: aiohttp.ClientSession
    log: io.StringIO
    asked: int = 1000

    async def ask(self, route: str, serial: int) -> ocsp.OCSPResponse:
        url = f"http://127.0.0.1:{self.made.ports[route]}/ocsp"
        async with self.client.post(url, data=request(cert_id(serial))) as response:
            return ocsp.load_der_ocsp_response(await response.read())

    async def ask_new(self, route: str) -> ocsp.OCSPResponse:
        """About a certificate that nobody asked about before."""
        self.asked += 1
        return await self.ask(route, self.asked)

    def at(self, moment: datetime) -> None:
        self.clock.set(moment)
        self.made.answers.tick()

    async def look(self) -> None:
        """What is new is taken at the second look."""
        await self.follower.look()
        await self.follower.look()

    def events(self, name: str) -> list[dict[str, object]]:
        return [one for one in map(orjson.loads, self.log.getvalue().splitlines()) if one["event"] == name]


@asynccontextmanager
async def signing(tmp_path: Path, *, ends: datetime = NOW + 20 * HOUR) -> AsyncIterator[Serving]:
    """The first pair ends then; the folder beside it is empty."""

    def prepare() -> tuple[ocsp_world.World, x509.Certificate, SignerFollower, Responder, io.StringIO]:
        world = ocsp_world.make_world(tmp_path / "sets")
        old = put(tmp_path, "first", OLD, begins=NOW - DAY, ends=ends)
        log = io.StringIO()
        follower = SignerFollower(
            (old, OLD), PairFolder(tmp_path / "responders"), make_log(log, dropped=Dropped())
        )
        policy = ResponderPolicy(certificate_in_local=True)
        signers = {TrustMode.LOCAL: follower.signer}
        responder = Responder(world.authorities, signers, world.clock, policy=policy)
        return world, old, follower, responder, log

    world, old, follower, responder, log = await asyncio.to_thread(prepare)
    async with (
        faces({TrustMode.LOCAL: responder}, world.authorities, world.snapshot, world.clock) as made,
        aiohttp.ClientSession() as client,
    ):
        follower.on_removed = made.answers.forget
        yield Serving(made, follower, world.clock, tmp_path / "responders", old, client, log)


def signed_by(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    """The signature is this key's, and the certificate is sent along."""
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    if response.certificates != [certificate]:
        return False
    assert response.signature_hash_algorithm is not None
    key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(response.signature_hash_algorithm))
    return True


@pytest.mark.parametrize("route", ROUTES)
async def test_a_new_pair_takes_over_in_its_time_without_a_gap(tmp_path: Path, route: str) -> None:
    """Dropped in while the service runs: the old one signs until five minutes after the new one's beginning,
    what the old one signed is handed out on, and at no moment nobody signs."""
    async with signing(tmp_path) as service:
        assert signed_by(await service.ask(route, REVOKED), service.old)
        begins = NOW + HOUR
        new = await asyncio.to_thread(put, service.folder, "next", NEW, begins=begins, ends=NOW + 30 * DAY)
        await service.look()
        for moment, signer in (
            (NOW + MINUTE, service.old),
            (begins, service.old),
            (begins + 4 * MINUTE, service.old),
            (begins + 6 * MINUTE, new),
            (NOW + 20 * HOUR - MINUTE, new),
        ):
            service.at(moment)
            assert signed_by(await service.ask_new(route), signer), moment
        assert signed_by(await service.ask(route, REVOKED), service.old)
        service.at(NOW + 20 * HOUR)  # the old one's end: nothing of it is handed out any more
        assert signed_by(await service.ask(route, REVOKED), new)


@pytest.mark.parametrize("route", ROUTES)
async def test_t09_an_ended_signer_signs_nothing(tmp_path: Path, route: str) -> None:
    """From its certificate's end on the answer is tryLater, also for what was in memory, and no signature is
    made; a new pair that is dropped in then ends it."""
    async with signing(tmp_path, ends=NOW + HOUR) as service:
        for _ in range(3):
            assert signed_by(await service.ask(route, REVOKED), service.old)
        service.at(NOW + HOUR)
        made = service.made.count(Count.SIGNATURES)
        for serial in (REVOKED, 1000):
            answer = await service.ask(route, serial)
            assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        assert service.made.count(Count.SIGNATURES) == made
        new = await asyncio.to_thread(put, service.folder, "next", NEW, begins=NOW, ends=NOW + DAY)
        await service.look()
        assert signed_by(await service.ask(route, REVOKED), new)


@pytest.mark.parametrize("route", ROUTES)
async def test_t09_a_signer_whose_time_has_not_come_signs_nothing(tmp_path: Path, route: str) -> None:
    """Neither the ended one nor the one to come: tryLater until it may."""
    async with signing(tmp_path, ends=NOW + HOUR) as service:
        new = await asyncio.to_thread(put, service.folder, "next", NEW, begins=NOW + 2 * HOUR, ends=NOW + DAY)
        await service.look()
        service.at(NOW + 2 * HOUR - MINUTE)
        answer = await service.ask(route, REVOKED)
        assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER
        service.at(NOW + 2 * HOUR)
        assert signed_by(await service.ask(route, REVOKED), new)


@pytest.mark.parametrize("route", ROUTES)
async def test_t07_no_answer_outlives_its_lists(tmp_path: Path, route: str) -> None:
    """No new list for a night: the old word until its nextUpdate, which lies ahead; then tryLater."""
    async with signing(tmp_path, ends=NOW + 30 * DAY) as service:
        answer = await service.ask(route, REVOKED)
        ends = answer.next_update_utc
        assert ends is not None
        for before in (12 * HOUR, HOUR, timedelta(seconds=1)):
            service.at(ends - before)
            answer = await service.ask(route, REVOKED)
            assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
            assert answer.next_update_utc == ends
        for after in (timedelta(0), HOUR, DAY):
            service.at(ends + after)
            answer = await service.ask(route, REVOKED)
            assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER


@pytest.mark.parametrize("route", ROUTES)
async def test_what_a_pair_signed_goes_with_it(tmp_path: Path, route: str) -> None:
    """A pair that is taken away signs no more, and nothing of it is handed out from memory."""
    async with signing(tmp_path) as service:
        new = await asyncio.to_thread(put, service.folder, "next", NEW, begins=NOW - HOUR, ends=NOW + DAY)
        await service.look()
        for _ in range(3):
            assert signed_by(await service.ask(route, REVOKED), new)
        (service.folder / "next.crt").unlink()
        await service.follower.look()
        assert signed_by(await service.ask(route, REVOKED), service.old)
        assert [one["n"] for one in service.events("signer.taken")] == [2, 1]


async def test_a_pair_that_does_not_fit_is_refused_once_by_name(tmp_path: Path) -> None:
    """The old one goes on; the log has the pair's name and the rule once, however often it is looked at."""
    async with signing(tmp_path) as service:
        await asyncio.to_thread(
            put, service.folder, "next", NEW, begins=NOW - HOUR, ends=NOW + DAY, mode=0o644
        )
        for _ in range(3):
            await service.look()
        (refused,) = service.events("signer.refused")
        assert (refused["signer"], refused["code"]) == ("next", "KEY_FILE_EXPOSED")
        assert service.follower.refused == 1
        for route in ROUTES:
            assert signed_by(await service.ask_new(route), service.old)
        (service.folder / "next.pem").chmod(0o600)
        await service.look()
        assert service.follower.refused == 0
        assert not signed_by(await service.ask_new(ROUTES[0]), service.old)
