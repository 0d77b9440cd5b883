"""Lines that are checked before their file has a tail: it is refused exactly where it is without that."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import OwnFault
from revocation.index import layout
from revocation.index._ahead import LinesAhead
from revocation.index.ahead import Ahead
from revocation.index.search import Index
from revocation.index.tail import read_tail
from revocation.snapshot import index_files, read_back, staged
from revocation.snapshot.durable import Disk
from revocation.snapshot.read_back import ReadBack
from revocation.snapshot.staged import StagedIndex
from revocation.snapshot.tree_hash import tree_hash_of
from tests.revocation.index_worlds import CODES, World, worlds
from tests.revocation.test_table_verify import sample
from tests.revocation.written_index import sealed

PIECE = layout.PIECE_OCTETS


def of_lines(data: bytes, count: int, code_octets: int = 1) -> Ahead:
    """So many of its first lines, if they can be checked ahead, as the pieces of a larger file would be."""
    ahead = Ahead()
    ahead.lines = LinesAhead(code_octets)
    ahead.lines.take(memoryview(data)[64 : 64 + 64 * count])
    return ahead


def accepts(data: bytes, ahead: Ahead | None = None) -> bool:
    try:
        Index(data, set_seq=1).verify(ahead)
    except OwnFault as error:
        assert error.code == "INDEX_CORRUPT"  # noqa: PT017 - both are right, another code is not
        return False
    return True


def line_count(data: bytes) -> int:
    return read_tail(memoryview(data)).sections[b"SHRT"][1] // 64


@settings(max_examples=150, deadline=None)
@given(worlds(), st.data())
def test_any_file_with_any_of_its_lines_ahead(world: World, data: st.DataObject) -> None:
    """Accepted; also where what was checked ahead goes on behind the lines, or is of a file that has more."""
    octets = world.file()
    lines = line_count(octets)
    assert accepts(octets, of_lines(octets, data.draw(st.integers(0, lines))))
    assert accepts(octets, of_lines(octets, lines + 1))
    more = World(world.listed, home_lines=lines + 5, code_octets=1).file()
    if line_count(more) > lines:
        assert accepts(octets, of_lines(more, line_count(more)))


@pytest.mark.parametrize("code_octets", [1, 2])
def test_every_flipped_octet_under_right_checksums_with_lines_ahead(code_octets: int) -> None:
    """One line, half of them or all were checked ahead: refused where it is refused without, nowhere else."""
    data = sample(code_octets=code_octets).file()
    lines, end = line_count(data), read_tail(memoryview(data)).sections[b"PART"][0]
    refused = 0
    for at in range(64, end):
        changed = bytearray(data)
        changed[at] ^= 0xFF if at % 3 == 0 else 1 << (at % 8)
        octets = sealed(bytes(changed))
        alone = accepts(octets)
        refused += not alone
        for count in (1, lines // 2, lines):
            assert accepts(octets, of_lines(octets, count, code_octets)) == alone, (at, count)
    assert refused > (end - 64) // 3


@pytest.mark.parametrize("code_octets", [1, 2])
@pytest.mark.parametrize("homes", [1, 6, 8, 10_000])
def test_another_number_of_home_lines(homes: int, code_octets: int) -> None:
    """The tail's number must be one under which the lines stand right, which were checked without it."""
    data = sample(code_octets=code_octets).file()
    claimed = bytearray(data)
    tail = len(data) - 456
    claimed[tail + 352 : tail + 360] = homes.to_bytes(8, "little")
    octets = sealed(bytes(claimed))
    for count in range(line_count(data) + 1):
        assert not accepts(octets, of_lines(octets, count, code_octets))


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (World({1: (5, 0), 2: (5, 0)}, {1: (5, 0, 0, 1)}), "each serial listed or gone"),
        (World({1: (5, 0), 2: (5, 0)}, {2: (5, 0, 0, 1)}), "each serial listed or gone"),
        (World({1: (5, 0)}, many=((2, 5, 0), (2, 5, 12))), "own entries of listed serials"),
        (World({1: (5, 0), 3: (5, 0)}, many=((2, 5, 0), (2, 5, 12))), "own entries of listed serials"),
        (World({1: (5, 0)}, many=((1, 5, 0),)), "own entries of listed serials"),
        (World({1: (5, 77)}), "codes that the file declares"),
    ],
)
@pytest.mark.parametrize("code_octets", [1, 2])
def test_what_stands_beside_lines_that_were_checked_ahead(
    world: World, expected: str, code_octets: int
) -> None:
    """Gone and listed, shared and not listed, a code without a row: said as it is without that."""
    data = replace(world, code_octets=code_octets).file()
    for count in range(line_count(data) + 1):
        with pytest.raises(OwnFault, match=expected):
            Index(data, set_seq=1).verify(of_lines(data, count, code_octets))


