"""T23: a flipped bit, a page of zeros, two pages exchanged, a cut, in each section of a published index file.

The damage is told three times: by the manifest's hash; where the manifest names the damaged file, by the
checksums; where these are right as well, by where the entries stand. Each time nothing of it is used.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from revocation.errors import OwnFault
from revocation.index import layout
from revocation.index.search import Index
from revocation.index.tail import TAIL_OCTETS, read_tail
from revocation.snapshot.manifest import read_manifest, sign_manifest
from revocation.snapshot.names import CURRENT, Pointer, manifest_path
from revocation.status import Status, certificate_status
from tests.revocation.sets import (
    DAY,
    PUBLISHER,
    T0,
    accepted,
    every_list,
    identity,
    reader,
    record,
    scope,
    store,
    world,
)
from tests.revocation.stranger import octets, tree
from tests.revocation.test_index import build, index_of
from tests.revocation.written_index import sealed

PAGE = 4096
MANY_PARTITIONS = 90
#: Of each kind, so that the sections that search reads have two whole pages at least.
COUNT = 3000


def short(number: int) -> int:
    return number + 1


def long(number: int) -> int:
    return (number + 1) << 60


class Sets:
    """Two sets in a folder, and the first one as it was before the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorities, self.authority = world(partitions=MANY_PARTITIONS)
        one, two = scope(self.authority, 1), scope(self.authority, 2)
        # Of both lists, of one of them, and gone: a third each, short and long.
        first = every_list(self.authority) | {one: accepted(listing(range(2 * COUNT), 3))}
        store(folder / "one").publish(first, self.authorities, now=T0)
        shutil.copytree(folder / "one", folder / "both")
        both = listing(range(COUNT, 3 * COUNT), 4)
        second = every_list(self.authority, 1) | {
            found: accepted(both, number=2, this_update=T0 + DAY) for found in (one, two)
        }
        store(folder / "both").publish(second, self.authorities, now=T0 + DAY)
        self.name = next((folder / "both").glob(f"{one.lineage}.00000002.index")).name
        self.data = (folder / "both" / self.name).read_bytes()

    def span(self, section: str) -> tuple[int, int]:
        """Where a section stands in the file."""
        if section == "head":
            return 0, layout.HEADER.size
        if section == "tail":
            return len(self.data) - TAIL_OCTETS, len(self.data)
        offset, length = read_tail(memoryview(self.data)).sections[section.encode()]
        return offset, offset + length

    def damaged(self, section: str, how: str) -> bytes:
        start, end = self.span(section)
        data = bytearray(self.data)
        page = -(-start // PAGE) * PAGE
        if how == "flip":
            data[(start + end) // 2] ^= 0x10
        elif how == "truncate":
            del data[(start + end) // 2 :]
        elif how == "zero" and page + PAGE <= end:
            data[page : page + PAGE] = bytes(PAGE)
        elif how == "zero":
            data[start:end] = bytes(end - start)
        else:
            assert page + 2 * PAGE <= end
            first, second = data[page : page + PAGE], data[page + PAGE : page + 2 * PAGE]
            data[page : page + 2 * PAGE] = second + first
        assert data != self.data
        return bytes(data)

    def night(self, folder: Path, data: bytes, *, named: bool) -> None:
        """The second set arrives in ``folder``, where the first is read, with ``data`` for its file."""
        for path in (self.folder / "both").glob("*.00000002.index"):
            shutil.copy(path, folder)
        (folder / self.name).unlink()
        (folder / self.name).write_bytes(data)
        signed = manifest_path(self.folder / "both", 2).read_bytes()
        manifest = read_manifest(signed, [PUBLISHER.public_key()])
        if named:
            files = tuple(
                replace(file, sha256_tree=tree(data), size=len(data)) if file.name == self.name else file
                for file in manifest.files
            )
            signed = sign_manifest(replace(manifest, files=files), PUBLISHER)
            manifest = read_manifest(signed, [PUBLISHER.public_key()])
        manifest_path(folder, 2).write_bytes(signed)
        (folder / CURRENT).unlink()
        (folder / CURRENT).write_bytes(bytes(Pointer(2, manifest.sha256)))

    def check_refused(self, folder: Path, data: bytes, codes: set[str], *, named: bool) -> None:
        """Readers that run and that start: the first set, its code, and nobody is good."""
        shutil.copytree(self.folder / "one", folder)
        running = reader(folder)
        assert running.current() is not None
        self.night(folder, data, named=named)
        for each in (running, reader(folder)):
            snapshot = each.current()
            assert snapshot is not None
            assert (snapshot.seq, snapshot.superseded) == (1, True)
            assert each.refusal is not None
            assert each.refusal.code in codes
            answers = {
                certificate_status(
                    identity(self.authority, serial),
                    authorities=self.authorities,
                    snapshot=snapshot,
                    now=T0 + DAY,
                    partition=partition,
                ).status
                for serial in (short(2 * COUNT), long(3 * COUNT - 1), short(5 * COUNT))
                for partition in (None, 1, 2, 3)
            }
            assert answers == {Status.UNKNOWN}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    return Sets(tmp_path_factory.mktemp("sets"))


SECTIONS = ["head", *(tag.decode("ascii") for tag in layout.SECTION_TAGS), "tail"]
#: Where the first record has the highest octet of its key, a flag, or its partition.
TOP = {"SHRT": 3, "LONG": 7, "SGON": 3, "LGON": 7, "SMNY": 3, "LMNY": 7, "CODE": 0, "PART": 5}
#: Too short for two pages.
SMALL = ["head", "LDIR", "SGDR", "LGDR", "CODE", "LINE", "PIEC", "tail"]


@pytest.mark.parametrize("named", [False, True], ids=["as-it-is", "named-by-the-manifest"])
@pytest.mark.parametrize("how", ["flip", "zero", "truncate", "swap"])
@pytest.mark.parametrize("section", SECTIONS)
def test_t23_a_damaged_section(tmp_path: Path, sets: Sets, section: str, how: str, named: bool) -> None:
    """Refused with its code by the hash, or by the checksums alone; the old set goes on and says nothing
    good, and a fresh process comes up on it."""
    if how == "swap" and section in SMALL:
        how = "zero"
    data = sets.damaged(section, how)
    codes = {"INDEX_CORRUPT"} if named else {"INDEX_CORRUPT", "INDEX_MISMATCH"}
    sets.check_refused(tmp_path / "read", data, codes, named=named)


@pytest.mark.parametrize("how", ["flip", "zero", "swap"])
@pytest.mark.parametrize("section", [tag.decode("ascii") for tag in layout.SECTION_TAGS[:11]])
def test_t23_entries_elsewhere_under_right_checksums(
    tmp_path: Path, sets: Sets, section: str, how: str
) -> None:
    """A publisher's fault, not a disk's: hash and every checksum fit. A look-up among such entries could miss
    one, so the set is refused by where they stand."""
    if how == "swap" and section in SMALL:
        how = "zero"
    if how == "flip" and section in TOP:
        # The highest bit of a key, a flag, a partition: with another date it would be a file of the format.
        start, _ = sets.span(section)
        data = bytearray(sets.data)
        data[start + TOP[section]] ^= 0x80
        damaged = bytes(data)
    else:
        damaged = sets.damaged(section, how)
    sets.check_refused(tmp_path / "read", sealed(damaged), {"INDEX_CORRUPT"}, named=True)


def test_the_seal_of_these_tests_is_the_formats_own(sets: Sets) -> None:
    """Sealing an undamaged file changes nothing: above it is the entries that are refused, not the seal."""
    assert sealed(sets.data) == sets.data


def test_t23_what_is_cut_off_under_a_reader_is_not_called_absent() -> None:
    """From any octet on the mapping reads as zeros (a file cut within its last page): who was listed or
    gone is found, or the look-up refuses with its code; never None, one by one and in batches."""
    serials = [*range(1, 8), *(serial << 70 for serial in range(1, 8))]
    listed = index_of({1: b"".join(record(serial, 3) for serial in serials)})
    left = serials[2:7] + serials[9:]
    stay = [serial for serial in serials if serial not in left]
    parts = {1: b"".join(record(serial, 3) for serial in stay), 300: record(9, 1) + record(9 << 70, 1)}
    whole = build(parts, listed).file
    refused = 0
    for cut in range(layout.HEADER.size, len(whole)):
        data = bytearray(whole)
        index = Index(memoryview(data).toreadonly(), set_seq=2)
        names = [octets(serial) for serial in (*serials, 9, 9 << 70)]
        before = {name: index.lookup(name) for name in names}
        data[cut:] = bytes(len(data) - cut)
        for name, entry in before.items():
            assert entry is not None
            assert not entry.gone or index_get(index, name) in (None, "refused")
            try:
                found = index.lookup(name)
                states = index.get_many([name]).states
            except OwnFault as error:
                assert error.code == "INDEX_CORRUPT"  # noqa: PT017 - refused or found, both are right
                refused += 1
                continue
            assert found is not None
            assert (found.gone, states[0]) == (entry.gone, 2 if entry.gone else 1)
        refused += [index_get(index, name) for name in names].count("refused")
    assert refused > 1000


def index_get(index: Index, name: bytes) -> object:
    try:
        found = index.get(name)
    except OwnFault:
        return "refused"
    entry = index.lookup(name) if found is None else None
    assert entry is None or entry.gone
    return found


@pytest.mark.parametrize("section", ["SHRT", "LONG", "LDIR", "SGON", "SGDR", "LGON", "LGDR"])
def test_t23_a_section_of_zeros_under_a_reader_is_not_called_empty(sets: Sets, section: str) -> None:
    """A disk that loses what it had: every serial of the file is found, or refused; nobody becomes unknown.
    In lines that holds for each line by itself."""
    data = bytearray(sets.data)
    index = Index(memoryview(data).toreadonly(), set_seq=2)
    names = [name for name, _ in [*index.items(), *index.gone_items()]][:: 37 if section == "SHRT" else 11]
    start, end = sets.span(section)
    spans = [(start, end)]
    if section == "SHRT":
        spans += [(start + 64 * line, start + 64 * line + 64) for line in range(0, (end - start) // 64, 97)]
    for first, last in spans:
        data[first:last] = bytes(last - first)
        for name in names:
            try:
                assert index.lookup(name) is not None
            except OwnFault as error:
                assert error.code == "INDEX_CORRUPT"  # noqa: PT017 - refused or found, both are right
        data[first:last] = sets.data[first:last]


def test_the_damage_is_where_it_is_said_to_be(sets: Sets) -> None:
    """Each section of the file under test has what a search needs: two pages, but for the small ones."""
    for section in SECTIONS:
        start, end = sets.span(section)
        assert end > start
        assert section in SMALL or end - start >= 3 * PAGE


def listing(numbers: range, reason: int) -> dict[int, int]:
    return {serial: reason for number in numbers for serial in (short(number), long(number))}
