"""Sets are lost: after the recorded act everybody who is listed and was not told is told, once."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from platform_api import high_water_store as rows
from platform_api.db.transactions import detector
from revocation.errors import OwnFault
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.cards import Card, make_card
from tests.features.test_detect_crashes import Crash, CrashingPool
from tests.features.world import World, make_world
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def lose_sets(world: World, *, keep: Path | None = None) -> int:
    """The folder is gone, or an older one is in its place; the act is recorded. The next number."""
    lost = await asyncio.to_thread(world.store.reached)

    def replace() -> None:
        shutil.rmtree(world.store.folder)
        if keep is not None:
            shutil.copytree(keep, world.store.folder)

    await asyncio.to_thread(replace)
    world.store = sets.store(world.store.folder)
    async with detector(world.database.detector_pool) as connection:
        act = await rows.record_act(
            connection, known_seq=lost.seq, found_seq=0, at_least=lost.seq + 1, by="test", now=sets.T0
        )
    return act.at_least


async def publish(world: World, listing: sets.Listing, *, at_least: int, only: Any = None) -> None:
    """The next day's lists above what is lost; ``only``: partitions whose lists come."""
    lists = sets.every_list(world.authority, world.days)
    at = sets.T0 + world.days * sets.DAY
    scope = sets.scope(world.authority, 1, len(world.authority.generations) - 1)
    lists[scope] = sets.accepted(listing, number=world.days + 1, this_update=at)
    if only is not None:
        lists = {scope: one for scope, one in lists.items() if scope.partition_number in only}
    world.days += 1
    snapshot = await asyncio.to_thread(
        world.store.publish, lists, world.authorities, now=at, at_least=at_least
    )
    world.snapshots.adopt(snapshot)


async def acts_open(world: World) -> bool:
    async with detector(world.database.detector_pool) as connection:
        return await rows.open_act(connection) is not None


async def watch(world: World, institution: TestInstitution, count: int) -> list[Card]:
    """Set 1 and so many watched cards, as ``r0`` …"""
    await world.day()
    cards = [make_card(sets.ca()) for _ in range(count)]
    for number, card in enumerate(cards):
        await world.register(institution, card, f"r{number}")
    return cards


async def told(world: World, institution: TestInstitution) -> list[tuple[str | None, str | None, int]]:
    """(reference, transition, set) in order; and the feed has no gap."""
    events = await world.events(institution)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [(e.registration_ref, e.transition, e.set_seq) for e in events if e.registration_id is not None]


async def test_the_folder_is_lost_and_everybody_is_told_once(
    world: World, institution: TestInstitution
) -> None:
    """One told before, one listed only since, one gone before anybody saw: the second gets his event, the
    first no second one; then sets are compared in pairs again."""
    before, since, later = await watch(world, institution, 3)
    await world.day({before.serial: 3})
    await world.night()
    floor = await lose_sets(world)
    await publish(world, {before.serial: 3, since.serial: 4}, at_least=floor)
    report = await world.night()
    assert [(one.set_seq, one.whole, one.unexplained) for one in report.sets] == [(3, True, 0)]
    assert await told(world, institution) == [("r0", "REVOKED", 2), ("r1", "REVOKED", 3)]
    assert (await world.night()).sets == ()
    assert not await acts_open(world)

    await world.day({before.serial: 3, since.serial: 4, later.serial: 5})
    report = await world.night()
    assert [(one.whole, one.changes) for one in report.sets] == [(False, 1)]
    assert (await told(world, institution))[2:] == [("r2", "REVOKED", 4)]


async def test_without_the_act_nothing_moves(world: World, institution: TestInstitution) -> None:
    """A new set without a base, and nobody said that the old ones are lost: DETECTION_GAP, no event."""
    (card,) = await watch(world, institution, 1)
    await world.day()
    await world.night()
    shutil.rmtree(world.store.folder)
    world.store = sets.store(world.store.folder)
    await publish(world, {card.serial: 3}, at_least=3)
    with pytest.raises(OwnFault, match=r"DETECTION_GAP.*rebuild-lost-sets"):
        await world.night()
    assert await told(world, institution) == []


async def test_a_partial_first_set_is_not_the_end_of_it(world: World, institution: TestInstitution) -> None:
    """Half the lists come with the first new set: it and the next are both compared whole, nobody twice."""
    (card,) = await watch(world, institution, 1)
    await world.night()
    floor = await lose_sets(world)
    await publish(world, {card.serial: 3}, at_least=floor, only={2})
    assert [one.whole for one in (await world.night()).sets] == [True]
    assert await told(world, institution) == []
    assert await acts_open(world)
    await publish(world, {card.serial: 3}, at_least=floor)
    assert [one.whole for one in (await world.night()).sets] == [True]
    assert await told(world, institution) == [("r0", "REVOKED", 3)]
    assert not await acts_open(world)


