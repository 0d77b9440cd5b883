"""What J-LIS answered with items was paid for: kept though a night comes in between, counted whatever becomes
of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from platform_api.certificates.four_items import TextItem
from platform_api.refresh.passing import Passing
from platform_api.refresh.published import PublishedSets
from platform_api.refresh.report import InstitutionReport
from platform_api.registrations.watching import Watcher
from tests.features.gateways import CANARY_NAME
from tests.features.hooked_pool import HookedPool
from tests.features.refreshing import AVAILABLE, Refresher, refresher
from tests.features.test_refresh_faults import moved, whole
from tests.revocation import sets

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(120)
CURSOR = "detection_cursor FOR SHARE"
MINUTE = timedelta(minutes=1)


async def night_passes(refresher: Refresher) -> None:
    """Published and detected elsewhere; this process has not opened the set."""
    await refresher.service.world.day(adopt=False)
    await refresher.service.world.night()


def once(do: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    done = False

    async def first() -> None:
        nonlocal done
        if not done:
            done = True
            await do()

    return first


async def run(refresher: Refresher, published: PublishedSets) -> InstitutionReport:
    """A pass as `jpki refresh` makes it: with the sets of the folder, and no follower."""
    world = refresher.service.world
    await published.look()
    watcher = Watcher(published.authorities, published, world.database.sealer, world.tagger, world.clock)
    return await Passing(refresher.pool, watcher, refresher.jlis).institution(
        refresher.institution.institution_id
    )


async def published_sets(refresher: Refresher, folder: Path) -> PublishedSets:
    world = refresher.service.world
    await asyncio.to_thread(world.authorities.dump, folder / "authorities.json")
    return PublishedSets(world.store, folder / "authorities.json", world.clock)


async def queries(refresher: Refresher) -> list[tuple[str, str | None, bool]]:
    async with refresher.service.world.database.superuser() as connection:
        rows = await connection.fetch(
            "SELECT outcome, detail_code, with_items FROM four_information_query ORDER BY asked_at"
        )
    return [(row["outcome"], row["detail_code"], row["with_items"]) for row in rows]


async def test_a_night_under_a_pass_costs_no_answer(refresher: Refresher, tmp_path: Path) -> None:
    """A set is published and detected while J-LIS is asked: the answers are kept by the newer set, in the
    same pass, each asked for once."""
    await moved(refresher)
    world = refresher.service.world
    refresher.clock.set(sets.T0 + world.days * sets.DAY + timedelta(hours=1))  # the hour of the next set
    refresher.jlis.meanwhile = once(lambda: night_passes(refresher))
    published = await published_sets(refresher, tmp_path)
    report = await run(refresher, published)
    assert (report.delivered, report.by_outcome, report.problems) == (2, {"DATA": 2}, [])
    assert len(refresher.jlis.queries) == 2
    assert await refresher.told() == [AVAILABLE] * 2
    await whole(refresher)


async def test_a_lock_held_by_a_night_is_waited_for(refresher: Refresher) -> None:
    """The paid answer is stored as soon as the lock is free, though it was refused twice."""
    await moved(refresher)
    refused = 0

    async def held() -> None:
        nonlocal refused
        refused += 1
        if refused <= 2:
            raise asyncpg.LockNotAvailableError("held")

    report = await refresher.run(HookedPool(refresher.pool, CURSOR, held))
    assert (report.delivered, len(refresher.jlis.queries), report.problems) == (2, 2, [])
    assert await queries(refresher) == [("DATA", None, True)] * 2
    await whole(refresher)


async def test_an_answer_that_cannot_be_kept_counts_and_stops_the_service(refresher: Refresher) -> None:
    """The lock stays held until the lease is over: one row says that J-LIS was asked and gave items, the day
    has counted them, and nobody else is asked in vain."""
    await refresher.begin()
    customers = await refresher.customers(3)
    await refresher.move(customers)
    refresher.reissue(customers)

    async def held() -> None:
        refresher.clock.advance(MINUTE)
        raise asyncpg.LockNotAvailableError("held")

    report = await refresher.run(HookedPool(refresher.pool, CURSOR, held))
    assert (report.by_outcome, report.problems) == ({"TEMPORARY": 1}, ["DATABASE_BUSY"])
    assert (len(refresher.jlis.queries), report.postponed) == (1, 2)
    assert await queries(refresher) == [("TEMPORARY", "ANSWER_NOT_KEPT", True)]
    assert (await refresher.policy())["today"]["data"] == 1
    refresher.clock.advance(5 * MINUTE)
    assert (await refresher.run()).delivered == 3


async def test_a_set_that_is_not_here_yet_stops_the_questions(
    refresher: Refresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night was detected of a set that this host does not have: J-LIS is not asked for what could not be
    kept."""
    await moved(refresher)
    await night_passes(refresher)

    async def in_vain(*_: Any) -> bool:
        return False

    monkeypatch.setattr("platform_api.refresh.asking.caught_up", in_vain)
    report = await refresher.run()
    assert (report.asked, report.problems, report.postponed) == (0, ["SNAPSHOT_BEHIND"], 2)


async def test_answers_that_are_thrown_away_count_for_the_caps(refresher: Refresher) -> None:
    """Items nobody asked for, in every answer: the policy's cap of two ends the day after two questions."""
    await refresher.begin(items=["address"], daily_cap=2)
    customers = await refresher.customers(5)
    await refresher.move(customers)
    refresher.reissue(customers)
    plain = refresher.jlis.query_four_information

    async def more(query: Any) -> Any:
        answer = await plain(query)
        return replace(answer, items=replace(answer.items, name=TextItem(CANARY_NAME, None)))

    refresher.jlis.query_four_information = more  # type: ignore[method-assign]
    for _ in range(2):
        await refresher.run()
    assert len(refresher.jlis.queries) == 2
    assert (await refresher.policy())["today"]["data"] == 2
    assert await queries(refresher) == [("TEMPORARY", "ITEMS_NOT_ASKED", True)] * 2


async def test_a_folder_that_cannot_be_read_leaves_what_is_held(refresher: Refresher, tmp_path: Path) -> None:
    """Who waits for a newer set is told that there is none yet, not torn out of a question."""
    published = await published_sets(refresher, tmp_path)
    await published.look()
    held = published.current()
    assert held is not None
    await asyncio.to_thread((tmp_path / "authorities.json").write_text, "{")
    assert await published.wait_newer(held.seq, 0.01) is held
    assert len(published.authorities) == 1
