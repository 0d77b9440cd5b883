"""Sets are lost, and a hold is on no list: told as ended only where a list speaks for whoever was held."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from revocation.authorities import Authorities, Authority
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.cards import make_card
from tests.features.test_detect_whole import acts_open, lose_sets, publish
from tests.features.world import World, make_world
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def key_expired(authority: Authority) -> Authority:
    return replace(authority, expired_keys=frozenset({authority.newest.key_id}))


def closed(authority: Authority, *, days: int = 0, successor: int | None = None) -> Authority:
    """Partition 1, from so many days after the first one."""
    day = (sets.T0 + timedelta(days=days)).date()
    return replace(
        authority,
        partitions=tuple(
            replace(one, closed=day, successor=successor) if one.number == 1 else one
            for one in authority.partitions
        ),
    )


async def held_and_lost(database: TestDatabase, folder: Path, institution: TestInstitution) -> World:
    """One card of partition 1 and the newest key, told to be on hold by set 2; then the folder is lost."""
    world = make_world(database, folder, hold_releasable=True)
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    await world.day({card.serial: 6})
    await world.night()
    return world


async def rebuild(world: World, authority: Authority, floor: int) -> None:
    """The next day's lists of the CA as it stands then; nobody is on them."""
    world.authority, world.authorities = authority, Authorities([authority])
    at = sets.T0 + world.days * sets.DAY
    lists = sets.every_list(authority, world.days)
    world.days += 1
    await asyncio.to_thread(world.store.publish, lists, world.authorities, now=at, at_least=floor)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(key_expired, id="key expired"),
        pytest.param(closed, id="closed without successor"),
        pytest.param(lambda a: key_expired(closed(a, successor=2)), id="both", marks=pytest.mark.slow),
    ],
)
async def test_nobody_speaks_for_who_was_held(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution, change: Any
) -> None:
    """No list can come for his key or partition any more: the hold stays, is counted, and the act is done."""
    world = await held_and_lost(database, tmp_path / "phones", institution)
    floor = await lose_sets(world)
    await rebuild(world, change(world.authority), floor)
    report = await world.night()
    assert [(one.whole, one.events, one.unexplained) for one in report.sets] == [(True, 0, 1)]
    assert await world.told(institution) == [("ON_HOLD", "HOLD", 2)]
    assert not await acts_open(world)


async def test_a_successor_speaks_once_its_list_is_from_after_the_merger(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution
) -> None:
    """Partition 1 went into 2 on the third day. The successor's list from before does not speak for who was
    held; the act waits for the next one, which ends the hold."""
    world = await held_and_lost(database, tmp_path / "phones", institution)
    floor = await lose_sets(world)
    merged = closed(world.authority, days=3, successor=2)
    await rebuild(world, merged, floor)  # lists of the second day
    assert [(one.events, one.unexplained) for one in (await world.night()).sets] == [(0, 1)]
    assert await acts_open(world)
    await rebuild(world, merged, floor)
    assert [(one.events, one.unexplained) for one in (await world.night()).sets] == [(1, 0)]
    assert await world.told(institution) == [("ON_HOLD", "HOLD", 2), ("RELEASED", "HOLD", 4)]
    assert not await acts_open(world)


async def test_an_older_folder_has_the_list_of_a_closed_partition(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution
) -> None:
    """Its own last list is in the set, but from below the lost ones: it does not end what those told."""
    world = make_world(database, tmp_path / "phones", hold_releasable=True)
    card = make_card(sets.ca())
    await world.day()
    await world.register(institution, card)
    older = tmp_path / "older"
    await asyncio.to_thread(shutil.copytree, world.store.folder, older)
    await world.day({card.serial: 6})
    await world.night()
    floor = await lose_sets(world, keep=older)
    await rebuild(world, closed(world.authority), floor)
    report = await world.night()
    assert [(one.set_seq, one.events, one.unexplained) for one in report.sets] == [(3, 0, 1)]
    assert await world.told(institution) == [("ON_HOLD", "HOLD", 2)]


async def test_an_older_set_does_not_end_the_act(world: World, institution: TestInstitution) -> None:
    """Detection was behind when the folder was lost: what an older folder still has is told, but only the
    set above the lost ones is the end of comparing whole."""
    await world.day()
    await world.register(institution, make_card(sets.ca()))
    await world.night()
    await world.day()
    older = world.store.folder.with_name("older")
    await asyncio.to_thread(shutil.copytree, world.store.folder, older)
    await world.day()
    floor = await lose_sets(world, keep=older)
    assert [(one.set_seq, one.whole) for one in (await world.night()).sets] == [(2, True)]
    assert await acts_open(world)
    await publish(world, {}, at_least=floor)
    assert [(one.set_seq, one.whole) for one in (await world.night()).sets] == [(4, True)]
    assert not await acts_open(world)
