"""Two lists' entries side by side: what only one of them has, and nothing else."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.crl._changed import EntryComparison

PLENTY = 1 << 40


def element(content: bytes) -> bytes:
    """X.690 section 10.1, written here a second time."""
    size = len(content)
    if size < 0x80:
        return bytes([0x30, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(octets)]) + octets + content


def split(octets: bytes) -> list[bytes]:
    found = []
    while octets:
        size, at = octets[1], 2
        if size >= 0x80:
            at += size & 0x7F
            size = int.from_bytes(octets[2:at], "big")
        found.append(octets[: at + size])
        octets = octets[at + size :]
    return found


def compared(
    new: Sequence[bytes], old: Sequence[bytes], *, most: int = PLENTY, step: int = PLENTY, margin: int = 0
) -> tuple[list[bytes], list[bytes]] | None:
    """Entries of either side alone; ``margin`` octets stand around both regions."""
    regions = [bytes(margin) + b"".join(side) + b"\x30" * margin for side in (new, old)]
    ends = [len(region) - margin for region in regions]
    made = EntryComparison(regions[0], margin, ends[0], regions[1], margin, ends[1], most)
    while more := made.advance(step):
        assert made.new_at < ends[0]
    if more is None:
        return None
    assert (made.new_at, made.old_at) == (ends[0], ends[1])
    return split(made.added), split(made.removed)


def make(rng: random.Random, *, alike: bool = True) -> bytes:
    """An entry: mostly short, some so long that their length takes more octets than one, or a window.

    ``alike``: two of three are one of a few, as in no list, where each has a serial of its own.
    """
    size = rng.choice([17, 20, 31, 33, 40] * 20 + [0, 127, 128, 300, 5000, 70_000])
    if not alike:
        return element(rng.randbytes(17 + size))
    return element(rng.choice([rng.randbytes(size), bytes(size), b"\x30\x11" * (size // 2)]))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    count=st.sampled_from([0, 1, 5, 100, 700]),
    edits=st.integers(0, 40),
    alike=st.booleans(),
)
def test_nothing_but_what_changed(seed: int, count: int, edits: int, alike: bool) -> None:
    """Both sides' entries are accounted for, each once, and what is told alone stands in its list's order;
    where few edits were made, few entries are told, if each entry is another."""
    rng = random.Random(seed)
    old = [make(rng, alike=alike) for _ in range(count)]
    new = list(old)
    for _ in range(edits):
        at = rng.randrange(len(new) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del new[at : at + rng.choice([1, 1, 5])]
        elif kind == 1:
            new[at:at] = [make(rng, alike=alike) for _ in range(rng.choice([1, 1, 5]))]
        elif at < len(new):
            new[at] = make(rng, alike=alike) if kind == 2 else rng.choice(old or new)
    found = compared(new, old, step=rng.choice([1, 100, 5000, PLENTY]), margin=rng.choice([0, 7]))
    assert found is not None
    added, removed = found
    assert Counter(old) - Counter(removed) + Counter(added) == Counter(new)
    assert not Counter(removed) - Counter(old)
    for told, whole in ((added, new), (removed, old)):
        rest = iter(whole)
        assert all(any(one == other for other in rest) for one in told)
    # Entries that lie there many times are taken for each other, which costs time and nothing else.
    assert alike or len(added) + len(removed) <= 15 * edits


def test_the_same_entries() -> None:
    """Nothing is told, however long the lists are."""
    rng = random.Random(1)
    entries = [make(rng) for _ in range(3000)]
    assert compared(entries, entries, most=0) == ([], [])
    assert compared([], [], most=0) == ([], [])


def test_one_side_is_empty() -> None:
    """All of the other is told, far beyond what is looked at ahead."""
    entries = [element(number.to_bytes(20, "big")) for number in range(1000)]
    assert compared(entries, []) == (entries, [])
    assert compared([], entries) == ([], entries)


@pytest.mark.parametrize("alone", [1, 2, 63])
def test_a_run_of_entries_in_the_middle(alone: int) -> None:
    """Up to 63 that came or left in a row are told alone, and nothing of what follows."""
    entries = [element(number.to_bytes(20, "big")) for number in range(1000)]
    with_run = [*entries[:500], *(element(b"%020d" % n) for n in range(alone)), *entries[500:]]
    assert compared(with_run, entries, most=22 * alone) == (with_run[500 : 500 + alone], [])
    assert compared(entries, with_run, most=22 * alone) == ([], with_run[500 : 500 + alone])
    assert compared(with_run, entries, most=22 * alone - 1) is None
    assert compared(entries, with_run, most=22 * alone - 1) is None


def test_entries_in_another_order_are_too_different() -> None:
    """Then the list is read whole; with enough room each is told on both sides."""
    entries = [element(number.to_bytes(20, "big")) for number in range(1000)]
    assert compared(entries[::-1], entries, most=5000) is None
    found = compared(entries[::-1], entries)
    assert found is not None
    assert Counter(entries) - Counter(found[1]) + Counter(found[0]) == Counter(entries)


@pytest.mark.parametrize(
    "odd",
    [
        b"\x31\x02ab",
        b"\x30",
        b"\x30\x05ab",
        b"\x30\x80\0\0",
        b"\x30\x81\x05abcde",
        b"\x30\x82\x00\x85" + bytes(133),
        b"\x30\x89" + b"\x01" * 9 + bytes(40),
        b"\x30\x84\xff\xff\xff\xff",
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_what_is_no_entry_ends_it(odd: bytes, shared: bool) -> None:
    """On one side, or on both the same: it says nothing of such a list, whose reading will be refused."""
    entries = [element(number.to_bytes(20, "big")) for number in range(10)]
    assert compared([*entries, odd], [*entries, odd] if shared else entries) is None
    assert compared([*entries, odd] if shared else entries, [*entries, odd]) is None


def test_offsets_outside_the_octets() -> None:
    """Refused before anything is read."""
    for new, old in [((0, 5), (0, 4)), ((3, 2), (0, 0)), ((-1, 0), (0, 0)), ((0, 0), (2, 1))]:
        with pytest.raises(ValueError, match="offsets"):
            EntryComparison(b"abcd", *new, b"abc", *old, 0)
    with pytest.raises(ValueError, match="octets"):
        EntryComparison(b"", 0, 0, b"", 0, 0, 0).advance(0)
