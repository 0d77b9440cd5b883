"""Many lists, a bounded number at a time, in one deadline. Who waits to try again holds up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final

from revocation.authorities import ListScope
from revocation.crl.fetch.failures import failed
from revocation.crl.fetch.results import Failed, FetchLimits, FetchResult

#: Tasks begun in one go; between two such goes the loop's other work gets its turn.
_BEGUN_AT_ONCE: Final = 100


class Turns:
    """``parallel`` turns, first come, first served; a server that asked for a pause gets it from all."""

    def __init__(self, parallel: int) -> None:
        self._free: Final = asyncio.Semaphore(parallel)
        self._not_before: Final[dict[str, float]] = {}

    @asynccontextmanager
    async def turn(self, server: str = "") -> AsyncIterator[None]:
        """Hold a turn for one try; the wait before the next try is spent without one."""
        clock = asyncio.get_running_loop().time
        while True:
            async with self._free:
                rest = self._not_before.get(server, 0.0) - clock()
                if rest <= 0:
                    yield
                    return
            await asyncio.sleep(rest)

    def pause(self, server: str, seconds: float) -> None:
        """Nothing more to this server before that time is over."""
        until = asyncio.get_running_loop().time() + seconds
        self._not_before[server] = max(until, self._not_before.get(server, 0.0))


async def fetch_all(
    wanted: Collection[ListScope],
    one: Callable[[ListScope], Awaitable[FetchResult]],
    limits: FetchLimits,
    done: Callable[[], None],
    failing: Mapping[ListScope, Failed],
) -> dict[ListScope, FetchResult]:
    """Fetch all; what the deadline finds unfinished has failed: as its last try did (``failing``), if any."""
    results: dict[ListScope, FetchResult] = {}

    async def take(scope: ListScope) -> None:
        results[scope] = await one(scope)
        done()

    try:
        async with asyncio.timeout(limits.deadline_s), asyncio.TaskGroup() as group:
            for number, scope in enumerate(sorted(wanted), start=1):
                group.create_task(take(scope))
                if number % _BEGUN_AT_ONCE == 0:
                    await asyncio.sleep(0)
    except TimeoutError:
        late = failed("FETCH_TIMEOUT", f"all lists within {limits.deadline_s:g} s", "some still missing")
        for scope in wanted:
            if scope not in results:
                results[scope] = failing.get(scope, Failed(late))
                done()
    return results
