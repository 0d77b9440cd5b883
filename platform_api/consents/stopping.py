"""The institution's own stop of a consent: at once, or from a JST day on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.changes.store import announce
from platform_api.consents import life, store
from platform_api.consents.model import Consent, jst_date, jst_midnight
from platform_api.consents.states import ConsentState, may_follow
from platform_api.consents.withdrawing import consent_ended
from platform_api.db.transactions import tenant
from platform_api.problems import Problem, not_found

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool
    from revocation.clock import Clock


async def stop(
    pool: Pool, institution_id: UUID, consent_id: UUID, stop_on: date | None, clock: Clock
) -> Consent:
    """Nothing is fetched from the stop on; a stop in the future may be moved until it comes."""
    now = clock.now()
    if stop_on is not None and stop_on < jst_date(now):
        raise _past()
    stops_at = now if stop_on is None else max(now, jst_midnight(stop_on))
    async with tenant(pool, institution_id) as connection:
        consent = await store.locked(connection, consent_id)
        if consent is None:
            raise not_found()
        state = consent.state_at(now)
        if state is not ConsentState.STOPPED:
            if not may_follow(state, ConsentState.STOPPED):
                raise consent_ended()
            if consent.validity is not None and stops_at >= consent.validity.over:
                raise _after_the_end()
            consent = await store.set_stop(connection, consent_id, stops_at)
        notices = await life.turn(connection, institution_id, [consent], now)
        await announce(connection, institution_id, notices, now)
        found = await store.find(connection, consent_id)
    if found is None:
        raise not_found()
    return found


def _past() -> Problem:
    return Problem(
        422,
        "STOP_IN_THE_PAST",
        en="stop_on is a day in Japan, today or later; leave it out to stop at once.",
        ja="stop_onには本日以降の日付(日本時間)を指定してください。省略するとただちに停止します。",
    )


def _after_the_end() -> Problem:
    return Problem(
        422,
        "STOP_AFTER_THE_END",
        en="The consent ends before that day by itself; name an earlier day or nothing.",
        ja="同意はその日より前に満了します。より早い日付を指定するか、省略してください。",
    )
