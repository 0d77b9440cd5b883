"""A mapped file read once, in order: window by window, without keeping what was read in memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

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

    __slots__ = ("_from", "_map")

    def __init__(self, buffer: object) -> None:
        self._map: mmap.mmap | None = None
        self._from = 0
        if isinstance(buffer, mmap.mmap) and len(buffer) > WINDOW_OCTETS and _DONT_NEED is not None:
            with memoryview(buffer) as view:
                self._map = buffer if view.readonly else None

    def drop(self, at: int) -> None:
        """Everything before this offset was read."""
        whole_pages = at // mmap.PAGESIZE * mmap.PAGESIZE
        if self._map is not None and _DONT_NEED is not None and whole_pages > self._from:
            self._map.madvise(_DONT_NEED, self._from, whole_pages - self._from)
            self._from = whole_pages


def windows(data: memoryview, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
    """(offset after it, octets) of each window between two offsets."""
    for at in range(start, end, WINDOW_OCTETS):
        after = min(at + WINDOW_OCTETS, end)
        yield after, data[at:after]
