"""The database as a memory of marks: it only rises, whoever writes last, and only the night may write."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from platform_api import high_water_store as rows
from platform_api.db.transactions import detector
from platform_api.high_water import Marks, catch_up, marks_of, recall
from platform_api.high_water_store import MarkRow, PublishedRow
from platform_api.lost_sets import missing_sets
from revocation.authorities import CrlSigning
from revocation.snapshot.store import Mark
from tests.base.postgres import TestDatabase
from tests.features.test_detect_crashes import Crash, CrashingPool
from tests.revocation import sets
from tests.revocation.sets import DAY, T0

#: The greatest number of 20 octets (RFC 5280 section 5.2.3).
GREATEST = 2**160 - 1
ROW = MarkRow("card-sign", "ab" * 32, bytes(32), 5, T0, b"a" * 32, 3)


async def put(database: TestDatabase, *given: MarkRow) -> list[MarkRow]:
    async with detector(database.detector_pool) as connection:
        await rows.raise_marks(connection, given)
        return await rows.marks(connection)


async def test_a_mark_comes_back_exactly(database: TestDatabase) -> None:
    """Whatever fits 20 octets, and the absence of a number."""
    numbers = [0, 5, 2**63, GREATEST, None]
    given = [replace(ROW, signing_key=f"{n:064x}", crl_number=number) for n, number in enumerate(numbers)]
    assert sorted(await put(database, *given), key=lambda row: row.signing_key) == given


#: (what is given on top of ROW, what the mark is then: None for all that was given)
RISES: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"crl_number": 6, "this_update": T0 + DAY, "sha256": b"b" * 32, "set_seq": 4}, None),
    ({"crl_number": 4, "this_update": T0 - DAY, "sha256": b"b" * 32, "set_seq": 9}, {}),
    ({"sha256": b"b" * 32}, {}),
    # Two memories that disagree: nothing passes that is not above both.
    ({"crl_number": 6, "this_update": T0 - DAY, "sha256": b"b" * 32, "set_seq": 2}, {"crl_number": 6}),
    (
        {"crl_number": None, "this_update": T0 + DAY, "sha256": b"b" * 32, "set_seq": 4},
        {"this_update": T0 + DAY, "sha256": b"b" * 32, "set_seq": 4},
    ),
]


async def test_marks_only_rise(database: TestDatabase) -> None:
    """The greater of what is there and what is given stays, part by part: above, below, an equal number,
    number above with the date below, no number any more."""
    for n, (given, expected) in enumerate(RISES):
        before = replace(ROW, ca_id=f"ca-{n}")
        await put(database, before)
        found = await put(database, replace(before, **given))
        assert [row for row in found if row.ca_id == before.ca_id] == [
            replace(before, **(given if expected is None else expected))
        ]


async def test_a_number_joins_a_mark_without_one(database: TestDatabase) -> None:
    """A CA that begins to number its lists."""
    await put(database, replace(ROW, crl_number=None))
    assert await put(database, replace(ROW, crl_number=1, this_update=T0 + DAY)) == [
        replace(ROW, crl_number=1, this_update=T0 + DAY)
    ]


async def test_the_published_set_only_rises(database: TestDatabase) -> None:
    """A lower number changes nothing, an equal one neither."""
    async with detector(database.detector_pool) as connection:
        assert await rows.published(connection) is None
        for seq, digest, expected in (
            (2, "b", (2, "b")),
            (1, "a", (2, "b")),
            (2, "c", (2, "b")),
            (3, "d", (3, "d")),
        ):
            await rows.raise_published(connection, PublishedRow(seq, digest * 64))
            assert await rows.published(connection) == PublishedRow(expected[0], expected[1] * 64)


LOWERING = [
    "UPDATE high_water SET crl_number = 4",
    "UPDATE high_water SET crl_number = NULL",
    "UPDATE high_water SET this_update = this_update - interval '1 second'",
    "UPDATE high_water SET set_seq = 2",
    "UPDATE published_set SET set_seq = 1",
    f"UPDATE published_set SET manifest_sha256 = '{'f' * 64}'",
]


async def test_no_statement_lowers_a_memory(database: TestDatabase) -> None:
    """The tables themselves refuse it, to the night's role too."""
    await put(database, ROW)
    async with detector(database.detector_pool) as connection:
        await rows.raise_published(connection, PublishedRow(2, "e" * 64))
    for statement in LOWERING:
        with pytest.raises(asyncpg.RaiseError, match="only rises"):
            await database.detector_pool.execute(statement)


