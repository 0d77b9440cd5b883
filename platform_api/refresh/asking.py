"""Ask J-LIS for due tasks of one service: claim, ask, and write how it ended.

The caps are kept by the claim: under the lock of the day's row no more is claimed than may still bring data,
with what is on its way counted as if it did. A DATA answer is kept, encrypted, queued, counted and announced
in the one transaction of its successor (``Fetcher.on_data``): all of it or nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from platform_api.certificates.wire import four_information_body
from platform_api.changes.model import Action, NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.consents.model import jst_date
from platform_api.consents.polling import polled_within
from platform_api.db.transactions import tenant
from platform_api.deliveries.model import DeliveryPurpose
from platform_api.deliveries.queue import enqueue, has_key
from platform_api.four_information.fetch import Fetcher
from platform_api.four_information.model import Outcome
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.problems import Problem
from platform_api.refresh import store, task_store
from platform_api.refresh.linkage import LinkageAsker
from platform_api.refresh.model import (
    NOTHING_SENT,
    SERVER_CAP,
    Answer,
    Task,
    TaskLost,
    TaskState,
    after_answer,
    claimed,
    delivered,
)
from platform_api.refresh.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from platform_api.certificates.four_items import FourInformation
    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.refresh.report import InstitutionReport
    from platform_api.refresh.store import StoredPolicy
    from platform_api.registrations.model import Registration
    from platform_api.registrations.watching import Watcher

#: The database was asked at a bad moment (a night detects and holds its locks): again later.
BUSY: Final = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
#: Questions on their way at once, of one pass.
CONCURRENCY: Final = 8
#: Tasks claimed in one transaction.
BATCH: Final = 32
#: An automatic batch needs withdrawals polled within this (design section 9).
POLL_AGE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one service of one institution."""

    pool: Pool
    watcher: Watcher
    gateway: Gateway
    institution_id: UUID
    stored: StoredPolicy
    report: InstitutionReport
    reach: Reach
    stopped: Callable[[], bool]
    rules: FetchRules = DEFAULT_RULES

    async def ask_due(self) -> None:
        """Until nothing is due, a cap is reached, J-LIS is away, or we are told to stop."""
        while self._goes_on():
            batch = await self._claim()
            if not batch:
                break
            turns = asyncio.Semaphore(CONCURRENCY)
            async with asyncio.TaskGroup() as group:
                for task, linkage_agreed in batch:
                    group.create_task(self._in_turn(turns, task, linkage_agreed))
        async with tenant(self.pool, self.institution_id) as connection:
            now = self.watcher.clock.now()
            self.report.postponed += await task_store.count_due(connection, self.stored.service_id, now)

    def _goes_on(self) -> bool:
        return self.reach.away is None and SERVER_CAP not in self.report.problems and not self.stopped()

    async def _claim(self) -> list[tuple[Task, bool]]:
        now = self.watcher.clock.now()
        service_id, policy, day = self.stored.service_id, self.stored.policy, jst_date(now)
        async with tenant(self.pool, self.institution_id) as connection:
            problem = await self._problem(connection, now)
            if problem is not None:
                self.report.problem(problem)
                return []
            used = await store.locked_day(connection, self.institution_id, service_id, day)
            on_their_way = await task_store.in_flight(connection, service_id, day, now)
            room = min(
                policy.daily_cap - used.data - on_their_way,
                policy.daily_questions_cap - used.questions,
                BATCH if self.reach.proven else 1,
            )
            if room <= 0:
                return []
            due = await task_store.claimable(connection, service_id, room, now)
            tasks = [(claimed(task, now), agreed) for task, agreed in due]
            await task_store.save(connection, [task for task, _ in tasks])
            await store.use(connection, service_id, day, questions=len(tasks))
        return [(replace(task, revision=task.revision + 1), agreed) for task, agreed in tasks]

    async def _problem(self, connection: Connection, now: datetime) -> str | None:
        """Why nothing may be asked now, looked at again for each batch: a pass may be long."""
        if not await store.may_fetch(connection, self.institution_id, now):
            return "PURPOSE_NOT_PERMITTED"
        if not await has_key(connection, self.institution_id):
            return "DELIVERY_KEY_MISSING"
        if not await polled_within(connection, self.institution_id, now, POLL_AGE):
            return "WITHDRAWALS_NOT_POLLED"
        return None

    async def _in_turn(self, turns: asyncio.Semaphore, task: Task, linkage_agreed: bool) -> None:
        async with turns:
            if not self._goes_on():
                await self._give_back(task)
                return
            await self._ask(task, linkage_agreed)

    async def _ask(self, task: Task, linkage_agreed: bool) -> None:
        self.report.asked += 1
        answer = await self._answer(task, linkage_agreed)
        self.reach.tell(answer)
        self.report.by_outcome[answer.name] += 1
        if answer.written:
            return
        async with tenant(self.pool, self.institution_id) as connection:
            now = self.watcher.clock.now()
            await task_store.save(connection, [after_answer(task, answer, self.stored.policy, now)])
            if answer.code in NOTHING_SENT and task.asked_day is not None:
                await store.use(connection, task.service_id, task.asked_day, questions=-1)

    async def _answer(self, task: Task, linkage_agreed: bool) -> Answer:
        """By the items where that is wanted and permitted: they miss no move that came after a renewal.
        Else by linkage, where the customer agreed."""
        links = self.stored.policy.links(task.cause, linkage_agreed=linkage_agreed)
        if task.cause in self.stored.policy.refresh_on or not links:
            answer = await self._fetched(task)
            if not (links and answer.refused_by_us):
                return answer
        asker = LinkageAsker(self.pool, self.watcher, self.gateway, self.institution_id, self.rules)
        return await asker.ask(task, self.report)

    async def _fetched(self, task: Task) -> Answer:
        async def on_data(
            connection: Connection, items: FourInformation, query_id: UUID, registration: Registration
        ) -> None:
            await self._deliver(connection, task, items, query_id, registration)

        fetcher = Fetcher(self.pool, self.watcher, self.gateway, self.institution_id, on_data, self.rules)
        try:
            found = await fetcher.fetch(task.registration_id, self.stored.policy.items, None)
        except TaskLost:
            return Answer(Outcome.TEMPORARY, "TASK_LOST", written=True)
        except BUSY:
            return Answer(Outcome.TEMPORARY, "DATABASE_BUSY", reached=False)
        except Problem as problem:
            # Between two transactions: erased, its key retired, or today's lists are being taken in. Or the
            # operator's own cap.
            if problem.code == SERVER_CAP:
                self.report.problem(problem.code)
            return Answer(Outcome.TEMPORARY, problem.code, reached=False)
        if found.outcome is Outcome.DATA:
            self.report.delivered += 1
            return Answer(Outcome.DATA, written=True)
        return Answer(found.outcome, found.detail_code, found.reached)

    async def _deliver(
        self,
        connection: Connection,
        task: Task,
        items: FourInformation,
        query_id: UUID,
        registration: Registration,
    ) -> None:
        """Inside the transaction that keeps the successor, and last in it."""
        now, keep = self.watcher.clock.now(), self.stored.policy.keep
        if now >= task.next_at:
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

    async def _give_back(self, task: Task) -> None:
        """Claimed and not asked: as it was, and not counted."""
        now = self.watcher.clock.now()
        back = replace(task, state=TaskState.WAITING, next_at=now, changed_at=now)
        async with tenant(self.pool, self.institution_id) as connection:
            if await task_store.save(connection, [back]) and task.asked_day is not None:
                await store.use(connection, task.service_id, task.asked_day, questions=-1)
