"""aiohttp's own HTTP parser, asked without a server: what the fast path's splitter must never contradict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser


@dataclass(slots=True)
class Message:
    """A request as aiohttp understands it; ``end`` is the octet behind its body, None while that is open."""

    method: str
    target: str
    minor_version: int
    keep_alive: bool
    chunked: bool
    upgrade: bool
    compressed: bool
    headers: Any
    head_end: int
    payload: Any = field(repr=False)
    body: bytes = b""
    end: int | None = None


class Refused(Exception):
    """aiohttp answers this with 400."""


class AiohttpReading:
    """One connection's parser, with the limits of aiohttp's server; ``messages`` in the order of the wire."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        assert HttpRequestParser.__module__ == "aiohttp._http_parser", "expected the compiled parser"
        self._parser = HttpRequestParser(
            BaseProtocol(loop), loop, 2**16, max_line_size=8190, max_field_size=8190, max_headers=128
        )
        self._fed = 0
        self.messages: list[Message] = []

    def feed(self, octets: bytes, *, one_by_one: bool = False) -> list[Message]:
        """More octets; ends are exact only where these come ``one_by_one``. Refused where aiohttp refuses."""
        step = 1 if one_by_one else max(1, len(octets))
        for at in range(0, len(octets), step):
            piece = octets[at : at + step]
            self._fed += len(piece)
            try:
                found, _, _ = self._parser.feed_data(piece)
            except HttpProcessingError as error:
                raise Refused(str(error)) from error
            for message, payload in found:
                self.messages.append(_message(message, payload, self._fed))
            for one in self.messages:
                self._drain(one)
        return self.messages

    def _drain(self, one: Message) -> None:
        while one.end is None:
            if one.payload.exception() is not None:
                raise Refused(str(one.payload.exception()))
            piece = one.payload.read_nowait(-1)
            one.body += piece
            if one.payload.at_eof():
                one.end = self._fed
            elif not piece:
                return


def _message(message: Any, payload: Any, fed: int) -> Message:
    assert (message.version.major, message.version.minor) in {(1, 0), (1, 1)}
    return Message(
        method=message.method,
        target=message.path,
        minor_version=message.version.minor,
        keep_alive=not message.should_close,
        chunked=bool(message.chunked),
        upgrade=bool(message.upgrade),
        compressed=message.compression is not None,
        headers=message.headers,
        head_end=fed,
        payload=payload,
    )


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: the parser wants one to belong to."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()
