"""The index file: what goes in comes out, in order, whole, and a damaged file never answers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Lineage
from revocation.errors import InputRefused, OwnFault
from revocation.identity import serial_from_int
from revocation.index import layout
from revocation.index._harvest import Harvest
from revocation.index.build import IndexBuild, build_index
from revocation.index.layout import GONE_HELD, ListPresence, ListState
from revocation.index.search import Entry, Index
from revocation.index.tail import TAIL_OCTETS
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


MIXING_KEY = bytes(range(40))


class Built:
    """A file, and what its builder counted."""

    def __init__(self, build: IndexBuild) -> None:
        self.file = b"".join(bytes(chunk) for chunk in build.chunks())
        self.repeated, self.conflicting = build.repeated, build.conflicting


def build(parts: dict[int, bytes], previous: Index | None = None, *, releasable: bool = False) -> Built:
    numbers = set(parts) | (set(previous.lists) if previous else set())
    states = {n: state(n) for n in numbers}
    return Built(
        build_index(
            LINEAGE, states, parts, previous=previous, release_holds=releasable, mixing_key=MIXING_KEY
        )
    )


def opened(built: Built, seq: int = 1) -> Index:
    index = Index(built.file, set_seq=seq)
    index.verify()
    return index


def index_of(parts: dict[int, bytes], previous: Index | None = None, seq: int = 1, **options: bool) -> Index:
    return opened(build(parts, previous, **options), seq)


def of_states(states: dict[int, ListState], parts: Mapping[int, bytes | Harvest]) -> Built:
    return Built(
        build_index(LINEAGE, states, parts, previous=None, release_holds=False, mixing_key=MIXING_KEY)
    )


serials = st.integers(-(1 << 159), (1 << 159) - 1).map(serial_from_int) | st.integers(-300, 300).map(
    serial_from_int
)
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


def test_item_65_the_same_lists_in_any_order_give_the_same_octets() -> None:
    """Deterministic: descending, ascending and shuffled input make one file."""
    records = [record(n, n % 7) for n in range(1, 200)]
    files = {
        build({1: b"".join(order), 2: record(999)}).file
        for order in (records, records[::-1], records[100:] + records[:100])
    }
    assert len(files) == 1


def test_a_repeated_entry_is_kept_once_and_counted() -> None:
    """Same serial, same data, twice in one list: one entry, one repetition, no conflict."""
    built = build({1: record(5, 4) * 2})
    assert (opened(built).entry_count, built.repeated, built.conflicting) == (1, 1, 0)
    assert len(opened(built).section(b"SMNY")) == 0


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
    entry = opened(of_states(states, parts)).lookup(b"\x05")
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
    assert len(first.section(b"SMNY")) == 2 * layout.SHORT_MANY_OCTETS
    assert len(second.section(b"SMNY")) == 0
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
    index = opened(of_states(states, {}))
    assert dict(index.lists) == states
    assert index.lineage == LINEAGE
    assert index.lists[4].carried_from_seq == 12
    assert index.lists[1].carried_from_seq is None


@pytest.mark.parametrize(
    "records", [record(1)[:-1], bytes(32), bytes([21]) + bytes(31), record(b"\x00\x0a"), record(b"\xff\x80")]
)
def test_records_that_no_walk_writes_are_refused(records: bytes) -> None:
    """Half a record, no serial, one too long, one not in the fewest octets: an error of the caller."""
    with pytest.raises(ValueError, match="expected"):
        Harvest.of_records(MIXING_KEY, records)


def test_a_mixing_key_has_40_octets() -> None:
    """Another length is an error of the caller, never a read beyond it."""
    for length in (0, 39, 41):
        with pytest.raises(ValueError, match="40 octets"):
            Harvest(bytes(length))


def test_what_rotted_in_the_set_before_stops_the_build(tmp_path: Path) -> None:
    """An octet changed on the disk since the set was opened: no new one is built upon it."""
    parts = {1: b"".join(record(n, n % 7) for n in range(1, 90)), 2: record(1 << 40)}
    path = tmp_path / "x.index"
    path.write_bytes(build(parts).file)
    index = Index.open(path, set_seq=1)
    index.verify()
    build(parts, index)
    start, length = index.tail.sections[b"SHRT"]
    with path.open("r+b") as file:
        file.seek(start + length // 2)
        old = file.read(1)
        file.seek(start + length // 2)
        file.write(bytes([old[0] ^ 0x10]))
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        build(parts, index)


def test_a_file_is_opened_by_mapping_and_outlives_its_name(tmp_path: Path) -> None:
    """A reader that holds a removed file goes on reading it."""
    path = tmp_path / "x.index"
    path.write_bytes(build({1: b"".join(record(n) for n in range(1, 60))}).file)
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
    sizes = (layout.HEADER.size, layout.PARTITION.size, layout.CODE.size, TAIL_OCTETS)
    assert sizes == (64, 164, 8, 456)
    assert GONE_HELD == 1


def test_a_large_list_is_packed_and_says_the_same() -> None:
    """Above 2**18 entries a harvest packs a short entry into 8 octets; from the 257th code on it takes 12.
    Either way the entries come back as they went in, and the index says of each what the list says."""
    plain = [record(n, n % 5, T0 - (n % 97) * DAY) for n in range(1000, 1000 + 270_000 * 11, 11)]
    long = [record(1 << 40 | n, 4) for n in range(3_000)]
    packed = Harvest.of_records(MIXING_KEY, b"".join(plain + long))
    assert packed.short_count == len(plain)
    assert _entries(packed) == sorted(map(_entry, plain + long))
    more = [record(n, n % 250, T0 - DAY, n // 250 % 2) for n in range(1, 501)]
    wide = Harvest.of_records(MIXING_KEY, b"".join(plain + long + more))
    assert len(wide.codes) > 256
    assert _entries(wide) == sorted(map(_entry, plain + long + more))
    for harvest in (packed, wide):
        index = opened(of_states({1: state(1, entries=harvest.count)}, {1: harvest}))
        assert index.entry_count == harvest.count
        for serial, date, reason, _ in _entries(harvest)[::53]:
            assert index.get(serial) == (date, reason, 1)


def _entry(packed: bytes) -> tuple[bytes, int, int, int]:
    length, serial, reason, flags, _, date = struct.unpack("<B20sBBBq", packed)
    return serial[:length], date, reason, flags


def _entries(harvest: Harvest) -> list[tuple[bytes, int, int, int]]:
    return sorted(harvest)
