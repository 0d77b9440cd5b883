"""A small real HTTP server of lists, which can misbehave in every way that matters to fetching."""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

#: The server's own clock; what is served was changed years before.
_DATE = "Mon, 23 Nov 2026 00:00:00 GMT"


@dataclass
class ListServer:
    """Serves ``lists`` by path; ``faults`` by path, each for a number of requests (negative: for ever)."""

    lists: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    #: What each request said in Range, If-Range and If-None-Match.
    asked: list[Mapping[str, str]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    delay_s: float = 0.0
    base: str = ""
    #: "etag", "weak", "date" (settled), "fresh" (a date as young as the answer) or "none".
    validator: str = "etag"
    #: Is Range understood?
    ranges: bool = True
    chunked: bool = False
    #: Octets after which the next answers of a path are cut off, one each.
    cuts: dict[str, list[int]] = field(default_factory=dict)
    #: By path, how many of the next whole answers have a wrong octet, under the right validator.
    damages: dict[str, int] = field(default_factory=dict)
    #: Fields that replace those of every answer with that status.
    lies: dict[int, Mapping[str, str]] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return self.base + path

    def break_(self, path: str, kind: str, times: int = -1) -> None:
        self.faults[path] = (kind, times)

    def validators(self, body: bytes) -> dict[str, str]:
        digest = hashlib.sha256(body).hexdigest()
        seconds = int(digest[:4], 16) % 86_400
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return {
            "etag": {"ETag": f'"{digest}"'},
            "weak": {"ETag": f'W/"{digest}"'},
            "date": {"Last-Modified": f"Wed, 01 Jan 2020 {clock} GMT"},
            "fresh": {"Last-Modified": _DATE},
            "none": {},
        }[self.validator]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        wanted = ("Range", "If-Range", "If-None-Match")
        self.asked.append({name: request.headers[name] for name in wanted if name in request.headers})
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
        fields = {"Date": _DATE, **self.validators(body)}
        if request.headers.get("If-None-Match") == fields.get("ETag", ""):
            return web.Response(status=304, headers=fields)
        status, rest = 200, body
        found = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        fits = request.headers.get("If-Range") in {None, *self.validators(body).values()}
        if self.ranges and found and fits:
            first = int(found[1])
            status, rest = 206, body[first:]
            fields["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
            if first >= len(body):
                status, rest = 416, b""
                fields["Content-Range"] = f"bytes */{len(body)}"
        if status == 200 and self.damages.get(path, 0):
            self.damages[path] -= 1
            rest = rest[:-5] + bytes([rest[-5] ^ 1]) + rest[-4:]
        fields |= self.lies.get(status, {})
        return await self._send(request, status, rest, {key: v for key, v in fields.items() if v})

    async def _send(
        self, request: web.Request, status: int, body: bytes, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        cuts = self.cuts.get(request.path)
        response = web.StreamResponse(status=status, headers=fields)
        # Where lists lie is told in JSON, by the same server in whole nights.
        told = request.path.startswith("/jlis/")
        response.content_type = "application/json" if told else "application/pkix-crl"
        if not self.chunked:
            response.content_length = len(body)
        await response.prepare(request)
        if cuts:
            await response.write(body[: cuts.pop(0)])
            await asyncio.sleep(0.01)
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(body)
        await response.write_eof()
        return response

    async def _misbehave(self, kind: str, request: web.Request, body: bytes) -> web.StreamResponse:
        status, _, wait = kind.partition(" ")
        if status.isdigit():
            return web.Response(status=int(status), headers={"Retry-After": wait} if wait else {})
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        response = web.StreamResponse()
        if kind == "cut":
            response.content_length = len(body) + 100
        if kind == "endless_etag":
            response.headers["ETag"] = '"endless"'
        await response.prepare(request)
        transport = request.transport
        assert transport is not None
        if kind in {"cut", "cut_chunked"}:
            await response.write(body[: len(body) // 2])
            await asyncio.sleep(0.01)
            transport.abort() if kind == "cut_chunked" else transport.close()
        elif kind in {"endless", "endless_etag"}:
            while not transport.is_closing():
                await response.write(bytes(65536))
                await asyncio.sleep(0)
        elif kind == "drip":
            while not transport.is_closing():
                await response.write(b"x")
                await asyncio.sleep(0.02)
        elif kind == "silent":
            await asyncio.sleep(30)
        return response


@asynccontextmanager
async def list_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[ListServer]:
    server = ListServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base = f"http{'s' if tls else ''}://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
