"""``/healthz`` (the process lives), ``/readyz`` (it can answer well), ``/metrics``; without an API key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from aiohttp import web

from platform_api.clock import FollowedClock
from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.keys import AUTHORITIES, CLOCK, METRICS, PLACE, POOL, RESPONDERS, SIGNERS, STORE
from platform_api.metrics import CONTENT_TYPE
from platform_api.operations import Answer, ResponseModel, operation
from platform_api.signing.alarm import renewable
from revocation.metrics import Freshness, SetFreshness, set_freshness
from revocation.ocsp.signer_expiry import ExpiryLevel

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool

_DATABASE_S: Final = 2.0

Reason = Literal[
    "DATABASE_UNREACHABLE",
    "NO_SNAPSHOT",
    "NO_AUTHORITIES",
    "SNAPSHOT_REFUSED",
    "LISTS_EXPIRED",
    "LISTS_STALE_SOON",
    "LISTS_ABSENT",
    "CLOCK_NOT_FOLLOWED",
    "STOPPING",
    "BEHIND",
    "SIGNER_ENDS_SOON",
    "SIGNER_ENDED",
    "SIGNER_REFUSED",
]


@dataclass(frozen=True, slots=True)
class Meaning:
    """When a reason makes the service not ready, and when it only warns; "" for never."""

    hinders: str
    warns: str


#: What ``/readyz`` can say, all of it; ``revocation/STATUS.md`` prints this table.
MEANINGS: Final[Mapping[Reason, Meaning]] = {
    "DATABASE_UNREACHABLE": Meaning("the database does not answer within two seconds", ""),
    "NO_SNAPSHOT": Meaning("no set is published", ""),
    "NO_AUTHORITIES": Meaning("no CA is configured: every issuer is unknown", ""),
    "SNAPSHOT_REFUSED": Meaning(
        "the published set cannot be used, or the folder was lost or went back, and an older one answers: "
        "nobody is GOOD",
        "a set above the one that answers was refused",
    ),
    "LISTS_EXPIRED": Meaning(
        "a CA has no list in force, and some are expired", "some lists of a CA are expired, not all"
    ),
    "LISTS_ABSENT": Meaning(
        "a CA has no list in force, and some were never taken in",
        "some lists of a CA were never taken in, others are in force",
    ),
    "LISTS_STALE_SOON": Meaning("", "a list has used 75 % of its life: its successor is overdue"),
    "CLOCK_NOT_FOLLOWED": Meaning("", "the sandbox does not tell its time; real time is used"),
    "STOPPING": Meaning("the server was told to stop and takes no new connections soon", ""),
    "BEHIND": Meaning("this worker cannot open the set that the others answer from", ""),
    "SIGNER_ENDS_SOON": Meaning("", "an OCSP signer's last certificate ends within 30 days"),
    "SIGNER_ENDED": Meaning("", "an OCSP signer's last certificate is over: its answers are tryLater"),
    "SIGNER_REFUSED": Meaning("", "a pair in `keys/responders/` does not fit; the others go on"),
}


class Health(ResponseModel):
    """The process lives; ``now`` is its time of day (in sandbox mode the sandbox's)."""

    status: Literal["alive"]
    now: datetime


class Readiness(ResponseModel):
    """Whether requests should be sent here; ``reasons`` hinder, ``warnings`` do not."""

    status: Literal["ready", "not_ready"]
    reasons: list[Reason]
    warnings: list[Reason]
    set_seq: int | None


@operation(
    "GET",
    "/healthz",
    operation_id="getHealth",
    request=None,
    response=Health,
    scope=None,
    summary_en="The process lives",
    summary_ja="プロセスの生存確認",
)
async def get_health(request: web.Request) -> Health:
    return Health(status="alive", now=request.app[CLOCK].now())


@operation(
    "GET",
    "/readyz",
    operation_id="getReadiness",
    request=None,
    response=Readiness,
    scope=None,
    summary_en="Ready to answer: database reachable, lists in force",
    summary_ja="応答可能か(データベースと失効リストの状態)",
    other_statuses=(503,),
)
async def get_readiness(request: web.Request) -> Answer:
    body = await readiness(request.app)
    return Answer(body, status=503 if body.reasons else 200)


async def readiness(app: web.Application) -> Readiness:
    """What this process can answer now; the database gets two seconds."""
    snapshot = app[STORE].current()
    reasons, warnings = lists_readiness(
        None if snapshot is None else set_freshness(snapshot, app[AUTHORITIES], app[CLOCK].now())
    )
    if not await _answers(app[POOL]):
        reasons.insert(0, "DATABASE_UNREACHABLE")
    if app[STORE].refusal is not None:
        # By a superseded set nobody is good; by the newest good one all goes on, and somebody must look.
        (reasons if snapshot is not None and snapshot.superseded else warnings).append("SNAPSHOT_REFUSED")
    if app[STORE].behind:
        reasons.append("BEHIND")
    warnings += signers_readiness(app)
    if app[PLACE].shared.stopping:
        reasons.append("STOPPING")
    clock = app[CLOCK]
    if isinstance(clock, FollowedClock) and not clock.followed:
        warnings.append("CLOCK_NOT_FOLLOWED")
    return Readiness(
        status="not_ready" if reasons else "ready",
        reasons=reasons,
        warnings=warnings,
        set_seq=None if snapshot is None else snapshot.seq,
    )


def lists_readiness(whole: SetFreshness | None) -> tuple[list[Reason], list[Reason]]:
    """(reasons, warnings) of the lists, each at most once."""
    if whole is None:
        return ["NO_SNAPSHOT"], []
    reasons: list[Reason] = [] if whole.authorities else ["NO_AUTHORITIES"]
    warnings: list[Reason] = []
    for authority in whole.authorities:
        lists = authority.lists
        in_force = lists[Freshness.FRESH] + lists[Freshness.STALE_SOON]
        # One list of many that is over hinders its own municipality only; the others are answered.
        told = warnings if in_force else reasons
        if lists[Freshness.EXPIRED]:
            told.append("LISTS_EXPIRED")
        if lists[Freshness.ABSENT]:
            told.append("LISTS_ABSENT")
        if lists[Freshness.STALE_SOON]:
            warnings.append("LISTS_STALE_SOON")
    return list(dict.fromkeys(reasons)), list(dict.fromkeys(warnings))


def signers_readiness(app: web.Application) -> list[Reason]:
    """Warnings alone: without OCSP everything else goes on being answered."""
    expiries = [one for responder in app[RESPONDERS].values() for one in responder.expiries()]
    levels = {one.level for one, _ in renewable(expiries, app[AUTHORITIES])}
    warnings: list[Reason] = []
    if ExpiryLevel.ENDED in levels:
        warnings.append("SIGNER_ENDED")
    if levels - {ExpiryLevel.ENDED, ExpiryLevel.FINE}:
        warnings.append("SIGNER_ENDS_SOON")
    if SIGNERS in app and app[SIGNERS].refused:
        warnings.append("SIGNER_REFUSED")
    return warnings


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(_DATABASE_S), pool.acquire() as connection:
            return bool(await connection.fetchval("SELECT 1"))
    except DATABASE_ANSWERS_NOT:
        return False


async def get_metrics(request: web.Request) -> web.Response:
    """Prometheus text format."""
    return web.Response(body=request.app[METRICS].render(), headers={"Content-Type": CONTENT_TYPE})


def add_routes(app: web.Application) -> None:
    app.router.add_get("/metrics", get_metrics)
