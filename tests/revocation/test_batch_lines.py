"""Batches where home lines are full: each key goes on to the lines behind, beside keys that need not."""

from __future__ import annotations

from array import array

import pytest

from revocation.errors import OwnFault
from revocation.index import layout
from revocation.index.search import Index
from tests.revocation.index_worlds import MIXING_KEY, World
from tests.revocation.stranger import Mixing

_SHORTS = 2000


def listed(*, step: int = 2) -> dict[int, tuple[int, int]]:
    return {serial: (serial + 1, serial % 4) for serial in range(0, _SHORTS, step)}


@pytest.mark.parametrize("code_octets", [1, 2, 4])
@pytest.mark.parametrize("home_lines", [1, 20, 140, 160, 500])
def test_entries_far_behind_their_home_line_are_found_in_batches(home_lines: int, code_octets: int) -> None:
    """One key may pass many full lines while its neighbours in the block stand at home; what is not listed
    is not there or gone, wherever the search for it ended."""
    gone = {serial: (serial, 0, 1, serial % 2) for serial in range(1, _SHORTS, 4)}
    world = World(listed(), gone, home_lines=home_lines, code_octets=code_octets)
    index = Index(world.file(), set_seq=1)
    index.verify()
    keys = array("Q", range(_SHORTS))
    answers = index.get_many(keys)
    for serial in keys:
        said = world.listed.get(serial) or gone.get(serial)
        meaning = (0, 0, 0) if said is None else world.meaning(said[0], said[1])
        state = 0 if said is None else 1 if serial in world.listed else 3 if gone[serial][3] else 2
        at = (answers.dates[serial], answers.reasons[serial], answers.partitions[serial])
        assert (answers.states[serial], *at) == (state, *meaning)


@pytest.mark.parametrize("place", range(50))
def test_one_long_number_at_each_place_of_a_batch_of_short_ones(place: int) -> None:
    """A block of short numbers alone is prepared in a way of its own: not so where a long one stands there,
    also one that ends like a listed short one."""
    index = Index(World({**listed(), 7 << 40: (9, 1)}, home_lines=160).file(), set_seq=1)
    for number, state in ((7 << 40, 1), (1 << 32 | 4, 0), (1 << 63, 0)):
        keys = array("Q", (2 * (at % 30) + at % 2 for at in range(50)))
        keys[place] = number
        wanted = [1 - at % 2 for at in range(50)]
        wanted[place] = state
        assert list(index.get_many(keys).states) == wanted


def test_a_line_behind_a_full_one_that_lost_its_mark_is_not_taken_for_the_end() -> None:
    """Whoever is to be searched for there gets no answer: neither found nor "not there"."""
    data = bytearray(World(listed(), home_lines=1).file())
    index = Index(memoryview(data).toreadonly(), set_seq=1)
    start, octets = index.tail.sections[b"SHRT"]
    whole = array("Q", range(_SHORTS))
    for line in range(0, octets // layout.LINE_OCTETS, 7):
        mark = start + (line + 1) * layout.LINE_OCTETS - 1
        kept, data[mark] = data[mark], 0
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            index.get_many(whole)
        data[mark] = kept
    assert sum(index.get_many(whole).states) == _SHORTS // 2


def test_what_stands_behind_the_entries_of_a_line_is_no_entry() -> None:
    """Unused places are zero, and dates follow the keys: a key that equals one of those is not there."""
    world = World({5: (0, 0)})
    data = bytearray(world.file())
    index = Index(memoryview(data).toreadonly(), set_seq=1)
    start, _ = index.tail.sections[b"SHRT"]
    # The entry's date is the eighth number of its line: it shall be the key of a serial that is not listed.
    other = bytearray(World({6: (0, 0)}).file())
    data[start + 28 : start + 32] = other[start : start + 4]
    zero = Mixing(MIXING_KEY).short_serial(0)
    assert list(index.get_many(array("Q", [5, 6, zero])).states) == [1, 0, 0]
    assert index.get(6) is None
    assert index.get(zero) is None
