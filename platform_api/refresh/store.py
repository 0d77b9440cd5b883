"""SQL of policies and of what a day's caps were used for, and nothing else. Always inside a tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.refresh.policy import Policy, RefreshCause

if TYPE_CHECKING:
    import asyncpg

    from platform_api.db.transactions import Connection

_COLUMNS = (
    "service_id, enabled, items, daily_cap, daily_questions_cap, keep_hours, back_off_days,"
    " hand_over_after_days, refresh_on, linkage, updated_at"
)


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A service's policy, and since when."""

    service_id: UUID
    policy: Policy
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Used:
    """Of one JST day."""

    questions: int = 0
    data: int = 0


async def put_policy(
    connection: Connection, institution_id: UUID, service_id: UUID, policy: Policy, now: datetime
) -> None:
    await connection.execute(
        f"INSERT INTO refresh_policy (institution_id, {_COLUMNS})"  # noqa: S608 - a constant of ours
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (service_id) DO UPDATE SET enabled = excluded.enabled, items = excluded.items,"
        " daily_cap = excluded.daily_cap, daily_questions_cap = excluded.daily_questions_cap,"
        " keep_hours = excluded.keep_hours, back_off_days = excluded.back_off_days,"
        " hand_over_after_days = excluded.hand_over_after_days, refresh_on = excluded.refresh_on,"
        " linkage = excluded.linkage, updated_at = excluded.updated_at",
        institution_id,
        service_id,
        policy.enabled,
        list(policy.items),
        policy.daily_cap,
        policy.daily_questions_cap,
        policy.keep // timedelta(hours=1),
        [pause.days for pause in policy.back_off],
        policy.hand_over_after.days,
        sorted(policy.refresh_on),
        policy.linkage,
        now,
    )


async def find_policy(connection: Connection, service_id: UUID) -> StoredPolicy | None:
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM refresh_policy WHERE service_id = $1",  # noqa: S608
        service_id,
    )
    return None if row is None else _stored(row)


async def policies(connection: Connection) -> list[StoredPolicy]:
    """Those that are switched off, too: what was delivered by them has still to come to an end."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM refresh_policy ORDER BY service_id"  # noqa: S608
    )
    return [_stored(row) for row in rows]


async def may_fetch(connection: Connection, institution_id: UUID, now: datetime) -> bool:
    """Has this institution a contract now, with the purpose of the four items? Denied by default."""
    return bool(
        await connection.fetchval(
            "SELECT contract_from <= $2 AND (contract_until IS NULL OR $2 < contract_until)"
            " AND 'four_information' = ANY (purposes) FROM institution WHERE institution_id = $1",
            institution_id,
            now,
        )
    )


async def used(connection: Connection, service_id: UUID, day: date) -> Used:
    row = await connection.fetchrow(
        "SELECT questions, data FROM refresh_day WHERE service_id = $1 AND day = $2", service_id, day
    )
    return Used() if row is None else Used(row["questions"], row["data"])


async def locked_day(connection: Connection, institution_id: UUID, service_id: UUID, day: date) -> Used:
    """The day's row, made and locked until the commit: who claims, claims alone."""
    row = await connection.fetchrow(
        "INSERT INTO refresh_day (institution_id, service_id, day) VALUES ($1, $2, $3)"
        " ON CONFLICT (service_id, day) DO UPDATE SET day = excluded.day RETURNING questions, data",
        institution_id,
        service_id,
        day,
    )
    assert row is not None  # noqa: S101 - DO UPDATE always returns the row
    return Used(row["questions"], row["data"])


async def use(
    connection: Connection, service_id: UUID, day: date, *, questions: int = 0, data: int = 0
) -> None:
    await connection.execute(
        "UPDATE refresh_day SET questions = questions + $3, data = data + $4"
        " WHERE service_id = $1 AND day = $2",
        service_id,
        day,
        questions,
        data,
    )


def _stored(row: asyncpg.Record) -> StoredPolicy:
    return StoredPolicy(
        row["service_id"],
        Policy(
            enabled=row["enabled"],
            items=tuple(row["items"]),
            daily_cap=row["daily_cap"],
            daily_questions_cap=row["daily_questions_cap"],
            keep=timedelta(hours=row["keep_hours"]),
            back_off=tuple(timedelta(days=days) for days in row["back_off_days"]),
            hand_over_after=timedelta(days=row["hand_over_after_days"]),
            refresh_on=frozenset(RefreshCause(cause) for cause in row["refresh_on"]),
            linkage=row["linkage"],
        ),
        row["updated_at"],
    )
