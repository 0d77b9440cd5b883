"""Strict DER (X.690) element by element: definite, minimal lengths, every bound checked, one buffer.

For the few dozen elements of a list's head, of a name, of a certificate. The millions of entries of a
list are walked by the compiled core, which follows the same rules. A refusal names the byte offset.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from revocation.errors import InputRefused

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31


def refused(code: str, what: str, offset: int, expected: str, got: str, *, remedy: str = "") -> InputRefused:
    """A refusal at a byte offset; ``what`` is the field's name in the RFC."""
    return InputRefused(
        code,
        expected=f"{what}: {expected}",
        got=f"{got} at byte offset {offset}",
        remedy=remedy or "fetch it again; if it stays so, ask its issuer for a DER encoding (X.690)",
    )


class DerReader:
    """Reads the elements between two offsets of one buffer, in order; never looks past ``end``."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes | memoryview, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def peek(self) -> int:
        """The next tag octet, or -1 at the end."""
        return self.data[self.at] if self.at < self.end else -1

    def header(self, what: str) -> tuple[int, int, int]:
        """(tag, start of content, end of content) of the next element, and moves past it."""
        data, at = self.data, self.at
        start = at + 2
        if start <= self.end and (length := data[at + 1]) < 0x80 and start + length <= self.end:
            # Nearly all of them: a length of one octet. Thirty for each of 1,900 lists a night.
            tag = data[at]
            if tag & 0x1F != 0x1F:
                self.at = start + length
                return tag, start, start + length
        return self._header(what)

    def _header(self, what: str) -> tuple[int, int, int]:
        """The same for every element there may be, and what is wrong with it."""
        at, end = self.at, self.end
        if end - at < 2:
            raise refused("DER_TRUNCATED", what, at, "an element", f"{max(end - at, 0)} octets left")
        tag = self.data[at]
        if tag & 0x1F == 0x1F:
            raise refused("DER_TAG", what, at, "a one-octet tag", f"tag octet 0x{tag:02x}")
        first = self.data[at + 1]
        start = at + 2
        length = first
        if first & 0x80:
            length, start = self._long_length(what, first & 0x7F, start)
        if length > end - start:
            raise refused(
                "DER_TRUNCATED", what, at + 1, f"at most {end - start} octets of content", f"length {length}"
            )
        self.at = start + length
        return tag, start, start + length

    def _long_length(self, what: str, octets: int, start: int) -> tuple[int, int]:
        """X.690 sections 10.1 and 8.1.3: definite, in the fewest octets, here at most 8."""
        if octets == 0:
            raise refused("DER_LENGTH", what, start - 1, "a definite length", "the indefinite form 0x80")
        if octets > 8:
            raise refused("DER_LENGTH", what, start - 1, "a length of at most 8 octets", f"{octets} octets")
        if octets > self.end - start:
            raise refused("DER_TRUNCATED", what, start, f"{octets} length octets", f"{self.end - start} left")
        length = int.from_bytes(self.data[start : start + octets], "big")
        if length < 0x80 or self.data[start] == 0:
            raise refused(
                "DER_LENGTH", what, start - 1, "the shortest form of the length", f"{octets} octets"
            )
        return length, start + octets

    def element(self, tag: int, what: str) -> tuple[int, int]:
        """(start, end) of the content of the next element, which must have this tag."""
        data, at = self.data, self.at
        start = at + 2
        if start <= self.end and data[at] == tag:
            length = data[at + 1]
            if length < 0x80 and start + length <= self.end:  # as in ``header``
                self.at = end = start + length
                return start, end
        elif at < self.end and data[at] != tag:
            raise refused("DER_TAG", what, at, f"tag 0x{tag:02x}", f"tag 0x{data[at]:02x}")
        _, start, end = self._header(what)
        return start, end

    def enter(self, tag: int, what: str) -> DerReader:
        """A reader of the content of the next element, which must have this tag."""
        start, end = self.element(tag, what)
        return DerReader(self.data, start, end)

    def raw(self, tag: int, what: str) -> bytes:
        """The whole next element, header included."""
        at = self.at
        _, end = self.element(tag, what)
        return bytes(self.data[at:end])

    def finish(self, what: str) -> None:
        """Nothing may be left over."""
        if self.at != self.end:
            raise refused("DER_TRAILING", what, self.at, "nothing after it", f"{self.end - self.at} octets")

    def integer(self, what: str, tag: int = INTEGER, *, max_octets: int = 20) -> int:
        """X.690 section 8.3: two's complement in the fewest octets."""
        at = self.at
        start, end = self.element(tag, what)
        size = end - start
        if not 1 <= size <= max_octets:
            raise refused("DER_INTEGER", what, at, f"1 to {max_octets} octets", f"{size} octets")
        content = bytes(self.data[start:end])
        if size > 1 and content[0] in {0x00, 0xFF} and (content[0] ^ content[1]) < 0x80:
            raise refused("DER_INTEGER", what, start, "the fewest octets", f"a leading 0x{content[0]:02x}")
        return int.from_bytes(content, "big", signed=True)

    def boolean(self, what: str, tag: int = BOOLEAN) -> bool:
        """X.690 section 11.1: 00 or FF."""
        at = self.at
        start, end = self.element(tag, what)
        if end - start != 1 or self.data[start] not in {0x00, 0xFF}:
            raise refused("DER_BOOLEAN", what, at, "one octet 0x00 or 0xff", "another BOOLEAN")
        return self.data[start] == 0xFF

    def oid(self, what: str) -> str:
        """X.690 section 8.19, dotted."""
        at = self.at
        start, end = self.element(OBJECT_IDENTIFIER, what)
        content = bytes(self.data[start:end])
        if not content or content[-1] & 0x80 or len(content) > 64:
            raise refused("DER_OID", what, at, "a complete OBJECT IDENTIFIER", f"{len(content)} octets")
        dotted = _dotted(content)
        if dotted is None:
            raise refused("DER_OID", what, at, "arcs in the fewest octets", "a leading 0x80")
        return dotted

    def time(self, what: str, *, generalized_before_2050: bool = False) -> datetime:
        """Time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050, Z.

        Seconds present, no fraction, no offset. ``generalized_before_2050`` is the tolerance of that name.
        """
        at = self.at
        tag, start, end = self.header(what)
        text = bytes(self.data[start:end])
        if tag not in {UTC_TIME, GENERALIZED_TIME}:
            raise refused("DER_TAG", what, at, "UTCTime or GeneralizedTime", f"tag 0x{tag:02x}")
        size = 13 if tag == UTC_TIME else 15
        if len(text) != size or text[-1:] != b"Z" or not text[:-1].isdigit():
            form = "YYMMDDHHMMSSZ" if tag == UTC_TIME else "YYYYMMDDHHMMSSZ"
            raise refused("DER_TIME", what, at, form, f"another form, {len(text)} octets")
        if tag == GENERALIZED_TIME and int(text[:4]) < 2050 and not generalized_before_2050:
            raise refused(
                "DER_TIME",
                what,
                at,
                "UTCTime for a year before 2050 (RFC 5280 section 4.1.2.5)",
                "GeneralizedTime",
                remedy="fetch it again, or switch on the tolerance generalized_time_before_2050 for this CA",
            )
        try:
            return _moment(text)
        except ValueError:
            raise refused("DER_TIME", what, at, "a date and time that exist", "one that does not") from None


# The same few identifiers and times stand in every list of a day. Bounded, for anybody may send others.


@lru_cache(maxsize=256)
def _dotted(content: bytes) -> str | None:
    """The arcs of a complete OBJECT IDENTIFIER; none where one is not in the fewest octets."""
    arcs: list[int] = []
    value = 0
    fresh = True
    for octet in content:
        if fresh and octet == 0x80:
            return None
        value = value << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


@lru_cache(maxsize=256)
def _moment(text: bytes) -> datetime:
    """YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ; ``ValueError`` where there is no such time."""
    year = int(text[:-11])
    if len(text) == 13:
        # RFC 5280 section 4.1.2.5.1: 50 and more is 19YY, less is 20YY.
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = (int(text[i : i + 2]) for i in range(-11, -1, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
