"""Reading back what was written of an index file, and checking it, while the writer goes on.

Like the hash beside it (``tree_hash.py``) it reads through the page cache, into a buffer that is used again,
what is written so far. One thread, because the order of entries goes from one piece to the next.
"""

from __future__ import annotations

import os
from threading import Condition
from typing import Final

from revocation.index.ahead import Ahead
from revocation.index.layout import PIECE_OCTETS


class ReadBack:
    """Of one file; ``work`` in a thread, once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: Final = descriptor
        self._changed: Final = Condition()
        self._octets = 0
        self._ended = False

    def grow(self, octets: int) -> None:
        """So many octets of the file are written."""
        with self._changed:
            self._octets = octets
            self._changed.notify_all()

    def end(self) -> None:
        """``work`` returns soon: what is left is not read ahead of anything."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def work(self) -> Ahead:
        """Check one whole piece after the other, until the end or the first that cannot be checked ahead."""
        ahead = Ahead()
        buffer = memoryview(bytearray(PIECE_OCTETS))
        start = 0
        while self._is_written(start + PIECE_OCTETS):
            # A short read is no piece: whoever reads the finished file will tell why.
            if os.preadv(self._descriptor, [buffer], start) < PIECE_OCTETS or not ahead.take(buffer):
                break
            start += PIECE_OCTETS
        return ahead

    def _is_written(self, octets: int) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._octets >= octets)
            return not self._ended
