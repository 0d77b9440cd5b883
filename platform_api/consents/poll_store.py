"""SQL of how far J-LIS's withdrawals were read, and nothing else. Always inside a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.consents.model import Consent
from platform_api.consents.store import COLUMNS, read_consent

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class Read:
    """Where J-LIS's list was read up to, and up to when nothing of it is unread."""

    cursor: str | None
    polled_at: datetime | None


async def read_up_to(connection: Connection, institution_id: UUID, *, lock: bool = False) -> Read:
    if lock:
        await _make(connection, institution_id)
    row = await connection.fetchrow(
        "SELECT cursor, polled_at FROM withdrawal_poll WHERE institution_id = $1"  # noqa: S608
        + (" FOR NO KEY UPDATE" if lock else ""),
        institution_id,
    )
    return Read(None, None) if row is None else Read(row["cursor"], row["polled_at"])


async def hold(connection: Connection, institution_id: UUID) -> None:
    """No page of withdrawals is taken in between here and the commit (see 0007)."""
    await _make(connection, institution_id)
    await connection.execute(
        "SELECT 1 FROM withdrawal_poll WHERE institution_id = $1 FOR SHARE", institution_id
    )


async def _make(connection: Connection, institution_id: UUID) -> None:
    await connection.execute(
        "INSERT INTO withdrawal_poll (institution_id) VALUES ($1) ON CONFLICT DO NOTHING", institution_id
    )


async def move(connection: Connection, institution_id: UUID, cursor: str, polled_at: datetime | None) -> None:
    """The cursor, and the moment where the page was the last one; it never goes back."""
    await connection.execute(
        "UPDATE withdrawal_poll SET cursor = $2, polled_at = greatest(polled_at, $3)"
        " WHERE institution_id = $1",
        institution_id,
        cursor,
        polled_at,
    )


async def forget_cursor(connection: Connection, institution_id: UUID, cursor: str) -> None:
    """Read from the beginning again, unless another reader has moved on since. Up to when all was read stays:
    it is so however the list is read next."""
    await connection.execute(
        "UPDATE withdrawal_poll SET cursor = NULL WHERE institution_id = $1 AND cursor = $2",
        institution_id,
        cursor,
    )


async def by_refs(connection: Connection, refs: Sequence[str]) -> dict[str, list[Consent]]:
    """Consents of these references, locked in one order."""
    found: dict[str, list[Consent]] = {}
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM consent WHERE consent_ref = ANY ($1)"  # noqa: S608 - a constant of ours
        " ORDER BY consent_id FOR NO KEY UPDATE",
        refs,
    )
    for row in rows:
        found.setdefault(row["consent_ref"], []).append(read_consent(row))
    return found


async def insert_unknown(
    connection: Connection, institution_id: UUID, withdrawals: Iterable[tuple[str, datetime]], now: datetime
) -> None:
    await connection.executemany(
        "INSERT INTO unknown_withdrawal (institution_id, consent_ref, reflected_at, seen_at)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [(institution_id, ref, reflected_at, now) for ref, reflected_at in withdrawals],
    )


async def unknown(connection: Connection, consent_ref: str) -> datetime | None:
    """When a consent of this reference was withdrawn at J-LIS, read before we knew the reference."""
    found: datetime | None = await connection.fetchval(
        "SELECT reflected_at FROM unknown_withdrawal WHERE consent_ref = $1", consent_ref
    )
    return found


async def forget_unknown(connection: Connection, before: datetime) -> None:
    await connection.execute("DELETE FROM unknown_withdrawal WHERE seen_at < $1", before)
