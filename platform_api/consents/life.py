"""Carry consents from state to state inside a transaction: history, column, and the notices to announce.

Every function here expects the consents' rows locked, and gives notices back instead of announcing them: the
feed comes last in a transaction, once (lock order: poll of withdrawals, registration, consent, feed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    until: Mapping[UUID, datetime] | None = None,
    reminding: bool = True,
) -> list[Notice]:
    """Everything that the clock has brought these consents by now: states, a stop, reminders.

    ``until``: by which earlier moment, for those that ended then. Not ``reminding``: of what ends now.
    """
    limits = until or {}
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
        limit = limits.get(consent.consent_id, now)
        for step in due_steps(consent, known[consent.consent_id], limit):
            steps.append((consent, step))
            notices += _notices(consent, step)
        due_on = due_reminder(consent, given[consent.consent_id], limit)
        # Nobody is reminded of what a former holder of the registration agreed to.
        if reminding and due_on is not None and holders.get(consent.registration_id) == consent.holder_id:
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
    stopped = [consent.consent_id for consent, step in steps if step.state is ConsentState.STOPPED]
    await store.mark_ended(connection, stopped, ConsentState.STOPPED)
    await history_store.set_next_due(
        connection, [(consent.consent_id, next_due(consent, now)) for consent in consents]
    )
    return notices


async def withdraw(
    connection: Connection, institution_id: UUID, ends: Sequence[tuple[Consent, Step]], now: datetime
) -> list[Notice]:
    """WITHDRAWN by acts at ``step.at``; what the clock had brought before each comes before it.

    Of consents that had not ended by then: the caller has looked with ``state_at``.
    """
    until = {consent.consent_id: min(step.at, now) for consent, step in ends}
    consents = [consent for consent, _ in ends]
    notices = await turn(connection, institution_id, consents, now, until=until, reminding=False)
    await store.mark_ended(connection, list(until), ConsentState.WITHDRAWN)
    await history_store.insert_steps(
        connection, institution_id, [(consent.consent_id, step) for consent, step in ends], now
    )
    return notices + [notice for consent, step in ends for notice in _notices(consent, step)]


def _notices(consent: Consent, step: Step) -> list[Notice]:
    if step.state not in TOLD:
        return []
    kind, action = TOLD[step.state]
    return [Notice(kind, consent.registration_id, consent.consent_id, action=action)]
