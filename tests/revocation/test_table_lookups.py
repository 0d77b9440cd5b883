"""Look-ups, one by one and in batches, against dictionaries; the files are written from FORMAT.md alone."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import InputRefused
from revocation.index import layout
from revocation.index.search import Index
from tests.revocation.index_worlds import CODES, ENDS, World, serials, worlds
from tests.revocation.stranger import octets


def opened(world: World) -> Index:
    index = Index(world.file(), set_seq=1)
    index.verify()
    return index


def packed(wanted: Iterable[int]) -> bytes:
    return b"".join(serial.to_bytes(20, "big", signed=True) for serial in wanted)


@settings(max_examples=200, deadline=None)
@given(worlds(), st.lists(serials, max_size=20))
def test_every_way_to_ask_says_what_the_file_says(world: World, others: list[int]) -> None:
    """Listed, gone and neither; as octets and as numbers, one by one and in each kind of batch."""
    index = opened(world)
    says, said = world.says(), world.said()
    wanted = [*world.listed, *world.gone, *others, *ENDS]
    expected = []
    for serial in wanted:
        name = octets(serial)
        listed, gone = says.get(name), said.get(name)
        assert index.get(serial) == index.get(name) == listed
        entry = index.lookup(name)
        if listed is None and gone is None:
            assert entry is None
            expected.append((0, 0, 0, 0))
            continue
        found = listed or gone
        assert entry is not None
        assert found is not None
        date, reason, partition = found[:3]
        assert (entry.revocation_date, entry.reason) == (layout.moment(date), reason)
        assert (entry.partition_number, entry.list) == (partition, index.lists[partition])
        assert entry.gone is (listed is None)
        held = gone is not None and gone[4] == 1
        assert (entry.last_listed_seq, entry.left_on_hold) == (gone[3] if gone else None, held)
        expected.append((1 if listed else 3 if held else 2, reason, partition, date))
    small = [at for at, serial in enumerate(wanted) if 0 <= serial < 1 << 64]
    numbers = array("Q", (wanted[at] for at in small))
    for keys, places in (
        (wanted, range(len(wanted))),
        ([octets(serial) for serial in wanted], range(len(wanted))),
        (packed(wanted), range(len(wanted))),
        (numbers, small),
        (memoryview(numbers).toreadonly(), small),
    ):
        answers = index.get_many(keys)
        columns = (answers.states, answers.reasons, answers.partitions, answers.dates)
        assert list(zip(*columns, strict=True)) == [expected[at] for at in places]
        assert len(answers) == len(places)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_going_through_a_file_meets_every_entry_once(world: World) -> None:
    """Listed and gone, each with its serial; a position leads back to its entry."""
    index = opened(world)
    found = list(index.items())
    told = [
        (serial, layout.seconds_of(entry.revocation_date), entry.reason, entry.partition_number)
        for serial, entry in found
    ]
    assert sorted(told) == sorted((serial, *_dated(said)) for serial, said in world.says().items())
    gone = dict(index.gone_items())
    assert len(gone) == index.gone_count == len(world.gone)
    for serial, said in world.said().items():
        entry = gone[serial]
        assert (entry.reason, entry.partition_number, entry.last_listed_seq) == (said[1], said[2], said[3])
    assert len(found) == index.entry_count
    for serial, entry in found:
        at = index.table.position(serial)
        assert (index.serial_at(at), index.entry_at(at)) == (serial, entry)
    for serial in world.said():
        assert index.table.position(serial) == -1
    for at in range(index.gone_count):
        assert index.gone_at(at) == gone[index.gone_serial_at(at)]


def _dated(said: tuple[int, int, int]) -> tuple[int, int, int]:
    """With the date that the calendar has for it."""
    return layout.seconds_of(layout.moment(said[0])), said[1], said[2]


@pytest.mark.parametrize("serial", [b"", bytes(21), bytes(10_000), b"\0\x01", b"\xff\x80", b"\0" * 20])
def test_octets_that_are_no_serial_of_a_list_are_not_found(serial: bytes) -> None:
    """Empty, too long, or not in the fewest octets: nothing is read beyond them, alone and in a batch."""
    index = opened(World({1: (5, 0), -128: (5, 0), 0: (6, 0)}))
    assert index.get(serial) is None
    assert index.lookup(serial) is None
    assert list(index.get_many([serial, b"\x01", serial]).states) == [0, 1, 0]


@pytest.mark.parametrize("serial", [1 << 159, -(1 << 159) - 1, 1 << 160, 1 << 5000, -(1 << 5000)])
def test_numbers_that_need_more_than_20_octets_are_not_found(serial: int) -> None:
    """RFC 5280 section 4.1.2.2: no list has them."""
    index = opened(World({1: (5, 0), (1 << 159) - 1: (5, 0), -(1 << 159): (6, 0)}))
    assert index.get(serial) is None
    assert list(index.get_many([serial, 1]).states) == [0, 1]


@pytest.mark.parametrize("serial", ["1", 1.0, None, bytearray(b"\x01"), memoryview(b"\x01")])
def test_what_is_neither_octets_nor_a_number_is_an_error(serial: object) -> None:
    """A mistake of the caller is never answered "not there"."""
    index = opened(World({1: (5, 0)}))
    with pytest.raises(TypeError, match="expected a serial as bytes or int"):
        index.get(serial)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a serial as bytes or int"):
        index.lookup(serial)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a serial as bytes or int"):
        index.get_many([1, serial])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "keys",
    [
        bytes(19),
        bytes(21),
        array("q", [1]),
        array("I", [1]),
        array("d", [1.0]),
        memoryview(array("Q", range(8)))[::2],
        memoryview(bytes(80)).cast("B", (4, 20)),
    ],
)
def test_a_batch_in_another_form_is_refused(keys: memoryview) -> None:
    """Signed, shorter or floating numbers, uneven octets, gaps: refused, never read as something else."""
    with pytest.raises(InputRefused, match="KEYS_NOT_SERIALS") as refused:
        opened(World({1: (5, 0)})).get_many(keys)
    assert "convert" in refused.value.remedy


@pytest.mark.parametrize("keys", [[], b"", array("Q"), ()])
def test_a_batch_of_nothing_is_answered_with_nothing(keys: bytes) -> None:
    """No key, no answer, in every form."""
    answers = opened(World({1: (5, 0)})).get_many(keys)
    assert (len(answers), bytes(answers.states), answers.dates.tolist()) == (0, b"", [])


def test_answers_are_columns_that_nobody_can_change() -> None:
    """Formats as documented, read-only; the representation says nothing but how many."""
    answers = opened(World({1: (5, 0)})).get_many([1, 2])
    columns = (answers.states, answers.reasons, answers.partitions, answers.dates)
    assert [column.format for column in columns] == ["B", "B", "H", "q"]
    assert all(column.readonly for column in columns)
    assert repr(answers) == "Answers(2)"


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 4095, 4096, 4097, 9000])
def test_batches_of_every_length_around_a_block(count: int) -> None:
    """No key is left out or answered twice where blocks begin and end."""
    listed = {serial: (serial, serial % len(CODES)) for serial in range(0, 9000, 3)}
    index = opened(World(listed, {7: (1, 0, 0, 1)}, home_lines=600))
    wanted = [0 if serial % 3 else 1 for serial in range(count)]
    if count > 7:
        wanted[7] = 2
    for keys in (list(range(count)), array("Q", range(count)), packed(range(count))):
        answers = index.get_many(keys)
        assert list(answers.states) == wanted
        assert [date & 0xFFFFFFFF for date in answers.dates[::3]] == list(range(0, count, 3))


def test_long_serials_in_batches_beside_short_ones() -> None:
    """Each class goes its own way through a block and comes back to its place."""
    listed = {(serial << 40) + 5 if serial % 2 else serial: (serial, 0) for serial in range(1, 3000)}
    index = opened(World(listed, {(9 << 90): (3, 1, 1, 4)}, home_lines=250))
    wanted = [*listed, *(serial + 1 for serial in listed), 9 << 90]
    answers = index.get_many(packed(wanted))
    for serial, state, date in zip(wanted, answers.states, answers.dates, strict=True):
        assert state == (1 if serial in listed else 3 if serial == 9 << 90 else 0)
        if serial in listed:
            assert date == listed[serial][0]


def test_batches_side_by_side() -> None:
    """The interpreter lock is not held: several threads ask one index, each gets its own answers."""
    index = opened(World({serial: (serial, 0) for serial in range(2000)}, home_lines=400))
    found: dict[int, list[int]] = {}

    def ask(first: int) -> None:
        for _ in range(20):
            found[first] = index.get_many(array("Q", range(first, first + 1000))).dates.tolist()

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(0, 1000, 250)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {first: list(range(first, first + 1000)) for first in range(0, 1000, 250)}


def test_positions_without_an_entry_are_refused() -> None:
    """Access by position is checked: an unused place of a line, behind the last entry, no number at all."""
    index = opened(World({1: (5, 0), 1 << 40: (6, 1)}, {2: (1, 0, 0, 1)}))
    assert {index.serial_at(0), index.serial_at(8)} == {b"\x01", octets(1 << 40)}
    for at in (-1, 1, 7, 9, 1 << 40, 1 << 62, 1 << 80):
        with pytest.raises(IndexError):
            index.entry_at(at)
    for at in (-1, 1, 1 << 40):
        with pytest.raises(IndexError):
            index.gone_at(at)
    with pytest.raises(TypeError):
        index.entry_at(b"\x01")  # type: ignore[arg-type]
