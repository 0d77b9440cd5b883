"""Read a whole index file, once: every checksum, and whether every entry stands where FORMAT.md says.

Piece by piece: its CRC-32, then the records that end in it, while it is still in the cache. A mapped file is
dropped behind the reading, so that verifying a file costs no memory.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from revocation.index import layout
from revocation.index._check import Check
from revocation.index._table import Table
from revocation.index.ahead import Ahead
from revocation.index.layout import Code, ListState, broken, checksum
from revocation.index.tail import Tail, read_tail

#: A mapping is dropped in steps of so many pieces: 4 MiB.
_DROP_EVERY: Final = 16


def pieces(tail: Tail) -> Iterator[tuple[int, int]]:
    """Start and end of each piece that has a checksum: from the start of the file to the start of PIEC."""
    end, _ = tail.sections[b"PIEC"]
    for start in range(0, end, layout.PIECE_OCTETS):
        yield start, min(start + layout.PIECE_OCTETS, end)


def check_pieces(view: memoryview, tail: Tail, *, since: int) -> None:
    """The checksums' own checksum, and those of the pieces from that of offset ``since`` on."""
    sums = tail.section(view, b"PIEC")
    if checksum(sums) != tail.pieces_crc:
        raise broken("checksums with their checksum", "others")
    for number, (start, end) in enumerate(pieces(tail)):
        if end > since:
            check_piece(view[start:end], sums, number)


def check_piece(piece: memoryview, sums: memoryview, number: int) -> None:
    check_sum(checksum(piece), sums, number)


def check_sum(found: int, sums: memoryview, number: int) -> None:
    if found != int.from_bytes(sums[4 * number : 4 * number + 4], "little"):
        raise broken("pieces with their checksums", f"another in piece {number}")


def verify_file(
    view: memoryview,
    tail: Tail,
    table: Table,
    codes: Sequence[Code],
    lists: Mapping[int, ListState],
    mapped: mmap.mmap | None,
    ahead: Ahead | None = None,
) -> dict[int, int]:
    """``OwnFault`` INDEX_CORRUPT unless the file is whole; ``mapped``: what ``view`` is of, if a mapping.

    ``ahead``: the first pieces of this very file, which were read and checked while it was written. What they
    are is asked of the tail and of PIEC all the same. The result is how many entries are listed, by
    partition; one without any may be missing.
    """
    if read_tail(view) != tail:
        raise broken("the tail that this file had when it was opened", "another")
    check_pieces(view, tail, since=tail.sections[b"PIEC"][0])
    declared = bytes(code.partition in lists for code in codes)
    check = Check(
        table, declared, tail.entries, None if ahead is None else ahead.lines, lets_go=mapped is not None
    )
    known = ahead.sums if ahead is not None and check.lines_ahead else []
    sums = tail.section(view, b"PIEC")
    dropped = 0
    for number, found in enumerate(known):
        check_sum(found, sums, number)
        dropped = (number + 1) * layout.PIECE_OCTETS
    for number, (start, end) in islice(enumerate(pieces(tail)), len(known), None):
        check_piece(view[start:end], sums, number)
        check.advance(end)
        if mapped is not None and number % _DROP_EVERY == _DROP_EVERY - 1:
            mapped.madvise(mmap.MADV_DONTNEED, dropped, end - dropped)
            dropped = end
    _check_tables(view, tail, codes, lists)
    listed = Counter[int]()
    for code, count in zip(codes, check.finish(), strict=True):
        listed[code.partition] += count
    if any(count > lists[partition].entries for partition, count in listed.items() if count):
        raise broken("at most the entries that each list declares", "more in a partition")
    return dict(listed)


def _check_tables(
    view: memoryview, tail: Tail, codes: Sequence[Code], lists: Mapping[int, ListState]
) -> None:
    """What stands once in a file: rows of CODE, of PART as they are packed, zeros between the sections."""
    if len(set(codes)) != len(codes):
        raise broken("each row of codes once", "one twice")
    if b"".join(state.pack() for state in lists.values()) != tail.section(view, b"PART"):
        raise broken("partition rows with zeros in what does not apply", "others")
    end = layout.HEADER.size
    for tag in layout.SECTION_TAGS:
        offset, length = tail.sections[tag]
        if any(view[end:offset]):
            raise broken("zeros between the sections", "others")
        end = offset + length
