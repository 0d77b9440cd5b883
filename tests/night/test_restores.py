"""Old backups beside new folders and the other way round: refused with a code, healed without a double."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from platform_api.faults import DatabaseFailed, SetupRefused
from platform_api.key_set import open_keys
from platform_api.night_database import night_database
from revocation.clock import SystemClock
from revocation.errors import OutsideFailed, OwnFault
from revocation.exits import Exit
from revocation.ingest import Outcome
from tests.base.postgres import TestDatabase
from tests.night.whole import Killed, Operator, Steps, operator, path
from tests.revocation import sets
from tests.revocation.nights import Hours

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def world(tmp_path: Path, database: TestDatabase) -> AsyncIterator[Operator]:
    async with operator(tmp_path, database) as made:
        yield made


async def known_set(world: Operator) -> int:
    return int(await world.ask("SELECT set_seq FROM published_set"))


async def test_a_night_tells_the_database(world: Operator) -> None:
    """Marks of every list, the published set and the cursor follow the folder."""
    await world.publish_days((7,), (7, 8))
    assert await known_set(world) == 2
    assert await world.ask("SELECT count(*) FROM high_water WHERE crl_number = 2 AND set_seq = 2") == 4
    assert await world.ask("SELECT set_seq FROM detection_cursor") == 2
    chain = await asyncio.to_thread(world.store().chain)
    assert await world.ask("SELECT manifest_sha256 FROM published_set") == chain[-1][1]


async def test_t03_an_old_database_is_restored(world: Operator, tmp_path: Path) -> None:
    """The manifest's marks win over the older ones: yesterday's list is refused as a rollback, another one
    under today's number as reused. The database is caught up and detection goes on from where it was."""
    await world.publish_days((7,))
    await world.dump(tmp_path / "old.dump")
    old = world.server.lists[path(world.scopes[0])]
    await asyncio.to_thread(world.play, 1, (7, 8))
    await world.night()
    await world.restore(tmp_path / "old.dump")
    assert await known_set(world) == 1

    for der, code in (
        (old, "CRL_NUMBER_ROLLBACK"),
        (await asyncio.to_thread(world.der, world.scopes[0], 1, (9,)), "CRL_NUMBER_REUSED"),
    ):
        world.server.lists[path(world.scopes[0])] = der
        report = await world.night()
        assert [found for _, found in report.ingest.refusals] == [code]
        assert (report.exit_code, report.set_seq) == (Exit.REFUSED, 2)
    assert await known_set(world) == 2
    assert await world.ask("SELECT count(*) FROM high_water WHERE crl_number = 2") == 4
    assert await world.ask("SELECT set_seq FROM detection_cursor") == 2
    assert report.detection.sets == ()  # the first of the two nights found set 2, the second nothing


