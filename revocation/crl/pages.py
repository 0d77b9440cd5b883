"""A mapped file read once, in order: window by window, without keeping what was read in memory."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from revocation.crl._opened import OpenedFile

#: Octets between two looks at anything else: some milliseconds of work.
WINDOW_OCTETS: Final = 4 * 1024 * 1024

#: Not on every system; without it the kernel takes pages back when it wants them.
_DONT_NEED: Final[int | None] = getattr(mmap, "MADV_DONTNEED", None)


class PagesBehind:
    """Gives the pages of a mapped file back once they were read; they stay in the page cache.

    For other buffers it does nothing: of memory that belongs to no file, or that may hold changes which the
    file does not, dropping pages would lose the octets. A map that can be written to is one of those. One
    that is no larger than a window goes whole when it is closed, soon.
    """

    __slots__ = ("_from", "_let_go")

    def __init__(self, buffer: object) -> None:
        self._let_go: Callable[[int, int], None] | None = None
        self._from = 0
        if isinstance(buffer, memoryview) and isinstance(buffer.obj, OpenedFile):
            # Offsets are those of the file only where the view is of the whole of it.
            if buffer.nbytes > WINDOW_OCTETS and buffer.nbytes == buffer.obj.facts[2]:
                self._let_go = buffer.obj.let_go
        elif isinstance(buffer, mmap.mmap) and len(buffer) > WINDOW_OCTETS and _DONT_NEED is not None:
            with memoryview(buffer) as view:
                self._let_go = partial(_let_go, buffer, _DONT_NEED) if view.readonly else None

    def drop(self, at: int) -> None:
        """Everything before this offset was read."""
        if self._let_go is not None:
            whole_pages = at // mmap.PAGESIZE * mmap.PAGESIZE
            if whole_pages > self._from:
                self._let_go(self._from, whole_pages)
                self._from = whole_pages


def _let_go(mapped: mmap.mmap, advice: int, start: int, end: int) -> None:
    mapped.madvise(advice, start, end - start)


def windows(data: memoryview, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
    """(offset after it, octets) of each window between two offsets."""
    for at in range(start, end, WINDOW_OCTETS):
        after = min(at + WINDOW_OCTETS, end)
        yield after, data[at:after]
