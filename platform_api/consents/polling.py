"""Read J-LIS's list of withdrawals: it does not push them (jpki.md section 4.2).

Each page is one transaction with its effects and the cursor, so that dying anywhere reads a page again or
not at all. A page that somebody else took meanwhile is dropped. ``polled_at`` is the moment up to which
everything was read: no later than when the last page was asked for, and no later than J-LIS itself says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.model import NoticeType
from platform_api.changes.store import announce
from platform_api.consents import poll_store
from platform_api.consents.reflecting import all_withdrawn_at_jlis, plausible_ref
from platform_api.db.transactions import tenant
from platform_api.jlis.gateway import GatewayRefused
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import Gateway, WithdrawalPage
    from revocation.clock import Clock

#: A pass reads at most this many pages; the next one goes on from the cursor.
MOST_PAGES: Final = 1_000

#: The gateway's code where J-LIS does not know where we had stopped.
CURSOR_REFUSED: Final = "JLIS_CURSOR_REFUSED"

_CURSOR: Final = re.compile(r"[ -~]{0,1024}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PollReport:
    """What was read. ``complete``: up to J-LIS's present; only then did ``polled_at`` move."""

    pages: int
    withdrawals: int
    #: Consents that ended by it.
    ended: int
    #: Of which we know no consent (yet); kept, in case the consent's own answer is still on its way.
    unknown: int
    complete: bool
    polled_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Page:
    """What one page did; None of ``taken`` where another reader was faster."""

    taken: bool
    ended: int = 0
    unknown: int = 0


async def poll(
    pool: Pool,
    gateway: Gateway,
    institution_id: UUID,
    provider_code: str,
    clock: Clock,
    *,
    most_pages: int = MOST_PAGES,
) -> PollReport:
    """All pages after the cursor. Raises ``OutsideFailed`` where J-LIS fails; what was read stays read.

    Where J-LIS does not know the cursor any more, once from the beginning: what we have had changes nothing.
    """
    begun_anew = False
    pages = withdrawals = ended = unknown = 0
    complete = False
    while pages < most_pages and not complete:
        async with tenant(pool, institution_id) as connection:
            before = await poll_store.read_up_to(connection, institution_id)
        asked_at = clock.now()
        # Not inside a transaction: J-LIS may take seconds.
        try:
            page = await gateway.poll_withdrawals(provider_code, before.cursor)
        except GatewayRefused as refused:
            if refused.code != CURSOR_REFUSED or before.cursor is None or begun_anew:
                raise
            begun_anew = True
            async with tenant(pool, institution_id) as connection:
                await poll_store.forget_cursor(connection, institution_id, before.cursor)
            continue
        if _CURSOR.fullmatch(page.cursor) is None or (page.more and page.cursor == before.cursor):
            raise _malformed()
        pages += 1
        async with tenant(pool, institution_id) as connection:
            done = await _take(connection, institution_id, page, before.cursor, asked_at, clock.now())
        if done.taken:
            withdrawals += len(page.withdrawals)
            ended += done.ended
            unknown += done.unknown
            complete = not page.more
    async with tenant(pool, institution_id) as connection:
        read = await poll_store.read_up_to(connection, institution_id)
    return PollReport(pages, withdrawals, ended, unknown, complete, read.polled_at)


async def polled_within(connection: Connection, institution_id: UUID, now: datetime, age: timedelta) -> bool:
    """Is what we know of withdrawals at J-LIS at most this old? Asked before any automatic batch."""
    read = await poll_store.read_up_to(connection, institution_id)
    return read.polled_at is not None and read.polled_at >= now - age


async def _take(
    connection: Connection,
    institution_id: UUID,
    page: WithdrawalPage,
    asked_with: str | None,
    asked_at: datetime,
    now: datetime,
) -> _Page:
    read = await poll_store.read_up_to(connection, institution_id, lock=True)
    if read.cursor != asked_with:
        return _Page(taken=False)
    refs = [one.consent_ref for one in page.withdrawals if plausible_ref(one.consent_ref)]
    consents = await poll_store.by_refs(connection, refs)
    # Named twice in a page: since the first time.
    times: dict[str, datetime] = {}
    for withdrawal in page.withdrawals:
        times.setdefault(withdrawal.consent_ref, withdrawal.reflected_at)
    known = [(consent, at) for ref, at in times.items() for consent in consents.get(ref, ())]
    notices = await all_withdrawn_at_jlis(connection, institution_id, known, now)
    ended = sum(notice.type is NoticeType.CONSENT_WITHDRAWN for notice in notices)
    unknown = {ref: at for ref, at in times.items() if ref not in consents}
    kept = [(ref, at) for ref, at in unknown.items() if plausible_ref(ref)]
    await poll_store.insert_unknown(connection, institution_id, kept, now)
    polled_at = None if page.more else min(asked_at, page.as_of)
    await poll_store.move(connection, institution_id, page.cursor, polled_at)
    await announce(connection, institution_id, notices, now)
    return _Page(True, ended, len(unknown))


def _malformed() -> OutsideFailed:
    return OutsideFailed(
        "JLIS_ANSWER_MALFORMED",
        expected="a cursor that moves while there is more",
        got="another answer of J-LIS",
        remedy="nothing of it was used; compare the adapter with J-LIS's current specification",
    )
