"""Many at once: a few at a time, within a deadline, and none stops another.

What was not begun when the deadline passed is not asked. What was begun ends in its own time, which the
gateway bounds: an answer of J-LIS that is under way is not thrown away. Whatever happens
to one is told of that one alone, a mistake of ours too: the others' answers are given here or nowhere, and
each was paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from platform_api.failures_told import problem_of
from platform_api.problems import Problem

Asked = TypeVar("Asked")
Found = TypeVar("Found")

#: At most this many of one batch are under way: half of the pool's connections are left to others.
AT_A_TIME: Final = 5
#: Seconds after which nothing more of a batch is begun.
DEADLINE_S: Final = 20.0

NOT_ASKED: Final = "NOT_ASKED"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one of a batch has no result; ``passing``: it may be another time."""

    code: str
    passing: bool


async def each(
    asked: Sequence[Asked],
    do: Callable[[Asked], Awaitable[Found]],
    *,
    failed: Callable[[Exception, Problem], None],
    at_a_time: int = AT_A_TIME,
    deadline_s: float = DEADLINE_S,
) -> list[Found | Refused]:
    """A result or a refusal for each, in the order asked; ``failed`` is told of what is our failure."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    turns = asyncio.Semaphore(at_a_time)

    async def one(item: Asked) -> Found | Refused:
        async with turns:
            if loop.time() >= deadline:
                return Refused(NOT_ASKED, passing=True)
            try:
                return await do(item)
            except Exception as error:  # one's own edge: the code that the whole request would have had
                problem = problem_of(error)
                if problem.status >= 500:
                    failed(error, problem)
                return Refused(problem.code, passing=problem.status in (429, 503))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in asked]
    return [task.result() for task in tasks]
