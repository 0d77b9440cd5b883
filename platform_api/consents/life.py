"""Carry consents from state to state inside a transaction: history, column, and the notices to announce.

Every function here expects the consents' rows locked, and gives notices back instead of announcing them: the
feed comes last in a transaction, once (lock order: poll of withdrawals, registration, consent, feed).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice
from platform_api.consents import history_store, store
from platform_api.consents.due import due_reminder, due_steps, next_due
from platform_api.consents.model import Consent
from platform_api.consents.states import TOLD, ConsentState, Step

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection


async def enter(
    connection: Connection, institution_id: UUID, consent: Consent, step: Step, now: datetime
) -> list[Notice]:
    """Write one state into the history, once; the column is the caller's."""
    known = await history_store.entered(connection, [consent.consent_id])
    if step.state in known[consent.consent_id]:
        return []
    await history_store.insert_steps(connection, institution_id, [(consent.consent_id, step)], now)
    return _notices(consent, step)


async def turn(
    connection: Connection,
    institution_id: UUID,
    consents: Sequence[Consent],
    now: datetime,
    *,
    until: datetime | None = None,
) -> list[Notice]:
    """Everything that the clock has brought these consents by ``until`` (now): states, a stop, reminders."""
    until = now if until is None else until
    ids = [consent.consent_id for consent in consents]
    known = await history_store.entered(connection, ids)
    given = await history_store.reminders_given(connection, ids)
    holders = await history_store.present_holders(
        connection, [consent.registration_id for consent in consents]
    )
    steps: list[tuple[Consent, Step]] = []
    reminders = []
    notices: list[Notice] = []
    for consent in consents:
        for step in due_steps(consent, known[consent.consent_id], until):
            steps.append((consent, step))
            notices += _notices(consent, step)
        due_on = due_reminder(consent, given[consent.consent_id], until)
        # Nobody is reminded of what a former holder of the registration agreed to.
        if due_on is not None and holders.get(consent.registration_id) == consent.holder_id:
            reminders.append((consent.consent_id, due_on))
            notices.append(
                Notice(
                    NoticeType.CONSENT_REMINDER_DUE,
                    consent.registration_id,
                    consent.consent_id,
                    action=Action.REMIND_CUSTOMER,
                )
            )
    await history_store.insert_steps(
        connection, institution_id, [(consent.consent_id, step) for consent, step in steps], now
    )
    await history_store.insert_reminders(connection, institution_id, reminders, now)
    for consent, step in steps:
        if step.state is ConsentState.STOPPED:
            await store.mark_ended(connection, consent.consent_id, ConsentState.STOPPED)
    await history_store.set_next_due(
        connection, [(consent.consent_id, next_due(consent, until)) for consent in consents]
    )
    return notices


async def end(
    connection: Connection, institution_id: UUID, consent: Consent, step: Step, now: datetime
) -> list[Notice]:
    """WITHDRAWN or STOPPED by an act at ``step.at``; what the clock had brought before it comes before it.

    Gives nothing where the consent had ended by then: the caller has looked with ``state_at``.
    """
    notices = await turn(connection, institution_id, [consent], now, until=min(step.at, now))
    await store.mark_ended(connection, consent.consent_id, step.state)
    return notices + await enter(connection, institution_id, consent, step, now)


def _notices(consent: Consent, step: Step) -> list[Notice]:
    if step.state not in TOLD:
        return []
    kind, action = TOLD[step.state]
    return [Notice(kind, consent.registration_id, consent.consent_id, action=action)]
