"""The index file: what goes in comes out, in order, whole, and a damaged file never answers."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Lineage
from revocation.errors import InputRefused, OwnFault
from revocation.index import _records, layout
from revocation.index.build import BuiltIndex, build_index
from revocation.index.layout import GONE_HELD, ListPresence, ListState
from revocation.index.search import Entry, Index
from tests.revocation.sets import DAY, T0, record

LINEAGE = Lineage("card-sign", "ab" * 32)
KEY = "ab" * 32


def state(number: int, *, entries: int = 100, this_update: datetime = T0, **other: object) -> ListState:
    values: dict[str, object] = {
        "state": ListPresence.ACCEPTED,
        "crl_number": 7,
        "this_update": this_update,
        "next_update": this_update + DAY,
        "ingested_at": this_update + timedelta(seconds=1, microseconds=5),
        "sha256": bytes(32),
        "accepted_seq": 1,
        "entries": entries,
    } | other
    return ListState(number, KEY, **values)  # type: ignore[arg-type]


def build(parts: dict[int, bytes], previous: Index | None = None, *, releasable: bool = False) -> BuiltIndex:
    numbers = set(parts) | (set(previous.lists) if previous else set())
    return build_index(
        LINEAGE, {n: state(n) for n in numbers}, parts, previous=previous, release_holds=releasable
    )


def opened(built: BuiltIndex, seq: int = 1) -> Index:
    index = Index(b"".join(built.chunks), set_seq=seq)
    index.verify()
    return index


def index_of(parts: dict[int, bytes], previous: Index | None = None, seq: int = 1, **options: bool) -> Index:
    return opened(build(parts, previous, **options), seq)


serials = st.binary(min_size=1, max_size=20)
dates = st.datetimes(datetime(1951, 1, 1), datetime(2400, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
entries = st.dictionaries(serials, st.tuples(st.integers(0, 255), dates, st.integers(1, 3)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(entries, serials)
def test_every_entry_comes_out_as_it_went_in(
    wanted: dict[bytes, tuple[int, datetime, int]], other: bytes
) -> None:
    """Against a dictionary: each serial gives its date, reason and partition; every other gives nothing."""
    parts = {1: b"", 2: b"", 3: b""}
    for serial, (reason, date, partition) in wanted.items():
        parts[partition] += record(serial, reason, date)
    index = index_of(parts)
    assert index.entry_count == len(wanted)
    for serial, (reason, date, partition) in wanted.items():
        entry = index.lookup(serial)
        assert entry is not None
        assert (entry.reason, entry.revocation_date, entry.partition_number) == (reason, date, partition)
        assert not entry.gone
    assert (index.lookup(other) is None) == (other not in wanted)
    assert {serial for serial, _ in index.items()} == set(wanted)


def test_the_serials_octets_are_the_identity() -> None:
    """00FF is 255 and FF is -1: each is found by its own octets and by no others."""
    index = index_of({1: record(b"\x00\xff", 1) + record(b"\x0a", 4)})
    assert index.lookup(b"\x00\xff") is not None
    assert index.lookup(b"\xff") is None
    assert index.lookup(b"\x00\x0a") is None
    assert index.lookup(b"\x0a\x00") is None


@pytest.mark.parametrize("serial", [b"", bytes(21), bytes(10_000)])
def test_a_serial_that_no_list_can_hold_is_not_found(serial: bytes) -> None:
    """Empty and over-long octets have no entry; they do not read beyond the key."""
    assert index_of({1: record(b"\x01")}).lookup(serial) is None


def test_the_same_lists_in_any_order_give_the_same_octets() -> None:
    """Deterministic: descending, ascending and shuffled input make one file."""
    records = [record(n, n % 7) for n in range(1, 200)]
    files = {
        b"".join(build({1: b"".join(order), 2: record(999)}).chunks)
        for order in (records, records[::-1], records[100:] + records[:100])
    }
    assert len(files) == 1


def test_a_repeated_entry_is_kept_once_and_counted() -> None:
    """Same serial, same data, twice in one list: one entry, one repetition, no conflict."""
    entries, shared, repeated, conflicting = _records.unite(_records.collect([(1, record(5, 4) * 2)]), {})
    assert (len(entries) // 34, shared, repeated, conflicting) == (1, b"", 1, 0)


def test_of_conflicting_entries_the_most_severe_reason_and_the_earliest_date_count() -> None:
    """keyCompromise beats superseded beats certificateHold; the date is the earliest of all."""
    parts = {1: record(5, 6, T0 - 3 * DAY) + record(5, 1, T0 - DAY) + record(5, 4, T0 - 2 * DAY)}
    built = build(parts)
    entry = opened(built).lookup(b"\x05")
    assert entry is not None
    assert (entry.reason, entry.revocation_date) == (1, T0 - 3 * DAY)
    assert (built.repeated, built.conflicting) == (2, 1)


def test_of_two_lists_with_one_serial_the_newer_speaks() -> None:
    """The same entry in two partitions: the list with the later thisUpdate, then the lower number."""
    states = {1: state(1), 2: state(2, this_update=T0 + DAY), 3: state(3, this_update=T0 + DAY)}
    parts = dict.fromkeys((1, 2, 3), record(5, 4))
    built = build_index(LINEAGE, states, parts, previous=None, release_holds=False)
    entry = opened(built).lookup(b"\x05")
    assert entry is not None
    assert entry.partition_number == 2
    assert entry.list.this_update == T0 + DAY


def test_a_serial_of_two_lists_outlives_either() -> None:
    """Held by two partitions' lists: when one lets it go and the other was not accepted today, the other's
    own entry counts, even where holds may end; released only when both let go."""
    parts = {1: record(5, 6, T0 - 3 * DAY), 2: record(5, 6, T0 - DAY) + record(5, 6, T0 - 2 * DAY)}
    first = index_of(parts)
    second = index_of({1: b""}, first, seq=2, releasable=True)
    entry = second.lookup(b"\x05")
    assert entry is not None
    assert (entry.partition_number, entry.revocation_date) == (2, T0 - 2 * DAY)
    assert len(first.shared_section) == 2 * 34
    assert len(second.shared_section) == 0
    assert index_of({1: b"", 2: b""}, first, seq=2, releasable=True).lookup(b"\x05") is None


def test_a_list_not_accepted_today_keeps_its_entries() -> None:
    """Carried over: partition 2 has no new list, so what it listed is listed still."""
    before = index_of({1: record(1), 2: record(2, 4)})
    after = index_of({1: record(1) + record(3)}, before, seq=2)
    kept = after.lookup(b"\x02")
    assert kept is not None
    assert (kept.reason, kept.partition_number, kept.gone) == (4, 2, False)
    assert after.lookup(b"\x03") is not None


def test_what_leaves_a_list_is_gone_and_kept() -> None:
    """With its last reason, date, partition and the last set that listed it; and stays from set to set."""
    before = index_of({1: record(1, 3, T0 - 5 * DAY) + record(2)}, seq=7)
    after = index_of({1: record(2)}, before, seq=8)
    later = index_of({1: b""}, after, seq=9)
    for index in (after, later):
        gone = index.lookup(b"\x01")
        assert gone is not None
        assert (gone.gone, gone.reason, gone.revocation_date) == (True, 3, T0 - 5 * DAY)
        assert (gone.last_listed_seq, gone.left_on_hold) == (7, False)
    second = later.lookup(b"\x02")
    assert second is not None
    assert second.last_listed_seq == 8


def test_what_comes_back_is_no_longer_gone() -> None:
    """A serial is listed or gone, never both."""
    first = index_of({1: record(1, 3)})
    second = index_of({1: b""}, first, seq=2)
    third = index_of({1: record(1, 3)}, second, seq=3)
    entry = third.lookup(b"\x01")
    assert entry is not None
    assert not entry.gone
    assert third.gone_count == 0


def test_an_entry_that_moves_to_another_list_is_not_gone() -> None:
    """Gone is a matter of the lineage, not of one list."""
    after = index_of({1: b"", 2: record(1, 3)}, index_of({1: record(1, 3), 2: b""}), seq=2)
    assert after.gone_count == 0
    entry = after.lookup(b"\x01")
    assert entry is not None
    assert entry.partition_number == 2


def test_a_hold_ends_only_where_the_ca_may_end_it() -> None:
    """Released where that is allowed and proved; elsewhere it stays, marked, and may be released later."""
    before = index_of({1: record(1, 6)})
    assert index_of({1: b""}, before, seq=2, releasable=True).lookup(b"\x01") is None
    kept = index_of({1: b""}, before, seq=2).lookup(b"\x01")
    assert kept is not None
    assert (kept.gone, kept.left_on_hold, kept.reason) == (True, True, 6)
    again = index_of({1: b""}, index_of({1: b""}, before, seq=2), seq=3)
    assert again.lookup(b"\x01") == kept
    assert index_of({1: b""}, again, seq=4, releasable=True).gone_count == 0


def test_entries_of_an_undeclared_partition_are_refused() -> None:
    """Nothing is listed by a list that the set does not declare."""
    with pytest.raises(InputRefused, match="PARTITION_NOT_DECLARED"):
        build_index(LINEAGE, {1: state(1)}, {2: record(1)}, previous=None, release_holds=False)


def test_list_states_survive_the_file() -> None:
    """Every field, with a cRLNumber of 20 octets, without one, absent, and with microseconds."""
    states = {
        1: state(1, crl_number=(1 << 160) - 1),
        2: state(2, crl_number=None, next_update=None),
        3: ListState(3, KEY, ListPresence.ABSENT),
        4: state(4, state=ListPresence.CARRIED, crl_number=0, accepted_seq=12),
    }
    index = opened(build_index(LINEAGE, states, {}, previous=None, release_holds=False))
    assert dict(index.lists) == states
    assert index.lineage == LINEAGE
    assert index.lists[4].carried_from_seq == 12
    assert index.lists[1].carried_from_seq is None


def sample() -> bytes:
    before = index_of({1: record(1, 3) + record(9, 6), 2: record(2)})
    built = build({1: b"".join(record(n, n % 11) for n in range(20, 60)), 2: record(2)}, before)
    return b"".join(built.chunks)


def test_every_flipped_bit_is_refused_by_verify() -> None:
    """One bit anywhere: opening or verifying refuses, whatever it was."""
    data = sample()
    pad = {at for at in range(len(data)) if data[at] == 0 and _is_padding(data, at)}
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << (at % 8)
        if at in pad:
            # Padding carries nothing; the manifest's SHA-256 covers it.
            assert Index(bytes(broken), set_seq=1).verify() != Index(data, set_seq=1).verify()
            continue
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            Index(bytes(broken), set_seq=1).verify()


def _is_padding(data: bytes, at: int) -> bool:
    inside = at < layout.HEADER_LENGTH
    for position in range(5):
        _, _, offset, length, _ = layout.SECTION.unpack_from(data, layout.HEADER.size + 32 * position)
        inside = inside or offset <= at < offset + length
    return not inside


def test_every_truncation_is_refused_on_opening() -> None:
    """Cut anywhere, or with something after it: not opened."""
    data = sample()
    for length in range(len(data)):
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            Index(data[:length], set_seq=1)
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        Index(data + b"\0" * 8, set_seq=1)


def reseal(data: bytearray) -> bytes:
    """Make the header's checksum fit again, as an attacker would."""
    head = (
        bytes(data[: layout.HEADER.size - 4])
        + bytes(4)
        + bytes(data[layout.HEADER.size : layout.HEADER_LENGTH])
    )
    struct.pack_into("<I", data, layout.HEADER.size - 4, zlib.crc32(head))
    return bytes(data)


