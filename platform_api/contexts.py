"""Every resource of the application as one cleanup context: start, yield, stop in one function.

They are entered in the order of ``CONTEXTS`` and left in reverse, and only those that were entered are left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from platform_api.authority_rules import require_real
from platform_api.clock import service_clock
from platform_api.consents.receipts import ReceiptSigner
from platform_api.db.database import open_database
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.follower import FollowedAuthorities, Follower
from platform_api.holder_apps.context import holder_apps
from platform_api.institutions.caller import CallerRules
from platform_api.institutions.callers import Callers
from platform_api.jlis.observing import Observing
from platform_api.key_fingerprints import require_known_keys
from platform_api.key_set import KeySet, open_keys
from platform_api.keys import (
    AUTHORITIES,
    CALLERS,
    CLOCK,
    DROPPED,
    JLIS,
    KEY_HASHER,
    LOG,
    METRICS,
    PLACE,
    POOL,
    RECEIPTS,
    RESPONDERS,
    SEALER,
    SETTINGS,
    SIGNERS,
    STORE,
    TAGGER,
)
from platform_api.logs import failure
from platform_api.ocsp.context import ocsp
from platform_api.ocsp.policy_fields import responder_policy
from platform_api.provisioning import refuse_test_authorities
from platform_api.responder_keys import ask_sandbox, stored_signers
from platform_api.sealing import Sealer
from platform_api.signing import pairs
from platform_api.signing.alarm import ExpiryAlarm
from platform_api.signing.following import SignerFollower
from platform_api.signing.pairs import PairFolder
from platform_api.snapshots import CurrentSnapshot
from platform_api.test_people.context import test_people
from platform_api.upstream_ocsp.context import upstream
from revocation.errors import RevocationError
from revocation.ocsp.policy import TrustMode
from revocation.ocsp.responder import Responder
from revocation.ocsp.signer_expiry import Expiry
from revocation.ocsp.signing import DelegatedSigners, Signer
from revocation.snapshot.store import SnapshotStore

_KEYS: Final[web.AppKey[KeySet]] = web.AppKey("key_set", KeySet)


async def clock(app: web.Application) -> AsyncIterator[None]:
    """The clock, set before anything asks for the time."""
    url = app[SETTINGS].sandbox_url if app[SETTINGS].mode == "sandbox" else None
    async with service_clock(url, log=app[LOG]) as time_of_day:
        app[CLOCK] = time_of_day
        yield


async def keys(app: web.Application) -> AsyncIterator[None]:
    """Keys of the data folder, made at its first start."""
    opened = await asyncio.to_thread(open_keys, app[SETTINGS].keys_dir, now=app[CLOCK].now())
    app[_KEYS] = opened
    app[SEALER] = Sealer(opened.key_provider)
    app[TAGGER] = opened.tagger
    app[KEY_HASHER] = opened.key_hasher
    app[RECEIPTS] = ReceiptSigner(opened.receipt)
    yield


async def database(app: web.Application) -> AsyncIterator[None]:
    """The database and the pool of ``jpki_app``; the embedded one is started when nobody runs it."""
    settings = app[SETTINGS]
    started = time.perf_counter()
    async with open_database(
        data_dir=settings.data_dir,
        clock=app[CLOCK],
        dsn=settings.dsn,
        owner_dsn=settings.owner_dsn,
        detector_dsn=settings.detector_dsn,
        embedded=EmbeddedPostgres(settings.data_dir, guest=app[PLACE].supervised),
    ) as opened:
        app[POOL] = await opened.app_pool(settings.pool_size)
        await require_known_keys(opened, settings.keys_dir)
        app[LOG].info("database.ready", ms=round((time.perf_counter() - started) * 1000))
        yield


async def callers(app: web.Application) -> AsyncIterator[None]:
    """Who may ask OCSP, looked up by the pool and remembered; closed before the pool is."""
    asking = Callers(app[POOL], app[KEY_HASHER], app[TAGGER], app[CLOCK], rules=CallerRules.of(app[SETTINGS]))
    app[CALLERS] = asking
    try:
        yield
    finally:
        await asking.close()


async def snapshots(app: web.Application) -> AsyncIterator[None]:
    """The current snapshot and the authorities, followed."""
    settings = app[SETTINGS]
    store = SnapshotStore(settings.snapshots_dir, trusted_publishers=(app[_KEYS].publisher.public_key(),))
    app[STORE] = CurrentSnapshot(app[PLACE].serving)
    authorities = FollowedAuthorities()
    app[AUTHORITIES] = authorities
    app[METRICS].follow(app[STORE], authorities, app[CLOCK], app[DROPPED])
    await asyncio.to_thread(refuse_test_authorities, settings)
    follower = Follower(
        store,
        settings.authorities_file,
        app[STORE],
        authorities,
        app[LOG],
        app[CLOCK],
        rule=require_real if settings.mode == "live" else None,
    )
    async with follower.following(settings.snapshot_check_s):
        yield


async def responders(app: web.Application) -> AsyncIterator[None]:
    """OCSP responders by trust mode: ``local`` always, ``delegated`` where a CA gave certificates."""
    settings = app[SETTINGS]
    own = app[_KEYS]
    policy = await asyncio.to_thread(responder_policy, settings)

    def responder(mode: TrustMode, signer: Signer) -> Responder:
        return Responder(app[AUTHORITIES], {mode: signer}, app[CLOCK], policy=policy)

    first = (own.responder_certificate, own.responder_key)
    signers = await asyncio.to_thread(
        SignerFollower, first, PairFolder(settings.keys_dir / pairs.FOLDER), app[LOG]
    )
    app[SIGNERS] = signers
    found = {TrustMode.LOCAL: responder(TrustMode.LOCAL, signers.signer)}
    try:
        folder = settings.keys_dir / "delegated"
        if settings.mode == "sandbox" and settings.sandbox_url is not None:
            await ask_sandbox(folder, settings.sandbox_url)
        if delegated := await asyncio.to_thread(stored_signers, folder):
            found[TrustMode.DELEGATED] = responder(TrustMode.DELEGATED, DelegatedSigners(delegated))
    except RevocationError as error:  # the locally trusted responder, production's default, goes on
        app[LOG].warning("component.failed", component="delegated_ocsp", **failure(error))
    app[RESPONDERS] = found

    def expiries() -> list[Expiry]:
        return [one for each in found.values() for one in each.expiries()]

    app[METRICS].follow_signers(expiries, app[AUTHORITIES], lambda: signers.refused)
    if app[PLACE].part.index == 0:  # one of the workers says it for all
        signers.on_look = ExpiryAlarm(expiries, app[AUTHORITIES], app[LOG]).look
        signers.on_look()
    async with signers.following(settings.responder_check_s):
        yield


async def jlis(app: web.Application) -> AsyncIterator[None]:
    """The gateway to J-LIS, where an address of it is set."""
    settings = app[SETTINGS]
    if settings.jlis_url is None:
        app[LOG].warning("component.missing", component="jlis")
        yield
        return
    from platform_api.jlis.opening import open_gateway

    observer = Observing(app[LOG], app[METRICS])
    app[METRICS].follow_jlis(settings, app[CLOCK])
    async with open_gateway(settings, app[CLOCK], observer=observer) as gateway:
        app[JLIS] = gateway
        yield


CONTEXTS: Final = (
    clock,
    keys,
    database,
    callers,
    snapshots,
    responders,
    ocsp,
    jlis,
    upstream,
    holder_apps,
    test_people,
)
