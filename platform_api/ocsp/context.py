"""What answers OCSP in the service, put together from its settings; one for each process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from platform_api.keys import (
    AUTHORITIES,
    CALLERS,
    CLOCK,
    FACE,
    LOG,
    OCSP,
    PLACE,
    RESPONDERS,
    SETTINGS,
    SIGNERS,
    STORE,
)
from platform_api.ocsp.answers import Answers
from platform_api.ocsp.epochs import Epochs
from platform_api.ocsp.identification import Identification
from platform_api.ocsp.ordinary import Ordinary
from platform_api.ocsp.server import Face, Limits
from platform_api.ocsp.signing_threads import SigningThreads, usual_threads
from platform_api.ocsp.warming import Warming
from revocation.ocsp.cache import AnswerCache
from revocation.ocsp.policy import TrustMode

#: ``/ocsp`` answers with the locally trusted signer, ``/ocsp/delegated`` with the CA's delegates.
PATHS: Final = {"/ocsp": TrustMode.LOCAL, "/ocsp/delegated": TrustMode.DELEGATED}


async def ocsp(app: web.Application) -> AsyncIterator[None]:
    """Answers, their memory, and the face that a socket is given."""
    settings, place = app[SETTINGS], app[PLACE]
    part, serving = place.part, place.shared.serving_word
    cache = AnswerCache(settings.ocsp_cache_mib * 1024 * 1024)
    threads = SigningThreads(
        asyncio.get_running_loop(),
        threads=settings.ocsp_signing_threads or usual_threads(),
        most_waiting=settings.ocsp_signing_queue,
    )
    identified = settings.ocsp_identified
    identification = None
    if identified:
        identification = Identification(app[CALLERS], part, workers=settings.workers)
    epochs = Epochs(app[STORE], app[AUTHORITIES])
    answers = Answers(
        app[RESPONDERS],
        epochs,
        app[CLOCK],
        cache,
        part,
        threads,
        app[LOG],
        identification=identification,
        share=settings.ocsp_signing_share,
    )
    app[STORE].on_prepare = Warming(answers, epochs, cache, app[RESPONDERS]).prepare
    app[STORE].on_flip = answers.refresh
    if SIGNERS in app:
        app[SIGNERS].on_removed = answers.forget
    app[OCSP] = Ordinary(answers, cache, part, serving, shared_caches=not identified)
    app[FACE] = Face(
        answers,
        cache,
        part,
        serving,
        PATHS,
        shared_caches=not identified,
        ask_peer=identified and (settings.ocsp_networks or settings.tls_client_ca is not None),
        limits=Limits(connections=settings.connections),
    )
    yield
    await asyncio.to_thread(threads.close)
