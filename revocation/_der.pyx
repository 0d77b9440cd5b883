# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The reader of single elements behind ``der.py``, compiled: a night reads thirty in each of 1,900 heads.

Works on (pointer, length) of a buffer that it holds; every read is preceded by a bound check against ``end``,
and ``end`` never lies behind the buffer's. What it refuses it puts into words itself: that is rare.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

from datetime import UTC, datetime
from functools import lru_cache

from revocation.errors import InputRefused

cdef enum:
    MOST_LENGTH_OCTETS = 8
    MOST_OID_OCTETS = 64
    UTC_TIME = 0x17
    GENERALIZED_TIME = 0x18


def refused(code, what, offset, expected, got, *, remedy=""):
    """A refusal at a byte offset; ``what`` is the field's name in the RFC."""
    return InputRefused(
        code,
        expected=f"{what}: {expected}",
        got=f"{got} at byte offset {offset}",
        remedy=remedy or "fetch it again; if it stays so, ask its issuer for a DER encoding (X.690)",
    )


@cython.final
cdef class Held:
    """A buffer, for as long as any reader reads it: nobody can let go of its octets meanwhile."""

    cdef Py_buffer buffer
    cdef bint is_held

    def __cinit__(self, data):
        self.is_held = False
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.is_held = True

    def __dealloc__(self):
        if self.is_held:
            PyBuffer_Release(&self.buffer)


