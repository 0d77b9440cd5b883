"""What ``verify`` refuses: judged against the stranger, who reads the same document another way."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import OwnFault, RevocationError
from revocation.index import layout
from revocation.index.search import Index
from revocation.index.tail import TAIL_OCTETS, read_tail
from tests.revocation.index_worlds import CODES, World, worlds
from tests.revocation.stranger import octets, read_file
from tests.revocation.written_index import sealed


def sample(*, code_octets: int = 1) -> World:
    """Of every kind something: crowded lines, long ones, gone ones, shared ones."""
    dice = random.Random(7)
    listed = {dice.getrandbits(32): (dice.getrandbits(32), dice.randrange(9)) for _ in range(40)}
    listed |= {dice.getrandbits(100) << 40: (dice.getrandbits(32), dice.randrange(9)) for _ in range(20)}
    gone = {dice.getrandbits(32): (dice.getrandbits(32), 3, at % 2, 1 + at) for at in range(10)}
    gone |= {-dice.getrandbits(80): (dice.getrandbits(32), 4, at % 2, 1 + at) for at in range(10)}
    several = [min(listed), max(listed)]
    many = tuple((serial, listed[serial][0], code) for serial in several for code in (0, 12))
    return World(listed, gone, many, home_lines=7, code_octets=code_octets)


def accepts(data: bytes) -> bool:
    """Opened and verified; refused only with the code of a damaged file."""
    try:
        Index(data, set_seq=1).verify()
    except OwnFault as error:
        assert error.code == "INDEX_CORRUPT"  # noqa: PT017 - both are right, another code is not
        return False
    return True


def stranger_accepts(data: bytes) -> bool:
    try:
        read_file(data)
    except (AssertionError, LookupError, ValueError, struct.error):
        return False
    return True


def check_alike(data: bytes) -> bool:
    """Both refuse, or both accept and answer alike; True if they accept."""
    accepted = accepts(data)
    assert accepted == stranger_accepts(data)
    if accepted:
        read, index = read_file(data), Index(data, set_seq=1)
        for serial, (reason, _, date, partition) in read["entries"].items():
            assert index.get(serial) == (date, reason, partition)
        for serial, (reason, _, date, partition, flags, last) in read["gone"].items():
            assert index.table.find(serial) == (date, reason, partition, last, flags)
    return accepted


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_what_is_written_by_the_document_is_accepted(world: World) -> None:
    """By us as by the stranger, who reads the same entries out of it."""
    assert check_alike(world.file())


@pytest.mark.parametrize("code_octets", [1, 2, 4])
def test_every_flipped_octet_is_refused(code_octets: int) -> None:
    """One bit, then all bits, of any octet: opening or verifying refuses."""
    data = sample(code_octets=code_octets).file()
    assert accepts(data)
    for at in range(len(data)):
        for flip in (1 << (at % 8), 0xFF):
            broken = bytearray(data)
            broken[at] ^= flip
            assert not accepts(bytes(broken)), at


@pytest.mark.parametrize("code_octets", [1, 4])
def test_every_flipped_octet_under_right_checksums(code_octets: int) -> None:
    """A publisher's fault, not a disk's: the entries themselves are refused, by us where by the stranger.
    What both accept is another file of the format, and both read the same out of it."""
    data = sample(code_octets=code_octets).file()
    sections = read_tail(memoryview(data)).sections
    refused = 0
    for at in range(64, sections[b"PART"][0]):
        broken = bytearray(data)
        broken[at] ^= 0xFF if at % 3 == 0 else 1 << (at % 8)
        refused += not check_alike(sealed(bytes(broken)))
    # Free are dates, set numbers, and codes and the last octets of long keys where another one fits.
    assert refused > (sections[b"PART"][0] - 64) // 3


def test_every_truncation_is_refused_on_opening() -> None:
    """Cut anywhere, or with something behind: not opened."""
    data = sample().file()
    for length in range(len(data)):
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            Index(data[:length], set_seq=1)
    for more in (b"\0", b"\0" * 64, data[-TAIL_OCTETS:]):
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            Index(data + more, set_seq=1)


#: Octets of a record with codes of one octet.
STEPS = {b"SHRT": 64, b"LONG": 25, b"SGON": 20, b"LGON": 36, b"SMNY": 12, b"LMNY": 28}
TABLES = [b"SHRT", b"LONG", b"LDIR", b"SGON", b"SGDR", b"LGON", b"LGDR", b"SMNY", b"LMNY", b"CODE", b"PART"]


@pytest.mark.parametrize("right", [False, True], ids=["as-it-is", "under-right-checksums"])
@pytest.mark.parametrize("tag", TABLES, ids=bytes.decode)
def test_zeroed_sections_and_halves_of_them(tag: bytes, right: bool) -> None:
    """A section, either half of it, and each record of it alone."""
    data = sample().file()
    start, length = read_tail(memoryview(data)).sections[tag]
    step = STEPS.get(tag, length)
    spans = [(0, length), (0, length // 2), (length // 2, length)]
    spans += [(at, at + step) for at in range(0, length, step)]
    for first, last in spans:
        broken = bytearray(data)
        broken[start + first : start + last] = bytes(last - first)
        if right:
            check_alike(sealed(bytes(broken)))
        else:
            assert bytes(broken) == data or not accepts(bytes(broken))


def test_swapped_records_under_right_checksums() -> None:
    """Neighbours exchanged, in every section that has an order: a look-up could miss one of them."""
    data = sample().file()
    sections = read_tail(memoryview(data)).sections
    for tag, step in (
        (b"SHRT", 64),
        (b"LONG", 25),
        (b"SGON", 20),
        (b"LGON", 36),
        (b"SMNY", 12),
        (b"LMNY", 28),
    ):
        start, length = sections[tag]
        for at in range(start, start + length - step, step):
            broken = bytearray(data)
            first, second = data[at : at + step], data[at + step : at + 2 * step]
            broken[at : at + 2 * step] = second + first
            assert not accepts(sealed(bytes(broken)))


def test_swapped_sections_are_refused() -> None:
    """Two rows of the table of sections exchanged, under a right checksum: on opening."""
    data = sample().file()
    tail = len(data) - TAIL_OCTETS
    for one in range(12):
        for fields in (slice(0, 24), slice(8, 24)):
            broken = bytearray(data)
            rows = [broken[tail + 24 * at : tail + 24 * at + 24] for at in (one, one + 1)]
            rows[0][fields], rows[1][fields] = rows[1][fields], rows[0][fields]
            broken[tail + 24 * one : tail + 24 * one + 48] = rows[0] + rows[1]
            if bytes(broken) != data:
                with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
                    Index(sealed(bytes(broken)), set_seq=1)


def moved(world: World, *, homes: int) -> bytes:
    """The file, whose tail says another number of home lines."""
    data = bytearray(world.file())
    struct.pack_into("<Q", data, len(data) - TAIL_OCTETS + 352, homes)
    return sealed(bytes(data))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (World({1: (5, 0)}, {1: (5, 0, 0, 1)}).file(), "each serial listed or gone"),
        (World({1 << 40: (5, 0)}, {1 << 40: (5, 0, 0, 1)}).file(), "each serial listed or gone"),
        (World({1: (5, 0)}, many=((2, 5, 0), (2, 5, 12))).file(), "own entries of listed serials"),
        (World({}, many=((2, 5, 0), (2, 5, 12))).file(), "own entries of listed serials"),
        (World({1 << 40: (5, 0)}, many=((1 << 41, 5, 0), (1 << 41, 5, 12))).file(), "own entries of listed"),
        (World({1: (5, 0)}, many=((1, 5, 0),)).file(), "own entries of listed serials"),
        (World({1: (5, 0)}, many=((1, 5, 0), (1, 6, 1))).file(), "ascending order"),
        (World({1 << 40: (5, 0)}, many=((1 << 40, 5, 12),)).file(), "own entries of listed serials"),
        (World({1: (5, 0)}, codes=(CODES[0], CODES[0])).file(), "each row of codes once"),
        (World({1: (5, 0)}, codes=((1, 3, 2, 0),)).file(), "codes with known flags"),
        (World({1: (5, 0)}, {2: (1, 0, 2, 1)}).file(), "gone entries with known flags"),
        (World({1: (5, 0)}, {1 << 50: (1, 0, 0, 0)}).file(), "gone entries with known flags"),
        (
            moved(World({1: (5, 0), 2: (5, 0), 3: (5, 0)}, home_lines=8), homes=7),
            "short entries in",
        ),
    ],
)
def test_what_is_wrong_is_said_without_a_serial(data: bytes, expected: str) -> None:
    """The kind of thing, as expected; the stranger refuses the same files."""
    assert not stranger_accepts(data)
    with pytest.raises(OwnFault, match=expected) as refused:
        Index(data, set_seq=1).verify()
    assert refused.value.code == "INDEX_CORRUPT"
    assert "publish again" in refused.value.remedy


def test_more_entries_than_a_list_declares() -> None:
    """The row of PART bounds what a partition may hold: one less than there are is refused."""
    data = bytearray(World(dict.fromkeys(range(5), (5, 0))).file())
    start, _ = read_tail(memoryview(data)).sections[b"PART"]
    assert accepts(bytes(data))
    struct.pack_into("<Q", data, start + 124, 4)
    with pytest.raises(OwnFault, match="at most the entries that each list declares"):
        Index(sealed(bytes(data)), set_seq=1).verify()


def test_a_row_of_a_list_with_octets_that_do_not_apply() -> None:
    """An absent list with a digest, a cRLNumber longer than it says, an unknown state."""
    for state, at, octet in ((0, 60, 1), (1, 8, 1), (3, 2, 3), (1, 4, 2)):
        data = bytearray(World({1: (5, 0)}).file())
        start, _ = read_tail(memoryview(data)).sections[b"PART"]
        data[start + 2 * 164 + 2] = state
        data[start + 2 * 164 + at] = octet
        with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
            Index(sealed(bytes(data)), set_seq=1).verify()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 30), st.data())
def test_forged_numbers_of_the_tail_never_leave_the_file(seed: int, data: st.DataObject) -> None:
    """Any counts, offsets, lengths and bits under right checksums: refused, or answered inside the file."""
    octet_string = bytearray(sample().file())
    tail = len(octet_string) - TAIL_OCTETS
    for _ in range(data.draw(st.integers(1, 3))):
        at, form = data.draw(
            st.sampled_from(
                [(24 * row + field, "<Q") for row in range(13) for field in (8, 16)]
                + [(at, "<Q") for at in (352, 360, 368, 392)]
                + [(at, "<H") for at in (376, 378)]
                + [(at, "<B") for at in (380, 381, 382)]
                + [(at, "<I") for at in (384, 388)]
            )
        )
        most = (1 << 8 * struct.calcsize(form)) - 1
        value = data.draw(
            st.sampled_from([0, 1, 2, 7, 63, 64, 1 << 20, most // 2, most]) | st.integers(0, most)
        )
        struct.pack_into(form, octet_string, tail + at, value & most)
    struct.pack_into("<I", octet_string, tail + 444, zlib.crc32(octet_string[tail : tail + 444]))
    dice = random.Random(seed)
    try:
        index = Index(bytes(octet_string), set_seq=1)
        index.verify()
    except RevocationError:
        return
    for _ in range(50):
        index.get(dice.getrandbits(32))
        index.lookup(octets(dice.getrandbits(90)))


def test_a_file_of_several_pieces_is_dropped_behind_the_reading(tmp_path: Path) -> None:
    """A mapped file of more than 4 MiB verifies, answers afterwards, and a flip in any piece is refused."""
    listed = {(serial * 2654435761) % (1 << 32): (serial, serial % 9) for serial in range(12_000)}
    world = World(listed, home_lines=90_000)
    path = tmp_path / "large.index"
    path.write_bytes(world.file())
    index = Index.open(path, set_seq=1)
    index.verify()
    assert len(index.view) > 20 * layout.PIECE_OCTETS
    for serial, said in list(listed.items())[:500]:
        assert index.get(serial) == world.meaning(*said)
    for piece in (0, 1, 16, 20):
        broken = bytearray(index.view)
        broken[piece * layout.PIECE_OCTETS + 1000] ^= 1
        with pytest.raises(OwnFault, match="another in piece"):
            Index(bytes(broken), set_seq=1).verify()


def test_what_changed_since_the_opening_is_refused() -> None:
    """Verified is the file as it is now: another tail than the one that was read is none of ours."""
    data = bytearray(sample().file())
    index = Index(memoryview(data).toreadonly(), set_seq=1)
    index.verify()
    other = World({1: (5, 0)}).file()
    data[-TAIL_OCTETS:] = other[-TAIL_OCTETS:]
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        index.verify()
