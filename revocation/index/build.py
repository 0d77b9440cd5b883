"""Build an index file's bytes from accepted lists and from the index of the set before.

Deterministic: the same lists, states and predecessor give the same bytes. Nothing is written here;
the bytes go out in chunks through ``snapshot.durable``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from revocation.authorities import Lineage
from revocation.errors import InputRefused
from revocation.index import _records, layout
from revocation.index.layout import ListState
from revocation.index.search import Index
from revocation.reasons import CRLReason

_ALIGNMENT: Final = 8


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """The file's chunks in order, and what it holds."""

    chunks: tuple[bytes, ...]
    entries: int
    gone: int
    #: Entries that repeat a serial of the same lineage, and serials whose repetitions disagree.
    repeated: int
    conflicting: int


def build_index(
    lineage: Lineage,
    states: Mapping[int, ListState],
    records: Mapping[int, bytes | memoryview],
    *,
    previous: Index | None,
    release_holds: bool,
    merged: Collection[int] = (),
) -> BuiltIndex:
    """One lineage of the new set.

    ``states`` declares every partition; ``records`` has the decoder's records of those accepted today.
    A partition that ``states`` carries over takes its entries from ``previous``. What ``previous`` listed
    or had as gone, and nobody lists now, is gone. ``release_holds``: the CA may end a hold and every
    open list of the lineage speaks in this set, so that a hold which nobody names was released. For
    ``merged`` partitions a successor's list speaks: of their own last one no hold stays.
    """
    parts = sorted(records.items())
    if unknown := [number for number, _ in parts if number not in states]:
        raise InputRefused(
            "PARTITION_NOT_DECLARED",
            expected="a state for every partition with entries",
            got=f"{len(unknown)} without",
            remedy="declare each list of the set",
        )
    carried = _carried_entries(states, records, previous, merged)
    ranks = {number: layout.seconds_of(state.this_update) for number, state in states.items()}
    entries, shared, repeated, conflicting = _records.unite(_records.collect(parts, carried), ranks)
    gone = _gone_records(entries, previous, release_holds=release_holds)
    table = b"".join(states[number].pack() for number in sorted(states))
    return BuiltIndex(
        chunks=tuple(_assemble(lineage, table, entries, gone, shared)),
        entries=len(entries) // _records.ENTRY_SIZE,
        gone=len(gone) // _records.GONE_SIZE,
        repeated=repeated,
        conflicting=conflicting,
    )


def _carried_entries(
    states: Mapping[int, ListState],
    records: Mapping[int, bytes | memoryview],
    previous: Index | None,
    merged: Collection[int],
) -> bytes:
    """Each list's own entries, of the partitions that have no new list; of merged ones the final ones."""
    if previous is None:
        return b""
    numbers = [
        number
        for number, state in states.items()
        if number not in records
        and number in previous.lists
        # Under one number another distribution point: not this partition's list. Its entries go to GONE.
        and previous.lists[number].point_sha256 == state.point_sha256
    ]
    entries, shared = previous.entry_section, previous.shared_section
    staying = _records.carry(entries, shared, [number for number in numbers if number not in merged])
    last = _records.carry(entries, shared, [number for number in numbers if number in merged])
    final = [one for one in layout.ENTRY.iter_unpack(last) if one[2] != CRLReason.certificate_hold]
    return staying + b"".join(layout.ENTRY.pack(*one) for one in final)


def _gone_records(entries: bytes, previous: Index | None, *, release_holds: bool) -> bytes:
    """Entries that somebody listed once and nobody lists now, with the last set that did (design 5, Gone).

    A hold may end (RFC 5280 section 5.3.1). One that left is kept, and marked, where its CA ends none (an
    anomaly), and wherever a list that does not speak today may have taken it over.
    """
    if previous is None:
        return b""
    return _records.depart(
        previous.entry_section,
        previous.gone_section,
        entries,
        previous.set_seq,
        layout.GONE_HELD,
        release_holds,
    )


def _assemble(lineage: Lineage, table: bytes, entries: bytes, gone: bytes, shared: bytes) -> Iterator[bytes]:
    """Header, section table, then the sections, each padded to eight octets."""
    names = [lineage.ca_id.encode("ascii"), lineage.key_id.encode("ascii")]
    line = b"".join(len(name).to_bytes(2, "little") + name for name in names)
    sections = (line, table, entries, gone, shared)
    directory = b""
    offset = layout.HEADER_LENGTH
    for tag, section in zip(layout.SECTION_TAGS, sections, strict=True):
        directory += layout.SECTION.pack(tag, layout.checksum(section), offset, len(section), 0)
        offset += len(section) + _padding(len(section))
    counts = (
        len(entries) // _records.ENTRY_SIZE,
        len(gone) // _records.GONE_SIZE,
        len(table) // layout.PARTITION.size,
    )
    fields = (
        layout.MAGIC,
        layout.VERSION,
        len(layout.SECTION_TAGS),
        layout.HEADER_LENGTH,
        offset,
        *counts,
        _records.ENTRY_SIZE,
        _records.GONE_SIZE,
        bytes(12),
    )
    unsealed = layout.HEADER.pack(*fields, 0) + directory
    yield layout.HEADER.pack(*fields, layout.checksum(unsealed)) + directory
    for section in sections:
        yield section
        yield bytes(_padding(len(section)))


def _padding(length: int) -> int:
    return -length % _ALIGNMENT