def large() -> World:
    """More than 5 MiB, most of it lines; gone serials between them, and shared ones."""
    dice = random.Random(2)
    listed = {dice.getrandbits(32): (dice.getrandbits(32), serial % 9) for serial in range(12_000)}
    gone = {dice.getrandbits(32): (1, 0, 0, 1) for _ in range(300)}
    gone = {serial: said for serial, said in gone.items() if serial not in listed}
    several = sorted(listed)[::500]
    many = tuple((serial, listed[serial][0], code) for serial in several for code in (0, 12))
    return World(listed, gone, many, home_lines=90_000)


LARGE = large().file()
#: Whole pieces of the header and lines alone.
OF_LINES = (64 + 64 * line_count(LARGE)) // PIECE


class Watched(Ahead):
    """Tells when all was checked that can be."""

    done = Event()
    most: int

    def take(self, piece: memoryview) -> bool:
        taken = super().take(piece)
        if not taken or len(self.sums) == OF_LINES:
            type(self).most = len(self.sums)
            self.done.set()
        return taken


class Flipping(Disk):
    """Writes one octet of the file wrong."""

    def __init__(self, at: int | None) -> None:
        self._wrong, self._at = at, 0

    def write(self, descriptor: int, data: bytes | memoryview) -> None:
        octets = bytearray(data)
        if self._wrong is not None and 0 <= self._wrong - self._at < len(octets):
            octets[self._wrong - self._at] ^= 1
        self._at += len(octets)
        super().write(descriptor, bytes(octets))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    monkeypatch.setattr(index_files, "ALONE_OCTETS", -1)
    monkeypatch.setattr(read_back, "Ahead", Watched)
    monkeypatch.setattr(Watched, "done", Event())
    monkeypatch.setattr(Watched, "most", 0, raising=False)
    return Watched


def slowly(data: bytes) -> Iterator[bytes]:
    """The last octets only when everything before them was checked."""
    for at in range(0, len(data) - 1000, 100_000):
        yield data[at : min(at + 100_000, len(data) - 1000)]
    assert Watched.done.wait(30)
    yield data[-1000:]


def test_a_file_is_checked_behind_its_writer(tmp_path: Path, watched: type[Watched]) -> None:
    """Every piece of lines, before the file is finished; what is opened then answers."""
    file = StagedIndex(Disk(), tmp_path / "x")
    opened = file.finish(slowly(LARGE), set_seq=3)
    assert watched.most == OF_LINES > 15
    world = large()
    assert all(
        opened.index.get(serial) == world.meaning(*world.listed[serial]) for serial in [*world.listed][:99]
    )
    opened.index.verify()


def test_a_draft_is_checked_while_there_is_time(tmp_path: Path, watched: type[Watched]) -> None:
    """In the thread that hashes it, by the same reading; the rest follows, and the file is as any other."""
    end = len(LARGE) - 1000
    for looks in (0, 5, 99):
        left = iter([False] * looks + [True] * 9)
        file = StagedIndex(Disk(), tmp_path / "x")
        file.write([LARGE[:end]], follow=False)
        file.hash_ahead(lambda left=left: next(left))
        assert len(file._back._ahead.sums) == min(looks, OF_LINES)
        watched.done.clear()
        opened = file.finish([LARGE[end:]], set_seq=3)
        assert opened.sha256_tree == tree_hash_of(LARGE).hex()
        (tmp_path / "x").unlink()


