"""SQL of tasks, and nothing else. Always inside a tenant.

Every write compares the revision that was decided upon: of two that decided on one task, one writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from platform_api.changes.model import RegistrationState
from platform_api.refresh.model import Facts, Task, TaskState
from platform_api.refresh.policy import RefreshCause, cause_of

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection

#: What a write may change, with the type for ``unnest``.
_CHANGING: Final = {
    "state": "text", "cause": "text", "changed_at": "timestamptz", "next_at": "timestamptz",
    "step": "integer", "unreached": "integer", "untaken": "integer", "asked_day": "date",
    "query_id": "uuid", "consent_id": "uuid", "delivery_id": "uuid", "delivered_until": "timestamptz",
    "last_code": "text",
}  # fmt: skip
_ALL: Final = ("registration_id", "certificate_id", "service_id", "created_at", *_CHANGING, "revision")
_COLUMNS: Final = ", ".join(f"t.{name}" for name in _ALL)
_SET: Final = ", ".join(f"{name} = n.{name}" for name in _CHANGING)
_NEW: Final = ", ".join(
    f"${place}::{kind}[]" for place, kind in enumerate(("uuid", "uuid", "integer", *_CHANGING.values()), 1)
)
_SAVE: Final = (
    f"UPDATE refresh_task AS t SET {_SET}, revision = t.revision + 1"  # noqa: S608 - constants of ours
    f" FROM unnest({_NEW}) AS n (registration_id, certificate_id, revision, {', '.join(_CHANGING)})"
    " WHERE t.registration_id = n.registration_id AND t.certificate_id = n.certificate_id"
    " AND t.revision = n.revision RETURNING t.registration_id, t.certificate_id"
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A registration that may need a task: its certificate moved, and no open or ended task stands for it."""

    registration_id: UUID
    certificate_id: UUID
    cause: RefreshCause | None
    linkage_agreed: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was asked for, in the order of registrations."""

    moved: list[Moved]
    #: The last registration looked at; None: there is no further page.
    after: UUID | None


async def moved(connection: Connection, service_id: UUID, after: UUID, limit: int) -> Page:
    """Registrations above ``after`` whose current certificate moved and has no task, or a cancelled one."""
    rows = await connection.fetch(
        "SELECT r.registration_id, r.state, r.linkage_agreed, w.certificate_id, w.kind, w.reason_code,"
        " t.state AS task FROM registration AS r"
        " JOIN watched_certificate AS w ON w.registration_id = r.registration_id AND w.slot = 'current'"
        " LEFT JOIN refresh_task AS t"
        " ON t.registration_id = r.registration_id AND t.certificate_id = w.certificate_id"
        " WHERE r.service_id = $1 AND r.registration_id > $2 AND r.state IN ('CHANGED_AWAITING_REISSUE',"
        " 'RENEWED_UNLINKED', 'EXPIRED_AWAITING_RENEWAL', 'UNKNOWN', 'ENDED')"
        " ORDER BY r.registration_id LIMIT $3",
        service_id,
        after,
        limit,
    )
    found = [
        Moved(
            row["registration_id"],
            row["certificate_id"],
            cause_of(RegistrationState(row["state"]), row["kind"], row["reason_code"]),
            row["linkage_agreed"],
        )
        for row in rows
        if row["task"] in (None, TaskState.CANCELLED.value)
    ]
    return Page(found, rows[-1]["registration_id"] if len(rows) == limit else None)


async def create(connection: Connection, institution_id: UUID, tasks: Sequence[Task]) -> int:
    """Make these, or begin cancelled ones of the same certificates anew; how many were made."""
    rows = await connection.fetch(
        "INSERT INTO refresh_task AS t (institution_id, service_id, registration_id, certificate_id, cause,"
        " state, step, unreached, untaken, created_at, changed_at, next_at, revision)"
        " SELECT $1, n.service_id, n.registration_id, n.certificate_id, n.cause, 'WAITING', 0, 0, 0, n.at,"
        " n.at, n.at, 1 FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])"
        " AS n (service_id, registration_id, certificate_id, cause, at)"
        " ON CONFLICT (registration_id, certificate_id) DO UPDATE SET state = 'WAITING',"
        " cause = excluded.cause, step = 0, unreached = 0, untaken = 0, created_at = excluded.created_at,"
        " changed_at = excluded.changed_at, next_at = excluded.next_at, revision = t.revision + 1"
        " WHERE t.state = 'CANCELLED' RETURNING 1",
        institution_id,
        [task.service_id for task in tasks],
        [task.registration_id for task in tasks],
        [task.certificate_id for task in tasks],
        [task.cause.value for task in tasks],
        [task.created_at for task in tasks],
    )
    return len(rows)


async def open_tasks(
    connection: Connection,
    service_id: UUID,
    items: Sequence[str],
    after: UUID,
    limit: int,
    now: datetime,
    *,
    delivered_only: bool = False,
) -> list[tuple[Task, Facts]]:
    """Open tasks above ``after`` with what is true of their registrations.

    Which consents hold is asked here for many at once, and decided for each question by ``Fetcher``, with
    the same rule (``four_information.model.permission``): the newest effective one of this holder decides.
    """
    rows = await connection.fetch(
        f"SELECT {_COLUMNS}, r.state AS registration_state, r.linkage_agreed,"  # noqa: S608
        " w.certificate_id AS current_id, w.kind, w.reason_code,"
        " q.acknowledged_at IS NOT NULL AS acknowledged,"
        " coalesce(p.query_id <> t.query_id, false) AS superseded,"
        " EXISTS (SELECT 1 FROM delivery AS d WHERE d.delivery_id = t.delivery_id AND d.expires_at > $5)"
        " AS delivery_waits, e.consented, e.permitted"
        " FROM refresh_task AS t JOIN registration AS r ON r.registration_id = t.registration_id"
        " LEFT JOIN watched_certificate AS w ON w.registration_id = t.registration_id AND w.slot = 'current'"
        " LEFT JOIN watched_certificate AS p"
        " ON p.registration_id = t.registration_id AND p.slot = 'pending_successor'"
        " LEFT JOIN four_information_query AS q ON q.query_id = t.query_id"
        " CROSS JOIN LATERAL (SELECT (array_agg(c.items && $2 ORDER BY c.received_at DESC))[1] AS consented,"
        " bool_or(c.consent_id = t.consent_id) AS permitted FROM consent AS c"
        " WHERE c.registration_id = t.registration_id AND c.holder_id = w.holder_id"
        " AND c.state = 'REFLECTED' AND c.valid_from <= $5 AND coalesce(c.stops_at, 'infinity') > $5"
        " AND $5 < c.valid_until + interval '1 second') AS e"
        " WHERE t.service_id = $1 AND t.registration_id > $3"
        " AND t.state IN ('WAITING', 'ASKING', 'DELIVERED', 'BLOCKED_BY_CONSENT')"
        " AND (NOT $6 OR t.state = 'DELIVERED')"
        " ORDER BY t.registration_id LIMIT $4",
        service_id,
        list(items),
        after,
        limit,
        now,
        delivered_only,
    )
    return [(_task(row), _facts(row)) for row in rows]


async def claimable(
    connection: Connection, service_id: UUID, limit: int, now: datetime
) -> list[tuple[Task, bool]]:
    """Due tasks, locked until the commit, with the customer's agreement to linkage; those that another pass
    holds are passed over.

    First those of which the last question, if there was one, was answered: a few customers whom J-LIS refuses
    again and again must not be all that a pass comes to.
    """
    rows: list[asyncpg.Record] = []
    for failed in ("t.unreached = 0", "t.unreached > 0"):
        if len(rows) < limit:
            rows += await connection.fetch(
                f"SELECT {_COLUMNS}, r.linkage_agreed FROM refresh_task AS t"  # noqa: S608
                " JOIN registration AS r ON r.registration_id = t.registration_id"
                " WHERE t.service_id = $1 AND t.state IN ('WAITING', 'ASKING') AND t.next_at <= $2"
                f" AND {failed} ORDER BY t.next_at LIMIT $3 FOR UPDATE OF t SKIP LOCKED",
                service_id,
                now,
                limit - len(rows),
            )
    return [(_task(row), row["linkage_agreed"]) for row in rows]


async def count_due(connection: Connection, service_id: UUID, now: datetime) -> int:
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM refresh_task"
            " WHERE service_id = $1 AND state IN ('WAITING', 'ASKING') AND next_at <= $2",
            service_id,
            now,
        )
    )


async def in_flight(connection: Connection, service_id: UUID, day: date, now: datetime) -> int:
    """Questions of this day that are on their way: each may still bring data."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM refresh_task"
            " WHERE service_id = $1 AND state = 'ASKING' AND next_at > $2 AND asked_day = $3",
            service_id,
            now,
            day,
        )
    )


