"""A transport without a socket, for what a connection does while its client reads nothing, or goes away."""

from __future__ import annotations

import asyncio
from typing import Any

from platform_api.ocsp._protocol import FastProtocol
from tests.features.ocsp_face import Faces


class HeldTransport(asyncio.Transport):
    """Takes what is written and pauses its writer above ``high`` octets, as a socket's transport does in the
    very call of ``write``; ``read`` is the client reading all of it."""

    def __init__(self, high: int = 1 << 60) -> None:
        super().__init__()
        self.high = high
        self.held = b""
        self.said = b""
        self.protocol: Any = None
        self.reading = True
        self.writing_paused = False
        self.closed = False
        self.aborted = False

    def write(self, data: Any) -> None:
        assert not self.aborted
        self.held += data
        self.said += data
        if len(self.held) > self.high and not self.writing_paused:
            self.writing_paused = True
            self.protocol.pause_writing()

    def read(self) -> None:
        self.held = b""
        if self.writing_paused:
            self.writing_paused = False
            self.protocol.resume_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        found: asyncio.BaseProtocol = self.protocol
        return found

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        if not self.is_closing():
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        if not self.is_closing():
            self.aborted = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


def connected(made: Faces, *, high: int = 1 << 60) -> tuple[FastProtocol, HeldTransport]:
    """A connection of the fast path that has just been made."""
    protocol = FastProtocol(made.server._fast, asyncio.get_running_loop())
    transport = HeldTransport(high)
    transport.protocol = protocol
    protocol.connection_made(transport)
    return protocol, transport
