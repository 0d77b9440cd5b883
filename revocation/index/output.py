"""An index file on its way out: where each section begins, and the checksum of each piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from revocation.authorities import Lineage
from revocation.index import layout
from revocation.index.codes import CodeTable
from revocation.index.layout import ListState
from revocation.index.tail import Tail, aligned


class Output:
    """Counts every octet. Whoever builds fills in what the tail says."""

    def __init__(self, lineage: Lineage, mixing_key: bytes, table: CodeTable) -> None:
        self._lineage: Final = lineage
        self._key: Final = mixing_key
        self._table: Final = table
        self._at = 0
        self._crc = 0
        self._pieces: Final[list[int]] = []
        self._sections: Final[dict[bytes, tuple[int, int]]] = {}
        self.home_lines = 0
        self.entries = 0
        self.gone = 0
        self.long_bits = 0
        self.short_gone_bits = 0
        self.long_gone_bits = 0

    def header(self) -> Iterator[memoryview | bytes]:
        yield from self._out(layout.HEADER.pack(layout.MAGIC, layout.VERSION, b""))

    def section(self, tag: bytes, chunks: Iterable[memoryview | bytes]) -> Iterator[memoryview | bytes]:
        yield from self._out(bytes(aligned(self._at) - self._at))
        start = self._at
        for chunk in chunks:
            yield from self._out(chunk)
        self._sections[tag] = (start, self._at - start)

    def end(self, states: Mapping[int, ListState]) -> Iterator[memoryview | bytes]:
        """The tables, the checksums, the tail."""
        names = [self._lineage.ca_id.encode("ascii"), self._lineage.key_id.encode("ascii")]
        yield from self.section(b"CODE", [self._table.packed])
        yield from self.section(b"PART", [states[number].pack() for number in sorted(states)])
        yield from self.section(b"LINE", [b"".join(len(name).to_bytes(2, "little") + name for name in names)])
        yield from self._out(bytes(aligned(self._at) - self._at))
        if self._at % layout.PIECE_OCTETS:
            self._pieces.append(self._crc)
        sums = b"".join(crc.to_bytes(4, "little") for crc in self._pieces)
        self._sections[b"PIEC"] = (self._at, len(sums))
        tail = Tail(
            sections=self._sections,
            mixing_key=self._key,
            home_lines=self.home_lines,
            entries=self.entries,
            gone=self.gone,
            code_octets=self._table.width,
            entries_in_line=layout.ENTRIES_IN_LINE[self._table.width],
            long_bits=self.long_bits,
            short_gone_bits=self.short_gone_bits,
            long_gone_bits=self.long_gone_bits,
            partition_rows=len(states),
            code_rows=len(self._table.rows),
            file_octets=0,
            pieces_crc=layout.checksum(sums),
        )
        yield sums
        yield tail.of_file(self._at + len(sums)).pack()

    def _out(self, chunk: memoryview | bytes) -> Iterator[memoryview | bytes]:
        if not len(chunk):
            return
        at = 0
        while at < len(chunk):
            end = min(len(chunk), at + layout.PIECE_OCTETS - self._at % layout.PIECE_OCTETS)
            part = chunk if (at, end) == (0, len(chunk)) else memoryview(chunk)[at:end]
            self._crc = layout.checksum(part, self._crc)
            self._at += end - at
            at = end
            if self._at % layout.PIECE_OCTETS == 0:
                self._pieces.append(self._crc)
                self._crc = 0
        yield chunk
