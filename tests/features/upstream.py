"""Another OCSP responder on the loopback: it enforces what a client must do, and misbehaves as it is told.

Contract: POST with its media type and nothing but the request, or GET with the request in one path segment;
exactly one CertID. A request that breaks it fails the test, whatever it is answered.
"""

from __future__ import annotations

import asyncio
import io
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.upstream_ocsp.asking import Upstream
from platform_api.upstream_ocsp.budget import Budget
from platform_api.upstream_ocsp.outcomes import Asked
from platform_api.upstream_ocsp.settings import UpstreamSettings
from platform_api.upstream_ocsp.transport import OcspTransport
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.identity import CertificateIdentity
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import AUTHORITY, GOOD, NOW, SERIAL, cert_id_of, nonce_of

INSTITUTION = UUID(int=7)
MEDIA_TYPE = "application/ocsp-response"

Says = Callable[[bytes], bytes | web.StreamResponse | Awaitable[bytes | web.StreamResponse]]


@dataclass
class FakeResponder:
    """Answers each request by ``says``; keeps the requests."""

    says: Says
    asked: list[bytes] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    broken_rules: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        der = await self._request(request)
        self.asked.append(der)
        self.methods.append(request.method)
        cert_id_of(der)  # exactly one
        found = self.says(der)
        if isinstance(found, Awaitable):
            found = await found
        if isinstance(found, web.StreamResponse):
            return found
        return web.Response(body=found, content_type=MEDIA_TYPE)

    async def _request(self, request: web.Request) -> bytes:
        self._rule("Authorization" not in request.headers and "Cookie" not in request.headers, "credentials")
        self._rule(request.headers.get("Accept-Encoding") == "identity", "Accept-Encoding")
        if request.method == "POST":
            self._rule(request.content_type == "application/ocsp-request", "Content-Type")
            self._rule(request.path == "/ocsp", "path")
            return await request.read()
        path = request.raw_path.removeprefix("/ocsp/")
        self._rule("/" not in path and "+" not in path and len(path) <= 255, "GET path")
        return b64decode(unquote(path), validate=True)

    def _rule(self, kept: bool, name: str) -> None:
        if not kept:
            self.broken_rules.append(name)


def answers(status: bytes = GOOD, **bent: Any) -> Says:
    """An answer as it should be, of the newest CA key; keywords of ``single`` and ``response`` bend it."""
    timing = {name: bent.pop(name) for name in ("this_update", "next_update") if name in bent}

    def says(der: bytes) -> bytes:
        return forged.response(
            forged.single(cert_id_of(der), status, **timing), **({"nonce": nonce_of(der)} | bent)
        )

    return says


async def never(_: bytes) -> web.StreamResponse:
    """No answer, as long as somebody waits for one."""
    await asyncio.Event().wait()
    raise AssertionError


def busy(_: bytes) -> web.StreamResponse:
    return web.Response(status=503)


@dataclass
class Asking:
    """A client with a clock of its own, and what it wrote."""

    upstream: Upstream
    responder: FakeResponder
    clock: FixedClock
    metrics: Metrics
    log: io.StringIO
    dropped: Dropped
    monotonic: list[float]

    def budget(self) -> Budget:
        return self.upstream.budget_for(INSTITUTION)

    async def ask(self, serial: bytes = SERIAL, budget: Budget | None = None) -> Asked:
        return await self.upstream.ask(identity_of(serial), budget or self.budget())

    def codes(self) -> list[str]:
        return [orjson.loads(line)["code"] for line in self.log.getvalue().splitlines()]

    def counted(self, outcome: str) -> float:
        label = {"ca": AUTHORITY.ca_id, "outcome": outcome}
        return self.metrics.registry.get_sample_value("jpki_upstream_ocsp_total", label) or 0.0


def identity_of(serial: bytes = SERIAL, generation: int = -1) -> CertificateIdentity:
    return CertificateIdentity(AUTHORITY.ca_id, AUTHORITY.generations[generation].key_id, serial)


@asynccontextmanager
async def responding(says: Says) -> AsyncIterator[FakeResponder]:
    """A fake responder with an address; what a client did wrong fails the test at the end."""
    responder = FakeResponder(says)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", responder.handle)
    async with TestServer(app) as server:
        responder.url = str(server.make_url("/ocsp"))
        yield responder
    assert responder.broken_rules == []


@asynccontextmanager
async def asking(says: Says, *, at: datetime = NOW, **settings: Any) -> AsyncIterator[Asking]:
    """A client, its responder, a clock that stands still, and a monotonic clock that a test moves."""
    async with responding(says) as responder:
        settings.setdefault("url", responder.url)
        made = UpstreamSettings(**settings)
        log, dropped, monotonic = io.StringIO(), Dropped(), [1000.0]
        clock, metrics = FixedClock(at), Metrics()
        async with OcspTransport(
            concurrency=made.concurrency, timeout_s=made.timeout_s, prefer_get=made.prefer_get
        ) as transport:
            upstream = Upstream(
                made,
                transport,
                Authorities([AUTHORITY]),
                clock,
                log=make_log(log, dropped=dropped),
                metrics=metrics,
                monotonic=lambda: monotonic[0],
            )
            try:
                yield Asking(upstream, responder, clock, metrics, log, dropped, monotonic)
            finally:
                await upstream.close()
        assert dropped.count == 0, "an event or field outside the allow-list"
        text = log.getvalue() + metrics.render().decode()
        assert "bfcd" not in text.lower()
