"""An answer has arrived: its certificate is watched from now on. One function, whichever way it went."""

from __future__ import annotations

from uuid import UUID

from platform_api.four_information import store
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.model import CURRENT, PENDING, Registration
from platform_api.registrations.register import promote
from platform_api.registrations.watching import WatchTransaction


async def acknowledge_answer(
    work: WatchTransaction, registration_id: UUID, query_id: UUID | None
) -> Registration:
    """Acknowledging again, with nothing pending, changes nothing."""
    registration = await registrations.find(work.connection, registration_id, lock=True)
    if registration is None:
        raise not_found()
    slots = await work.slots(registration_id)
    pending = slots.get(PENDING)
    if pending is not None:
        if query_id is not None and query_id != pending.query_id:
            raise newer_answer()
        await promote(work, pending)
        if pending.query_id is not None:
            await store.acknowledge(work.connection, pending.query_id, work.now)
    elif CURRENT not in slots:
        raise not_found()
    return await registrations.find(work.connection, registration_id) or registration


def newer_answer() -> Problem:
    return Problem(
        409,
        "NEWER_ANSWER_PENDING",
        en="Another DATA answer came after the one you name; fetch again, then acknowledge that.",
        ja="指定された応答より新しい応答があります。再度取得してから確認してください。",
    )