@cython.final
cdef class DerReader:
    """Reads the elements between two offsets of one buffer, in order; never looks past ``end``."""

    cdef Held held
    cdef const uint8_t *octets
    #: Whose octets these are; offsets are those of the whole of it.
    cdef readonly object data
    cdef readonly Py_ssize_t at
    cdef readonly Py_ssize_t end

    def __init__(self, data not None, Py_ssize_t at=0, end=None):
        cdef Held held = Held(data)
        cdef Py_ssize_t size = held.buffer.len
        cdef Py_ssize_t last = size if end is None else end
        if not 0 <= at <= last <= size:
            raise ValueError("expected two offsets in order, inside the buffer")
        self.held = held
        self.data = data
        self.octets = <const uint8_t *>held.buffer.buf
        self.at = at
        self.end = last

    cdef DerReader between(self, Py_ssize_t start, Py_ssize_t end):
        """Of the same buffer; the offsets were checked by whoever found them."""
        cdef DerReader reader = DerReader.__new__(DerReader)
        reader.held = self.held
        reader.data = self.data
        reader.octets = self.octets
        reader.at = start
        reader.end = end
        return reader

    cdef bytes copied(self, Py_ssize_t start, Py_ssize_t end):
        return PyBytes_FromStringAndSize(<const char *>self.octets + start, end - start)

    cdef int next(self, what, int *tag, Py_ssize_t *content) except -1:
        """Tag and start of content of the next element; ``at`` moves to its end."""
        cdef Py_ssize_t at = self.at, start, length
        cdef int first
        if self.end - at < 2:
            raise refused("DER_TRUNCATED", what, at, "an element", f"{max(self.end - at, 0)} octets left")
        tag[0] = self.octets[at]
        if tag[0] & 0x1F == 0x1F:
            raise refused("DER_TAG", what, at, "a one-octet tag", f"tag octet 0x{tag[0]:02x}")
        first = self.octets[at + 1]
        start = at + 2
        length = first
        if first & 0x80:
            length = self.long_length(what, first & 0x7F, &start)
        if length > self.end - start:
            raise refused(
                "DER_TRUNCATED", what, at + 1,
                f"at most {self.end - start} octets of content", f"length {self.stated(at + 1)}",
            )
        content[0] = start
        self.at = start + length
        return 0

    cdef Py_ssize_t long_length(self, what, int count, Py_ssize_t *start) except -1:
        """X.690 sections 10.1 and 8.1.3: definite, in the fewest octets, here at most 8.

        One that this buffer cannot hold, whatever its number: ``end``, which is too much as well.
        """
        cdef Py_ssize_t at = start[0], i
        cdef unsigned long long length = 0
        if count == 0:
            raise refused("DER_LENGTH", what, at - 1, "a definite length", "the indefinite form 0x80")
        if count > MOST_LENGTH_OCTETS:
            raise refused("DER_LENGTH", what, at - 1, "a length of at most 8 octets", f"{count} octets")
        if count > self.end - at:
            raise refused("DER_TRUNCATED", what, at, f"{count} length octets", f"{self.end - at} left")
        for i in range(count):
            length = length << 8 | self.octets[at + i]
        if length < 0x80 or self.octets[at] == 0:
            raise refused("DER_LENGTH", what, at - 1, "the shortest form of the length", f"{count} octets")
        start[0] = at + count
        return <Py_ssize_t>length if length < <unsigned long long>self.end else self.end

    cdef object stated(self, Py_ssize_t at):
        """The length as it is written at this offset, which was read already; for the words of a refusal."""
        cdef int first = self.octets[at]
        if not first & 0x80:
            return first
        return int.from_bytes(self.copied(at + 1, at + 1 + (first & 0x7F)), "big")

    cdef int wanted(self, int tag, what, Py_ssize_t *content) except -1:
        """The same of an element that must have this tag."""
        cdef int found
        if self.at < self.end and self.octets[self.at] != tag:
            raise refused("DER_TAG", what, self.at, f"tag 0x{tag:02x}", f"tag 0x{self.octets[self.at]:02x}")
        return self.next(what, &found, content)

    def peek(self):
        """The next tag octet, or -1 at the end."""
        return self.octets[self.at] if self.at < self.end else -1

    def header(self, what):
        """(tag, start of content, end of content) of the next element, and moves past it."""
        cdef int tag = 0
        cdef Py_ssize_t start = 0
        self.next(what, &tag, &start)
        return tag, start, self.at

    def element(self, int tag, what):
        """(start, end) of the content of the next element, which must have this tag."""
        cdef Py_ssize_t start = 0
        self.wanted(tag, what, &start)
        return start, self.at

    def enter(self, int tag, what):
        """A reader of the content of the next element, which must have this tag."""
        cdef Py_ssize_t start = 0
        self.wanted(tag, what, &start)
        return self.between(start, self.at)

    def raw(self, int tag, what):
        """The whole next element, header included."""
        cdef Py_ssize_t at = self.at, start = 0
        self.wanted(tag, what, &start)
        return self.copied(at, self.at)

    def finish(self, what):
        """Nothing may be left over."""
        if self.at != self.end:
            raise refused("DER_TRAILING", what, self.at, "nothing after it", f"{self.end - self.at} octets")

    def integer(self, what, int tag=0x02, *, Py_ssize_t max_octets=20):
        """X.690 section 8.3: two's complement in the fewest octets."""
        cdef Py_ssize_t at = self.at, start = 0, size
        cdef int first
        self.wanted(tag, what, &start)
        size = self.at - start
        if not 1 <= size <= max_octets:
            raise refused("DER_INTEGER", what, at, f"1 to {max_octets} octets", f"{size} octets")
        first = self.octets[start]
        if size > 1 and first in (0x00, 0xFF) and (first ^ self.octets[start + 1]) < 0x80:
            raise refused("DER_INTEGER", what, start, "the fewest octets", f"a leading 0x{first:02x}")
        return int.from_bytes(self.copied(start, self.at), "big", signed=True)

    def boolean(self, what, int tag=0x01):
        """X.690 section 11.1: 00 or FF."""
        cdef Py_ssize_t at = self.at, start = 0
        self.wanted(tag, what, &start)
        if self.at - start != 1 or self.octets[start] not in (0x00, 0xFF):
            raise refused("DER_BOOLEAN", what, at, "one octet 0x00 or 0xff", "another BOOLEAN")
        return self.octets[start] == 0xFF

    def oid(self, what):
        """X.690 section 8.19, dotted."""
        cdef Py_ssize_t at = self.at, start = 0, size
        self.wanted(0x06, what, &start)
        size = self.at - start
        if size == 0 or self.octets[self.at - 1] & 0x80 or size > MOST_OID_OCTETS:
            raise refused("DER_OID", what, at, "a complete OBJECT IDENTIFIER", f"{size} octets")
        dotted = _dotted(self.copied(start, self.at))
        if dotted is None:
            raise refused("DER_OID", what, at, "arcs in the fewest octets", "a leading 0x80")
        return dotted

    def time(self, what, *, bint generalized_before_2050=False):
        """Time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050, Z.

        Seconds present, no fraction, no offset. ``generalized_before_2050`` is the tolerance of that name.
        """
        cdef int tag = 0
        cdef Py_ssize_t at = self.at, start = 0, size
        self.next(what, &tag, &start)
        if tag not in (UTC_TIME, GENERALIZED_TIME):
            raise refused("DER_TAG", what, at, "UTCTime or GeneralizedTime", f"tag 0x{tag:02x}")
        size = self.at - start
        text = self.copied(start, self.at) if size <= 15 else b""
        if size != (13 if tag == UTC_TIME else 15) or text[size - 1] != 0x5A or not text[:size - 1].isdigit():
            form = "YYMMDDHHMMSSZ" if tag == UTC_TIME else "YYYYMMDDHHMMSSZ"
            raise refused("DER_TIME", what, at, form, f"another form, {size} octets")
        if tag == GENERALIZED_TIME and not generalized_before_2050 and int(text[:4]) < 2050:
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
def _dotted(content):
    """The arcs of a complete OBJECT IDENTIFIER; none where one is not in the fewest octets."""
    arcs = []
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
def _moment(text):
    """YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ; ``ValueError`` where there is no such time."""
    at = len(text) - 11
    year = int(text[:at])
    if len(text) == 13:
        # RFC 5280 section 4.1.2.5.1: 50 and more is 19YY, less is 20YY.
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = [int(text[i : i + 2]) for i in range(at, at + 10, 2)]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
