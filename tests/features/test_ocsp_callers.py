"""OCSP over HTTP and HTTPS asked with each kind of credential, as the routes of the service take it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector, web
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ocsp

from platform_api.institutions.caller import CallerRules
from platform_api.institutions.callers import Callers
from platform_api.institutions.model import Mode
from platform_api.keys import CALLERS
from platform_api.tls import ReloadingContext, TlsFiles
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests.base.postgres import TestInstitution, make_institution
from tests.base.test_tls import CA, CLIENT, NOW, SERVER, make
from tests.features.calling import Asking, asking
from tests.features.cards import make_card
from tests.features.service import _application
from tests.features.test_ocsp_http import request_for, responder_pair
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

UNAUTHORIZED = bytes.fromhex("30030a0106")
TRY_LATER = bytes.fromhex("30030a0103")
GOOD = ocsp.OCSPCertStatus.GOOD


@pytest.fixture
async def live(world: World) -> AsyncIterator[Asking]:
    """A world whose responder answers; networks are taken."""
    signer = LocallyTrustedSigner(*responder_pair())
    world.responders[TrustMode.LOCAL] = Responder(world.authorities, {TrustMode.LOCAL: signer}, world.clock)
    await world.day()
    async with asking(world, networks=True) as made:
        yield made


@pytest.fixture
async def bank(world: World) -> TestInstitution:
    return await make_institution(world.database, name="Live Bank", mode=Mode.LIVE)


@asynccontextmanager
async def served(live: Asking, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The routes on a real socket; the address to ask."""
    app = await asyncio.to_thread(_application, live.world, None, "live")
    app[CALLERS] = live.callers
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await (site := web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)).start()
        server: Any = site._server
        port = server.sockets[0].getsockname()[1]
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{port}/ocsp"
    finally:
        await runner.cleanup()


async def said(url: str, headers: dict[str, str] | None = None, context: Any = None) -> Any:
    """The certificate's status, or the octets of an unsigned answer."""
    connector = TCPConnector(ssl=context) if context is not None else TCPConnector()
    async with (
        ClientSession(connector=connector) as session,
        session.post(url, data=request_for(make_card(sets.ca())), headers=headers) as response,
    ):
        octets = await response.read()
        assert response.status == 200
        if len(octets) <= 5:
            assert response.headers["Cache-Control"] == "no-cache, no-store"
            return octets
        assert "private" in response.headers["Cache-Control"]
        return ocsp.load_der_ocsp_response(octets).certificate_status


async def test_a_listed_network_is_the_connected_address_and_no_header(
    live: Asking, bank: TestInstitution
) -> None:
    """T49: whatever X-Forwarded-For, Forwarded and their like say, they let nobody in and keep nobody out."""
    spoofed = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Real-IP": "192.0.2.1",
        "Forwarded": "for=192.0.2.1;proto=https;host=inside",
        "X-Forwarded-Host": "inside",
        "X-Forwarded-Proto": "https",
        "X-Client-Cert": CLIENT.pem.hex(),
        "X-SSL-Client-Fingerprint": CLIENT.certificate.fingerprint(SHA256()).hex(),
        "True-Client-IP": "192.0.2.1",
    }
    await live.bind_network(bank, "192.0.2.0/24")
    await live.bind_certificate(bank, CLIENT.certificate)
    async with served(live) as url:
        for headers in ({}, spoofed):
            assert await said(url, headers) == UNAUTHORIZED
        await live.bind_network(bank, "127.0.0.1")
        live.now.at += 5
        for headers in ({}, dict.fromkeys(spoofed, "198.51.100.1")):
            assert await said(url, headers) is GOOD
        assert await said(url, {"Authorization": "Bearer jpk_live_wrong"}) == UNAUTHORIZED


async def test_a_pinned_certificate_asks_without_a_header(
    live: Asking, bank: TestInstitution, tmp_path: Path
) -> None:
    """Over TLS with the bound certificate: answered. Without one, or with one of no key: not."""
    certificate, key = await asyncio.to_thread(SERVER.write, tmp_path, "server")
    await asyncio.to_thread((tmp_path / "ca.pem").write_bytes, CA.pem)
    files = TlsFiles(certificate, key, tmp_path / "ca.pem")
    context = await asyncio.to_thread(lambda: ReloadingContext(files.read()))
    trust = SERVER.pem.decode()
    mine, unbound, nobody = (ssl.create_default_context(cadata=trust) for _ in range(3))
    # TLS goes by the real time, the service by its clock: both are within these.
    begins = min(sets.T0, NOW) - timedelta(days=1)
    bound, other = (make(n, by=CA, begins=begins, days=abs(NOW - sets.T0).days + 30) for n in (20, 21))
    mine.load_cert_chain(*await asyncio.to_thread(bound.write, tmp_path, "bound"))
    unbound.load_cert_chain(*await asyncio.to_thread(other.write, tmp_path, "other"))
    binding = await live.bind_certificate(bank, bound.certificate)
    async with served(live, context) as url:
        assert await said(url, context=mine) is GOOD
        assert await said(url, context=unbound) == UNAUTHORIZED
        assert await said(url, context=nobody) == UNAUTHORIZED
        assert await said(url, bank.headers, context=nobody) is GOOD
        assert await said(url, {"Authorization": "Bearer wrong"}, context=mine) == UNAUTHORIZED
        await live.unbind(binding)
        live.now.at += 5
        assert await said(url, context=mine) == UNAUTHORIZED


async def test_an_outage_is_told_from_a_refusal(live: Asking, bank: TestInstitution) -> None:
    """T20: who was known is answered while the database is away; who was not is told tryLater, unsigned."""
    stranger = await make_institution(live.database, mode=Mode.LIVE)
    async with served(live) as url:
        assert await said(url, bank.headers) is GOOD
        async with live.database_away():
            live.now.at += 60
            for _ in range(3):
                assert await said(url, bank.headers) is GOOD
            assert await said(url, stranger.headers) == TRY_LATER
            assert await said(url, {"Authorization": "Basic x"}) == UNAUTHORIZED
        await live.end_key(bank)
        live.now.at += 5
        assert await said(url, bank.headers) == UNAUTHORIZED
        assert await said(url, stranger.headers) is GOOD


def test_the_settings_reach_the_rules() -> None:
    """What an operator sets is what callers go by; a default is the documented one."""
    from platform_api.config import Settings

    given = Settings(
        mode="live", caller_ttl_s=2, caller_grace_s=7, ocsp_networks=True, ocsp_rate_per_s=3, ocsp_burst=4
    )
    assert CallerRules.of(given) == CallerRules("live", 2, 7, networks=True, rate_per_s=3, burst=4)
    assert CallerRules.of(Settings()) == CallerRules("test", 5.0, 300.0, False, 2000, 4000)
    assert Callers.UNAVAILABLE.value == "unavailable"
