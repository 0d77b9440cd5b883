"""A bounded table in shared words: one writer appends rows and counts in them, anybody reads.

A row is its key's length, its key, its values. The length is written last: a row whose writer was killed
before that is none, and the next writer of the table uses its place. When the table is full, everything new
is counted in its first row: nothing is lost, it is only not told apart any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from platform_api.workers.layout import WORD

if TYPE_CHECKING:
    from platform_api.workers.layout import TableShape

#: The key of the first row; no other key is empty.
REST: Final = b""


class Rows:
    """The table as its one writer sees it: what a process before this one counted goes on."""

    def __init__(self, words: memoryview, shape: TableShape) -> None:
        """``words``: exactly those of the table, format "Q"."""
        self._words = words
        self._shape = shape
        self._of: dict[bytes, memoryview] = {REST: _values(words, shape, 0)}
        self._next = 1
        for key, values in read_rows(words, shape):
            if key != REST:
                self._of[key] = values
                self._next += 1

    def values(self, key: bytes) -> memoryview:
        """The words of this key's row, format "Q", to be added to; those of the first row when it is full.

        The view stays good as long as the memory: whoever counts often keeps it.
        """
        found = self._of.get(key)
        return self._append(key) if found is None else found

    def _append(self, key: bytes) -> memoryview:
        shape = self._shape
        if self._next >= shape.rows or not 0 < len(key) <= shape.key_octets:
            return self._of[REST]
        row = self._next
        at = row * shape.row_words
        octets = key.ljust(shape.key_words * WORD, b"\0")
        self._words[at + 1 : at + 1 + shape.key_words] = memoryview(octets).cast("Q")
        self._words[at] = len(key)  # from here on it is a row
        self._next += 1
        self._of[key] = _values(self._words, shape, row)
        return self._of[key]


def read_rows(words: memoryview, shape: TableShape) -> Iterator[tuple[bytes, memoryview]]:
    """(key, its values) of every row, the first one always, with the key ``REST``."""
    yield REST, _values(words, shape, 0)
    for row in range(1, shape.rows):
        at = row * shape.row_words
        length = words[at]
        if length == 0:
            return
        if length <= shape.key_octets:
            yield words[at + 1 : at + 1 + shape.key_words].tobytes()[:length], _values(words, shape, row)


def _values(words: memoryview, shape: TableShape, row: int) -> memoryview:
    first = row * shape.row_words + 1 + shape.key_words
    return words[first : first + shape.values]
