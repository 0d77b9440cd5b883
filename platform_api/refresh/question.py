"""One question for one claimed task: by the items or by linkage, and what its answer is kept as.

A DATA answer is kept, encrypted, queued, counted and announced in the one transaction of its successor
(``Fetcher.on_data``): all of it or nothing. It is paid for: while a night detects and holds its locks that
is tried again until the lease is over; where nothing could be kept, the answer counts all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import asyncpg

from platform_api.certificates.wire import four_information_body
from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.queue import enqueue
from platform_api.four_information.fetch import Fetched, Fetcher
from platform_api.four_information.model import Outcome
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.problems import Problem
from platform_api.refresh import store, task_store
from platform_api.refresh.linkage import LinkageAsker
from platform_api.refresh.model import (
    DATABASE_BUSY,
    SNAPSHOT_BEHIND,
    TASK_LOST,
    Answer,
    Task,
    TaskLost,
    delivered,
)
from revocation.errors import OwnFault

if TYPE_CHECKING:
    from uuid import UUID

    from platform_api.certificates.four_items import FourInformation
    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.refresh.policy import Policy
    from platform_api.refresh.report import InstitutionReport
    from platform_api.registrations.model import Registration
    from platform_api.registrations.watching import Watcher

#: The database was asked at a bad moment (a night detects and holds its locks): again later.
BUSY: Final = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)


@dataclass(slots=True)
class Question:
    """Asked once. However it ends, it ends as an answer, for others are on their way."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    institution_id: UUID
    policy: Policy
    task: Task
    report: InstitutionReport
    rules: FetchRules = DEFAULT_RULES
    #: J-LIS answered with items.
    _with_items: bool = False

    async def answer(self, linkage_agreed: bool) -> Answer:
        found = await self._answer(linkage_agreed)
        return replace(found, unkept=self._with_items and found.outcome is not Outcome.DATA)

    async def _answer(self, linkage_agreed: bool) -> Answer:
        try:
            return await self._asked(linkage_agreed)
        except TaskLost:
            return Answer(Outcome.TEMPORARY, TASK_LOST, written=True)
        except BUSY:
            return Answer(Outcome.TEMPORARY, DATABASE_BUSY, reached=False)
        except Problem as problem:
            # Between two transactions: erased, its key retired, or today's lists are being taken in. Or the
            # operator's own cap.
            return Answer(Outcome.TEMPORARY, problem.code, reached=False)
        except OwnFault as fault:
            # A row that cannot be opened, say. It is one customer's: the others are asked about.
            return Answer(Outcome.TEMPORARY, fault.code, reached=False, fault=True)

    async def _asked(self, linkage_agreed: bool) -> Answer:
        """By the items where that is wanted and permitted: they miss no move that came after a renewal.
        Else by linkage, where the customer agreed."""
        links = self.policy.links(self.task.cause, linkage_agreed=linkage_agreed)
        if self.task.cause in self.policy.refresh_on or not links:
            answer = await self._fetched()
            if not (links and answer.refused_by_us):
                return answer
        asker = LinkageAsker(self.pool, self.watcher, self.gateway, self.institution_id, self.rules)
        return await asker.ask(self.task, self.report)

    async def _fetched(self) -> Answer:
        fetcher = Fetcher(
            self.pool,
            self.watcher,
            self.gateway,
            self.institution_id,
            self._deliver,
            self.rules,
            keeping=self._kept,
        )
        found = await fetcher.fetch(self.task.registration_id, self.policy.items, None)
        if found.outcome is Outcome.DATA:
            self.report.delivered += 1
            return Answer(Outcome.DATA, written=True)
        return Answer(found.outcome, found.detail_code, found.reached)

    async def _kept(self, keep: Callable[[], Awaitable[Fetched]]) -> Fetched:
        """Each try waits for itself: for a lock, or for the newer set."""
        self._with_items = True
        while True:
            try:
                return await keep()
            except BUSY:
                if self._lease_is_over():
                    raise
            except Problem as problem:
                if problem.code != SNAPSHOT_BEHIND or self._lease_is_over():
                    raise

    def _lease_is_over(self) -> bool:
        return self.watcher.clock.now() >= self.task.next_at

    async def _deliver(
        self, connection: Connection, items: FourInformation, query_id: UUID, registration: Registration
    ) -> None:
        """Inside the transaction that keeps the successor, and last in it."""
        task, now, keep = self.task, self.watcher.clock.now(), self.policy.keep
        if self._lease_is_over():
            raise TaskLost
        delivery_id = await enqueue(
            connection,
            self.institution_id,
            purpose=DeliveryPurpose.FOUR_INFORMATION,
            payload={
                "registration_ref": registration.registration_ref,
                "customer_ref": registration.customer_ref,
                "four_information": four_information_body(items).model_dump(mode="json"),
            },
            now=now,
            keep=keep,
            registration_id=task.registration_id,
            query_id=query_id,
        )
        consent_id = await task_store.consent_of_query(connection, query_id)
        done = delivered(
            task, query_id=query_id, consent_id=consent_id, delivery_id=delivery_id, until=now + keep, now=now
        )
        if not await task_store.save(connection, [done]):
            raise TaskLost
        assert task.asked_day is not None  # noqa: S101 - every claimed task has one, and 0009 says so
        await store.use(connection, task.service_id, task.asked_day, data=1)
        notice = Notice(
            NoticeType.FOUR_INFORMATION_AVAILABLE,
            registration_id=task.registration_id,
            delivery_id=delivery_id,
            action=Action.TAKE_DELIVERY,
        )
        await announce(connection, self.institution_id, [notice], now)
