"""Texts to look for in any octets, in the octets of five encodings.

A gigabyte and a thousand texts are too much for one search each. So octets are first cut down to the runs
that could hold one of the texts: an octet of no text, or a pair whose high or low octet is in none, ends a
run, and runs shorter than the shortest text are left out. That loses nothing: a text stands within one run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

#: Shorter texts are found everywhere by chance; in characters.
SHORTEST: Final = 4
#: Octets that end a run, and are in no text.
SEPARATOR: Final = b"\x00" * 4
#: Of a long text its end alone counts too: a page boundary may have cut it; the house number is there.
_TAIL: Final = 9
#: The place of the high octet in a pair, by encoding.
_HIGH_AT: Final = {"utf-16-le": 1, "utf-16-be": 0, "cp932": 0, "euc-jp": 0}
#: Encodings whose every unit is a pair; the others have single octets too.
_UNITS: Final = frozenset(("utf-16-le", "utf-16-be"))


def as_encoded(text: str, encoding: str) -> bytes:
    """EUC-JP knows the full-width hyphen and tilde under other code points than Windows does."""
    if encoding == "euc-jp":
        text = text.translate({0xFF0D: 0x2212, 0xFF5E: 0x301C})
    return text.encode(encoding)


class Needles:
    """Texts of at least ``SHORTEST`` characters, and the ends of the long ones."""

    def __init__(self, texts: Iterable[str]) -> None:
        whole = {text for text in texts if len(text) >= SHORTEST}
        every = whole | {text[-_TAIL:] for text in whole if len(text) > _TAIL + 3}
        self._utf8 = _InUtf8(every)
        self._in_pairs = [_InPairs(every, encoding, high_at) for encoding, high_at in _HIGH_AT.items()]

    def found_in(self, octets: bytes) -> Counter[str]:
        """How many of the texts stand in these octets, by encoding; at any offset."""
        hits = Counter({"utf-8": self.in_utf8(octets)})
        for spelled in self._in_pairs:
            hits[spelled.encoding] += spelled.count(octets)
        return +hits

    def in_utf8(self, octets: bytes) -> int:
        return self._utf8.count(octets)


class _InUtf8:
    """Most texts are octets above ASCII; one that has others too is looked for as it is."""

    def __init__(self, texts: Iterable[str]) -> None:
        spelled = sorted(text.encode() for text in texts)
        self._runs = [octets for octets in spelled if min(octets) >= 0x80]
        self._others = [octets for octets in spelled if min(octets) < 0x80]
        self._least = min(map(len, self._runs), default=0)
        self._occurring = _mask(self._runs)

    def count(self, octets: bytes) -> int:
        return _count(self._runs, self._possible(octets)) + _count(self._others, octets)

    def _possible(self, octets: bytes) -> bytes:
        if not self._runs:
            return b""
        marks = int.from_bytes(octets.translate(self._occurring), "little")
        return SEPARATOR.join(octets[first:end] for first, end in _long_runs(marks, len(octets), self._least))


class _InPairs:
    """An encoding of two octets a character; what has a character of one or three is looked for as it is."""

    def __init__(self, texts: Iterable[str], encoding: str, high_at: int) -> None:
        self.encoding = encoding
        self._high_at = high_at
        self._runs: list[bytes] = []
        self._others: list[bytes] = []
        for text in sorted(texts):
            try:
                spelled = as_encoded(text, encoding)
            except UnicodeEncodeError:
                continue  # a character that the encoding lacks cannot lie about in it
            even = encoding in _UNITS or all(len(as_encoded(character, encoding)) == 2 for character in text)
            (self._runs if even else self._others).append(spelled)
        self._least = min(map(len, self._runs), default=0) // 2
        self._highs = _mask(octets[high_at::2] for octets in self._runs)
        self._lows = _mask(octets[1 - high_at :: 2] for octets in self._runs)

    def count(self, octets: bytes) -> int:
        runs = SEPARATOR.join(self._possible(octets[parity:]) for parity in (0, 1))
        return _count(self._runs, runs) + _count(self._others, octets)

    def _possible(self, octets: bytes) -> bytes:
        """Of the pairs from the first octet on."""
        if not self._runs:
            return b""
        high = octets[self._high_at :: 2].translate(self._highs)
        low = octets[1 - self._high_at :: 2].translate(self._lows)
        size = min(len(high), len(low))
        marks = int.from_bytes(high[:size], "little") & int.from_bytes(low[:size], "little")
        return SEPARATOR.join(
            octets[2 * first : 2 * end] for first, end in _long_runs(marks, size, self._least)
        )


def _mask(parts: Iterable[bytes]) -> bytes:
    """A table for ``bytes.translate``: 1 for each octet that occurs, 0 for the rest."""
    occurring = frozenset().union(*parts)
    return bytes(octet in occurring for octet in range(256))


def _long_runs(marks: int, size: int, least: int) -> Iterator[tuple[int, int]]:
    """First and end of each run of at least ``least`` ones, in ``size`` little-endian octets of 0 and 1.

    All at once, as one long number: "and" with itself shifted leaves the places where such a run can begin.
    """
    length = 1
    while length < least:
        step = min(length, least - length)
        marks &= marks >> 8 * step
        length += step
    begins = marks.to_bytes(size, "little")
    first = begins.find(1)
    while first >= 0:
        end = begins.find(0, first)
        end = size if end < 0 else end
        yield first, end + length - 1
        first = begins.find(1, end)


def _count(spelled: Iterable[bytes], octets: bytes) -> int:
    return sum(1 for each in spelled if each in octets) if octets else 0
