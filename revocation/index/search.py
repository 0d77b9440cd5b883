"""Open, look up in, and verify an index file. It only reads; it never says good.

``Index.open`` is cheap: header, section table, bounds, the small tables. ``Index.verify`` reads the whole
file: every checksum, the order, every record. Maps close by reference count only, so a reader that holds
an old set goes on working while a new one is published and the old file's name is removed.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from revocation.authorities import Lineage
from revocation.index import _records, layout
from revocation.index.layout import ListState, broken

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """A serial that a list holds, or held once. What that means is for ``status.py`` to say."""

    revocation_date: datetime
    #: Raw reason octet; 0xFF where the list gave none.
    reason: int
    partition_number: int
    #: It left its list; ``last_listed_seq`` is the last set that had it there.
    gone: bool
    #: It left while on hold, and its release is not allowed by its CA, or not proved.
    left_on_hold: bool
    last_listed_seq: int | None
    #: The list that speaks for it: of a gone entry today's list of its partition.
    list: ListState

    def __repr__(self) -> str:
        return f"Entry(reason={self.reason}, gone={self.gone})"


class Index:
    """One mapped index file."""

    __slots__ = (
        "_entries",
        "_gone",
        "_map",
        "_shared",
        "entry_count",
        "gone_count",
        "lineage",
        "lists",
        "set_seq",
    )

    def __init__(self, data: mmap.mmap | bytes, *, set_seq: int) -> None:
        """Check everything that bounds later accesses; ``set_seq`` is the set whose file this is."""
        view = memoryview(data)
        sections = _sections(view)
        self._map = view
        self.set_seq: Final = set_seq
        self.lineage: Final = _lineage(bytes(sections[b"LINE"]))
        self.lists: Final[Mapping[int, ListState]] = MappingProxyType(_lists(sections[b"PART"]))
        self._entries = sections[b"ENTR"]
        self._gone = sections[b"GONE"]
        self._shared = sections[b"MANY"]
        self.entry_count: Final = len(self._entries) // _records.ENTRY_SIZE
        self.gone_count: Final = len(self._gone) // _records.GONE_SIZE

    @classmethod
    def open(cls, path: Path, *, set_seq: int) -> Index:
        """Map a file read-only."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size < layout.HEADER_LENGTH:
                raise broken("an index file", "a file shorter than its header")
            return cls(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), set_seq=set_seq)
        finally:
            os.close(descriptor)

    @property
    def entry_section(self) -> memoryview:
        return self._entries

    @property
    def gone_section(self) -> memoryview:
        return self._gone

    @property
    def shared_section(self) -> memoryview:
        """Of serials that several lists name, each list's own entry; only the next set's builder needs it."""
        return self._shared

    def lookup(self, serial: bytes) -> Entry | None:
        """The entry of a serial's octets, listed or gone; None says only that neither section has it."""
        at = _find(self._entries, _records.ENTRY_SIZE, serial)
        if at >= 0:
            return self.entry_at(at)
        at = _find(self._gone, _records.GONE_SIZE, serial)
        return self.gone_at(at) if at >= 0 else None

    def entry_at(self, at: int) -> Entry:
        record = _record(self._entries, at, _records.ENTRY_SIZE)
        _, _, reason, _, _, date, partition = layout.ENTRY.unpack(record)
        return self._entry(reason, date, partition, flags=0, last=None)

    def gone_at(self, at: int) -> Entry:
        record = _record(self._gone, at, _records.GONE_SIZE)
        _, _, reason, _, _, date, partition, flags, last = layout.GONE.unpack(record)
        return self._entry(reason, date, partition, flags=flags, last=last)

    def _entry(self, reason: int, date: int, partition: int, *, flags: int, last: int | None) -> Entry:
        revocation_date = layout.moment(date)
        state = self.lists.get(partition)
        if state is None or revocation_date is None:
            raise broken("an entry of a declared partition, with a date", "another")
        return Entry(
            revocation_date=revocation_date,
            reason=reason,
            partition_number=partition,
            gone=last is not None,
            left_on_hold=bool(flags & layout.GONE_HELD),
            last_listed_seq=last,
            list=state,
        )

    def serial_at(self, at: int) -> bytes:
        return _serial(_record(self._entries, at, _records.ENTRY_SIZE))

    def gone_serial_at(self, at: int) -> bytes:
        return _serial(_record(self._gone, at, _records.GONE_SIZE))

    def items(self) -> Iterator[tuple[bytes, Entry]]:
        """Every listed serial with its entry, in file order."""
        for at in range(self.entry_count):
            yield self.serial_at(at), self.entry_at(at)

    def gone_items(self) -> Iterator[tuple[bytes, Entry]]:
        """Every gone serial with its entry, in file order."""
        for at in range(self.gone_count):
            yield self.gone_serial_at(at), self.gone_at(at)

    def verify(self) -> bytes:
        """Read everything; the file's SHA-256, from the same pass. Costs a pass over the file."""
        digest = hashlib.sha256()
        for at in range(0, len(self._map), _CHUNK):
            digest.update(self._map[at : at + _CHUNK])
        for tag, (crc, section) in _directory(self._map).items():
            if layout.checksum(section) != crc:
                raise broken("sections with their checksums", f"another in section {tag.decode('ascii')}")
        partitions = list(self.lists)
        for section, stride in ((self._entries, _records.ENTRY_SIZE), (self._gone, _records.GONE_SIZE)):
            at = _records.fault(section, stride, partitions)
            if at >= 0:
                raise broken("sorted, well-formed records", f"another at record {at}")
        if _records.fault(self._shared, _records.ENTRY_SIZE, partitions, True) >= 0:
            raise broken("sorted, well-formed records", "others among the shared serials")
        for number, count in _records.tally(self._entries, _records.ENTRY_SIZE).items():
            if count > self.lists[number].entries:
                raise broken("at most the entries that each list declares", "more in a partition")
        return digest.digest()


