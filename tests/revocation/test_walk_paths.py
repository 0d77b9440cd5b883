"""The walk's two paths: what the quick one takes it takes octet for octet like the general one, or leaves.

The quick path needs 53 octets before the end of the list, so an entry shorter than that which stands alone
goes the general way, and the same entry with others behind it the quick one. The general path itself is
held against asn1crypto and cryptography (test_decode_oracle.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.crl._walk import EntryWalk, PackedRecords
from revocation.reasons import REASON_ABSENT
from tests.pki import T0, entry, extension

_QUICK_ROOM = 53
_RECORD = 32
_BEHIND = b"".join(entry(n, T0 + timedelta(seconds=n), 3) for n in range(0x1000000, 0x1000003))


class Outcome(NamedTuple):
    """Of the first entry of a list."""

    record: bytes
    end: int
    refusal: tuple[int, int, int, int] | None


def first_entry(octets: bytes, *, extensions_allowed: bool = True) -> Outcome:
    walk = EntryWalk(octets, 0, len(octets), extensions_allowed, False, False)
    sink = PackedRecords()
    sink.fill(walk, 1)
    return Outcome(sink.take(), walk.at, walk.refusal)


def record(serial: bytes, at: datetime, reason: int) -> bytes:
    """decode.py: [0] serial length, [1:21] serial, [21] reason, [22] flags, [23] zero, [24:32] date."""
    seconds = round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    head = bytes([len(serial)]) + serial.ljust(20, b"\x00") + bytes([reason, 0, 0])
    return head + seconds.to_bytes(8, "little", signed=True)


def check_both_paths(octets: bytes, *, extensions_allowed: bool = True) -> bool:
    """True where the entry was read. ``octets``: a forged entry, as long as it was before."""
    crowded = octets + _BEHIND
    quick = first_entry(crowded, extensions_allowed=extensions_allowed)
    own = crowded[: 2 + octets[1]]
    if octets[1] < 0x80 and len(own) < _QUICK_ROOM:
        general = first_entry(own, extensions_allowed=extensions_allowed)
        assert quick == general
    elif len(octets) < _QUICK_ROOM:
        # It claims octets of the entries behind it, and they make no sense there.
        assert quick.refusal is not None
    return quick.refusal is None


_SHAPES = [
    entry(b"\x01" * size, T0, reason)
    for size in (1, 2, 3, 4, 7, 8, 9, 12, 13, 16, 19)
    for reason in (None, 3)
]


@pytest.mark.parametrize("usual", _SHAPES)
def test_t01_every_octet_of_a_usual_entry_replaced_by_every_other(usual: bytes) -> None:
    """Both paths read it equally or refuse it by the same rule at the same offset; and both happen."""
    read = sum(
        check_both_paths(usual[:at] + bytes([octet]) + usual[at + 1 :])
        for at in range(len(usual))
        for octet in range(256)
    )
    assert len(usual) < read < len(usual) * 256


@pytest.mark.parametrize("usual", _SHAPES)
def test_a_reason_in_a_v1_list_on_both_paths(usual: bytes) -> None:
    """RFC 5280 section 5.1.2.1: entries without extensions pass, others do not, wherever they stand."""
    with_reason = len(usual) > 2 + usual[3] + 17
    assert check_both_paths(usual, extensions_allowed=False) is not with_reason


_DIGITS = st.integers(0, 99).map(lambda number: b"%02d" % number)
_TAGS = [b"\x30", b"\x02", b"\x17\x0d", b"\x18\x0f", b"Z", b"\x30\x0c", b"\x0a\x01", b"\x00", b"\xff"]
_PIECES = st.one_of(st.sampled_from(_TAGS), st.binary(min_size=1, max_size=4), _DIGITS)


@settings(deadline=None, max_examples=1500)
@given(
    usual=st.sampled_from(_SHAPES),
    pieces=st.lists(st.tuples(st.integers(0, 60), _PIECES), max_size=4),
)
def test_t15_pieces_of_a_usual_entry_replaced(usual: bytes, pieces: list[tuple[int, bytes]]) -> None:
    """Several octets at once, most of them such as stand there: no difference between the paths."""
    forged = usual
    for at, piece in pieces:
        at %= len(usual) - len(piece)
        forged = forged[:at] + piece + forged[at + len(piece) :]
    check_both_paths(forged)


@pytest.mark.parametrize("size", range(1, 21))
def test_t15_serials_of_every_size_and_edge(size: int) -> None:
    """Zero, negative, leading 00 and FF where DER has them and where not: as they stand, or refused."""
    for first in (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF):
        for second in (0x00, 0x7F, 0x80, 0xFF):
            serial = bytes([first, second]).ljust(size, b"\xa5")[:size]
            padded = size > 1 and (first, second >> 7) in {(0x00, 0), (0xFF, 1)}
            for reason in (None, 1):
                found = first_entry(entry(serial, T0, reason) + _BEHIND)
                if padded:
                    assert found.refusal is not None
                else:
                    assert found.record == record(serial, T0, REASON_ABSENT if reason is None else reason)


@pytest.mark.parametrize("size", [0, 21, 22, 30, 75])
def test_item_66_serials_of_no_size_on_both_paths(size: int) -> None:
    """None, more than 20 octets, as many as leave the entry a short one: refused by their size."""
    for reason in (None, 3):
        found = first_entry(entry(b"\x01" * size, T0, reason) + _BEHIND)
        assert found.refusal == (7, 2, size, 0)


def test_item_68_every_day_of_utc_time() -> None:
    """1950 to 2049, each day at another time of it, on the quick path: the day that the calendar has."""
    days = [
        datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=n, seconds=n * 7919 % 86400)
        for n in range((date(2050, 1, 1) - date(1950, 1, 1)).days)
    ]
    octets = b"".join(entry(n + 0x10000, at, 5) for n, at in enumerate(days)) + _BEHIND
    walk, sink = EntryWalk(octets, 0, len(octets), True, False, False), PackedRecords()
    while sink.fill(walk, 1000):
        pass
    records = sink.take()
    assert len(records) == (len(days) + 3) * _RECORD
    for n, at in enumerate(days):
        assert records[n * _RECORD : (n + 1) * _RECORD] == record((n + 0x10000).to_bytes(3, "big"), at, 5)


@pytest.mark.parametrize("year", ["00", "23", "24", "49", "50", "99"])
def test_item_68_every_month_and_day_that_two_digits_can_name(year: str) -> None:
    """Those that exist, and no other: no month 0 or 13, no day 0, no 29th of February in a wrong year."""
    full = int(year) + (1900 if int(year) >= 50 else 2000)
    for month in range(100):
        for day in range(100):
            found = first_entry(entry(5, b"\x17\x0d" + f"{year}{month:02}{day:02}235959Z".encode()) + _BEHIND)
            try:
                expected = datetime(full, month, day, 23, 59, 59, tzinfo=UTC)
            except ValueError:
                assert found.refusal is not None
            else:
                assert found.record == record(b"\x05", expected, REASON_ABSENT)


@pytest.mark.parametrize(("at", "limit"), [(6, 24), (8, 60), (10, 60)])
def test_item_68_every_hour_minute_and_second(at: int, limit: int) -> None:
    """00 to 99: those below 24 and 60; no leap second."""
    for number in range(100):
        text = bytearray(b"261120000000Z")
        text[at : at + 2] = b"%02d" % number
        found = first_entry(entry(5, b"\x17\x0d" + bytes(text)) + _BEHIND)
        assert (found.refusal is None) is (number < limit)


@pytest.mark.parametrize("day", [b"261120", b"700101"])
@pytest.mark.parametrize("place", range(15))
def test_item_68_a_day_that_stands_before_it_helps_no_other(day: bytes, place: int) -> None:
    """The quick path reads a day once: every octet of the second date replaced by every other is read or
    refused as it would be first in its list. (1970 begins with the day that the path knows at first.)"""
    usual = entry(b"\x01\x02\x03\x04", b"\x17\x0d" + day + b"120000Z", 3)
    at = 8 + place
    for octet in range(256):
        forged = usual[:at] + bytes([octet]) + usual[at + 1 :]
        walk, sink = (
            EntryWalk(usual + forged + _BEHIND, 0, 2 * len(usual) + len(_BEHIND), True, False, False),
            PackedRecords(),
        )
        sink.fill(walk, 2)
        alone = first_entry(forged + _BEHIND)
        records = sink.take()
        assert records[:_RECORD] == first_entry(usual + _BEHIND).record
        assert records[_RECORD:] == alone.record
        if alone.refusal is not None:
            code, offset, got, length = alone.refusal
            assert walk.refusal == (code, offset + len(usual), got, length)


def test_zeros_are_no_date() -> None:
    """Nor is anything else that is in memory when the walk begins."""
    for filling in (b"\x00", b"\xff", b"0"):
        found = first_entry(entry(b"\x01\x02\x03\x04", filling * 8 + b"120000Z", 3) + _BEHIND)
        assert (found.record, found.end) == (b"", 0)
        assert found.refusal is not None
        assert found.refusal[1] >= 8


@pytest.mark.parametrize("raw", range(256))
def test_item_67_every_reason_of_one_octet(raw: int) -> None:
    """0 to 127 keep their value on both paths, what is negative as an ENUMERATED is refused."""
    forged = entry(b"\x01\x02\x03\x04", T0, 3)[:-1] + bytes([raw])
    assert check_both_paths(forged) is (raw < 0x80)
    if raw < 0x80:
        assert first_entry(forged + _BEHIND).record == record(b"\x01\x02\x03\x04", T0, raw)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10_000])
def test_any_portion_gives_the_same_records(limit: int) -> None:
    """A sink may take as few at a time as it likes; ``at`` moves past whole entries only."""
    rare = [extension("2.5.29.24", b"\x18\x0f20200101000000Z")]
    entries = [
        entry(n * 77_777 + 1, T0 + timedelta(seconds=n), reason, extensions=rare if n % 7 == 0 else ())
        for n, reason in enumerate((None, 3, 200) * 167)
    ]
    octets = b"".join(entries)
    ends = {0}
    for one in entries:
        ends.add(max(ends) + len(one))
    walk, sink = EntryWalk(octets, 0, len(octets), True, False, False), PackedRecords()
    more, before = True, 0
    while more:
        more = sink.fill(walk, limit)
        assert walk.at in ends
        assert sink.count - before <= limit
        before = sink.count
    assert (walk.at, walk.refusal, sink.count) == (len(octets), None, 501)
    whole, at_once = EntryWalk(octets, 0, len(octets), True, False, False), PackedRecords()
    assert not at_once.fill(whole, 502)
    assert sink.take() == at_once.take()


@pytest.mark.parametrize("behind", range(120))
def test_a_wrong_entry_is_found_at_any_distance_from_the_end(behind: int) -> None:
    """The walk stops before it, with what it got before it counted, wherever the quick path ends."""
    good = entry(b"\x01\x02\x03\x04", T0, 3)
    wrong = entry(b"\x01\x02\x03\x04", b"\x17\x0d261120000060Z", 3)
    octets = good * 5 + wrong + good * (behind // len(good)) + bytes(behind % len(good))
    walk, sink = EntryWalk(octets, 0, len(octets), True, False, False), PackedRecords()
    assert not sink.fill(walk, 1000)
    assert (sink.count, walk.at) == (5, 5 * len(good))
    assert walk.refusal is not None
    assert walk.refusal[1] == 5 * len(good) + 2 + 6
    assert not sink.fill(walk, 1000)
    assert sink.count == 5


def test_offsets_outside_the_octets_are_refused() -> None:
    """Whoever calls the walk wrongly is told so; nothing is read."""
    for start, end in ((-1, 1), (2, 1), (0, 4), (4, 4)):
        with pytest.raises(ValueError, match="offsets inside"):
            EntryWalk(b"abc", start, end, True, False, False)
    with pytest.raises(ValueError, match="limit of 1"):
        PackedRecords().fill(EntryWalk(b"", 0, 0, True, False, False), 0)
