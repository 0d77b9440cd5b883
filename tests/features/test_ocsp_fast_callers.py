"""The fast path asked with each kind of credential, and how long a connection outlives its credential."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, TCPConnector
from cryptography.x509 import ocsp

from platform_api.institutions.model import Mode
from platform_api.ocsp.identification import Identification
from revocation.ocsp.responder import Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests.base.postgres import TestInstitution, make_institution
from tests.features.calling import TTL, Asking, asking
from tests.features.cards import make_card
from tests.features.ocsp_face import FAST, ROUTES, faces
from tests.features.test_ocsp_http import request_for, responder_pair
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

UNAUTHORIZED = bytes.fromhex("30030a0106")
GOOD = ocsp.OCSPCertStatus.GOOD


@pytest.fixture
async def live(world: World) -> AsyncIterator[Asking]:
    await world.day()
    async with asking(world, networks=True) as made:
        yield made


@pytest.fixture
async def bank(world: World) -> TestInstitution:
    return await make_institution(world.database, name="Live Bank", mode=Mode.LIVE)


@asynccontextmanager
async def served(live: Asking) -> AsyncIterator[dict[str, str]]:
    """The address of each route."""
    world = live.world
    signer = LocallyTrustedSigner(*responder_pair())
    responders = {TrustMode.LOCAL: Responder(world.authorities, {TrustMode.LOCAL: signer}, world.clock)}
    async with faces(
        responders,
        world.authorities,
        world.snapshots.current(),
        world.clock,
        identification=lambda part: Identification(live.callers, part),
        ask_peer=True,
    ) as made:
        yield {route: f"http://127.0.0.1:{made.ports[route]}/ocsp" for route in ROUTES}


class Client:
    """One connection that is kept, and what it shows."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._url = url
        self._session = ClientSession(connector=TCPConnector(limit=1), headers=headers)
        self._asked = request_for(make_card(sets.ca()))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def said(self) -> Any:
        async with self._session.post(self._url, data=self._asked) as response:
            octets = await response.read()
        return octets if len(octets) <= 5 else ocsp.load_der_ocsp_response(octets).certificate_status


@pytest.mark.parametrize("route", ROUTES)
async def test_each_credential_on_both_routes(live: Asking, bank: TestInstitution, route: str) -> None:
    """A key, a listed network, both wrong: the same answers from the fast path and the ordinary route."""
    async with served(live) as urls:
        async with Client(urls[route], bank.headers) as by_key, Client(urls[route]) as by_address:
            assert await by_key.said() is GOOD
            assert await by_address.said() == UNAUTHORIZED
            await live.bind_network(bank, "127.0.0.1")
            live.now.at += TTL
        wrong = {"Authorization": "Bearer jpk_live_wrong", "X-Forwarded-For": "127.0.0.1"}
        async with Client(urls[route]) as by_address, Client(urls[route], wrong) as by_wrong_key:
            assert await by_address.said() is GOOD
            assert await by_wrong_key.said() == UNAUTHORIZED


async def test_a_connection_does_not_live_on_another_one_s_credential(
    live: Asking, bank: TestInstitution
) -> None:
    """A network is unbound while the same key is asked with over and over: the connection from the network is
    refused all the same. And a refused one is let in when its network is bound, however often others are
    refused meanwhile.
    """
    binding = await live.bind_network(bank, "127.0.0.1")
    async with served(live) as urls:
        nobody = {"Authorization": "Bearer jpk_live_wrong"}
        async with (
            Client(urls[FAST], bank.headers) as busy,
            Client(urls[FAST]) as by_address,
            Client(urls[FAST], nobody) as refused,
        ):
            assert await by_address.said() is GOOD
            assert await live.unbind(binding)
            live.now.at += TTL
            while await by_address.said() is GOOD:
                for _ in range(100):
                    assert await busy.said() is GOOD
            await live.bind_network(bank, "127.0.0.1")
            live.now.at += TTL
            while await by_address.said() is not GOOD:
                for _ in range(100):
                    assert await refused.said() == UNAUTHORIZED
