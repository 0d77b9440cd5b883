"""The listed entries on their way out: short ones into lines, long ones one behind the other (FORMAT.md)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from revocation.index._entry cimport Entry, put_key


cdef enum:
    LINE_OCTETS = 64
    MARKED = 128


cdef struct Lines:
    uint8_t *out
    Py_ssize_t used, room
    int code_octets
    int in_line
    uint64_t home_lines
    uint64_t number            # of the line at hand
    int placed                 # entries in it
    uint8_t line[LINE_OCTETS]


cdef inline bint close_line(Lines *lines) noexcept nogil:
    """Put the line at hand into the output and begin the next; False where there is no room."""
    if lines.used + LINE_OCTETS > lines.room:
        return False
    lines.line[63] = <uint8_t>(MARKED + lines.placed)
    memcpy(lines.out + lines.used, lines.line, LINE_OCTETS)
    lines.used += LINE_OCTETS
    lines.number += 1
    lines.placed = 0
    memset(lines.line, 0, LINE_OCTETS)
    return True


cdef inline bint write_short(Lines *lines, const Entry *entry) noexcept nogil:
    """False where there is no room: take the output, then call again."""
    cdef uint64_t home = (entry.m * lines.home_lines) >> 32
    cdef uint32_t key = <uint32_t>entry.m
    cdef int n = lines.in_line
    while lines.number < home or lines.placed == n:
        if not close_line(lines):
            return False
    memcpy(lines.line + 4 * lines.placed, &key, 4)
    memcpy(lines.line + 4 * (n + lines.placed), &entry.date, 4)
    if lines.code_octets == 1:
        lines.line[8 * n + lines.placed] = <uint8_t>entry.code
    else:
        memcpy(lines.line + 8 * n + lines.code_octets * lines.placed, &entry.code, lines.code_octets)
    lines.placed += 1
    return True


cdef inline bint write_long(Lines *lines, const Entry *entry) noexcept nogil:
    cdef uint8_t *at = lines.out + lines.used
    if lines.used + 24 + lines.code_octets > lines.room:
        return False
    put_key(at, False, entry)
    memcpy(at + 20, &entry.date, 4)
    memcpy(at + 24, &entry.code, lines.code_octets)
    lines.used += 24 + lines.code_octets
    return True


cdef inline bint finish_short(Lines *lines) noexcept nogil:
    """The line at hand, and the home lines behind it."""
    while lines.placed or lines.number < lines.home_lines:
        if not close_line(lines):
            return False
    return True
