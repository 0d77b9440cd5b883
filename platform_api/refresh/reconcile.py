"""Tasks follow registrations: make what is missing, take each open one where the facts have brought it.

Nothing here depends on an event having been read or on a pass having ended: what is found is found again.
Each page is one transaction, so a crash costs one page of looking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.changes.model import Action, NoticeType, RegistrationState
from platform_api.changes.store import Notice, announce
from platform_api.db.transactions import tenant
from platform_api.refresh import task_store
from platform_api.refresh.model import Looked, Task, TaskState, looked_at
from platform_api.refresh.policy import STATE_OF_CAUSE
from platform_api.registrations import store as registrations

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.refresh.report import InstitutionReport
    from platform_api.refresh.store import StoredPolicy
    from revocation.clock import Clock

#: Rows in one transaction.
PAGE: Final = 500
_FIRST: Final = UUID(int=0)


async def reconcile(
    pool: Pool,
    institution_id: UUID,
    stored: StoredPolicy,
    clock: Clock,
    report: InstitutionReport,
    *,
    stopped: Callable[[], bool] = lambda: False,
    page: int = PAGE,
) -> None:
    """One service: missing tasks first, then a look at all open ones. While its policy is switched off, a
    look at those delivered: nothing begins or goes on, and nobody is left waiting for what is gone."""
    after: UUID | None = _FIRST if stored.policy.enabled else None
    while after is not None and not stopped():
        async with tenant(pool, institution_id) as connection:
            after = await _create(connection, institution_id, stored, clock.now(), after, page, report)
    after = _FIRST
    while after is not None and not stopped():
        async with tenant(pool, institution_id) as connection:
            after = await _look(connection, institution_id, stored, clock.now(), after, page, report)


async def _create(
    connection: Connection,
    institution_id: UUID,
    stored: StoredPolicy,
    now: datetime,
    after: UUID,
    page: int,
    report: InstitutionReport,
) -> UUID | None:
    found = await task_store.moved(connection, stored.service_id, after, page)
    new = [
        Task(
            registration_id=one.registration_id,
            certificate_id=one.certificate_id,
            service_id=stored.service_id,
            state=TaskState.WAITING,
            cause=one.cause,
            created_at=now,
            changed_at=now,
            next_at=now,
        )
        for one in found.moved
        if one.cause is not None and stored.policy.wants(one.cause, linkage_agreed=one.linkage_agreed)
    ]
    report.created += await task_store.create(connection, institution_id, new) if new else 0
    return found.after


async def _look(
    connection: Connection,
    institution_id: UUID,
    stored: StoredPolicy,
    now: datetime,
    after: UUID,
    page: int,
    report: InstitutionReport,
) -> UUID | None:
    policy = stored.policy
    found = await task_store.open_tasks(
        connection, stored.service_id, policy.items, after, page, now, delivered_only=not policy.enabled
    )
    looks = [(task, looked_at(task, facts, policy, now)) for task, facts in found]
    changed = [(before, look) for before, look in looks if look.task is not before]
    # Registrations before tasks, in the order of everybody (registrations.watching). One that was
    # acknowledged since we looked keeps what it has.
    changed = [
        (before, look)
        for before, look in changed
        if not look.withdraw_data or await _still_available(connection, before)
    ]
    saved = await task_store.save(connection, [look.task for _, look in changed])
    written = [(before, look) for before, look in changed if before.key in saved]
    for before, look in written:
        report.looked[_name(before, look.task)] += 1
        report.handed_over += look.task.state is TaskState.HANDED_OVER
        if look.withdraw_data and before.delivery_id is not None:
            await task_store.delete_delivery(connection, before.delivery_id)
            state = STATE_OF_CAUSE[before.cause]
            await registrations.set_state(connection, before.registration_id, state, now)
    await announce(connection, institution_id, _notices(look for _, look in written), now)
    return found[-1][0].registration_id if len(found) == page else None


async def _still_available(connection: Connection, task: Task) -> bool:
    """Lock the registration; does it say that items are available, as it did when the task was delivered?"""
    registration = await registrations.find(connection, task.registration_id, lock=True)
    return registration is not None and registration.state is RegistrationState.CHANGED_DATA_AVAILABLE


def _notices(looks: Iterable[Looked]) -> list[Notice]:
    return [
        Notice(
            NoticeType.FOUR_INFORMATION_UNAVAILABLE,
            registration_id=look.task.registration_id,
            delivery_id=look.task.delivery_id if look.withdraw_data else None,
            action=Action.CONTACT_CUSTOMER,
        )
        for look in looks
        if look.tell_unavailable
    ]


def _name(before: Task, after: Task) -> str:
    """What a report calls the change."""
    if after.state is TaskState.WAITING:
        return "FETCH_AGAIN" if before.state is TaskState.DELIVERED else "UNBLOCKED"
    return after.state.value
