"""T23: a flipped bit, a page of zeros, two pages exchanged, a cut, in each section of a published index file.

The damage is told three times: by the manifest's hash; where the manifest names the damaged file, by the
checksums; where these are right as well, by the order of the records. Each time nothing of it is used.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from revocation.errors import OwnFault
from revocation.index import layout
from revocation.index.search import Index
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
from tests.revocation.test_index import build, index_of

PAGE = 4096
#: Every section has at least two whole pages of the file, but for LINE.
MANY_PARTITIONS, MANY_ENTRIES = 90, 500


class Sets:
    """Two sets in a folder, and the first one as it was before the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorities, self.authority = world(partitions=MANY_PARTITIONS)
        one, two = scope(self.authority, 1), scope(self.authority, 2)
        early = dict.fromkeys(range(1, MANY_ENTRIES), 3)
        late = dict.fromkeys(range(MANY_ENTRIES, 2 * MANY_ENTRIES), 4)
        first = every_list(self.authority) | {one: accepted(early)}
        store(folder / "one").publish(first, self.authorities, now=T0)
        shutil.copytree(folder / "one", folder / "both")
        second = every_list(self.authority, 1) | {
            found: accepted(late, number=2, this_update=T0 + DAY) for found in (one, two)
        }
        store(folder / "both").publish(second, self.authorities, now=T0 + DAY)
        self.name = next((folder / "both").glob(f"{one.lineage}.00000002.index")).name
        self.data = (folder / "both" / self.name).read_bytes()

    def span(self, section: str) -> tuple[int, int]:
        """Where a section stands in the file."""
        if section == "head":
            return 0, layout.HEADER_LENGTH
        row = layout.HEADER.size + layout.SECTION.size * layout.SECTION_TAGS.index(section.encode())
        offset, length = struct.unpack_from("<QQ", self.data, row + 8)
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
            digest = hashlib.sha256(data).hexdigest()
            files = tuple(
                replace(file, sha256=digest, size=len(data)) if file.name == self.name else file
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
                for serial in (MANY_ENTRIES, 2 * MANY_ENTRIES - 1, 5 * MANY_ENTRIES)
                for partition in (None, 1, 2, 3)
            }
            assert answers == {Status.UNKNOWN}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Sets:
    return Sets(tmp_path_factory.mktemp("sets"))


SECTIONS = ["head", "LINE", "PART", "ENTR", "GONE", "MANY"]


@pytest.mark.parametrize("named", [False, True], ids=["as-it-is", "named-by-the-manifest"])
@pytest.mark.parametrize("how", ["flip", "zero", "truncate", "swap"])
@pytest.mark.parametrize("section", SECTIONS)
def test_t23_a_damaged_section(tmp_path: Path, sets: Sets, section: str, how: str, named: bool) -> None:
    """Refused with its code by the hash, or by the checksums alone; the old set goes on and says nothing
    good, and a fresh process comes up on it."""
    if how == "swap" and section in ("head", "LINE"):
        how = "zero"  # too short for two pages
    data = sets.damaged(section, how)
    codes = {"INDEX_CORRUPT"} if named else {"INDEX_CORRUPT", "INDEX_MISMATCH"}
    sets.check_refused(tmp_path / "read", data, codes, named=named)


@pytest.mark.parametrize("how", ["zero", "swap"])
@pytest.mark.parametrize("section", ["PART", "ENTR", "GONE", "MANY"])
def test_t23_records_out_of_order_under_right_checksums(
    tmp_path: Path, sets: Sets, section: str, how: str
) -> None:
    """A publisher's fault, not a disk's: hash and every checksum fit. A search in such records could miss
    one, so the set is refused by its records."""
    data = sealed(sets.damaged(section, how))
    sets.check_refused(tmp_path / "read", data, {"INDEX_CORRUPT"}, named=True)


def test_the_seal_of_these_tests_is_the_formats_own(sets: Sets) -> None:
    """Sealing an undamaged file changes nothing: above it is the records that are refused, not the seal."""
    assert sealed(sets.data) == sets.data


def sealed(data: bytes) -> bytes:
    """Every checksum of FORMAT.md written anew."""
    sealed = bytearray(data)
    for position in range(len(layout.SECTION_TAGS)):
        row = layout.HEADER.size + position * layout.SECTION.size
        offset, length = struct.unpack_from("<QQ", sealed, row + 8)
        struct.pack_into("<I", sealed, row + 4, zlib.crc32(sealed[offset : offset + length]))
    struct.pack_into("<I", sealed, 60, 0)
    struct.pack_into("<I", sealed, 60, zlib.crc32(sealed[:224]))
    return bytes(sealed)


def test_t23_what_is_cut_off_under_a_reader_is_not_called_absent() -> None:
    """From any octet on the mapping reads as zeros (a file cut within its last page): who was listed or
    gone is found, or the look-up refuses with its code; never None."""
    listed = index_of({1: b"".join(record(serial, 3) for serial in range(1, 8))})
    whole = b"".join(build({1: record(2, 3) + record(9, 3), 300: record(5, 1)}, listed).chunks)
    refused = 0
    for cut in range(layout.HEADER_LENGTH, len(whole)):
        data = bytearray(whole)
        index = Index(memoryview(data).toreadonly(), set_seq=2)  # type: ignore[arg-type]
        before = {serial: index.lookup(serial) for serial in map(bytes, zip([1, 2, 3, 4, 5, 6, 7, 9]))}
        data[cut:] = bytes(len(data) - cut)
        for serial, entry in before.items():
            assert entry is not None
            try:
                found = index.lookup(serial)
            except OwnFault as error:
                assert "INDEX_CORRUPT" in str(error)  # noqa: PT017 - refused or found, both are right
                refused += 1
                continue
            assert found is not None
            assert found.gone is entry.gone
    assert refused > 100


def test_the_damage_is_where_it_is_said_to_be(sets: Sets) -> None:
    """Each section of the file under test has what a search needs: two pages of rows, but for LINE."""
    for section in SECTIONS[2:]:
        start, end = sets.span(section)
        assert end - start >= 3 * PAGE
