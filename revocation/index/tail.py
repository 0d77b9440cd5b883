"""The tail of an index file: where everything is. Nothing else is read before it is found right."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from revocation.index import layout
from revocation.index.layout import broken, checksum

#: tag, reserved, offset, length.
SECTION: Final = struct.Struct("<4s4sQQ")
#: mixing key, home lines, entries, gone, octets of a code, entries in a line, bits of three directories,
#: reserved, rows of PART and CODE, octets of the file, reserved, CRC-32 of PIEC, version, sections.
FIELDS: Final = struct.Struct("<40sQQQHHBBBBIIQ36sIHH")
#: CRC-32 of the tail before it, last octets of the file.
END: Final = struct.Struct("<I8s")
LAST_OCTETS: Final = layout.MAGIC[::-1]
_TABLE: Final = SECTION.size * len(layout.SECTION_TAGS)
TAIL_OCTETS: Final = _TABLE + FIELDS.size + END.size


@dataclass(frozen=True, slots=True)
class Tail:
    """Offset and length of each section, and what their records are."""

    sections: Mapping[bytes, tuple[int, int]]
    mixing_key: bytes
    home_lines: int
    entries: int
    gone: int
    code_octets: int
    entries_in_line: int
    long_bits: int
    short_gone_bits: int
    long_gone_bits: int
    partition_rows: int
    code_rows: int
    file_octets: int
    #: CRC-32 of the section PIEC.
    pieces_crc: int

    def pack(self) -> bytes:
        table = b"".join(SECTION.pack(tag, bytes(4), *self.sections[tag]) for tag in layout.SECTION_TAGS)
        fields = FIELDS.pack(
            self.mixing_key,
            self.home_lines,
            self.entries,
            self.gone,
            self.code_octets,
            self.entries_in_line,
            self.long_bits,
            self.short_gone_bits,
            self.long_gone_bits,
            0,
            self.partition_rows,
            self.code_rows,
            self.file_octets,
            bytes(36),
            self.pieces_crc,
            layout.VERSION,
            len(layout.SECTION_TAGS),
        )
        return table + fields + END.pack(checksum(table + fields), LAST_OCTETS)

    def of_file(self, octets: int) -> Tail:
        """The same, of a file with so many octets before the tail."""
        return replace(self, file_octets=octets + TAIL_OCTETS)

    def section(self, view: memoryview, tag: bytes) -> memoryview:
        offset, length = self.sections[tag]
        return view[offset : offset + length]


def aligned(offset: int) -> int:
    return offset + -offset % layout.ALIGNMENT


def directory_bits(records: int) -> int:
    """The smallest from 1 on with at most 8 records for each number; 0 without records."""
    bits = 0 if records == 0 else 1
    while records > layout.RECORDS_FOR_DIRECTORY << bits:
        bits += 1
    return bits


def read_tail(view: memoryview) -> Tail:
    """The tail of a whole file; ``OwnFault`` INDEX_CORRUPT unless every section lies where its counts say."""
    if len(view) < layout.HEADER.size + TAIL_OCTETS:
        raise broken("an index file", "a file shorter than header and tail")
    magic, version, reserved = layout.HEADER.unpack(view[: layout.HEADER.size])
    if magic != layout.MAGIC:
        raise broken("an index file's first octets", "others")
    if version != layout.VERSION:
        raise broken(f"index format version {layout.VERSION}", f"version {version}")
    data = bytes(view[-TAIL_OCTETS:])
    crc, last = END.unpack_from(data, _TABLE + FIELDS.size)
    if last != LAST_OCTETS:
        raise broken("an index file's last octets", "others: it is cut off")
    if crc != checksum(data[: _TABLE + FIELDS.size]):
        raise broken("a tail with its checksum", "another")
    tail, spare = _unpack(data)
    if any(reserved) or any(spare):
        raise broken("reserved octets that are zero", "others")
    _check_shape(tail, len(view))
    _check_sections(tail, len(view))
    return tail


def _unpack(data: bytes) -> tuple[Tail, bytes]:
    """The tail, and its reserved octets."""
    sections: dict[bytes, tuple[int, int]] = {}
    spare = b""
    for position, expected in enumerate(layout.SECTION_TAGS):
        tag, zeros, offset, length = SECTION.unpack_from(data, position * SECTION.size)
        if tag != expected:
            raise broken("the sections in their order", f"another at section {position}")
        sections[tag] = (offset, length)
        spare += zeros
    (
        key,
        home_lines,
        entries,
        gone,
        code_octets,
        in_line,
        long_bits,
        short_gone_bits,
        long_gone_bits,
        zero,
        partition_rows,
        code_rows,
        file_octets,
        zeros,
        pieces_crc,
        version,
        count,
    ) = FIELDS.unpack_from(data, _TABLE)
    if (version, count) != (layout.VERSION, len(layout.SECTION_TAGS)):
        raise broken("one version, and its sections", "others in the tail")
    tail = Tail(
        sections=sections,
        mixing_key=key,
        home_lines=home_lines,
        entries=entries,
        gone=gone,
        code_octets=code_octets,
        entries_in_line=in_line,
        long_bits=long_bits,
        short_gone_bits=short_gone_bits,
        long_gone_bits=long_gone_bits,
        partition_rows=partition_rows,
        code_rows=code_rows,
        file_octets=file_octets,
        pieces_crc=pieces_crc,
    )
    return tail, spare + bytes([zero]) + zeros


def _check_shape(tail: Tail, octets: int) -> None:
    if tail.file_octets != octets:
        raise broken("a file as long as its tail says", "another length")
    if layout.ENTRIES_IN_LINE.get(tail.code_octets) != tail.entries_in_line:
        raise broken("codes of 1, 2 or 4 octets and as many entries in a line as fit", "another number")


def _check_sections(tail: Tail, octets: int) -> None:
    """One after another, inside the file, whole records, and as many as counts and directories say."""
    end = layout.HEADER.size
    for position, tag in enumerate(layout.SECTION_TAGS):
        offset, length = tail.sections[tag]
        if offset != aligned(end) or length > octets - offset:
            raise broken("sections one after another, inside the file", f"another at section {position}")
        end = offset + length
    if end != octets - TAIL_OCTETS:
        raise broken("the tail behind the last section", "something between")
    pieces = -(-tail.sections[b"PIEC"][0] // layout.PIECE_OCTETS)
    long, short_gone, long_gone = (_records(tail, tag) for tag in (b"LONG", b"SGON", b"LGON"))
    exact = {
        b"LDIR": _directory(tail.long_bits, long),
        b"SGDR": _directory(tail.short_gone_bits, short_gone),
        b"LGDR": _directory(tail.long_gone_bits, long_gone),
        b"CODE": tail.code_rows * layout.CODE.size,
        b"PART": tail.partition_rows * layout.PARTITION.size,
        b"PIEC": pieces * 4,
    }
    for tag, length in exact.items():
        if tail.sections[tag][1] != length:
            raise broken("sections as long as their counts", f"another: {tag.decode('ascii')}")
    for tag in (b"SMNY", b"LMNY"):
        _records(tail, tag)
    lines = _records(tail, b"SHRT")
    if (tail.home_lines == 0) != (lines == 0) or tail.home_lines > lines or lines >= 1 << 32:
        raise broken("at least as many lines as home lines", "fewer")
    short = tail.entries - long
    if not (0 <= short <= lines * tail.entries_in_line) or tail.gone != short_gone + long_gone:
        raise broken("counts that agree with the sections", "others")


def _directory(bits: int, records: int) -> int:
    """Its octets."""
    if bits != directory_bits(records):
        raise broken("a directory as large as its records demand", "another")
    return 0 if records == 0 else ((1 << bits) + 1) * 4


def _records(tail: Tail, tag: bytes) -> int:
    length = tail.sections[tag][1]
    size = record_octets(tail, tag)
    if length % size or length // size >= 1 << 32:
        raise broken("whole records", f"another length: {tag.decode('ascii')}")
    return length // size


def record_octets(tail: Tail, tag: bytes) -> int:
    """Octets of one record of a section of entries."""
    return {
        b"SHRT": layout.LINE_OCTETS,
        b"LONG": layout.LONG_OCTETS + tail.code_octets,
        b"SGON": layout.SHORT_GONE_OCTETS,
        b"LGON": layout.LONG_GONE_OCTETS,
        b"SMNY": layout.SHORT_MANY_OCTETS,
        b"LMNY": layout.LONG_MANY_OCTETS,
    }[tag]
