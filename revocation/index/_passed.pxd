"""Stretches of the set before that go into the new one as they stand: nothing new, gone or moved is among them.

Whoever publishes each night changes a few entries in ten thousand. Between them the new file has the very lines
and records of the old one, and copying them is all that is left of a merge.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._arena cimport PACKED
from revocation.index._entry cimport get_code
from revocation.index._lines cimport LINE_OCTETS, MARKED, Lines, close_line
from revocation.index._octets cimport load32, load64
from revocation.index._streams cimport NewEntries, Section


cdef inline bint stands_by_itself(const Section *section, const Lines *lines) noexcept nogil:
    """May the next line of the set before be a whole line of the new one, begun just there?

    So if what went into the new lines before it are the entries of the old lines before it, or others of which none
    could still go into the line at hand: it is full, or the next entry's home lies behind it.
    """
    cdef const uint8_t *line = section.data + section.at
    cdef uint64_t number = section.at // LINE_OCTETS
    if lines.number > number or (lines.number == number and lines.placed):
        return False
    if lines.number == number or line[63] == MARKED:
        return True
    if lines.number + 1 == number and lines.placed == lines.in_line:
        return True
    return (load32(line) * lines.home_lines) >> 32 >= number


cdef inline bint all_go_on(const Section *section, const uint8_t *line, const uint8_t *kept) noexcept nogil:
    """Do all entries of this line count in the new set?"""
    cdef int i
    cdef uint32_t code
    for i in range(line[63] - MARKED):
        code = get_code(line + 8 * section.in_line + section.code_octets * i, section.code_octets)
        if code >= section.codes or not kept[code]:
            return False
    return True


cdef inline Py_ssize_t copy_lines(Section *section, Lines *lines, Py_ssize_t end, const uint8_t *kept) noexcept nogil:
    """Lines of the set before up to octet ``end``, of which nothing is to be changed; how many entries they have.

    ``kept`` is asked of every entry where it is given. Stops early where the output is full, and before a line that is
    damaged or whose entries do not all go on.
    """
    cdef Py_ssize_t entries = 0, first = section.at, last, at
    cdef const uint8_t *line
    last = min(end, min(section.checked, section.octets))
    if last - first > lines.room - lines.used:
        last = first + lines.room - lines.used
    last -= (last - first) % LINE_OCTETS
    at = first
    while at < last:
        line = section.data + at
        if line[63] < MARKED or line[63] - MARKED > section.in_line:
            break
        if kept != NULL and not all_go_on(section, line, kept):
            break
        entries += line[63] - MARKED
        at += LINE_OCTETS
    if at > first:
        memcpy(lines.out + lines.used, section.data + first, at - first)
        lines.used += at - first
        lines.number += (at - first) // LINE_OCTETS
        section.at = at
    return entries


cdef inline Py_ssize_t line_as_before(const Section *section, const Lines *lines, const NewEntries *new) noexcept nogil:
    """Do the next new entries make the very line of the set before? How many they are; -1 where they do not.

    ``new.head`` is the first of them. Only within a bucket of packed records.
    """
    cdef const uint8_t *line = section.data + section.at
    cdef const uint8_t *record = new.records + (new.at - 1) * PACKED
    cdef const uint8_t *codes = line + 8 * section.in_line
    cdef int count = line[63] - MARKED, i, n = section.in_line
    cdef uint64_t word, number = section.at // LINE_OCTETS, key
    cdef uint64_t bucket = <uint64_t>new.bucket << (32 - new.arena.bits)
    # One more, to see that it goes elsewhere.
    if count < 0 or count > n or new.count - new.at < count:
        return -1
    for i in range(count):
        word = load64(record)
        record += PACKED
        if load32(line + 4 * i) != <uint32_t>(word >> 40 | bucket) or load32(line + 4 * (n + i)) != <uint32_t>(word >> 8):
            return -1
        if get_code(codes + i * section.code_octets, section.code_octets) != new.numbers[word & 0xFF]:
            return -1
    key = load64(record) >> 40 | bucket
    if count == n:
        return count if key > load32(line + 4 * (n - 1)) else -1
    return count if (key * lines.home_lines) >> 32 > number else -1


cdef inline bint catch_up(Lines *lines, uint64_t number) noexcept nogil:
    """Close the lines up to a number; False where there is no room."""
    while lines.number < number:
        if not close_line(lines):
            return False
    return True
