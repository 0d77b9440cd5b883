"""What of an index file is checked while the rest of it is still being written: its first pieces, read back.

``verify`` takes these as read, and reads on behind them. Nothing is refused here, because nothing is known
yet: where a piece is not of lines only, or not as it must be, this ends, and ``verify`` reads that piece with
the tail at hand.
"""

from __future__ import annotations

from typing import Final

from revocation.index import layout
from revocation.index._ahead import LinesAhead
from revocation.index.layout import checksum


class Ahead:
    """Of one file, whose pieces come in their order."""

    def __init__(self) -> None:
        self.lines = LinesAhead(1)
        #: The checksum of each piece so far, as it was read.
        self.sums: Final[list[int]] = []

    def take(self, piece: memoryview) -> bool:
        """The next whole piece; False where no more can be checked ahead."""
        # The header is looked at with the tail.
        is_taken = self.lines.take(piece) if self.sums else self._take_first(piece[layout.HEADER.size :])
        if not is_taken:
            return False
        self.sums.append(checksum(piece))
        return True

    def _take_first(self, lines: memoryview) -> bool:
        """How many octets a code has shows in the lines; were it taken for another, the tail would tell."""
        if self.lines.take(lines):
            return True
        self.lines = LinesAhead(2)
        return self.lines.take(lines)
