"""What a new set takes from the one before, against dictionaries; and that no length is believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.index import _records
from tests.revocation.sets import record

reasons = st.sampled_from([0xFF, 1, 4, 6])
#: serial -> partition -> reason
listings = st.dictionaries(
    st.integers(1, 400), st.dictionaries(st.integers(1, 4), reasons, min_size=1, max_size=3), max_size=12
)


def entry(serial: int, partition: int, reason: int) -> bytes:
    return record(serial, reason) + partition.to_bytes(2, "little")


def sections(listing: dict[int, dict[int, int]]) -> tuple[bytes, bytes]:
    """ENTR and MANY, sorted here; of several own entries the first stands for all in ENTR."""
    united = [entry(serial, *next(iter(own.items()))) for serial, own in listing.items()]
    many = [entry(s, p, r) for s, own in listing.items() if len(own) > 1 for p, r in own.items()]
    many.sort(key=lambda one: (one[:21], one[32]))
    return b"".join(sorted(united)), b"".join(many)


def split(section: bytes, size: int) -> list[bytes]:
    return [section[at : at + size] for at in range(0, len(section), size)]


@settings(max_examples=150, deadline=None)
@given(listing=listings, numbers=st.sets(st.integers(1, 5)))
def test_each_carried_list_has_its_own_entries(listing: dict[int, dict[int, int]], numbers: set[int]) -> None:
    """Exactly those that the lists of these partitions had, whichever of them stood in ENTR."""
    carried = _records.carry(*sections(listing), sorted(numbers))
    expected = [entry(s, p, r) for s, own in listing.items() for p, r in own.items() if p in numbers]
    assert sorted(split(carried, 34)) == sorted(expected)
    parts = [(5, record(7, 3))]
    assert sorted(split(bytes(_records.collect(parts, carried)), 34)) == sorted([*expected, entry(7, 5, 3)])


@settings(max_examples=150, deadline=None)
@given(
    before=st.dictionaries(st.integers(1, 400), reasons, max_size=12),
    gone=st.dictionaries(st.integers(1, 400), reasons, max_size=12),
    now=st.sets(st.integers(1, 400)),
    stay=st.booleans(),
    release=st.booleans(),
)
def test_who_is_listed_no_more_is_gone(
    before: dict[int, int], gone: dict[int, int], now: set[int], stay: bool, release: bool
) -> None:
    """Whom ENTR or GONE had and nobody lists now, in order, new ones with set and flag; no hold released."""
    gone = {serial: reason for serial, reason in gone.items() if serial not in before}
    now |= set(list(before)[::2]) if stay else set()
    old = {s: entry(s, 1, r) + b"\x00\x00" + (3).to_bytes(4, "little") for s, r in gone.items()}
    new = {s: entry(s, 1, r) + bytes([r == 6, 0]) + (9).to_bytes(4, "little") for s, r in before.items()}
    found = _records.depart(
        b"".join(sorted(entry(s, 1, r) for s, r in before.items())),
        b"".join(sorted(old.values())),
        b"".join(sorted(entry(s, 2, 3) for s in now)),
        9,
        1,
        release,
    )
    expected = [one for s, one in (old | new).items() if s not in now and not (release and one[21] == 6)]
    assert split(found, 40) == sorted(expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _records.carry(bytes(33), b"", [1]),
        lambda: _records.carry(b"", bytes(35), [1]),
        lambda: _records.collect([], bytes(33)),
        lambda: _records.depart(bytes(33), b"", b"", 1, 1, False),
        lambda: _records.depart(b"", bytes(34), b"", 1, 1, False),
        lambda: _records.depart(b"", b"", bytes(40), 1, 1, False),
    ],
)
def test_part_of_a_record_is_refused(call: Callable[[], object]) -> None:
    """A section that is no whole number of records is never walked."""
    with pytest.raises(ValueError, match="whole records"):
        call()


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_partition_number_outside_the_format_is_refused(number: int) -> None:
    """Never a write outside the table, nor at another number's place."""
    with pytest.raises(ValueError, match="partition number"):
        _records.carry(bytes(34), b"", [number])


def test_nothing_gives_nothing() -> None:
    """Empty sections, and no partitions."""
    assert _records.carry(b"", b"", [1]) == b""
    assert _records.carry(entry(1, 1, 3), b"", []) == b""
    assert _records.depart(b"", b"", entry(1, 1, 3), 1, 1, False) == b""
    assert _records.collect([], b"") == b""
