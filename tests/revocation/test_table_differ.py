"""Where two files differ, against sets: any two of them, of whatever geometry, codes and mixing keys."""

from __future__ import annotations

import random
import struct
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import OwnFault
from revocation.index.search import Index, added_by_reason, differing, differing_gone
from revocation.index.tail import read_tail
from tests.revocation.index_worlds import CODES, MIXING_KEY, World, entries, worlds
from tests.revocation.stranger import octets

#: Reason and date: what makes a difference.
Words = dict[bytes, tuple[int, int]]


def opened(world: World) -> Index:
    index = Index(world.file(), set_seq=1)
    index.verify()
    return index


def listed(world: World) -> Words:
    return {serial: (date, reason) for serial, (date, reason, _) in world.says().items()}


def gone(world: World) -> Words:
    return {serial: (said[0], said[1]) for serial, said in world.said().items()}


def check(older: World, newer: World) -> None:
    """Every difference once, with the positions that say it; nothing else."""
    old, new = opened(older), opened(newer)
    found: dict[bytes, tuple[bool, bool]] = {}
    for before, after in differing(old, new):
        serials = {
            old.serial_at(before) if before >= 0 else None,
            new.serial_at(after) if after >= 0 else None,
        }
        (serial,) = serials - {None}
        assert serial is not None
        assert serial not in found
        found[serial] = (before >= 0, after >= 0)
    assert found == _expected(listed(older), listed(newer))
    found = {}
    for before, after in differing_gone(old, new):
        serial = old.gone_serial_at(before) if before >= 0 else new.gone_serial_at(after)
        assert serial not in found
        assert before < 0 or after < 0 or new.gone_serial_at(after) == serial
        found[serial] = (before >= 0, after >= 0)
    assert found == _expected(gone(older), gone(newer))
    assert added_by_reason(old, new) == _added(older, newer)


def _added(older: World, newer: World) -> Counter[int]:
    """Reasons of what the newer file has, listed or gone, and the older one has neither way."""
    known = listed(older) | gone(older)
    found = listed(newer) | gone(newer)
    return Counter(reason for serial, (_, reason) in found.items() if serial not in known)


def _expected(before: Words, after: Words) -> dict[bytes, tuple[bool, bool]]:
    return {
        serial: (serial in before, serial in after)
        for serial in {*before, *after}
        if before.get(serial) != after.get(serial)
    }


@settings(max_examples=150, deadline=None)
@given(older=worlds(), newer=worlds(), other_key=st.booleans())
def test_any_two_files(older: World, newer: World, other_key: bool) -> None:
    """Of other home lines, code widths, and mixing keys, in both directions; with itself there is nothing."""
    if other_key:
        newer = replace(newer, mixing_key=bytes(reversed(MIXING_KEY)))
    check(older, newer)
    check(newer, older)
    assert list(differing(opened(older), opened(older))) == []
    assert list(differing_gone(opened(older), opened(older))) == []


@settings(max_examples=150, deadline=None)
@given(older=worlds(), came=entries(12), share=st.randoms(use_true_random=False), data=st.data())
def test_a_day_after_another(
    older: World, came: dict[int, tuple[int, int]], share: random.Random, data: st.DataObject
) -> None:
    """Most entries stay: the same home lines or others, codes appended, put in another order, or fewer."""
    stay = {serial: said for serial, said in older.listed.items() if share.random() < 0.9}
    stay |= {serial: came[serial] for serial in came if serial not in older.gone}
    codes = list(older.codes)
    how = data.draw(st.sampled_from(["same", "appended", "reversed"]))
    if how == "appended":
        codes += [(1, 9, 0, 0), (2, 9, 0, 0)]
    elif how == "reversed":
        codes.reverse()
    newer = World(
        stay,
        {serial: said for serial, said in older.gone.items() if serial not in stay and share.random() < 0.9},
        codes=tuple(codes),
        home_lines=data.draw(st.sampled_from([older.home_lines, older.home_lines + 1])),
        code_octets=older.code_octets,
    )
    check(older, newer)


def large(count: int, seed: int) -> dict[int, tuple[int, int]]:
    dice = random.Random(seed)
    return {
        dice.getrandbits(32) if at % 3 else dice.getrandbits(80) << 40: (at, dice.randrange(len(CODES)))
        for at in range(count)
    }


