"""SQL of histories, due consents and reminders, and nothing else. Always inside a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.consents.model import Consent
from platform_api.consents.states import ConsentState, Step, Who
from platform_api.consents.store import COLUMNS, read_consent

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A state entered, and when we wrote it down."""

    step: Step
    recorded_at: datetime


async def insert_steps(
    connection: Connection, institution_id: UUID, steps: Iterable[tuple[UUID, Step]], now: datetime
) -> None:
    """Fails where a state was entered before: the caller holds the consent's lock and has looked."""
    await connection.executemany(
        "INSERT INTO consent_history (consent_id, institution_id, state, at, recorded_at, who, code)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                consent_id,
                institution_id,
                step.state.value,
                step.at,
                now,
                step.who.value,
                None if step.code is None else step.code[:64],
            )
            for consent_id, step in steps
        ],
    )


async def entered(connection: Connection, consent_ids: Sequence[UUID]) -> dict[UUID, set[ConsentState]]:
    """The states in each one's history."""
    found: dict[UUID, set[ConsentState]] = {consent_id: set() for consent_id in consent_ids}
    rows = await connection.fetch(
        "SELECT consent_id, state FROM consent_history WHERE consent_id = ANY ($1)", consent_ids
    )
    for row in rows:
        found[row["consent_id"]].add(ConsentState(row["state"]))
    return found


async def history(connection: Connection, consent_id: UUID) -> list[HistoryRow]:
    """In the order in which we learnt of it; the life's own order where that was at once."""
    rows = await connection.fetch(
        "SELECT state, at, recorded_at, who, code FROM consent_history WHERE consent_id = $1", consent_id
    )
    # A stopped consent may be withdrawn, and not the other way round.
    order = sorted(ConsentState, key=lambda state: state is ConsentState.WITHDRAWN)
    found = [
        HistoryRow(
            Step(ConsentState(row["state"]), row["at"], Who(row["who"]), row["code"]), row["recorded_at"]
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.recorded_at, one.step.at, order.index(one.step.state)))


async def due(connection: Connection, now: datetime, limit: int) -> list[Consent]:
    """Consents for which the clock has something, locked; those that another pass holds are left to it."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM consent"  # noqa: S608 - a constant of ours
        " WHERE (state = 'REFLECTED' AND next_due_at <= $1)"
        " OR (state IN ('RECEIVED', 'SENT') AND stops_at <= $1)"
        " ORDER BY consent_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
        now,
        limit,
    )
    return [read_consent(row) for row in rows]


async def set_next_due(connection: Connection, moments: Iterable[tuple[UUID, datetime | None]]) -> None:
    await connection.executemany(
        "UPDATE consent SET next_due_at = coalesce($2::timestamptz, 'infinity') WHERE consent_id = $1",
        list(moments),
    )


async def present_holders(connection: Connection, registration_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Whose certificate each registration watches now."""
    rows = await connection.fetch(
        "SELECT registration_id, holder_id FROM watched_certificate"
        " WHERE registration_id = ANY ($1) AND slot = 'current'",
        registration_ids,
    )
    return {row["registration_id"]: row["holder_id"] for row in rows}


async def reminders_given(connection: Connection, consent_ids: Sequence[UUID]) -> dict[UUID, set[date]]:
    """The days of each one's reminders that were announced."""
    found: dict[UUID, set[date]] = {consent_id: set() for consent_id in consent_ids}
    rows = await connection.fetch(
        "SELECT consent_id, due_on FROM consent_reminder WHERE consent_id = ANY ($1)", consent_ids
    )
    for row in rows:
        found[row["consent_id"]].add(row["due_on"])
    return found


async def insert_reminders(
    connection: Connection, institution_id: UUID, reminders: Iterable[tuple[UUID, date]], now: datetime
) -> None:
    await connection.executemany(
        "INSERT INTO consent_reminder (consent_id, institution_id, due_on, announced_at)"
        " VALUES ($1, $2, $3, $4)",
        [(consent_id, institution_id, due_on, now) for consent_id, due_on in reminders],
    )
