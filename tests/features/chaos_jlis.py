"""A J-LIS on the loopback, octet by octet: it misbehaves as it is told, one trick for each request."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

Trick = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


def http(body: bytes, *fields: str, status: str = "200 OK", length: int | None = None) -> bytes:
    given = ("Content-Type: application/json", *fields)
    length = len(body) if length is None else length
    return "\r\n".join((f"HTTP/1.1 {status}", *given, f"Content-Length: {length}", "", "")).encode() + body


async def good(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(http(body))
    await writer.drain()


async def silent(writer: asyncio.StreamWriter, _: bytes) -> None:
    """Takes the request and says nothing, as long as somebody waits."""
    await asyncio.sleep(30)
    writer.close()


async def dripping(writer: asyncio.StreamWriter, body: bytes) -> None:
    """An octet now and then: each in time, the whole never."""
    for octet in http(body):
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def busy(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.write(http(b'{"code":"BUSY"}', status="503 Service Unavailable"))
    await writer.drain()


async def half(writer: asyncio.StreamWriter, body: bytes) -> None:
    """All is announced, half is sent, then the line is cut."""
    writer.write(http(body[: len(body) // 2], length=len(body)))
    await writer.drain()
    writer.close()


async def half_chunked(writer: asyncio.StreamWriter, body: bytes) -> None:
    """A chunk that is whole by itself, and never the last one."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head + b"%x\r\n%s\r\n" % (len(body), body))
    await writer.drain()
    writer.close()


async def twice_in_one(writer: asyncio.StreamWriter, body: bytes) -> None:
    """One response, whose body is the document two times."""
    writer.write(http(body + body))
    await writer.drain()


async def cut(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.close()


async def redirect(writer: asyncio.StreamWriter, _: bytes) -> None:
    writer.write(http(b"", "Location: http://127.0.0.1:9/elsewhere", status="307 Temporary Redirect"))
    await writer.drain()


async def a_page(writer: asyncio.StreamWriter, _: bytes) -> None:
    """What a proxy on the way says, with a status that sounds like a refusal."""
    body = b"<html>403</html>"
    writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    await writer.drain()


def twice_late(other: bytes) -> Trick:
    """The answer, and a moment later, on the same connection, one that nobody asked for."""

    async def trick(writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(http(body))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(http(other))
        await writer.drain()

    return trick


@dataclass
class ChaosJlis:
    """Answers ``body`` by the next trick; ``good`` when there are no more."""

    body: bytes
    tricks: list[Trick] = field(default_factory=list)
    #: Method, path and body of each request that came whole.
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def say(self, answer: Any) -> None:
        self.body = orjson.dumps(answer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
                length = re.search(r"(?im)^content-length: *(\d+)", head)
                method, path, _ = head.split(" ", 2)
                self.requests.append(
                    (method, path, await reader.readexactly(int(length[1]) if length else 0))
                )
                trick = self.tricks.pop(0) if self.tricks else good
                await trick(writer, self.body)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()


@asynccontextmanager
async def chaos(
    answer: Any, *tricks: Trick, context: ssl.SSLContext | None = None
) -> AsyncIterator[ChaosJlis]:
    here = ChaosJlis(orjson.dumps(answer), list(tricks))
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(here.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        port = server.sockets[0].getsockname()[1]
        here.url = f"{'http' if context is None else 'https'}://127.0.0.1:{port}"
        yield here
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