@pytest.mark.parametrize("homes", [900, 901])
def test_days_of_many_entries(homes: int) -> None:
    """Long equal stretches, differences in neighbouring lines, more of them than are found at once."""
    first = World(large(6000, 1), home_lines=900)
    second = {serial: said for at, (serial, said) in enumerate(first.listed.items()) if at % 97}
    third = second | large(3000, 2)
    days = [first, replace(first, listed=second), replace(first, listed=third), replace(first, listed={})]
    for older, newer in pairwise(days):
        check(older, replace(newer, home_lines=homes))
        check(newer, replace(older, home_lines=homes))


def test_another_partition_alone_is_no_difference() -> None:
    """Reason and date stay: who lists it, and whether it has an invalidityDate, is nobody's change."""
    same_words = CODES.index((1, 3, 0, 0)), CODES.index((700, 3, 0, 0))
    older = World({5: (7, same_words[0]), 1 << 70: (7, same_words[0])}, {9: (7, same_words[0], 0, 1)})
    newer = World({5: (7, same_words[1]), 1 << 70: (7, same_words[1])}, {9: (7, same_words[1], 1, 9)})
    check(older, newer)
    assert list(differing(opened(older), opened(newer))) == []
    assert list(differing_gone(opened(older), opened(newer))) == []


def test_a_date_of_another_half_is_a_difference() -> None:
    """The lower half is the same, the upper one is the code's."""
    one, two = CODES.index((1, 3, 0, 0)), CODES.index((1, 3, 0, -1))
    older, newer = World({5: (7, one), 1 << 70: (7, one)}), World({5: (7, two), 1 << 70: (7, two)})
    assert len(list(differing(opened(older), opened(newer)))) == 2
    check(older, newer)


@pytest.mark.parametrize("other_key", [False, True])
@pytest.mark.parametrize("tag", [b"SHRT", b"LONG", b"SGON", b"LGON"])
def test_a_file_damaged_since_it_was_opened(tag: bytes, other_key: bool) -> None:
    """A section of codes that are none, and a cut: refused with the code of damage, nothing else."""
    listed = dict.fromkeys(range(40), (1, 0)) | {serial << 50: (1, 0) for serial in range(1, 40)}
    left = dict.fromkeys([*range(1000, 1040), *range(-40, 0)], (1, 0, 0, 1))
    older = World(listed, left, home_lines=9)
    newer = replace(older, mixing_key=bytes(40)) if other_key else older
    data = bytearray(newer.file())
    old, new = opened(older), Index(memoryview(data).toreadonly(), set_seq=1)
    start, length = read_tail(memoryview(data)).sections[tag]
    whole = bytes(data)
    for pair in ((old, new), (new, old)):
        data[start : start + length] = b"\xff" * length
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            [*differing(*pair), *differing_gone(*pair)]
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            added_by_reason(*pair)
        data[start:] = bytes(len(data) - start)
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            [*differing(*pair), *differing_gone(*pair)]
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            added_by_reason(*pair)
        data[:] = whole
    assert list(differing(old, new)) == []


def test_random_octets_in_a_file_that_is_open_never_crash() -> None:
    """Whatever comes to stand in the sections: pairs, or INDEX_CORRUPT; the same of every way to ask."""
    world = World(large(300, 3), {-serial: (1, 0, 0, 1) for serial in range(1, 60)}, home_lines=20)
    data = bytearray(world.file())
    old, new = opened(world), Index(memoryview(data).toreadonly(), set_seq=1)
    whole, end = bytes(data), read_tail(memoryview(data)).sections[b"CODE"][0]
    dice = random.Random(11)
    asked = [*world.listed, *world.gone, 5, 1 << 60]
    refused = 0
    for _ in range(400):
        for _ in range(dice.randrange(1, 12)):
            at = dice.randrange(64, end - 8)
            struct.pack_into("<Q", data, at, dice.choice([0, (1 << 64) - 1, dice.getrandbits(64)]))
        for ask in (
            lambda: list(differing(old, new)),
            lambda: list(differing_gone(new, old)),
            lambda: [added_by_reason(old, new), added_by_reason(new, old)],
            lambda: [new.get(serial) for serial in asked],
            lambda: [new.table.find(octets(serial)) for serial in asked],
            lambda: new.get_many(asked),
            lambda: [serial for serial, _ in new.items()],
        ):
            try:
                ask()
            except OwnFault as error:
                assert error.code == "INDEX_CORRUPT"  # noqa: PT017 - refused or answered, both are right
                refused += 1
        data[:] = whole
    assert refused > 400