async def test_an_older_folder_and_what_it_does_not_know(
    world: World, institution: TestInstitution, tmp_path: Path
) -> None:
    """Set 1 is back in place of set 2: who was revoked by 2 alone and is listed no more was told, and is
    counted for the operator; nothing is undone."""
    (card,) = await watch(world, institution, 1)
    shutil.copytree(world.store.folder, tmp_path / "older")
    await world.day({card.serial: 3})
    await world.night()
    floor = await lose_sets(world, keep=tmp_path / "older")
    await publish(world, {}, at_least=floor)
    report = await world.night()
    assert [(one.set_seq, one.unexplained, one.events) for one in report.sets] == [(3, 1, 0)]
    assert await told(world, institution) == [("r0", "REVOKED", 2)]


@pytest.mark.parametrize(
    "older",
    [pytest.param(False, id="folder lost"), pytest.param(True, id="older folder", marks=pytest.mark.slow)],
)
async def test_holds_that_ended_unseen(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution, older: bool
) -> None:
    """Four on hold when the sets were lost: one is held still, one revoked, one released; a fourth is a hold
    of the new set. Each is told what is new, the release only when every list speaks."""
    world = make_world(database, tmp_path / "phones", hold_releasable=True)
    held, revoked, released, new = await watch(world, institution, 4)
    shutil.copytree(world.store.folder, tmp_path / "older")
    await world.day({held.serial: 6, revoked.serial: 6, released.serial: 6})
    await world.night()
    floor = await lose_sets(world, keep=tmp_path / "older" if older else None)
    listing = {held.serial: 6, revoked.serial: 1, new.serial: 6}
    await publish(world, listing, at_least=floor, only={1})
    report = await world.night()
    assert report.sets[0].unexplained == 1
    since = (await told(world, institution))[3:]
    assert sorted(since) == [("r1", "REVOKED", 3), ("r3", "ON_HOLD", 3)]
    await publish(world, listing, at_least=floor)
    report = await world.night()
    assert report.sets[0].unexplained == 0
    assert (await told(world, institution))[5:] == [("r2", "RELEASED", 4)]
    assert not await acts_open(world)


@pytest.mark.slow
async def test_a_hold_that_may_not_end_stays(world: World, institution: TestInstitution) -> None:
    """Cards: a hold that no list names any more is an anomaly. No release is told, and it is counted."""
    (card,) = await watch(world, institution, 1)
    await world.day({card.serial: 6})
    await world.night()
    floor = await lose_sets(world)
    await publish(world, {}, at_least=floor)
    report = await world.night()
    assert [(one.events, one.unexplained) for one in report.sets] == [(0, 1)]
    assert await told(world, institution) == [("r0", "ON_HOLD", 2)]


@pytest.mark.slow
async def test_a_crash_at_every_step_of_a_whole_comparison(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution
) -> None:
    """Dying before each statement and before COMMIT leaves nothing; the next run gives the events once."""
    world = make_world(database, tmp_path / "phones", hold_releasable=True)
    revoked, released = await watch(world, institution, 2)
    await world.day({released.serial: 6})
    await world.night()
    floor = await lose_sets(world)
    await publish(world, {revoked.serial: 3}, at_least=floor)
    steps = 0
    while True:
        try:
            await world.night(CrashingPool(world.database.detector_pool, steps))
        except Crash:
            if await acts_open(world):
                steps += 1
                continue
        break
    assert steps > 10
    assert (await world.night()).sets == ()
    assert (await told(world, institution))[1:] == [("r0", "REVOKED", 3), ("r1", "RELEASED", 3)]


async def test_a_cursor_that_is_older_than_the_feed_doubles_nothing(
    world: World, institution: TestInstitution
) -> None:
    """The cursor alone is set back (a table restored by hand): no event and no day is told a second time."""
    (card,) = await watch(world, institution, 1)
    await world.day({card.serial: 3})
    await world.night()
    before = await world.events(institution)
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE detection_cursor SET set_seq = 0")
        await connection.execute("UPDATE watched_certificate SET condition = 'NOT_LISTED'")
    report = await world.night()
    assert [(one.set_seq, one.events, one.by_institution) for one in report.sets][1][2] == {
        institution.institution_id: 0
    }
    assert await world.events(institution) == before
    assert (await world.state(before[1].registration_id or institution.institution_id))[1] == {
        "current": "REVOKED"
    }
