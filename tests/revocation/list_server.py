"""A small real HTTP server of lists, which can misbehave in every way that matters to fetching."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class ListServer:
    """Serves ``lists`` by path; ``faults`` by path, each for a number of requests (negative: for ever)."""

    lists: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay_s: float = 0.0
    base: str = ""

    def url(self, path: str) -> str:
        return self.base + path

    def break_(self, path: str, kind: str, times: int = -1) -> None:
        self.faults[path] = (kind, times)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            response = await self._answer(request)
            self.requests.append((request.path, response.status))
            return response
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.delay_s)
        path = request.path
        body = self.lists.get(path)
        kind, left = self.faults.get(path, ("", 0))
        if left:
            self.faults[path] = (kind, left - 1)
            return await self._misbehave(kind, request, body or b"")
        if body is None:
            return web.Response(status=404)
        etag = hashlib.sha256(body).hexdigest()
        if request.headers.get("If-None-Match") == f'"{etag}"':
            return web.Response(status=304, headers={"ETag": f'"{etag}"'})
        return web.Response(body=body, content_type="application/pkix-crl", headers={"ETag": f'"{etag}"'})

    async def _misbehave(self, kind: str, request: web.Request, body: bytes) -> web.StreamResponse:
        if kind.isdigit():
            return web.Response(status=int(kind))
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        response = web.StreamResponse()
        if kind == "cut":
            response.content_length = len(body) + 100
        await response.prepare(request)
        transport = request.transport
        assert transport is not None
        if kind in {"cut", "cut_chunked"}:
            await response.write(body[: len(body) // 2])
            await asyncio.sleep(0.01)
            transport.abort() if kind == "cut_chunked" else transport.close()
        elif kind == "endless":
            while not transport.is_closing():
                await response.write(bytes(65536))
                await asyncio.sleep(0)
        elif kind == "silent":
            await asyncio.sleep(30)
        return response


@asynccontextmanager
async def list_server() -> AsyncIterator[ListServer]:
    server = ListServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
