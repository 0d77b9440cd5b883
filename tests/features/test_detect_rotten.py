"""Sets that rotted or were built around: detection goes on, misses nothing and tells nobody twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from platform_api.changes.next_set import SetFault
from platform_api.high_water import recall
from platform_api.lost_sets import settle
from revocation.errors import OutsideFailed, OwnFault
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.cards import make_card
from tests.features.world import World, make_world
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


def rot(world: World, seq: int) -> None:
    """One bit of each of its index files; the world looks at its folder anew."""
    for path in world.store.folder.glob(f"*.{seq:08}.index"):
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[80] ^= 1
        path.write_bytes(data)
    world.store = sets.store(world.store.folder)


@pytest.fixture
def phones(database: TestDatabase, tmp_path: Path) -> World:
    """A CA that may end holds."""
    return make_world(database, tmp_path / "phones", hold_releasable=True)


async def nights(world: World) -> list[tuple[int, bool, int, tuple[SetFault, ...]]]:
    return [(one.set_seq, one.whole, one.events, one.faults) for one in (await world.night()).sets]


async def test_the_set_to_compare_with_rotted(phones: World, institution: TestInstitution) -> None:
    """Set 1 was told and set 2 is built upon it, then 1 rots: 2 is compared whole, with hold, revocation and
    release, everything after it in pairs; the fault is named once, and retention may take set 1."""
    released, revoked, held, moved = (make_card(sets.ca()) for _ in range(4))
    await phones.day({released.serial: 6, held.serial: 6})
    for number, card in enumerate((released, revoked, held, moved)):
        await phones.register(institution, card, f"r{number}")
    await phones.night()
    await phones.day({revoked.serial: 1, held.serial: 6})
    await asyncio.to_thread(rot, phones, 1)
    await phones.day({revoked.serial: 1, held.serial: 6, moved.serial: 3})
    fault = SetFault(1, "INDEX_CORRUPT")
    assert await nights(phones) == [(2, True, 2, (fault,)), (3, False, 1, ())]
    assert sorted((await phones.told(institution))[2:4]) == [
        ("RELEASED", "HOLD", 2),
        ("REVOKED", "KEY_COMPROMISED", 2),
    ]
    assert (await phones.told(institution))[4:] == [("REVOKED", "CONTENT_CHANGED", 3)]
    assert await nights(phones) == []
    assert await asyncio.to_thread(lambda: phones.store.retention(keep_from_seq=3)) == (1, 2)


async def test_a_set_rotted_before_it_was_told(phones: World, institution: TestInstitution) -> None:
    """Set 2 is passed over; 3 is compared whole with what was told, also the hold that somebody was
    registered with upon set 2 and that ended since."""
    seen, revoked = make_card(sets.ca()), make_card(sets.ca())
    await phones.day()
    await phones.register(institution, revoked, "r0")
    await phones.night()
    await phones.day({seen.serial: 6, revoked.serial: 1})
    await phones.register(institution, seen, "r1")
    await phones.day({revoked.serial: 1})
    await asyncio.to_thread(rot, phones, 2)
    assert await nights(phones) == [(3, True, 2, (SetFault(2, "INDEX_CORRUPT"),))]
    assert sorted(await phones.told(institution)) == [
        ("ON_HOLD", "HOLD", 2),
        ("RELEASED", "HOLD", 3),
        ("REVOKED", "KEY_COMPROMISED", 3),
    ]


async def test_the_very_first_set_rotted_before_it_was_told(
    phones: World, institution: TestInstitution
) -> None:
    """There is no set to compare with, but somebody was registered with its hold: its end is told."""
    card = make_card(sets.ca())
    await phones.day({card.serial: 6})
    await phones.register(institution, card)
    await phones.day()
    await asyncio.to_thread(rot, phones, 1)
    assert await nights(phones) == [(2, True, 1, (SetFault(1, "INDEX_CORRUPT"),))]
    assert await phones.told(institution) == [("ON_HOLD", "HOLD", 1), ("RELEASED", "HOLD", 2)]


async def test_the_newest_set_is_not_passed_over(phones: World, institution: TestInstitution) -> None:
    """What is before it is told; then the night stops with the fault, and the cursor waits for a set that
    can be opened. That one is compared whole: somebody was registered upon the rotten one, with its hold."""
    first, second, held = (make_card(sets.ca()) for _ in range(3))
    await phones.day()
    await phones.register(institution, first, "r0")
    await phones.register(institution, second, "r1")
    await phones.night()
    await phones.day({first.serial: 1})
    await phones.day({first.serial: 1, held.serial: 6})
    await phones.register(institution, held, "r2")
    await asyncio.to_thread(rot, phones, 3)
    for _ in range(2):
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            await phones.night()
    assert await phones.told(institution) == [("ON_HOLD", "HOLD", 3), ("REVOKED", "KEY_COMPROMISED", 2)]
    await phones.day({first.serial: 1, second.serial: 3})  # built around set 3
    assert await asyncio.to_thread(phones.store.sequences) == [1, 2, 4]
    assert await nights(phones) == [(4, True, 2, ())]
    assert sorted((await phones.told(institution))[2:]) == [
        ("RELEASED", "HOLD", 4),
        ("REVOKED", "CONTENT_CHANGED", 4),
    ]


async def test_a_hold_of_a_set_that_was_built_around_ends(
    phones: World, institution: TestInstitution
) -> None:
    """Set 2 told of the hold and rotted; set 3, built upon 1, does not know it: its end is told."""
    card = make_card(sets.ca())
    await phones.day()
    made = await phones.register(institution, card)
    await phones.day({card.serial: 6})
    await phones.night()
    await asyncio.to_thread(rot, phones, 2)
    await phones.day()
    assert await asyncio.to_thread(phones.store.sequences) == [1, 3]
    assert await nights(phones) == [(3, True, 1, ())]
    assert await phones.told(institution) == [("ON_HOLD", "HOLD", 2), ("RELEASED", "HOLD", 3)]
    assert await phones.state(made.registration.registration_id) == ("WATCHED", {"current": "NOT_LISTED"})
    await phones.day()
    assert await nights(phones) == [(4, False, 0, ())]


async def test_a_hold_that_came_again_after_its_end_was_built_around(
    phones: World, institution: TestInstitution
) -> None:
    """Set 3 told of the end and rotted; in set 4, built upon 2, the hold looks unchanged: it is told."""
    card = make_card(sets.ca())
    await phones.day()
    await phones.register(institution, card)
    for listing in ({card.serial: 6}, {}):
        await phones.day(listing)
        await phones.night()
    await asyncio.to_thread(rot, phones, 3)
    await phones.day({card.serial: 6})
    assert await asyncio.to_thread(phones.store.sequences) == [1, 2, 4]
    assert await nights(phones) == [(4, True, 1, ())]
    assert (await phones.told(institution))[2:] == [("ON_HOLD", "HOLD", 4)]


async def test_built_around_and_lists_are_missing(phones: World, institution: TestInstitution) -> None:
    """The set built around a rotten one has not every list yet: sets are compared whole until one has, so
    that the hold's end is told when the list that would name it comes."""
    card = make_card(sets.ca())
    await phones.day()
    await phones.register(institution, card)
    await phones.day({card.serial: 6})
    await phones.night()
    await asyncio.to_thread(rot, phones, 2)
    scope = sets.scope(phones.authority, 1, 1)
    some: dict[Any, Any] = sets.every_list(phones.authority, 2)
    del some[scope]
    await phones.day(only=some)
    assert await nights(phones) == [(3, True, 0, ())]
    await phones.day()
    assert await nights(phones) == [(4, True, 1, ())]
    assert await phones.told(institution) == [("ON_HOLD", "HOLD", 2), ("RELEASED", "HOLD", 4)]
    await phones.day()
    assert await nights(phones) == [(5, False, 0, ())]


async def test_a_disk_that_fails_is_not_the_database(world: World) -> None:
    """An error of the operating system is told as the folder's, in detection and in the look for lost sets:
    taken for the database's it would let the night go on without its marks."""
    await world.day()
    current = world.store.folder / "CURRENT"
    current.unlink()
    current.mkdir()
    world.store = sets.store(world.store.folder)
    with pytest.raises(OutsideFailed, match=r"SNAPSHOTS_UNREADABLE.*EISDIR"):
        await world.night()
    remembered = await recall(world.database.detector_pool)
    with pytest.raises(OutsideFailed, match=r"SNAPSHOTS_UNREADABLE.*EISDIR"):
        await settle(world.database.detector_pool, world.store, remembered, world.clock)
