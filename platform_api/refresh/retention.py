"""Ended tasks go once nothing asks for them any more. What was asked of J-LIS, and told, stands elsewhere.

A task that was handed over, or is done, stays while its certificate is the registration's: with it gone, the
move would be found anew, asked about and told again. A cancelled one is as good as none at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from platform_api.db.transactions import tenant

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.db.transactions import Connection, Pool
    from revocation.clock import Clock

#: As long as the events that told of its end can be read (design section 8).
ENDED_KEPT: Final = timedelta(days=90)
#: Rows in one transaction.
BATCH: Final = 500


async def forget_ended(
    pool: Pool,
    institution_id: UUID,
    clock: Clock,
    *,
    stopped: Callable[[], bool] = lambda: False,
    batch: int = BATCH,
) -> int:
    """Of one institution; how many went. Those that another transaction holds are left for the next pass."""
    gone = 0
    while not stopped():
        async with tenant(pool, institution_id) as connection:
            found = await delete_ended(connection, clock.now() - ENDED_KEPT, batch)
        gone += found
        if found < batch:
            break
    return gone


async def delete_ended(connection: Connection, before: datetime, limit: int) -> int:
    rows = await connection.fetch(
        "DELETE FROM refresh_task AS t USING"
        " (SELECT e.registration_id, e.certificate_id FROM refresh_task AS e"
        " WHERE e.state IN ('DONE', 'CANCELLED', 'HANDED_OVER') AND e.changed_at < $1"
        " AND (e.state = 'CANCELLED' OR NOT EXISTS"
        " (SELECT 1 FROM watched_certificate AS w WHERE w.certificate_id = e.certificate_id))"
        " ORDER BY e.changed_at LIMIT $2 FOR UPDATE OF e SKIP LOCKED) AS o"
        " WHERE t.registration_id = o.registration_id AND t.certificate_id = o.certificate_id"
        " RETURNING 1",
        before,
        limit,
    )
    return len(rows)
