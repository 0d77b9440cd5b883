"""Ask J-LIS for due tasks of one service: claim, ask, and write how it ended.

The caps are kept by the claim: under the lock of the day's row no more is claimed than may still bring data,
with what is on its way counted as if it did. What one question is, and what a DATA answer is kept as, says
``question.py``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from platform_api.changes import store as feed
from platform_api.consents.model import jst_date
from platform_api.consents.polling import polled_within
from platform_api.db.transactions import tenant
from platform_api.deliveries.queue import has_key
from platform_api.four_information.rules import DEFAULT_RULES, FetchRules
from platform_api.refresh import store, task_store
from platform_api.refresh.model import (
    LONGEST_QUESTION,
    NOTHING_SENT,
    SNAPSHOT_BEHIND,
    STOPS_SERVICE,
    Answer,
    Task,
    TaskState,
    after_answer,
    claimed,
)
from platform_api.refresh.question import Question
from platform_api.refresh.reach import AWAY_AFTER, Reach
from platform_api.status.catch_up import caught_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from platform_api.db.transactions import Connection, Pool
    from platform_api.jlis.gateway import Gateway
    from platform_api.refresh.report import InstitutionReport
    from platform_api.refresh.store import StoredPolicy
    from platform_api.registrations.watching import Watcher

#: Questions on their way at once, of one pass.
CONCURRENCY: Final = 8
#: Tasks claimed in one transaction.
BATCH: Final = 32
#: An automatic batch needs withdrawals polled within this (design section 9).
POLL_AGE: Final = timedelta(hours=24)


@dataclass(slots=True)
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
    #: Nothing more of this service in this pass.
    _over: bool = False
    #: Answers in a row that somebody must mend; until there was a good one, one question at a time.
    _to_mend: int = 0
    _proven: bool = False

    async def ask_due(self) -> None:
        """Until nothing is due, a cap is reached, J-LIS is away or refuses all, or we are told to stop."""
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
        return self.reach.away is None and not self._over and not self.stopped()

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
                BATCH if self.reach.proven and self._proven else 1,
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
        if not await caught_up(self.watcher.snapshots, await feed.cursor(connection)):
            return SNAPSHOT_BEHIND  # a paid answer could not be kept
        return None

    async def _in_turn(self, turns: asyncio.Semaphore, task: Task, linkage_agreed: bool) -> None:
        async with turns:
            # Who waited too long for the turn is claimed anew: an answer after the lease is thrown away.
            in_time = self.watcher.clock.now() + LONGEST_QUESTION <= task.next_at
            if not (in_time and self._goes_on()):
                await self._give_back(task)
                return
            await self._ask(task, linkage_agreed)

    async def _ask(self, task: Task, linkage_agreed: bool) -> None:
        self.report.asked += 1
        question = Question(
            self.pool,
            self.watcher,
            self.gateway,
            self.institution_id,
            self.stored.policy,
            task,
            self.report,
            self.rules,
        )
        answer = await question.answer(linkage_agreed)
        self.reach.tell(answer)
        self._tell(answer)
        self.report.by_outcome[answer.name] += 1
        if answer.written and not answer.unkept:
            return
        async with tenant(self.pool, self.institution_id) as connection:
            now = self.watcher.clock.now()
            if not answer.written:
                await task_store.save(connection, [after_answer(task, answer, self.stored.policy, now)])
            questions, data = -(answer.code in NOTHING_SENT), int(answer.unkept)
            if task.asked_day is not None and (questions or data):
                await store.use(connection, task.service_id, task.asked_day, questions=questions, data=data)

    def _tell(self, answer: Answer) -> None:
        """What the next question of this service would meet too ends its part of the pass. A refusal for the
        operator to mend may be one customer's: only as many in a row as for a J-LIS that is away."""
        if answer.code in STOPS_SERVICE or answer.to_mend:
            self.report.problem(str(answer.code))
        if answer.to_mend:
            self._to_mend += 1
        elif answer.reached and not answer.refused_before:
            self._to_mend, self._proven = 0, True
        self._over = self._over or answer.code in STOPS_SERVICE or self._to_mend >= AWAY_AFTER

    async def _give_back(self, task: Task) -> None:
        """Claimed and not asked: as it was, and not counted."""
        now = self.watcher.clock.now()
        back = replace(task, state=TaskState.WAITING, next_at=now, changed_at=now)
        async with tenant(self.pool, self.institution_id) as connection:
            if await task_store.save(connection, [back]) and task.asked_day is not None:
                await store.use(connection, task.service_id, task.asked_day, questions=-1)
