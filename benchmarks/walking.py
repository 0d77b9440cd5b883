"""The walk over a list's entries alone: every bound checked, nothing hashed, nothing kept.

Without the generator and its numpy: what is counted by callgrind imports this too.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measuring import not_a_figure
from revocation.crl._walk import EntryWalk, PackedRecords
from revocation.der import SEQUENCE, DerReader

#: Entries of a batch: their records stay in the second-level cache, whatever the list's size.
_BATCH: Final = 2_048
#: Octets that surely hold so many of the benchmarks' entries. A sink takes room for what a walk may find, so
#: a walk sees no more than this of its list.
_STRETCH: Final = _BATCH * 64
_RECORD: Final = 32


@dataclass(frozen=True, slots=True)
class Entries:
    """Where the entries of a list lie, batch by batch."""

    data: bytes | mmap.mmap
    #: Where each begins, and how many entries it has.
    batches: tuple[tuple[int, int], ...]
    end: int
    count: int

    def walk(self) -> None:
        """Every entry to a record of 32 octets; a batch's records are dropped with the next one."""
        count = 0
        for start, number in self.batches:
            records = PackedRecords()
            walk = EntryWalk(self.data, start, min(start + _STRETCH, self.end), True, False, False)
            records.fill(walk, number)
            if walk.refusal is not None:
                raise not_a_figure("a list that is read to its end", "a refusal")
            count += len(records.take()) // _RECORD
        if count != self.count:
            raise not_a_figure(f"{self.count} entries", f"{count}")


def entries_of(data: bytes | mmap.mmap, expected: int) -> Entries:
    """Find the batches, with one walk."""
    start, end = _entries_at(data)
    batches: list[tuple[int, int]] = []
    while start < end:
        walk = EntryWalk(data, start, min(start + _STRETCH, end), True, False, False)
        records = PackedRecords()
        records.fill(walk, _BATCH)
        if not records.count:
            raise not_a_figure("a list that is read to its end", "a refusal")
        batches.append((start, records.count))
        start = walk.at
    return Entries(data, tuple(batches), end, expected)


def _entries_at(data: bytes | mmap.mmap) -> tuple[int, int]:
    """In a function of its own: a reader holds its octets for as long as it lives."""
    tbs = DerReader(memoryview(data)).enter(SEQUENCE, "CertificateList").enter(SEQUENCE, "tbsCertList")
    # version, signature, issuer, thisUpdate and nextUpdate come before the entries.
    for _ in range(5):
        tbs.header("tbsCertList")
    return tbs.element(SEQUENCE, "revokedCertificates")


@contextmanager
def mapped(file: Path) -> Iterator[mmap.mmap]:
    """A file's octets, all in memory already."""
    with file.open("rb") as opened:
        data = mmap.mmap(opened.fileno(), 0, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=mmap.PROT_READ)
    with data:
        yield data
