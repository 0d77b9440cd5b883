"""Reading back what was written of an index file, while the writer goes on: each piece is checked and hashed.

One read for both, through the page cache, into a buffer that is used again. One thread, because the order
of entries goes from one piece to the next; what it does not come to is hashed by others (``tree_hash.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from revocation.index.ahead import Ahead
from revocation.snapshot.tree_hash import PIECE_OCTETS, TreeHash

#: Pieces that the writer may be ahead, 8 MiB; beyond that pieces are only checked.
_BEHIND: Final = 32


class ReadBack:
    """Of one file, whose hash is ``tree``; in one thread at a time, which goes on where another left off."""

    def __init__(self, tree: TreeHash) -> None:
        self._tree: Final = tree
        self._ahead: Final = Ahead()
        #: Of the piece to be checked next.
        self._number = 0
        self._is_over = False

    def end(self) -> None:
        """``work`` returns soon: what is left is not read ahead of anything."""
        self._is_over = True
        self._tree.wake()

    def work(self) -> Ahead:
        """Check one whole piece after the other, until the end or the first that cannot be checked ahead."""
        buffer = memoryview(bytearray(PIECE_OCTETS))
        while self._tree.wait_for(self._number, lambda: self._is_over):
            # The check is this thread's alone; where it falls behind, others can hash what it checked, later.
            if not self._next(buffer, hashes=not self._tree.is_whole(self._number + _BEHIND)):
                break
        return self._ahead

    def work_ahead(self, stop: Callable[[], bool]) -> None:
        """The same of pieces that are written already, until none is left or ``stop`` says so."""
        buffer = memoryview(bytearray(PIECE_OCTETS))
        while not self._is_over and not stop() and self._tree.is_whole(self._number):
            if not self._next(buffer, hashes=True):
                break

    def _next(self, buffer: memoryview, *, hashes: bool) -> bool:
        number = self._number
        piece = self._tree.read(buffer, number)
        # A short read is no piece: whoever reads the finished file will tell why.
        is_taken = len(piece) == PIECE_OCTETS and self._ahead.take(piece)
        if hashes:
            # Whatever was found: what the file is, the hash says.
            self._tree.hash_once(number, piece)
        self._number += 1
        if not is_taken:
            self._is_over = True
        return is_taken
