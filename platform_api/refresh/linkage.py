"""A renewed certificate's successor, looked up with the customer's agreement and without any item.

Linkage hands nothing over, so there is nothing to acknowledge: the successor becomes current in the
transaction in which it is learnt, without an event. Only where it is proven to be the renewal itself
(``merely_renewed``): elsewhere a move may lie in between, and the customer is handed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platform_api.certificates.four_items import FourInformation
from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.db.transactions import tenant
from platform_api.four_information.model import Outcome
from platform_api.four_information.plausibility import implausible, successor_kind
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.jlis.gateway import (
    FourInformationAnswer,
    GatewayRefused,
    LinkageOutcome,
    LinkageQuery,
    LinkRelation,
    QueryOutcome,
    SuccessorCertificate,
)
from platform_api.refresh import task_store
from platform_api.refresh.model import Answer, Task, TaskLost, TaskState, ended, merely_renewed
from platform_api.registrations import store as registrations
from platform_api.registrations.model import CURRENT, PENDING, Watched, WatchedIdentity
from platform_api.registrations.register import promote
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.db.transactions import Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.refresh.report import InstitutionReport
    from platform_api.registrations.watching import Watcher, WatchTransaction

_MOVED_ON: Final = Answer(Outcome.TEMPORARY, "REGISTRATION_MOVED_ON")


@dataclass(frozen=True, slots=True)
class LinkageAsker:
    """Asks for one institution; each use looks at the agreement again. What it raises, ``Question`` knows."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    institution_id: UUID
    rules: FetchRules = DEFAULT_RULES

    async def ask(self, task: Task, report: InstitutionReport) -> Answer:
        async with tenant(self.pool, self.institution_id) as connection:
            registration = await registrations.find(connection, task.registration_id)
            slots = await self.watcher.open_slots(connection, self.institution_id, task.registration_id)
            code = await registrations.service_code(connection, task.service_id)
        current = slots.get(CURRENT)
        if registration is None or code is None or current is None:
            return _MOVED_ON
        if current.certificate_id != task.certificate_id:
            return _MOVED_ON
        if not registration.linkage_agreed:
            return Answer(Outcome.TEMPORARY, "LINKAGE_NOT_AGREED")
        query = LinkageQuery(current.identity.identity, code, LinkRelation.SUCCESSOR, customer_agreed=True)
        try:
            found = await self.gateway.query_linkage(query)
        except OutsideFailed as failed:
            return Answer(Outcome.TEMPORARY, failed.code, reached=False)
        except GatewayRefused as refused:
            return Answer(Outcome.TEMPORARY, refused.code)
        if found.outcome is not LinkageOutcome.LINKED or found.certificate is None:
            return Answer(Outcome.NO_NEW_CERTIFICATE, f"LINKAGE_{found.outcome.value}")
        refusal = self._implausible(current, found.certificate)
        if refusal is not None:
            return Answer(Outcome.TEMPORARY, refusal)
        return await self._linked(task, found.certificate, report)

    def _implausible(self, current: Watched, new: SuccessorCertificate) -> str | None:
        """The rules of an answer with items, of which there are none here."""
        answer = FourInformationAnswer(QueryOutcome.DATA, FourInformation(), new)
        return implausible(
            answer,
            current,
            (),
            self.watcher.authorities,
            self.watcher.clock.now(),
            person_check=self.rules.person_check,
        )

    async def _linked(self, task: Task, new: SuccessorCertificate, report: InstitutionReport) -> Answer:
        async with self.watcher.transaction(self.pool, self.institution_id) as work:
            registration = await registrations.find(work.connection, task.registration_id, lock=True)
            slots = await work.slots(task.registration_id)
            current = slots.get(CURRENT)
            if registration is None or current is None or current.certificate_id != task.certificate_id:
                return _MOVED_ON
            if not registration.linkage_agreed:  # taken back while J-LIS was asked: thrown away
                return Answer(Outcome.TEMPORARY, "LINKAGE_NOT_AGREED")
            if merely_renewed(work.status(current.identity).revoked_at, new.validity):
                await self._promote(work, current, slots.get(PENDING), new)
                done = ended(task, TaskState.DONE, "LINKED", work.now)
                if not await task_store.save(work.connection, [done]):
                    raise TaskLost
                report.linked += 1
            else:
                over = ended(task, TaskState.HANDED_OVER, "REISSUED_SINCE_RENEWAL", work.now)
                if await task_store.save(work.connection, [over]):
                    await announce(work.connection, self.institution_id, [_obtain(task)], work.now)
                    report.handed_over += 1
        return Answer(Outcome.NO_NEWER_INFORMATION, "LINKED", written=True)

    async def _promote(
        self, work: WatchTransaction, current: Watched, pending: Watched | None, new: SuccessorCertificate
    ) -> None:
        if pending is not None and pending.identity.identity != new.identity:
            await registrations.delete_watched(work.connection, current.registration_id, PENDING)
            pending = None
        if pending is None:
            identity = WatchedIdentity(new.identity, new.validity, None)
            kind = successor_kind(new, current, self.watcher.authorities) or current.kind
            await work.begin(current.registration_id, PENDING, kind, identity, successor_of=current)
            pending = (await work.slots(current.registration_id))[PENDING]
        await promote(work, pending)


def _obtain(task: Task) -> Notice:
    """What happened between the renewal and this certificate, nobody can say but its holder."""
    return Notice(
        NoticeType.FOUR_INFORMATION_UNAVAILABLE,
        registration_id=task.registration_id,
        action=Action.OBTAIN_CERTIFICATE_AT_NEXT_LOGIN,
    )
