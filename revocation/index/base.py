"""The set before, as the builder reads it: section by section, each piece checked before it is believed.

It was verified when it was opened, hours ago perhaps; what rotted since must not get into a set whose
checksums would vouch for it.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from revocation.index import layout
from revocation.index._kept import count_kept
from revocation.index.geometry import Geometry
from revocation.index.layout import Code, broken, checksum
from revocation.index.search import Index

#: (0 listed, 1 gone; octet of the section up to which it will be read) to how far it was found right.
Check = Callable[[int, int], int]
#: So many pieces are let go of together, 4 MiB: each time every core that runs this process must hear of it.
_LET_GO_EVERY: Final = 16


class Sections(NamedTuple):
    """Of one class of serials."""

    listed: memoryview | None = None
    gone: memoryview | None = None
    many: memoryview | None = None


class Base:
    """Nothing, where there is no set before."""

    def __init__(self, index: Index | None) -> None:
        self._index: Final = index
        self.codes: Final[Sequence[Code]] = () if index is None else index.codes
        self.width: Final = 1 if index is None else index.tail.code_octets
        self.set_seq: Final = 0 if index is None else index.set_seq
        self.geometry: Final = (
            None if index is None else Geometry(index.tail.home_lines, index.tail.code_octets)
        )
        self.entry_count: Final = 0 if index is None else index.entry_count
        self._sums: Final = memoryview(b"") if index is None else index.section(b"PIEC").cast("I")
        self._checked: Final = bytearray(len(self._sums))
        mapped = None if index is None else index.view.obj
        self._mapped: Final = mapped if isinstance(mapped, mmap.mmap) else None

    @property
    def long_count(self) -> int:
        if self._index is None:
            return 0
        return len(self._index.section(b"LONG")) // (layout.LONG_OCTETS + self.width)

    def sections(self, *, short: bool) -> Sections:
        if self._index is None:
            return Sections()
        return Sections(*(self._index.section(tag) for tag in _TAGS[short]))

    def count_kept(self, kept: Sequence[bool]) -> int:
        """Short entries that go on under the lists of the set before, at most."""
        sections = self.sections(short=True)
        if sections.listed is None or sections.many is None or not any(kept):
            return 0
        if all(kept) and not sections.many:
            return self.entry_count - self.long_count
        return count_kept(
            sections.listed,
            sections.many,
            kept,
            short_ones=True,
            width=self.width,
            in_line=layout.ENTRIES_IN_LINE[self.width],
        )

    def check(self, *, short: bool) -> Check:
        """What ``Place.listed`` wants; the small section of serials of several lists is checked at once."""
        if self._index is None:
            return _no_set
        index, tags = self._index, _TAGS[short]
        offset, length = index.tail.sections[tags[2]]
        self._check_pieces(offset, offset + length)

        def check(which: int, upto: int) -> int:
            start, octets = index.tail.sections[tags[which]]
            end = min(start + octets, _piece_end(start + upto))
            self._check_pieces(start, end, from_piece=(start + upto - 1) // layout.PIECE_OCTETS)
            return end - start

        return check

    def _check_pieces(self, start: int, end: int, *, from_piece: int | None = None) -> None:
        """The pieces that octets ``start`` to ``end`` of the file lie in; those behind are let go."""
        index = self._index
        if index is None or start == end:
            return
        limit = index.tail.sections[b"PIEC"][0]
        first = start // layout.PIECE_OCTETS if from_piece is None else from_piece
        # A record may begin in the piece before.
        for piece in range(max(first - 1, start // layout.PIECE_OCTETS), -(-end // layout.PIECE_OCTETS)):
            if self._checked[piece]:
                continue
            at = piece * layout.PIECE_OCTETS
            if checksum(index.view[at : min(at + layout.PIECE_OCTETS, limit)]) != self._sums[piece]:
                raise broken("pieces of the set before with their checksums", "another")
            self._checked[piece] = 1
            if piece % _LET_GO_EVERY == 1:
                self._let_go(piece - 1 - _LET_GO_EVERY, piece - 1)

    def _let_go(self, first: int, end: int) -> None:
        """Resident memory stays small: mapped pages that were read are not read again soon."""
        if self._mapped is not None and 0 <= first < end:
            octets = layout.PIECE_OCTETS
            self._mapped.madvise(mmap.MADV_DONTNEED, first * octets, (end - first) * octets)

    def release(self) -> None:
        """Let go of what the gone entries were read from last, and of what is left of the others."""
        self._let_go(0, len(self._checked) - 1)


_TAGS: Final = {True: (b"SHRT", b"SGON", b"SMNY"), False: (b"LONG", b"LGON", b"LMNY")}


def _piece_end(offset: int) -> int:
    return -(-offset // layout.PIECE_OCTETS) * layout.PIECE_OCTETS


def _no_set(which: int, upto: int) -> int:
    raise AssertionError(f"there is no set before, but octet {upto} of its section {which} was asked for")
