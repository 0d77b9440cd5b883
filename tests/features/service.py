"""The service's own routes and middleware over HTTP, on a test's database, clock and gateway."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_api.config import Settings
from platform_api.consents.receipts import ReceiptSigner
from platform_api.institutions.caller import CallerRules
from platform_api.institutions.callers import Callers
from platform_api.keys import (
    AUTHORITIES,
    CALLERS,
    CLOCK,
    HOLDER_APPS,
    JLIS,
    KEY_HASHER,
    LOG,
    METRICS,
    PLACE,
    POOL,
    RECEIPTS,
    RESPONDERS,
    SEALER,
    SETTINGS,
    STOPPING,
    STORE,
    TAGGER,
)
from platform_api.logs import make_log
from platform_api.metrics import Metrics
from platform_api.middlewares import edge
from platform_api.ocsp.context import ocsp
from platform_api.routes import add_all
from tests.base.postgres import TestInstitution
from tests.features.cards import Card, digest
from tests.features.world import World


@dataclass
class Service:
    """A client of the running service."""

    client: TestClient[Any, Any]
    world: World
    log: list[str] = field(default_factory=list)
    #: Of the last answer.
    headers: Mapping[str, str] = field(default_factory=dict)

    async def call(
        self,
        institution: TestInstitution | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One JSON call; the status must be the expected one."""
        sent = dict(headers or {}) | ({} if institution is None else institution.headers)
        async with self.client.request(method, path, json=body, headers=sent) as response:
            answer = await response.json(content_type=None)
            self.headers = response.headers
            assert response.status == expect, (response.status, answer)
            return answer or {}

    async def verify(
        self, institution: TestInstitution, card: Card, ref: str | None = "account-1", **changes: Any
    ) -> dict[str, Any]:
        """signatures:verify, with registration unless ``ref`` is None."""
        data = b"challenge"
        body: dict[str, Any] = {
            "digest_algorithm": card.digest_algorithm,
            "digest": b64(digest(data, card.digest_algorithm)),
            "signature": b64(card.sign(data)),
            "certificate": b64(card.der),
            "purpose": "signature_verification",
        }
        if ref is not None:
            body["register"] = {
                "service_id": str(institution.service_id),
                "registration_ref": ref,
                "customer_ref": "customer-1",
            }
        return await self.call(institution, "POST", "/v1/signatures:verify", body | changes)


def b64(octets: bytes) -> str:
    return b64encode(octets).decode()


@asynccontextmanager
async def serving(
    world: World,
    gateway: Any = None,
    *,
    mode: str = "sandbox",
    state: Mapping[web.AppKey[Any], Any] | None = None,
    port: int | None = None,
) -> AsyncIterator[Service]:
    """Everything as ``create_app`` mounts it; the resources come from the test instead of the contexts, and
    ``state`` replaces or adds some.
    """
    app = await asyncio.to_thread(_application, world, gateway, mode)
    for key, value in (state or {}).items():
        app[key] = value
    async with TestClient(TestServer(app, port=port)) as client:
        yield Service(client, world)


async def _end_questions(app: web.Application) -> None:
    await app[CALLERS].close()


def _application(world: World, gateway: Any, mode: str) -> web.Application:
    app = web.Application(middlewares=[edge])
    app[SETTINGS] = Settings(mode=mode, ocsp_cache_mib=1)  # type: ignore[arg-type]
    app[CLOCK] = world.clock
    app[LOG] = make_log()
    app[PLACE] = world.place
    app[METRICS] = Metrics(app[PLACE])
    app[POOL] = world.database.app_pool
    app[STORE] = world.snapshots
    app[AUTHORITIES] = world.authorities
    app[SEALER] = world.database.sealer
    app[TAGGER] = world.tagger
    app[KEY_HASHER] = world.database.hasher
    app[RESPONDERS] = world.responders
    app[RECEIPTS] = ReceiptSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    app[CALLERS] = Callers(app[POOL], app[KEY_HASHER], app[TAGGER], app[CLOCK], CallerRules.of(app[SETTINGS]))
    app.on_cleanup.append(_end_questions)
    app[STOPPING] = asyncio.Event()
    app[HOLDER_APPS] = {}
    if gateway is not None:
        app[JLIS] = gateway
    app.cleanup_ctx.append(ocsp)
    add_all(app)
    return app
