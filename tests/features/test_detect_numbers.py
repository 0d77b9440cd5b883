"""A set's number is never given twice, also where only a registration or an event remembers it."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from platform_api import high_water_store as rows
from platform_api.changes import store as feed
from platform_api.db.transactions import detector
from platform_api.faults import SetupRefused
from platform_api.high_water import catch_up, recall
from platform_api.lost_sets import missing_sets, settle
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.test_detect_whole import publish
from tests.features.world import World
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def ask(world: World, rebuild_by: str | None = None) -> int:
    pool = world.database.detector_pool
    return await settle(pool, world.store, await recall(pool), world.clock, rebuild_by=rebuild_by)


async def replace_folder(world: World, keep: Path | None) -> None:
    await asyncio.to_thread(shutil.rmtree, world.store.folder)
    if keep is not None:
        await asyncio.to_thread(shutil.copytree, keep, world.store.folder)
    world.store = sets.store(world.store.folder)


@pytest.mark.parametrize(
    "older",
    [pytest.param(False, id="folder lost", marks=pytest.mark.slow), pytest.param(True, id="older folder")],
)
async def test_registered_upon_a_set_that_was_lost_before_the_night_told_of_it(
    world: World, institution: TestInstitution, older: bool
) -> None:
    """The service adopts set 2 and registers upon it, the night dies before the database learns of 2, the
    disk is lost. The loss is noticed, the new set is numbered above 2, and whom it lists is told."""
    pool, card = world.database.detector_pool, make_card(sets.ca())
    await world.day()
    await catch_up(pool, world.store)
    await world.night()
    await asyncio.to_thread(shutil.copytree, world.store.folder, world.store.folder.with_name("older"))
    await world.day()
    await world.register(institution, card)
    await replace_folder(world, world.store.folder.with_name("older") if older else None)
    with pytest.raises(SetupRefused, match=r"SNAPSHOTS_BEHIND.*set 2 or a later"):
        await ask(world)
    floor = await ask(world, "Yamada")
    assert floor == 3
    assert await ask(world, "Yamada") == 3  # the same act, until it got to its publish
    await publish(world, {card.serial: 1}, at_least=floor)
    again = await world.register(institution, make_card(sets.ca()), "r-new")
    assert again.set_seq == 3
    assert await ask(world) == 0  # cut off before the database learnt of set 3
    forked = replace(await recall(pool), published=rows.PublishedRow(1, "0" * 64))
    assert await settle(pool, world.store, forked, world.clock) == 0  # what the act allowed is there
    await catch_up(pool, world.store)
    assert [(one.set_seq, one.events) for one in (await world.night()).sets] == [(3, 1)]
    assert await world.told(institution) == [("REVOKED", "KEY_COMPROMISED", 3)]


async def test_a_service_that_still_holds_a_lost_set(world: World, institution: TestInstitution) -> None:
    """It registers upon set 3 after the act was recorded without knowing of it: the next night refuses to
    give the number 3 again, and a new act goes above."""
    await world.day()
    await catch_up(world.database.detector_pool, world.store)
    await world.day()
    await world.day()
    await replace_folder(world, None)
    assert await ask(world, "Yamada") == 2
    await world.register(institution, make_card(sets.ca()))
    with pytest.raises(SetupRefused, match="SNAPSHOTS_BEHIND"):
        await ask(world)
    assert await ask(world, "Yamada") == 4


async def test_an_event_remembers_a_number(world: World, institution: TestInstitution) -> None:
    """Cursor and registration are gone (a table set back by hand, an erasure), the event stands: the act's
    number lies above it."""
    card = make_card(sets.ca())
    await world.day()
    await catch_up(world.database.detector_pool, world.store)
    await world.day({card.serial: 3})
    await world.register(institution, card)
    async with world.database.superuser() as connection:
        await connection.execute("DELETE FROM registration")
    await replace_folder(world, None)
    async with detector(world.database.detector_pool) as connection:
        assert (await rows.greatest_used(connection), await rows.greatest_told(connection)) == (0, 2)
    assert await ask(world, "Yamada") == 3


async def test_the_cursor_remembers_a_number(world: World) -> None:
    """Nobody is registered, the published set was never learnt: what was detected is not numbered again."""
    await world.day()
    await world.day()
    await world.night()
    async with detector(world.database.detector_pool) as connection:
        assert await feed.cursor(connection) == await rows.greatest_used(connection) == 2
    remembered = await recall(world.database.detector_pool)
    assert (remembered.published, remembered.used) == (None, 2)
    await replace_folder(world, None)
    assert await ask(world, "Yamada") == 3


def test_what_was_used_is_in_the_folder(tmp_path: Path) -> None:
    """Numbers up to the folder's own are no loss; the one above it is."""
    authorities, authority = sets.world()
    store = sets.store(tmp_path)
    store.publish(sets.every_list(authority), authorities, now=sets.T0)
    known = rows.PublishedRow(1, store.chain()[0][1])
    for row in (None, known):
        assert missing_sets(store, row, 1) is None
        refusal = missing_sets(store, row, 2)
        assert refusal is not None
        assert (refusal.code, refusal.got) == ("SNAPSHOTS_BEHIND", "set 1")
    assert missing_sets(store, replace(known, set_seq=2), 1) is not None