def _find(section: memoryview, stride: int, serial: bytes) -> int:
    """Number of the record, or -1; a file that was damaged since it was opened answers nothing."""
    at = _records.find(section, stride, serial)
    if at < -1:
        raise broken("well-formed records, as when this file was opened", "others")
    return at


def _record(section: memoryview, at: int, stride: int) -> memoryview:
    if not 0 <= at < len(section) // stride:
        raise IndexError("expected the number of a record of this index, got another")
    return section[at * stride : (at + 1) * stride]


def _serial(record: memoryview) -> bytes:
    return bytes(record[1 : 1 + record[0]])


def _directory(view: memoryview) -> dict[bytes, tuple[int, memoryview]]:
    """Section tag to (CRC-32, content); bounds were checked when the index was opened."""
    found: dict[bytes, tuple[int, memoryview]] = {}
    for position in range(len(layout.SECTION_TAGS)):
        start = layout.HEADER.size + position * layout.SECTION.size
        tag, crc, offset, length, _ = layout.SECTION.unpack(view[start : start + layout.SECTION.size])
        found[tag] = (crc, view[offset : offset + length])
    return found


def _sections(view: memoryview) -> dict[bytes, memoryview]:
    """Check the header and the bounds of every section before anything else is read."""
    if len(view) < layout.HEADER_LENGTH:
        raise broken("an index file", "a file shorter than its header")
    head = bytes(view[: layout.HEADER_LENGTH])
    (magic, version, sections, header_length, file_length, entries, gone, rows, entry, gone_size, _, crc) = (
        layout.HEADER.unpack_from(head)
    )
    if magic != layout.MAGIC:
        raise broken("an index file's first octets", "others")
    if version != layout.VERSION:
        raise broken(f"index format version {layout.VERSION}", f"version {version}")
    unsealed = head[: layout.HEADER.size - 4] + bytes(4) + head[layout.HEADER.size :]
    if layout.checksum(unsealed) != crc:
        raise broken("a header with its checksum", "another")
    shape = (sections, header_length, file_length, entry, gone_size)
    if shape != (
        len(layout.SECTION_TAGS),
        layout.HEADER_LENGTH,
        len(view),
        _records.ENTRY_SIZE,
        _records.GONE_SIZE,
    ):
        raise broken("the sizes that the header declares", "another file length or record size")
    end = layout.HEADER_LENGTH
    expected = dict(
        zip(
            layout.SECTION_TAGS,
            (
                None,
                rows * layout.PARTITION.size,
                entries * _records.ENTRY_SIZE,
                gone * _records.GONE_SIZE,
                None,
            ),
            strict=True,
        )
    )
    for position, tag in enumerate(layout.SECTION_TAGS):
        found, _, offset, length, _ = layout.SECTION.unpack_from(
            head, layout.HEADER.size + position * layout.SECTION.size
        )
        if found != tag or offset != end or offset + length > len(view):
            raise broken("sections one after another, inside the file", f"another at section {position}")
        uneven = tag == b"MANY" and length % _records.ENTRY_SIZE
        if uneven or (expected[tag] is not None and length != expected[tag]):
            raise broken("sections as long as their counts", f"another at section {position}")
        end = offset + length + -length % 8
    if end != len(view):
        raise broken("nothing after the last section", "more")
    directory = _directory(view)
    for small in (b"LINE", b"PART"):  # read whole on opening, so checked on opening
        crc, section = directory[small]
        if layout.checksum(section) != crc:
            raise broken("sections with their checksums", f"another in section {small.decode('ascii')}")
    return {tag: section for tag, (_, section) in directory.items()}


def _lineage(line: bytes) -> Lineage:
    names: list[str] = []
    at = 0
    for _ in range(2):
        length = int.from_bytes(line[at : at + 2], "little")
        names.append(line[at + 2 : at + 2 + length].decode("ascii", "replace"))
        at += 2 + length
    if at != len(line) or not all(name.isascii() for name in names):
        raise broken("a lineage of two names", "other octets")
    return Lineage(*names)


def _lists(table: memoryview) -> dict[int, ListState]:
    size = layout.PARTITION.size
    states = [ListState.unpack(table[at : at + size]) for at in range(0, len(table), size)]
    numbers = [state.partition_number for state in states]
    if numbers != sorted(set(numbers)):
        raise broken("each partition once, in order", "another order")
    return {state.partition_number: state for state in states}
