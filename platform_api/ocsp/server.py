"""One listening socket: OCSP on the fast path, the rest by aiohttp, under one set of limits."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platform_api.ocsp._fast_path import FastPath
from platform_api.ocsp._protocol import FastProtocol
from platform_api.ocsp.answers import MODES, Answers
from platform_api.workers.counts import Count

if TYPE_CHECKING:
    import socket
    import ssl

    from aiohttp import web

    from platform_api.workers.part import Part
    from revocation.ocsp.cache import AnswerCache
    from revocation.ocsp.policy import TrustMode

_BACKLOG: Final = 4096
_SWEEP_S: Final = 1.0
#: How long a connection of a stopping process may still ask once.
_LAST_REQUESTS_S: Final = 0.5
#: A thread that opens a new set must not hold up requests for longer (Python's own: 5 ms).
_SWITCH_S: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take, and all together."""

    #: Of one process; more are closed as they come.
    connections: int = 10_000
    #: Seconds for a whole request, however it drips in (faults.md, T45).
    request_s: float = 10.0
    #: Seconds between two requests of one connection.
    idle_s: float = 60.0
    #: Seconds that a client may leave its answers unread.
    stalled_s: float = 30.0
    #: Seconds for a TLS handshake.
    handshake_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Face:
    """What stands behind a socket."""

    answers: Answers
    cache: AnswerCache
    part: Part
    #: The word that says which set may be answered from.
    serving: memoryview
    #: Trust modes by path, without a slash behind it; "" stands for every path.
    paths: Mapping[str, TrustMode]
    #: RFC 9919 section 6: may shared caches keep what is answered to anybody?
    shared_caches: bool
    #: May a connection itself say who asks, by a client certificate or a listed network?
    ask_peer: bool = False
    limits: Limits = Limits()


class OcspServer:
    """Listening; made by ``serving_ocsp``."""

    def __init__(self, face: Face, fast: FastPath, server: asyncio.Server) -> None:
        self._face: Final = face
        self._fast: Final = fast
        self._server: Final = server
        self._evicted = 0

    @property
    def connections(self) -> int:
        """Open ones of the fast path; those that aiohttp has are its own."""
        return len(self._fast.connections)

    async def sweep(self) -> None:
        """Each second: the time of day, connections whose time is over, what the cache holds."""
        while True:
            try:
                self._face.answers.tick()
            except Exception as error:  # deadlines go on, whatever the clock or the set does
                self._face.answers.broke(error)
            now = time.monotonic()
            for connection in [each for each in self._fast.connections if each.deadline < now]:
                connection.expire()
            cache, counts = self._face.cache, self._face.part.counts
            counts[Count.CACHE_OCTETS] = cache.octets
            counts[Count.CACHE_ENTRIES] = cache.answers
            counts[Count.CACHE_EVICTED] += cache.evicted - self._evicted
            self._evicted = cache.evicted
            await asyncio.sleep(_SWEEP_S)

    async def drain(self, seconds: float) -> None:
        """Take no more connections, and end those that are open without cutting a request off.

        For a moment each goes on: its next answer says that it is its last. A request may be on its way, and
        closing a connection with a request unread tells its client only that the connection broke. Then idle
        ones end, the others after the answer that they wait for; what is left after ``seconds`` is cut off.
        """
        self._server.close()
        self._fast.draining = True
        grace = min(_LAST_REQUESTS_S, seconds / 2)
        if not await self._emptied(grace):
            for connection in list(self._fast.connections):
                connection.close_if_idle()
            await self._emptied(seconds - grace)
        for connection in list(self._fast.connections):
            connection.abort()

    async def _emptied(self, seconds: float) -> bool:
        """Has the last connection gone, within so many seconds?"""
        if not self._fast.connections:
            return True
        try:
            await asyncio.wait_for(self._fast.emptied.wait(), seconds)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def serving_ocsp(
    face: Face, runner: web.AppRunner, listener: socket.socket, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[OcspServer]:
    """Listen on a bound socket until left. ``runner`` is set up; its application gets what is not OCSP, by
    its public protocol factory, and is not cleaned up here. Whoever wants no answer cut drains before."""
    sys.setswitchinterval(_SWITCH_S)
    factory = runner.server
    assert factory is not None  # noqa: S101 - set up
    loop = asyncio.get_running_loop()
    answers, limits = face.answers, face.limits
    paths = sorted(face.paths.items(), key=lambda item: -len(item[0]))
    fast = FastPath(
        answers,
        face.cache,
        factory,
        paths=[(path.encode("ascii"), MODES.index(mode)) for path, mode in paths],
        counts=face.part.counts,
        serving=face.serving,
        anonymous=answers.identification is None,
        shared_caches=face.shared_caches,
        ask_peer=face.ask_peer,
        nonces=answers.nonces,
        signatures_matter=answers.signatures_matter,
        most_connections=limits.connections,
        request_s=limits.request_s,
        idle_s=limits.idle_s,
        stalled_s=limits.stalled_s,
    )
    answers.attach(fast)
    server = await loop.create_server(
        lambda: FastProtocol(fast, loop),
        sock=listener,
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else limits.handshake_s,
    )
    opened = OcspServer(face, fast, server)
    sweeping = asyncio.create_task(opened.sweep())
    try:
        yield opened
    finally:
        sweeping.cancel()
        server.close()
        for connection in list(fast.connections):
            connection.abort()
        await asyncio.gather(sweeping, return_exceptions=True)
