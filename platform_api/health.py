"""``/healthz`` (the process lives), ``/readyz`` (it can answer well), ``/metrics``; without an API key."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import asyncpg
from aiohttp import web

from platform_api.clock import FollowedClock
from platform_api.keys import AUTHORITIES, CLOCK, METRICS, POOL, STORE
from platform_api.metrics import CONTENT_TYPE
from platform_api.operations import Answer, ResponseModel, operation
from revocation.metrics import Freshness, set_freshness

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool

_DATABASE_S: Final = 2.0

Reason = Literal[
    "DATABASE_UNREACHABLE",
    "NO_SNAPSHOT",
    "SNAPSHOT_REFUSED",
    "LISTS_EXPIRED",
    "LISTS_STALE_SOON",
    "LISTS_ABSENT",
    "CLOCK_NOT_FOLLOWED",
]


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
    app = request.app
    reasons: list[Reason] = []
    warnings: list[Reason] = []
    if not await _answers(app[POOL]):
        reasons.append("DATABASE_UNREACHABLE")
    snapshot = app[STORE].current()
    if snapshot is None:
        reasons.append("NO_SNAPSHOT")
    else:
        for authority in set_freshness(snapshot, app[AUTHORITIES], app[CLOCK].now()).authorities:
            lists = authority.lists
            in_force = lists[Freshness.FRESH] + lists[Freshness.STALE_SOON]
            # One list of many that is over hinders its own municipality only; the others are answered.
            told = warnings if in_force else reasons
            if lists[Freshness.EXPIRED] and "LISTS_EXPIRED" not in told:
                told.append("LISTS_EXPIRED")
            if lists[Freshness.ABSENT] and "LISTS_ABSENT" not in told:
                told.append("LISTS_ABSENT")
            if lists[Freshness.STALE_SOON] and "LISTS_STALE_SOON" not in warnings:
                warnings.append("LISTS_STALE_SOON")
    if app[STORE].refusal is not None:
        # By a superseded set nobody is good; by the newest good one all goes on, and somebody must look.
        (reasons if snapshot is not None and snapshot.superseded else warnings).append("SNAPSHOT_REFUSED")
    clock = app[CLOCK]
    if isinstance(clock, FollowedClock) and not clock.followed:
        warnings.append("CLOCK_NOT_FOLLOWED")
    body = Readiness(
        status="not_ready" if reasons else "ready",
        reasons=reasons,
        warnings=warnings,
        set_seq=None if snapshot is None else snapshot.seq,
    )
    return Answer(body, status=503 if reasons else 200)


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(_DATABASE_S), pool.acquire() as connection:
            return bool(await connection.fetchval("SELECT 1"))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def get_metrics(request: web.Request) -> web.Response:
    """Prometheus text format."""
    return web.Response(body=request.app[METRICS].render(), headers={"Content-Type": CONTENT_TYPE})


def add_routes(app: web.Application) -> None:
    app.router.add_get("/metrics", get_metrics)
