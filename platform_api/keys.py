"""All state of the application, under typed keys, in one place; no string keys, no globals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel

from platform_api.institutions.model import Principal

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.consents.receipts import ReceiptSigner
    from platform_api.db.transactions import Pool
    from platform_api.holder_apps.port import HolderApp
    from platform_api.institutions.api_keys import KeyHasher
    from platform_api.institutions.callers import Callers
    from platform_api.jlis.gateway import Gateway
    from platform_api.logs import Dropped, Log
    from platform_api.metrics import Metrics
    from platform_api.ocsp.ordinary import Ordinary
    from platform_api.ocsp.server import Face
    from platform_api.problems import Problem
    from platform_api.sealing import Sealer
    from platform_api.signing.following import SignerFollower
    from platform_api.snapshots import CurrentSnapshot
    from platform_api.tagging import Tagger
    from platform_api.upstream_ocsp.asking import Upstream
    from platform_api.workers.place import Place
    from revocation.authorities import Authorities
    from revocation.clock import Clock
    from revocation.ocsp.responder import Responder, TrustMode

SETTINGS: web.AppKey[Settings] = web.AppKey("settings")
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
LOG: web.AppKey[Log] = web.AppKey("log")
#: What the log's allow-list kept out.
DROPPED: web.AppKey[Dropped] = web.AppKey("dropped")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics")

#: Where this process stands among those that answer as one: counters, the serving word.
PLACE: web.AppKey[Place] = web.AppKey("place")

#: asyncpg pool of the role ``jpki_app``; reach rows only through ``db.transactions.tenant``.
POOL: web.AppKey[Pool] = web.AppKey("pool")
#: ``app[STORE].current()``: the newest snapshot seen, without any I/O.
STORE: web.AppKey[CurrentSnapshot] = web.AppKey("store")
AUTHORITIES: web.AppKey[Authorities] = web.AppKey("authorities")
SEALER: web.AppKey[Sealer] = web.AppKey("sealer")
TAGGER: web.AppKey[Tagger] = web.AppKey("tagger")
KEY_HASHER: web.AppKey[KeyHasher] = web.AppKey("key_hasher")
#: Who may ask OCSP; a sandbox, which answers everybody, does not look at it.
CALLERS: web.AppKey[Callers] = web.AppKey("callers")
#: Signs receipts of consents.
RECEIPTS: web.AppKey[ReceiptSigner] = web.AppKey("receipts")
#: The port to J-LIS (``platform_api.jlis.gateway``).
JLIS: web.AppKey[Gateway] = web.AppKey("jlis")
#: The apps in which customers sign, by name.
HOLDER_APPS: web.AppKey[Mapping[str, HolderApp]] = web.AppKey("holder_apps")
#: OCSP responders by mode: LOCAL always, DELEGATED where certificates exist. Each knows its own mode only:
#: ``app[RESPONDERS][mode].respond(octets, snapshot, mode)``.
RESPONDERS: web.AppKey[Mapping[TrustMode, Responder]] = web.AppKey("responders")

#: The pairs that sign for the locally trusted responder, followed.
SIGNERS: web.AppKey[SignerFollower] = web.AppKey("signers")

#: Other OCSP responders that may be asked; absent where no address of one is set.
UPSTREAM: web.AppKey[Upstream] = web.AppKey("upstream")

#: What answers OCSP, by the ordinary route; its ``answers`` are the fast path's as well.
OCSP: web.AppKey[Ordinary] = web.AppKey("ocsp")

#: What a listening socket is given (``ocsp/server.py``).
FACE: web.AppKey[Face] = web.AppKey("face")

#: Set when the server begins to stop: a long poll ends and answers with what it has.
STOPPING: web.AppKey[asyncio.Event] = web.AppKey("stopping", asyncio.Event)

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
#: Set on a request that is answered as OCSP: its headers are exactly those of the fast path.
OCSP_ANSWER: web.RequestKey[bool] = web.RequestKey("ocsp_answer", bool)
#: Set on a request that a person makes: how a refusal looks to him. Without it, problem+json.
PAGE_OF_PROBLEM: web.RequestKey[Callable[[Problem], web.Response]] = web.RequestKey("page_of_problem")
QUERY: web.RequestKey[BaseModel] = web.RequestKey("query", BaseModel)