@pytest.mark.parametrize("value", [0, 1, 7, 63, 1 << 20, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("at", [8, 16, 24, 32])
@pytest.mark.parametrize("section", range(6))
def test_forged_offsets_and_counts_never_leave_the_file(section: int, at: int, value: int) -> None:
    """With a fitting checksum, any count, offset or length is refused or reads inside the file."""
    data = bytearray(sample())
    struct.pack_into(
        "<Q",
        data,
        at if section == 0 else layout.HEADER.size + 32 * (section - 1) + (8 if at in {8, 24} else 16),
        value,
    )
    try:
        index = Index(reseal(data), set_seq=1)
    except OwnFault:
        return
    for number in range(256):
        index.lookup(bytes([number]))


def test_records_out_of_order_are_found_by_verify() -> None:
    """Swapped records with fitting checksums: a binary search would miss one, so verify refuses."""
    table = state(1).pack()
    good = _records.unite(_records.collect([(1, record(1) + record(2))]), {})[0]
    bad = good[34:] + good[:34]
    from revocation.index import build as module

    data = b"".join(module._assemble(LINEAGE, table, bad, b"", b""))
    with pytest.raises(OwnFault, match="sorted"):
        Index(data, set_seq=1).verify()


def test_more_entries_than_the_list_declares_are_found_by_verify() -> None:
    """The partition table's count bounds what a partition may hold."""
    built = build_index(
        LINEAGE, {1: state(1, entries=1)}, {1: record(1) + record(2)}, previous=None, release_holds=False
    )
    with pytest.raises(OwnFault, match="at most the entries"):
        Index(b"".join(built.chunks), set_seq=1).verify()


def test_positions_outside_the_section_are_refused() -> None:
    """Access by position is bounds-checked."""
    index = index_of({1: record(1)})
    for at in (-1, 1, 1 << 40):
        with pytest.raises(IndexError):
            index.entry_at(at)
        with pytest.raises(IndexError):
            index.gone_at(at)


@pytest.mark.parametrize("stride", [32, 33])
def test_the_compiled_loops_refuse_sections_of_another_stride(stride: int) -> None:
    """A length that is no multiple of the record, or a stride too small for one, is an error, not a read."""
    with pytest.raises(ValueError, match="expected"):
        _records.fault(bytes(stride), stride, [1])
    with pytest.raises(ValueError, match="whole records"):
        _records.find(bytes(stride), 34, b"\x01")
    with pytest.raises(ValueError, match="partition number"):
        _records.collect([(0, record(1))])
    with pytest.raises(ValueError, match="whole records"):
        _records.collect([(1, record(1)[:-1])])


def test_a_file_is_opened_by_mapping_and_outlives_its_name(tmp_path: Path) -> None:
    """A reader that holds a removed file goes on reading it."""
    path = tmp_path / "x.index"
    path.write_bytes(sample())
    index = Index.open(path, set_seq=1)
    path.unlink()
    assert index.lookup(bytes([20])) is not None
    index.verify()
    empty = tmp_path / "empty.index"
    empty.touch()
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        Index.open(empty, set_seq=1)


def test_a_date_beyond_the_calendar_still_says_listed() -> None:
    """The smallest and largest i64 become the calendar's ends; the entry is there."""
    first = struct.pack("<B20sBBBq", 1, b"\x01", 1, 0, 0, -(1 << 62))
    last = struct.pack("<B20sBBBq", 1, b"\x02", 1, 0, 0, (1 << 63) - 1)
    index = index_of({1: first + last})
    found = [index.lookup(b"\x01"), index.lookup(b"\x02")]
    assert [entry and entry.revocation_date.year for entry in found] == [1, 9999]


def test_an_entrys_representation_hides_what_must_not_be_logged() -> None:
    """Neither serial nor date nor partition."""
    entry = index_of({1: record(0x1234567, 3)}).lookup(bytes.fromhex("01234567"))
    assert isinstance(entry, Entry)
    assert repr(entry) == "Entry(reason=3, gone=False)"


def test_the_sizes_are_those_of_the_format() -> None:
    """FORMAT.md's numbers; a change here is a new version."""
    sizes = (
        layout.HEADER.size,
        layout.SECTION.size,
        layout.PARTITION.size,
        layout.ENTRY.size,
        layout.GONE.size,
    )
    assert sizes == (64, 32, 164, 34, 40)
    assert (_records.ENTRY_SIZE, _records.GONE_SIZE, _records.SOURCE_SIZE) == (34, 40, 32)
    assert GONE_HELD == 1