async def count_open(connection: Connection, service_id: UUID) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT state, count(*) AS tasks FROM refresh_task WHERE service_id = $1"
        " AND state IN ('WAITING', 'ASKING', 'DELIVERED', 'BLOCKED_BY_CONSENT') GROUP BY state",
        service_id,
    )
    return {row["state"]: row["tasks"] for row in rows}


async def save(connection: Connection, tasks: Sequence[Task]) -> set[tuple[UUID, UUID]]:
    """Write these, each decided upon its ``revision``; the keys of those that nobody had changed before."""
    if not tasks:
        return set()
    keys: list[list[Any]] = [
        [task.registration_id for task in tasks],
        [task.certificate_id for task in tasks],
        [task.revision for task in tasks],
    ]
    values = [[getattr(task, name) for task in tasks] for name in _CHANGING]
    rows = await connection.fetch(_SAVE, *keys, *values)
    return {(row["registration_id"], row["certificate_id"]) for row in rows}


async def consent_of_query(connection: Connection, query_id: UUID) -> UUID | None:
    """By which consent that question was asked."""
    found: UUID | None = await connection.fetchval(
        "SELECT consent_id FROM four_information_query WHERE query_id = $1", query_id
    )
    return found


async def delete_delivery(connection: Connection, delivery_id: UUID) -> None:
    """Nobody may take it any more."""
    await connection.execute("DELETE FROM delivery WHERE delivery_id = $1", delivery_id)


def _task(row: asyncpg.Record) -> Task:
    values = {name: row[name] for name in _ALL}
    values["state"] = TaskState(row["state"])
    values["cause"] = RefreshCause(row["cause"])
    return Task(**values)


def _facts(row: asyncpg.Record) -> Facts:
    kind = row["kind"]
    state = RegistrationState(row["registration_state"])
    return Facts(
        current_id=row["current_id"],
        cause=None if kind is None else cause_of(state, kind, row["reason_code"]),
        linkage_agreed=row["linkage_agreed"],
        consented=bool(row["consented"]),
        delivery_permitted=bool(row["permitted"]),
        delivery_waits=row["delivery_waits"],
        acknowledged=row["acknowledged"],
        superseded=row["superseded"],
    )
