"""The raw client of the edge's tests: what a server sent, octet by octet, and when it ends a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.features.edge_sockets import (
    NotHttp,
    asked,
    drip,
    last_words,
    one_by_one,
    pieces,
    taken_without_reading,
    wire,
    wires,
)
from tests.features.odd_heads import SMUGGLING
from tests.features.request_heads import head

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def plain_aiohttp() -> AsyncIterator[int]:
    """aiohttp's server with a handler that tells method, target and body; gives its port."""

    async def tell(request: web.Request) -> web.Response:
        body = await request.read()
        return web.Response(body=f"{request.method} {request.raw_path} ".encode() + body)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", tell)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def scripted(octets: bytes, *, ends: bool = True) -> AsyncIterator[int]:
    """A server that says these octets to whoever connects, whatever it is asked."""
    held = asyncio.Event()

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)  # a close before that would be a reset
        writer.write(octets)
        await writer.drain()
        if not ends:
            await held.wait()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            held.set()


def request(number: int, *fields: str) -> bytes:
    return head("Content-Length: 3", *fields, start=f"POST /{number} HTTP/1.1") + b"abc"


@pytest.mark.parametrize(
    "cut", [lambda octets: [octets], one_by_one, lambda octets: pieces(octets, range(0, 999, 7))]
)
async def test_pieces_arrive_as_one_message(cut: Callable[[bytes], list[bytes]]) -> None:
    """However a request is cut, its answer is the same."""
    async with plain_aiohttp() as port:
        (answer,) = await asked(port, *cut(request(1)))
        assert (answer.status, answer.body) == (200, b"POST /1 abc")
        assert answer.field("content-length") == "11"
        assert answer.field("Date") is not None
        assert dict(answer.without("date", "Server").fields) == {
            "Content-Type": "application/octet-stream",
            "Content-Length": "11",
        }


async def test_pipelined_answers_come_in_order() -> None:
    """Three requests in one piece, of three methods; the last one ends the connection."""
    sent = request(1) + head(start="HEAD /2 HTTP/1.1") + head("Connection: close", start="GET /3 HTTP/1.1")
    async with plain_aiohttp() as port, wire(port) as connection:
        await connection.send(sent)
        answers = [await connection.answer(method) for method in ("POST", "HEAD", "GET")]
        assert [one.body for one in answers] == [b"POST /1 abc", b"", b"GET /3 "]
        whole = await connection.until_closed()
        assert whole.count(b"HTTP/1.1 200") == 3


async def test_interim_answers_are_counted() -> None:
    """100 (Continue) is no answer, and seen."""
    async with plain_aiohttp() as port, wire(port) as connection:
        await connection.send(head("Content-Length: 3", "Expect: 100-continue"))
        await connection.send(b"abc")
        assert (await connection.answer()).status == 200
        assert connection.interim == 1


async def test_chunks_and_bodies_until_the_end_are_read() -> None:
    """Both other framings of a response."""
    for octets in (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nabc",
    ):
        async with scripted(octets) as port:
            assert [one.body for one in await asked(port, b"x")] == [b"abc"]


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
)
async def test_a_bad_response_is_none(octets: bytes) -> None:
    """A server under test gets nothing through that a strict client would refuse."""
    async with scripted(octets) as port:
        with pytest.raises(NotHttp):
            await asked(port, b"x")


@pytest.mark.parametrize("name", sorted(set(SMUGGLING) - {"HTTP/2"}))
async def test_t44_aiohttp_answers_400_and_ends_the_connection(name: str) -> None:
    """What the splitter leaves to it for fear of smuggling is refused by aiohttp's server, over a socket."""
    async with plain_aiohttp() as port:
        whole = await last_words(port, SMUGGLING[name] + request(1))
    assert whole.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert whole.count(b" 400 Bad Request\r\n") == 1
    assert b" 200 OK\r\n" not in whole


async def test_a_drip_ends_when_the_server_has_enough() -> None:
    """Seconds until it does, or None where it never does."""
    async with scripted(b"") as port, wire(port) as connection:
        assert await drip(connection, request(1), 0.01, most_s=10) is not None
    async with scripted(b"", ends=False) as port, wires(port, 3) as many:
        ended = [drip(one, request(1), 0.01, most_s=0.1) for one in many]
        assert await asyncio.gather(*ended) == [None] * 3


async def test_t50_aiohttp_stops_taking_from_who_does_not_read() -> None:
    """Ten thousand requests and no reads: with the kernels' buffers, a part of them is taken."""
    wanted = b"".join(head("X: " + "y" * 400, start=f"GET /{number} HTTP/1.1") for number in range(10_000))
    async with plain_aiohttp() as port:
        taken = await taken_without_reading(port, wanted * 4, idle_s=1.0)
    assert 0 < taken < len(wanted) * 4
