"""The consents' daily work: what the clock brought is written down and told, and J-LIS is asked what it owes.

Bounded batches, each one transaction with its events; a pass that dies loses nothing and repeats nothing, and
two passes at once share the work. What is allowed never waits for it: a fetch looks at the clock itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.store import announce
from platform_api.consents import history_store, life, maintenance_store, poll_store
from platform_api.consents.model import ConsentState
from platform_api.consents.reflecting import take_reflection
from platform_api.db.transactions import tenant
from platform_api.jlis.gateway import GatewayRefused
from platform_api.problems import Problem
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from datetime import datetime

    from platform_api.db.transactions import Pool
    from platform_api.jlis.gateway import Gateway
    from revocation.clock import Clock

#: A consent that is on its way to J-LIS longer than this is an alarm.
UNSENT_AFTER: Final = timedelta(hours=1)
#: A withdrawal of an unknown consent is kept this long for the consent's own late answer.
UNKNOWN_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What one pass did, and what it cannot do."""

    #: Consents that the clock had something for, and events told of them.
    turned: int
    told: int
    #: Asked about at J-LIS; reflected meanwhile; an answer that could not be used.
    asked: int
    reflected: int
    implausible: int
    #: J-LIS could not be asked: by our code. The next pass asks again.
    jlis_failure: str | None
    unforwarded_withdrawals: int
    unsent_consents: int
    #: Nothing was left over by the pass's own bounds.
    complete: bool


async def maintain(
    pool: Pool,
    institution_id: UUID,
    clock: Clock,
    *,
    gateway: Gateway | None = None,
    batch: int = 200,
    most: int = 20_000,
    most_questions: int = 500,
) -> MaintenanceReport:
    """One pass for one institution. Without a gateway, nothing is asked of J-LIS."""
    began = clock.now()
    turned, told = await _turn_all(pool, institution_id, clock, batch, most)
    asked = await _ask(pool, institution_id, clock, gateway, most_questions)
    async with tenant(pool, institution_id) as connection:
        await poll_store.forget_unknown(connection, began - UNKNOWN_KEPT)
        alarms = await maintenance_store.alarms(connection, began - UNSENT_AFTER)
    return MaintenanceReport(
        turned=turned,
        told=told,
        asked=asked.asked,
        reflected=asked.reflected,
        implausible=asked.implausible,
        jlis_failure=asked.failure,
        unforwarded_withdrawals=alarms.unforwarded_withdrawals,
        unsent_consents=alarms.unsent_consents,
        complete=turned < most and asked.asked < most_questions and asked.failure is None,
    )


async def _turn_all(pool: Pool, institution_id: UUID, clock: Clock, batch: int, most: int) -> tuple[int, int]:
    turned = told = 0
    while turned < most:
        now = clock.now()
        async with tenant(pool, institution_id) as connection:
            due = await history_store.due(connection, now, min(batch, most - turned))
            notices = await life.turn(connection, institution_id, due, now) if due else []
            await announce(connection, institution_id, notices, now)
        turned += len(due)
        told += len(notices)
        if not due:
            break
    return turned, told


@dataclass(slots=True)
class _Asked:
    asked: int = 0
    reflected: int = 0
    implausible: int = 0
    failure: str | None = None


async def _ask(pool: Pool, institution_id: UUID, clock: Clock, gateway: Gateway | None, most: int) -> _Asked:
    """J-LIS about consents that it has not reflected yet. Where it is down, the asking ends, not the pass."""
    found = _Asked()
    if gateway is None:
        return found
    async with tenant(pool, institution_id) as connection:
        waiting = await maintenance_store.unreflected(connection, clock.now(), most)
    for one in waiting:
        try:
            reflection = await gateway.consent_state(one.consent_ref)
        except GatewayRefused:
            found.implausible += 1
        except OutsideFailed as failed:
            found.failure = failed.code
            break
        else:
            try:
                consent = await take_reflection(pool, institution_id, one.consent_id, reflection, clock)
                found.reflected += consent.state is ConsentState.REFLECTED
            except OutsideFailed:
                found.implausible += 1
            except Problem:
                continue  # erased meanwhile
        found.asked += 1
        await _mark_asked(pool, institution_id, one.consent_id, clock.now())
    return found


async def _mark_asked(pool: Pool, institution_id: UUID, consent_id: UUID, at: datetime) -> None:
    async with tenant(pool, institution_id) as connection:
        await maintenance_store.mark_asked(connection, consent_id, at)
