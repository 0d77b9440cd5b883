"""The walk over a file's entries: what it counts by code, and codes that nobody declared, place by place."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import OwnFault
from revocation.index._check import Check
from revocation.index.search import Index
from tests.revocation.index_worlds import CODES, World, worlds
from tests.revocation.written_index import sealed

ALL = bytes([1]) * len(CODES)
#: Places of a line by the octets of a code.
FULL = {1: 7, 2: 6, 4: 5}


def counted(world: World, declared: bytes = ALL, *, step: int = 262_144) -> list[int]:
    """By code, of a walk in steps of so many octets."""
    data = world.file()
    index = Index(data, set_seq=1)
    check = Check(index.table, declared, index.entry_count)
    for end in range(step, len(data) + step, step):
        check.advance(end)
    return check.finish()


@settings(max_examples=100, deadline=None)
@given(worlds(), st.sampled_from([1, 63, 64, 65, 640, 262_144]))
def test_the_listed_entries_of_each_code_are_counted(world: World, step: int) -> None:
    """However many octets the walk is told of at a time."""
    codes = Counter(code for _, code in world.listed.values())
    assert counted(world, step=step) == [codes[code] for code in range(len(CODES))]


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_each_code_that_is_used_must_be_declared(world: World) -> None:
    """Code 0 too, which the places without an entry have: these are none of its entries."""
    used = {code for _, code in world.listed.values()} | {code for _, _, code in world.many}
    used |= {code for _, code, _, _ in world.gone.values()}
    for code in range(len(CODES)):
        declared = ALL[:code] + b"\0" + ALL[code + 1 :]
        if code in used:
            with pytest.raises(OwnFault, match="codes that the file declares"):
                counted(world, declared)
        else:
            counted(world, declared)


@pytest.mark.parametrize("code_octets", [1, 2, 4])
def test_a_code_without_a_row_in_any_place_of_a_line(code_octets: int) -> None:
    """One entry of many, in each place that a line has: the first number without a row, the greatest."""
    dice = random.Random(3)
    keys = [dice.getrandbits(32) for _ in range(FULL[code_octets])]
    for serial in keys:
        for code in (len(CODES), (1 << 8 * code_octets) - 1):
            listed = {other: (9, code if other == serial else 4) for other in keys}
            with pytest.raises(OwnFault, match="codes that the file declares"):
                counted(World(listed, code_octets=code_octets))


@pytest.mark.parametrize("code_octets", [1, 2, 4])
def test_every_pair_of_neighbours_is_in_order(code_octets: int) -> None:
    """Two keys of a line exchanged, or one twice: refused in each place, with any number of entries."""
    dice = random.Random(5)
    for count in range(2, FULL[code_octets] + 1):
        world = World({dice.getrandbits(32): (9, 4) for _ in range(count)}, code_octets=code_octets)
        data = world.file()
        Index(data, set_seq=1).verify()
        for place in range(count - 1):
            at = 64 + 4 * place
            first, second = data[at : at + 4], data[at + 4 : at + 8]
            for pair in (second + first, first + first, second + second):
                wrong = Index(_resealed(data, at, pair), set_seq=1)
                with pytest.raises(OwnFault, match="ascending order"):
                    wrong.verify()


def _resealed(data: bytes, at: int, octets: bytes) -> bytes:
    changed = bytearray(data)
    changed[at : at + len(octets)] = octets
    return sealed(bytes(changed))
