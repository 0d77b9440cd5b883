"""A client that sends octets as they are and reads what comes back: what no HTTP library would do for us.

For tests of the service's edge over loopback. Every wait is bounded; ``BOUND_S`` is far more than any test
needs, and where it passes the test fails.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

BOUND_S = 20.0
#: Bodies that a response has not, whatever its fields say (RFC 9112 section 6.3).
_NO_BODY = frozenset({204, 304})


class NotHttp(AssertionError):
    """What came back is no response of HTTP/1.1 as a strict reader wants it."""


@dataclass(frozen=True)
class Answer:
    """One final response: header fields in their order, the body without its framing."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str | None:
        """The value of a field that must not be there twice."""
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        if len(found) > 1:
            raise NotHttp(f"{name} {len(found)} times")
        return found[0] if found else None

    def without(self, *names: str) -> Answer:
        """The same without these fields: ``Date`` is of the moment, not of the answer."""
        dropped = {name.lower() for name in names}
        return Answer(
            self.status, tuple(one for one in self.fields if one[0].lower() not in dropped), self.body
        )


class Wire:
    """One connection. ``octets`` is all that has come, as it came; ``interim`` counts 100 (Continue)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.octets = b""
        self.interim = 0

    async def send(self, *pieces: bytes) -> None:
        """Each piece by itself, given to the kernel before the next; the server may see several at once."""
        async with asyncio.timeout(BOUND_S):
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
                await asyncio.sleep(0)  # the server's turn, where it runs on this loop

    def end_sending(self) -> None:
        """FIN: no more octets from us."""
        self._writer.write_eof()

    async def answer(self, method: str = "POST") -> Answer:
        """The next final response to a request with this method."""
        async with asyncio.timeout(BOUND_S):
            while True:
                status, fields = _head(await self._until(b"\r\n\r\n"))
                if status != 100:
                    break
                self.interim += 1
            found = Answer(status, fields, b"")
            length, coding = found.field("Content-Length"), found.field("Transfer-Encoding")
            if method == "HEAD" or status in _NO_BODY:
                return found
            if coding is not None:
                if coding != "chunked" or length is not None:
                    raise NotHttp(f"Transfer-Encoding {coding} with Content-Length {length}")
                return Answer(status, fields, await self._chunks())
            if length is not None:
                return Answer(status, fields, await self._exactly(int(length)))
            return Answer(status, fields, await self._rest())

    async def is_closed_within(self, seconds: float) -> bool:
        """Whether the server ends the connection in so many seconds; octets that come first are kept."""
        try:
            async with asyncio.timeout(seconds):
                while piece := await self._reader.read(65_536):
                    self.octets += piece
        except TimeoutError:
            return False
        except ConnectionError:
            pass  # a reset ends it too
        return True

    async def until_closed(self) -> bytes:
        """All that ever came on this connection, once the server has ended it."""
        assert await self.is_closed_within(BOUND_S), "the server keeps the connection"
        return self.octets

    async def close(self) -> None:
        self._writer.transport.abort()
        async with asyncio.timeout(BOUND_S):
            with suppress(ConnectionError):  # the server was first
                await self._writer.wait_closed()

    async def _until(self, mark: bytes) -> bytes:
        try:
            piece = await self._reader.readuntil(mark)
        except asyncio.IncompleteReadError as error:
            self.octets += error.partial
            raise NotHttp(f"the connection ended after {error.partial[:80]!r}") from None
        except ConnectionError as error:
            raise NotHttp(f"the connection ended: {error}") from None
        self.octets += piece
        return piece

    async def _exactly(self, size: int) -> bytes:
        try:
            piece = await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            self.octets += error.partial
            raise NotHttp(f"expected a body of {size} octets, got {len(error.partial)}") from None
        except ConnectionError as error:
            raise NotHttp(f"the connection ended in a body of {size} octets: {error}") from None
        self.octets += piece
        return piece

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int((await self._until(b"\r\n")).split(b";")[0], 16)
            piece = await self._exactly(size + 2)
            if piece[size:] != b"\r\n":
                raise NotHttp("a chunk without its line end")
            if size == 0:
                return body
            body += piece[:size]

    async def _rest(self) -> bytes:
        before = len(self.octets)
        return (await self.until_closed())[before:]


def _head(octets: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and fields (RFC 9112 sections 4 and 5), strictly."""
    start, *lines = octets.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    version, _, rest = start.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdecimal() or rest[3:4] not in {" ", ""}:
        raise NotHttp(start)
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line:
            raise NotHttp(line)
        fields.append((name, value.strip(" \t")))
    return int(rest[:3]), tuple(fields)


@asynccontextmanager
async def wire(port: int, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A connection to the service, closed hard at the end; small pieces are not gathered by the kernel."""
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made = Wire(reader, writer)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def wires(port: int, count: int) -> AsyncIterator[list[Wire]]:
    """So many connections at once."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(wire(port)) for _ in range(count)]


def pieces(octets: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The octets cut at these places."""
    places = sorted({0, len(octets), *(one for one in cuts if 0 < one < len(octets))})
    return [octets[a:b] for a, b in pairwise(places)]


def one_by_one(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1] for at in range(len(octets))]


async def asked(port: int, *sent: bytes, methods: Sequence[str] = ("POST",)) -> list[Answer]:
    """A connection's answers to requests with these methods, sent in these pieces."""
    async with wire(port) as connection:
        await connection.send(*sent)
        return [await connection.answer(method) for method in methods]


async def last_words(port: int, *sent: bytes) -> bytes:
    """All octets of a connection that the server ends by itself after these."""
    async with wire(port) as connection:
        with suppress(ConnectionError):  # ended before all was sent; what it said is there to be read
            await connection.send(*sent)
        return await connection.until_closed()


async def drip(connection: Wire, octets: bytes, gap_s: float, *, most_s: float) -> float | None:
    """One octet every ``gap_s``, then silence, until the server ends the connection.

    Seconds that took, or None where it was still open after ``most_s``.
    """
    started = time.monotonic()
    left = iter(one_by_one(octets))
    while time.monotonic() - started < most_s:
        if (octet := next(left, None)) is not None:
            try:
                await connection.send(octet)
            except ConnectionError:
                return time.monotonic() - started
        if await connection.is_closed_within(gap_s):
            return time.monotonic() - started
    return None


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def taken_without_reading(port: int, octets: bytes, *, idle_s: float) -> int:
    """How many octets the server and two kernels take from a client that reads none of the answers.

    Over when nothing more was taken for ``idle_s``, or when all was. The client's own buffer is small.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.setblocking(False)
        async with asyncio.timeout(BOUND_S):
            await loop.sock_connect(client, ("127.0.0.1", port))
        view, at = memoryview(octets), 0
        while at < len(view):
            writable = loop.create_future()
            loop.add_writer(client, _set, writable)
            try:
                async with asyncio.timeout(idle_s):
                    await writable
                at += client.send(view[at : at + 65_536])
            except (TimeoutError, ConnectionError):
                break
            finally:
                loop.remove_writer(client)
        return at