async def test_who_may_do_what(database: TestDatabase) -> None:
    """The role that serves requests may not even read; the night may not delete, nor rewrite an act."""
    async with detector(database.detector_pool) as connection:
        act = await rows.record_act(connection, known_seq=2, found_seq=0, at_least=3, by="Yamada", now=T0)
        assert await rows.open_act(connection) == act
    for table in ("high_water", "published_set", "lost_sets"):
        for statement in (
            f"SELECT * FROM {table}",
            f"DELETE FROM {table}",
            f"INSERT INTO {table} DEFAULT VALUES",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await database.app_pool.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.detector_pool.execute(f"DELETE FROM {table}")
    for column, value in (("recorded_by", "'Suzuki'"), ("at_least", "9"), ("recorded_at", "'2020-01-01Z'")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.detector_pool.execute(f"UPDATE lost_sets SET {column} = {value}")
    async with database.owner() as owner:
        assert await owner.fetchval("SELECT recorded_by FROM lost_sets") == "Yamada"


async def test_catching_up_is_raised_from_every_list(database: TestDatabase, tmp_path: Path) -> None:
    """Each list of the set by signer and point; twice is once; a fresh memory finds each scope's mark."""
    authorities, authority = sets.world()
    store = sets.store(tmp_path)
    lists = sets.every_list(authority, 4)
    del lists[sets.scope(authority, 1)]
    await catch_up(database.detector_pool, store)  # nothing published: nothing learnt
    assert len((await recall(database.detector_pool)).marks) == 0
    await asyncio.to_thread(store.publish, lists, authorities, now=T0)
    for _ in range(2):
        await catch_up(database.detector_pool, store)
    remembered = await recall(database.detector_pool)
    assert remembered.published is not None
    assert remembered.published.set_seq == 1
    assert await asyncio.to_thread(missing_sets, store, remembered.published) is None
    for scope in authority.expected_lists():
        assert remembered.marks.mark(scope) == await asyncio.to_thread(store.mark, scope)
    assert remembered.marks.mark(sets.scope(authority, 1)) is None


async def test_a_list_is_one_whatever_lineage_it_is_filed_under(tmp_path: Path) -> None:
    """A CA that changes who signs for whom holds a signer's list twice in one set: one mark, the newer."""
    authorities, authority = sets.world()
    store = sets.store(tmp_path)
    await asyncio.to_thread(store.publish, sets.every_list(authority, 0), authorities, now=T0)
    other, changed = sets.world(crl_signing=CrlSigning.NEWEST_FOR_ALL)
    await asyncio.to_thread(store.publish, sets.every_list(changed, 1), other, now=T0 + DAY)
    snapshot = await asyncio.to_thread(store.current)
    assert snapshot is not None
    found = marks_of(snapshot)
    assert len(found) == len({(row.signing_key, row.point_sha256) for row in found}) == 4
    newest = Marks(found).mark(changed.expected_lists()[0])
    assert newest is not None
    assert (newest.crl_number, newest.this_update) == (2, T0 + DAY)


def test_a_new_key_for_all_starts_above_the_old_keys_newest_list() -> None:
    """By time, not by number; other points and CAs say nothing, nor another key where each signs its own."""
    _, each = sets.world(partitions=2)
    _, every = sets.world(partitions=2, crl_signing=CrlSigning.NEWEST_FOR_ALL)
    scope, other = every.expected_lists()
    old = MarkRow(every.ca_id, "ab" * 32, scope.point_sha256, 100, T0 + DAY, b"b" * 32, 3)
    older = replace(old, signing_key="cd" * 32, this_update=T0)
    elsewhere = replace(old, ca_id="other", this_update=T0 + 9 * DAY)
    marks = Marks([older, old, elsewhere])
    assert marks.mark(scope) == Mark(None, T0 + DAY, b"b" * 32)
    assert marks.mark(other) is None
    assert [marks.mark(one) for one in each.expected_lists()] == [None] * 4
    own = replace(old, signing_key=scope.signing_key, crl_number=7, sha256=b"o" * 32)
    for at, mark in (
        (T0, Mark(7, T0 + DAY, b"b" * 32)),
        (T0 + 2 * DAY, Mark(7, T0 + 2 * DAY, b"o" * 32)),
    ):
        assert Marks([old, replace(own, this_update=at)]).mark(scope) == mark


async def test_two_nights_learn_at_once(database: TestDatabase, tmp_path: Path) -> None:
    """An older and a newer folder caught up side by side, many times: the newer stays, nobody fails."""
    authorities, authority = sets.world()
    stores = []
    for days in (1, 2):
        store = sets.store(tmp_path / str(days))
        for day in range(days):
            await asyncio.to_thread(store.publish, sets.every_list(authority, day), authorities, now=T0)
        stores.append(store)
    for _ in range(5):
        await asyncio.gather(*(catch_up(database.detector_pool, store) for store in (*stores, *stores[::-1])))
    remembered = await recall(database.detector_pool)
    assert remembered.published is not None
    assert remembered.published.set_seq == 2
    scope = sets.scope(authority, 1)
    assert remembered.marks.mark(scope) == await asyncio.to_thread(stores[1].mark, scope)


async def test_dying_at_every_step_of_catching_up(database: TestDatabase, tmp_path: Path) -> None:
    """Marks and published set are learnt together or not at all; the next night learns them."""
    authorities, authority = sets.world()
    store = sets.store(tmp_path)
    await asyncio.to_thread(store.publish, sets.every_list(authority), authorities, now=T0)
    steps = 0
    while True:
        try:
            await catch_up(CrashingPool(database.detector_pool, steps), store)  # type: ignore[arg-type]
            break
        except Crash:
            steps += 1
            remembered = await recall(database.detector_pool)
            assert (len(remembered.marks), remembered.published) == (0, None)
    assert steps == 3
    assert len((await recall(database.detector_pool)).marks) == 4


def test_a_damaged_current_is_no_loss(tmp_path: Path) -> None:
    """The folder reached the known set, and its CURRENT rots: the next publish takes everything anew anyway.
    A known set that was damaged and built around is no other past; one below the known set is a loss."""
    authorities, authority = sets.world()
    store = sets.store(tmp_path)
    for day in range(2):
        store.publish(sets.every_list(authority, day), authorities, now=T0)
    known = PublishedRow(2, store.chain()[-1][1])
    assert missing_sets(store, None) is None
    assert missing_sets(store, known) is None
    for row, code in (
        (replace(known, set_seq=3), "SNAPSHOTS_BEHIND"),
        (replace(known, manifest_sha256="0" * 64), "SNAPSHOTS_FORKED"),
        (PublishedRow(1, "0" * 64), "SNAPSHOTS_FORKED"),
    ):
        refusal = missing_sets(store, row)
        assert refusal is not None
        assert (refusal.code, "--rebuild-lost-sets" in refusal.remedy) == (code, True)
    (tmp_path / "00000002.manifest").unlink()
    healed = sets.store(tmp_path)
    healed.publish(sets.every_list(authority, 2), authorities, now=T0 + timedelta(days=2))
    assert healed.sequences() == [1, 3]
    assert missing_sets(healed, known) is None
    (tmp_path / "CURRENT").write_bytes(b"damaged")
    assert missing_sets(healed, PublishedRow(3, "0" * 64)) is None
