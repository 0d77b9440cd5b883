"""Open an index file, look up in it, and compare two. It only reads; it never says good.

``Index.open`` is cheap: the tail, the bounds of every section, the small tables. ``Index.verify`` reads the
whole file. Maps close by reference count only, so a reader that holds an old set goes on working while a
new one is published and the old file's name is removed.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from revocation.authorities import Lineage
from revocation.index import layout
from revocation.index._added import added_by_reason as _added_by_reason
from revocation.index._batch import Answers, get_many
from revocation.index._differ import Differences
from revocation.index._table import Table
from revocation.index.ahead import Ahead
from revocation.index.layout import Code, ListState, broken
from revocation.index.tail import read_tail
from revocation.index.verify import check_pieces, verify_file

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Entries that are found at a time while going through a file.
_AT_ONCE: Final = 4096


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
        "_codes",
        "_known_codes",
        "_mapped",
        "entry_count",
        "file_identity",
        "get",
        "gone_count",
        "lineage",
        "listed_by_partition",
        "lists",
        "mixing_key",
        "set_seq",
        "table",
        "tail",
        "view",
    )

    def __init__(
        self,
        data: mmap.mmap | bytes | memoryview,
        *,
        set_seq: int,
        file_identity: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Check everything that bounds later accesses; ``set_seq`` is the set whose file this is."""
        view = memoryview(data)
        tail = read_tail(view)
        # Read whole on opening, so checked on opening: CODE, PART and LINE, which stand together.
        check_pieces(view, tail, since=tail.sections[b"CODE"][0])
        self._mapped: Final = data if isinstance(data, mmap.mmap) else None
        #: The whole file.
        self.view: Final = view
        self.tail: Final = tail
        self.mixing_key: Final = tail.mixing_key
        #: Device, inode, size and time of the file that was opened by its name.
        self.file_identity: Final = file_identity
        self.set_seq: Final = set_seq
        self.lineage: Final = _lineage(bytes(self.section(b"LINE")))
        self.lists: Final[Mapping[int, ListState]] = MappingProxyType(_lists(self.section(b"PART")))
        self._codes: tuple[Code, ...] | None = None
        self._known_codes: frozenset[Code] | None = None
        self.table: Final = Table(view, tail)
        #: Of a listed serial (revocation date in seconds since 1970, reason octet, partition); else None.
        self.get: Final[Callable[[bytes | int], tuple[int, int, int] | None]] = self.table.get
        self.entry_count: Final = tail.entries
        self.gone_count: Final = tail.gone
        #: How many listed entries say that they are of a partition; known once the file was verified.
        self.listed_by_partition: Mapping[int, int] | None = None

    @classmethod
    def open(cls, path: Path, *, set_seq: int) -> Index:
        """Map a file read-only."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            facts = os.fstat(descriptor)
            if facts.st_size < layout.HEADER.size:
                raise broken("an index file", "a file shorter than its header")
            return cls(
                mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ),
                set_seq=set_seq,
                file_identity=(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns),
            )
        finally:
            os.close(descriptor)

    def section(self, tag: bytes) -> memoryview:
        return self.tail.section(self.view, tag)

    @property
    def codes(self) -> tuple[Code, ...]:
        """What the codes of entries mean, by their numbers."""
        if self._codes is None:
            self._codes = tuple(map(Code._make, layout.CODE.iter_unpack(self.section(b"CODE"))))
        return self._codes

    @property
    def known_codes(self) -> frozenset[Code]:
        """The same, to ask whether there is one: 1,900 lists have some 10,000."""
        if self._known_codes is None:
            self._known_codes = frozenset(self.codes)
        return self._known_codes

    def lookup(self, serial: bytes) -> Entry | None:
        """The entry of a serial's octets, listed or gone; None says only that neither section has it."""
        found = self.table.find(serial)
        return None if found is None else self._entry(*found)

    def get_many(self, keys: Buffer | Sequence[bytes | int]) -> Answers:
        """Of many serials at once: states (0 not there, 1 listed, 2 gone, 3 gone on hold), reasons,
        partitions and dates, each a column in the order of the keys. These are a buffer of unsigned 64-bit
        numbers, packed octets (20 a serial, sign-extended, big-endian) or a sequence of bytes and ints.
        """
        return get_many(self.table, keys)

    def entry_at(self, at: int) -> Entry:
        _, date, reason, partition = self.table.listed_at(at)
        return self._entry(date, reason, partition)

    def gone_at(self, at: int) -> Entry:
        _, *said = self.table.gone_at(at)
        return self._entry(*said)

    def _entry(
        self, date: int, reason: int, partition: int, last: int | None = None, flags: int = 0
    ) -> Entry:
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
        return self.table.listed_at(at)[0]

    def gone_serial_at(self, at: int) -> bytes:
        return self.table.gone_at(at)[0]

    def items(self) -> Iterator[tuple[bytes, Entry]]:
        """Every listed serial with its entry, in file order."""
        start = 0
        while found := self.table.positions(start, _AT_ONCE):
            for at in found:
                serial, *said = self.table.listed_at(at)
                yield serial, self._entry(*said)
            start = found[-1] + 1

    def gone_items(self) -> Iterator[tuple[bytes, Entry]]:
        """Every gone serial with its entry, in file order."""
        for at in range(self.gone_count):
            serial, *said = self.table.gone_at(at)
            yield serial, self._entry(*said)

    def verify(self, ahead: Ahead | None = None) -> None:
        """Read everything, and refuse what is not as FORMAT.md says. Costs a pass over the file.

        ``ahead``: what of it was read and checked behind its writer, and need not be read again.
        """
        self.listed_by_partition = MappingProxyType(
            verify_file(self.view, self.tail, self.table, self.codes, self.lists, self._mapped, ahead)
        )


def differing(old: Index, new: Index, *, once: bool = False) -> Iterator[tuple[int, int]]:
    """(old position or -1, new position or -1) wherever serial, reason or date of listed entries differ.

    ``once``: nobody reads the files again soon, so mapped pages are let go of behind the comparison.
    """
    return Differences(old.table, new.table, gone=False, lets_go=once and _are_mapped(old, new))


def differing_gone(old: Index, new: Index, *, once: bool = False) -> Iterator[tuple[int, int]]:
    """The same of gone entries."""
    return Differences(old.table, new.table, gone=True, lets_go=once and _are_mapped(old, new))


def added_by_reason(old: Index, new: Index) -> dict[int, int]:
    """Entries of ``new``, listed or gone, that ``old`` did not know at all, by reason octet; read once."""
    counts = _added_by_reason(old.table, new.table, lets_go=_are_mapped(old, new))
    return {reason: count for reason, count in enumerate(counts) if count}


def _are_mapped(old: Index, new: Index) -> bool:
    """Both files: of other memory dropping pages would lose what is in them."""
    return isinstance(old.view.obj, mmap.mmap) and isinstance(new.view.obj, mmap.mmap)


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