#: A key, a date, a code, a mark, and octets of the last piece of lines, of the gone ones and of the tables.
WRONG = [64, 64 + 28, 64 + 56, 64 + 63, 5 * PIECE + 64, 5 * PIECE + 64 + 63, (OF_LINES - 1) * PIECE + 4]
WRONG += [read_tail(memoryview(LARGE)).sections[tag][0] + 9 for tag in (b"SGON", b"SMNY", b"CODE", b"PIEC")]


@pytest.mark.parametrize("at", WRONG)
def test_an_octet_that_was_written_wrong(tmp_path: Path, watched: type[Watched], at: int) -> None:
    """Refused, wherever it stands: where lines can be checked ahead, and where they can not."""
    file = StagedIndex(Flipping(at), tmp_path / "x")
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        file.finish(slowly(LARGE), set_seq=3)
    file.drop()
    assert not [*tmp_path.iterdir()]


def test_codes_of_two_octets_show_in_the_first_piece() -> None:
    """Counted as they are, so that partitions have their entries; lines that are taken for those of another
    width, or codes of no row, cost another reading and no more."""
    world = large()
    codes = tuple(CODES) + tuple((1, reason, 0, 77) for reason in range(256))
    wide = replace(world, codes=codes, code_octets=2)
    data = wide.file()
    ahead = Ahead()
    pieces = (64 + 64 * line_count(data)) // PIECE
    for number in range(pieces):
        assert ahead.take(memoryview(data)[number * PIECE : (number + 1) * PIECE])
    checked, plain = Index(data, set_seq=1), Index(data, set_seq=1)
    checked.verify(ahead)
    plain.verify()
    assert checked.listed_by_partition == plain.listed_by_partition
    assert sum(checked.listed_by_partition.values()) == len(wide.listed)
    # Of another width: nothing of it is used.
    other = Ahead()
    assert other.take(memoryview(LARGE)[:PIECE])
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        Index(replace(world, listed={1: (5, 77)}, gone={}, many=(), code_octets=2).file(), set_seq=1).verify(
            other
        )
    Index(replace(world, listed={1: (5, 0)}, gone={}, many=(), code_octets=2).file(), set_seq=1).verify(other)
    with pytest.raises(ValueError, match="octet"):
        LinesAhead(4)


def test_pieces_of_another_file_are_told_by_their_checksums() -> None:
    """Right lines, one date of them another: what was checked ahead is not what PIEC is of."""
    other = bytearray(LARGE)
    at = next(at for at in range(64, len(other), 64) if other[at + 63] != 128)
    other[at + 28] ^= 1
    ahead = Ahead()
    for number in range(OF_LINES):
        assert ahead.take(memoryview(bytes(other))[number * PIECE : (number + 1) * PIECE])
    with pytest.raises(OwnFault, match="another in piece 0"):
        Index(LARGE, set_seq=1).verify(ahead)


def test_a_mapped_file_with_its_lines_ahead(tmp_path: Path) -> None:
    """What is gone is looked up in pages that are dropped behind: with all pieces of lines ahead, or some."""
    path = tmp_path / "x.index"
    path.write_bytes(LARGE)
    for count in (1, OF_LINES // 2, OF_LINES):
        ahead = Ahead()
        for number in range(count):
            assert ahead.take(memoryview(LARGE)[number * PIECE : (number + 1) * PIECE])
        index = Index.open(path, set_seq=1)
        index.verify(ahead)
        assert index.gone_count == len(large().gone)


def test_a_disk_that_fails_to_read_back(
    tmp_path: Path, watched: type[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO in the thread that checks is an error of the file."""

    def failing(_: ReadBack) -> Ahead:
        watched.done.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(staged.ReadBack, "work", failing)
    file = StagedIndex(Disk(), tmp_path / "x")
    with pytest.raises(OSError, match="Input/output"):
        file.finish(slowly(LARGE), set_seq=3)
    file.drop()
    assert not [*tmp_path.iterdir()]