@pytest.mark.parametrize(
    "what",
    ["lost", pytest.param("older", marks=pytest.mark.slow), pytest.param("forked", marks=pytest.mark.slow)],
)
async def test_a_folder_that_is_not_the_published_one(world: Operator, tmp_path: Path, what: str) -> None:
    """Refused with its code and the way back; nothing is published, nothing detected, nothing learnt. After
    the recorded act a set above all stands there, every list taken anew, the database's marks still hold."""
    await world.publish_days((7,), (7, 8))
    await asyncio.to_thread(world.copy_folder, tmp_path / "older")
    old = world.server.lists[path(world.scopes[0])]
    await asyncio.to_thread(world.play, 2, (7, 8, 9))
    await world.night()
    if what == "lost":
        await asyncio.to_thread(world.lose_folder)
    else:
        await asyncio.to_thread(world.restore_folder, tmp_path / "older")
    if what == "forked":
        await asyncio.to_thread(world.play, 3, (7,))
        with pytest.raises(DatabaseFailed):
            await world.night(away=True)
    known = await world.ask("SELECT row(set_seq, manifest_sha256)::text FROM published_set")
    await asyncio.to_thread(world.play, 4, (7, 8, 10))
    before = await asyncio.to_thread(world.store().reached)

    code = "SNAPSHOTS_FORKED" if what == "forked" else "SNAPSHOTS_BEHIND"
    for _ in range(2):
        with pytest.raises(SetupRefused, match=rf"{code}.*--rebuild-lost-sets"):
            await world.night()
    assert await asyncio.to_thread(world.store().reached) == before
    assert await world.ask("SELECT row(set_seq, manifest_sha256)::text FROM published_set") == known
    assert await world.ask("SELECT set_seq FROM detection_cursor") == 3

    fresh = world.server.lists[path(world.scopes[0])]
    world.server.lists[path(world.scopes[0])] = old
    report = await world.night(rebuild_by="Yamada")
    assert (report.set_seq, report.rebuilt_from, report.outcome) == (4, 4, Outcome.PARTIAL)
    assert [found for _, found in report.ingest.refusals] == ["CRL_NUMBER_ROLLBACK"]
    assert report.ingest.sets[0].new_lists == 3
    assert [(one.set_seq, one.whole) for one in report.detection.sets] == [(4, True)]
    acts = "SELECT recorded_by || ' ' || known_seq || ' ' || at_least FROM lost_sets"
    assert await world.ask(acts) == "Yamada 3 4"

    world.server.lists[path(world.scopes[0])] = fresh
    report = await world.night()
    assert (report.exit_code, report.set_seq, report.rebuilt_from) == (Exit.DONE, 5, None)
    assert [(one.set_seq, one.whole) for one in report.detection.sets] == [(5, True)]
    assert await world.ask("SELECT compared_seq FROM lost_sets") == 5
    assert await known_set(world) == 5
    current = await asyncio.to_thread(world.store().current)
    assert current is not None
    assert not current.partial
    assert not any(state.outdated for state in current.lists.values())
    with pytest.raises(SetupRefused, match="SETS_NOT_LOST"):
        await world.night(rebuild_by="Yamada")
    assert await world.ask("SELECT count(*) FROM lost_sets") == 1


@pytest.mark.slow
async def test_a_rebuild_that_dies_at_every_step(world: Operator) -> None:
    """Killed at its first step, run again, killed at the second, and so on: one act, one set above all."""
    await world.publish_days((7,), (7, 8))
    await asyncio.to_thread(world.lose_folder)
    await asyncio.to_thread(world.play, 2, (7, 8, 9))
    steps = 0
    while True:
        try:
            report = await world.night(crash=steps, rebuild_by="Yamada")
            break
        except (Killed, BaseExceptionGroup):
            steps += 1
    assert steps > 10
    assert report.set_seq == 3
    assert await world.ask("SELECT count(*) FROM lost_sets") == 1
    assert await world.ask("SELECT compared_seq FROM lost_sets") == 3
    assert await known_set(world) == 3
    assert await asyncio.to_thread(world.store().sequences) == [3]


@pytest.mark.slow
async def test_a_folder_that_is_found_again(world: Operator, tmp_path: Path) -> None:
    """Given up, then restored after all: the act is void, and the next loss needs one of its own."""
    await world.publish_days((7,), (7, 8))
    await asyncio.to_thread(world.copy_folder, tmp_path / "newest")
    await asyncio.to_thread(world.lose_folder)
    world.server.lists.clear()
    with pytest.raises(SetupRefused, match="SNAPSHOTS_BEHIND"):
        await world.night()
    report = await world.night(rebuild_by="Yamada")  # J-LIS has nothing: no set
    assert (report.set_seq, report.outcome, report.detection.sets) == (None, Outcome.UPSTREAM_DOWN, ())
    await asyncio.to_thread(world.restore_folder, tmp_path / "newest")
    await world.night()
    assert await world.ask("SELECT compared_seq FROM lost_sets") == 2
    await asyncio.to_thread(world.lose_folder)
    with pytest.raises(SetupRefused, match="SNAPSHOTS_BEHIND"):
        await world.night()


@pytest.mark.slow
async def test_sets_between_an_old_database_and_a_new_folder(world: Operator, tmp_path: Path) -> None:
    """The folder keeps no set that the old cursor knows: DETECTION_GAP, until the act lets detection compare
    the newest sets whole; the folder is not built anew for that."""
    await world.publish_days((7,))
    await world.dump(tmp_path / "old.dump")
    for day in (1, 2):
        await asyncio.to_thread(world.play, day, (7,))
        await world.night()
    await asyncio.to_thread(lambda: world.store().retention(keep_from_seq=2))
    await world.restore(tmp_path / "old.dump")
    with pytest.raises(OwnFault, match=r"DETECTION_GAP.*--rebuild-lost-sets"):
        await world.night()
    report = await world.night(rebuild_by="Yamada")
    assert [(one.set_seq, one.whole) for one in report.detection.sets] == [(2, True), (3, False)]
    assert (report.set_seq, report.rebuilt_from, report.outcome) == (3, None, Outcome.NOTHING_NEW)


