"""The same application behind two sockets: the fast path on one, aiohttp alone on the other.

Both have one memory of signed answers and one clock, so that whatever differs between what they send back is
a difference between the two ways to read a request, to decide who may ask, and to write HTTP.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from platform_api.config import Settings
from platform_api.keys import CLOCK, KEY_HASHER, LOG, METRICS, OCSP, POOL, SETTINGS
from platform_api.logs import make_log
from platform_api.metrics import Metrics
from platform_api.middlewares import edge
from platform_api.ocsp import handlers
from platform_api.ocsp.answers import Answers
from platform_api.ocsp.context import PATHS
from platform_api.ocsp.epochs import Epochs
from platform_api.ocsp.identification import Identification
from platform_api.ocsp.ordinary import Ordinary
from platform_api.ocsp.server import Face, Limits, OcspServer, serving_ocsp
from platform_api.ocsp.signing_threads import SigningThreads
from platform_api.ocsp.warming import Warming
from platform_api.snapshots import CurrentSnapshot
from platform_api.workers.counts import Count
from platform_api.workers.place import Place
from revocation.authorities import Authorities
from revocation.clock import Clock
from revocation.ocsp.cache import AnswerCache
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.responder import Responder
from revocation.snapshot.current import Snapshot
from tests.revocation import ocsp_world

#: Who asks: the fast path, or aiohttp alone.
FAST, ORDINARY = "fast", "ordinary"
ROUTES = (FAST, ORDINARY)


@dataclass
class Faces:
    """Two ports, and what stands behind both."""

    ports: Mapping[str, int]
    server: OcspServer
    answers: Answers
    cache: AnswerCache
    snapshots: CurrentSnapshot
    epochs: Epochs
    place: Place
    warming: Warming

    def count(self, name: Count) -> int:
        return int(self.place.part.counts[name])


@asynccontextmanager
async def faces(
    responders: Mapping[TrustMode, Responder],
    authorities: Authorities,
    snapshot: Snapshot | None,
    clock: Clock,
    *,
    identification: Any = None,
    limits: Limits | None = None,
    place: Place | None = None,
    share: float = 1.0,
    monotonic: Callable[[], float] = time.monotonic,
    most_waiting: int = 64,
    ask_peer: bool = False,
    tls: Any = None,
) -> AsyncIterator[Faces]:
    """``identification``: makes it of the place's part; None answers everybody. ``monotonic``: by which
    signing is paid for."""
    place = place or Place.alone()
    part, word = place.part, place.shared.serving_word
    snapshots = CurrentSnapshot(place.serving)
    snapshots.adopt(snapshot, authorities)
    cache = AnswerCache(1 << 20)
    threads = SigningThreads(asyncio.get_running_loop(), threads=2, most_waiting=most_waiting)
    epochs = Epochs(snapshots, authorities)
    asking: Identification | None = None if identification is None else identification(part)
    log = make_log()
    answers = Answers(
        responders,
        epochs,
        clock,
        cache,
        part,
        threads,
        log,
        identification=asking,
        share=share,
        monotonic=monotonic,
    )
    snapshots.on_flip = answers.refresh
    warming = Warming(answers, epochs, cache, responders)
    snapshots.on_prepare = warming.prepare
    settings = await asyncio.to_thread(Settings)  # it looks for a file
    app = web.Application(middlewares=[edge])
    app[SETTINGS], app[CLOCK], app[LOG], app[METRICS] = settings, clock, log, Metrics()
    nothing: Any = None  # no address here has a key in it
    app[POOL], app[KEY_HASHER] = nothing, nothing
    app[OCSP] = Ordinary(answers, cache, part, word, shared_caches=asking is None)
    handlers.add_routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    face = Face(
        answers, cache, part, word, PATHS, asking is None, ask_peer=ask_peer, limits=limits or Limits()
    )
    sockets = {route: socket.create_server(("127.0.0.1", 0)) for route in ROUTES}
    try:
        await web.SockSite(runner, sockets[ORDINARY], ssl_context=tls).start()
        async with serving_ocsp(face, runner, sockets[FAST], tls=tls) as server:
            ports = {route: bound.getsockname()[1] for route, bound in sockets.items()}
            yield Faces(ports, server, answers, cache, snapshots, epochs, place, warming)
    finally:
        await runner.cleanup()
        await asyncio.to_thread(threads.close)
        for bound in sockets.values():
            bound.close()


@asynccontextmanager
async def world_faces(folder: Path, **options: Any) -> AsyncIterator[tuple[ocsp_world.World, Faces]]:
    """The world of ``ocsp_world`` behind both; its responder in both trust modes."""
    world = await asyncio.to_thread(ocsp_world.make_world, folder)
    responders = dict.fromkeys(TrustMode, world.responder)
    async with faces(responders, world.authorities, world.snapshot, world.clock, **options) as made:
        yield world, made
