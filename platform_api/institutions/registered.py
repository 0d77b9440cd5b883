"""Does an institution watch this certificate? Many such questions of one institution are one transaction.

While a transaction is under way the questions that come in wait for the next one, so the more is asked, the
more is asked at once: the database sees a few transactions, not one for each certificate asked about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.db.transactions import tenant
from platform_api.registrations import store

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool

#: Questions of one transaction: a few milliseconds of the database.
MOST_AT_ONCE: Final = 256


class RegisteredQuestions:
    """Asks for all institutions, one transaction for each at a time and ``most_asking`` in all."""

    def __init__(self, pool: Pool, *, most_asking: int) -> None:
        self._pool = pool
        self._turns = asyncio.Semaphore(most_asking)
        self._waiting: dict[UUID, deque[_Question]] = {}
        self._asking: dict[UUID, asyncio.Task[None]] = {}

    async def ask(self, institution_id: UUID, tags: Sequence[bytes]) -> bool:
        """Is a registration of this institution behind one of these tags? Raises what the database raises."""
        question = _Question(tags)
        self._waiting.setdefault(institution_id, deque()).append(question)
        if institution_id not in self._asking:
            self._asking[institution_id] = asyncio.create_task(self._ask_all(institution_id))
        return await question.answer

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_all(self, institution_id: UUID) -> None:
        waiting = self._waiting[institution_id]
        try:
            while waiting:
                async with self._turns:
                    # Who asked may be gone by now: its time is over, or its connection is.
                    together = [waiting.popleft() for _ in range(min(len(waiting), MOST_AT_ONCE))]
                    await self._ask_together(institution_id, [one for one in together if one.waits])
        finally:
            for one in waiting:
                one.answer.cancel()
            del self._waiting[institution_id], self._asking[institution_id]

    async def _ask_together(self, institution_id: UUID, questions: Sequence[_Question]) -> None:
        if not questions:
            return
        try:
            async with tenant(self._pool, institution_id) as connection:
                answers = await store.are_registered(connection, [one.tags for one in questions])
        except Exception as error:  # each of them is told, and decides what an outage means
            for one in questions:
                if one.waits:
                    one.answer.set_exception(error)
            return
        except BaseException:
            for one in questions:
                one.answer.cancel()
            raise
        for one, answer in zip(questions, answers, strict=True):
            if one.waits:
                one.answer.set_result(answer)


class _Question:
    __slots__ = ("answer", "tags")

    def __init__(self, tags: Sequence[bytes]) -> None:
        self.tags = tags
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    @property
    def waits(self) -> bool:
        return not self.answer.done()