async def test_without_the_database_the_chain_judges_alone(world: Operator) -> None:
    """It cannot be reached: the day is published by the chain's marks, older lists are refused, the night
    ends with the database's code; when it is back, it learns the set and tells of it."""
    await world.publish_days((7,), (7, 8))
    old = world.server.lists[path(world.scopes[0])]
    await asyncio.to_thread(world.play, 2, (7, 8, 9))
    world.server.lists[path(world.scopes[0])] = old
    with pytest.raises(DatabaseFailed, match="DATABASE_UNREACHABLE"):
        await world.night(away=True)
    current = await asyncio.to_thread(world.store().current)
    assert current is not None
    assert (current.seq, current.lists[world.scopes[0]].crl_number) == (3, 2)
    assert await known_set(world) == 2
    report = await world.night()
    assert [one.set_seq for one in report.detection.sets] == [3]
    assert await known_set(world) == 3


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("first", marks=pytest.mark.slow),
        "lost",
        pytest.param("superseded", marks=pytest.mark.slow),
    ],
)
async def test_without_the_database_and_without_a_readable_set(world: Operator, what: str) -> None:
    """Nothing says which lists are too old: refused, nothing published, whatever the lists look like."""
    await asyncio.to_thread(world.play, 0)
    if what != "first":
        await world.publish_days((7,), (7,))
        await asyncio.to_thread(world.play, 2)
    if what == "lost":
        await asyncio.to_thread(world.lose_folder)
    if what == "superseded":
        await asyncio.to_thread((world.folder / "00000002.manifest").unlink)
    before = await asyncio.to_thread(world.store().reached)
    with pytest.raises(OutsideFailed, match=r"MARKS_UNKNOWN.*DATABASE_UNREACHABLE"):
        await world.night(away=True)
    assert await asyncio.to_thread(world.store().reached) == before


@pytest.mark.slow
async def test_an_act_needs_the_database(world: Operator) -> None:
    """A rebuild that cannot be recorded is none."""
    await world.publish_days((7,))
    with pytest.raises(OutsideFailed, match="MARKS_UNKNOWN"):
        await world.night(away=True, rebuild_by="Yamada")


async def test_retention_keeps_what_detection_needs(world: Operator) -> None:
    """Ten sets, and detection got as far as the database says, whoever detects: the set that the next one is
    compared with stays, however few are kept else."""
    store = world.store()
    for day in range(10):
        lists = sets.every_list(world.authority, day)
        await asyncio.to_thread(store.publish, lists, world.authorities, now=sets.T0)
    keys = await asyncio.to_thread(lambda: open_keys(world.data / "keys", now=sets.T0))
    settings = await asyncio.to_thread(world.settings)
    async with night_database(
        settings, store, world.authorities, keys.tagger, SystemClock(), Steps()
    ) as database:
        await database.begin(rebuild_by=None)
        for cursor, removed in ((0, ()), (2, (1,)), (10, (2,)), (10, ())):
            async with world.database.superuser() as connection:
                await connection.execute("UPDATE detection_cursor SET set_seq = $1", cursor)
            assert await database.retain() == removed


async def test_late_lists_are_published_and_told_within_the_night(world: Operator) -> None:
    """The whole night waits for a list that J-LIS does not have yet, publishes without it, and once more
    with it; detection has told of both sets when it ends."""
    await world.publish_days((7,))
    await asyncio.to_thread(world.play, 1, (7, 8))
    late = world.server.lists.pop(path(world.scopes[0]))

    def arrives() -> None:
        world.server.lists[path(world.scopes[0])] = late

    timer = Hours({3: arrives})
    report = await world.night(wait_s=60, late_s=60, timer=timer)
    assert [(one.set_seq, one.missing_lists, one.late) for one in report.ingest.sets] == [
        (2, 1, False),
        (3, 0, True),
    ]
    assert [one.set_seq for one in report.detection.sets] == [2, 3]
    assert report.exit_code == Exit.DONE
    told = report.as_json()
    assert (told["rounds"], [one["late"] for one in told["sets"]]) == (4, [False, True])
    assert await known_set(world) == 3
