# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The serial numbers of a batch out of the octets of its body, without a Python object for each."""

from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t

import array

cdef bytes NAME = b"serial_numbers"


def cut_serial_numbers(bytes body not None, Py_ssize_t most):
    """(start, end, serials) of the array in this body, or None: read it in the ordinary way.

    ``serials``: an ``array`` of the values as unsigned 64-bit numbers, or, where one of them is greater, of
    octets, 20 for each serial, big-endian. At most ``most`` of them, none above 20 octets as a DER INTEGER;
    None in their place: there are more.
    """
    cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(body)
    cdef const uint8_t *name = <const uint8_t *>PyBytes_AS_STRING(NAME)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(body), at, value, start = OTHER, end = OTHER
    cdef bint named = False
    cdef list serials = []
    at = after_space(octets, 0, length)
    if at >= length or octets[at] != 0x7B:
        return None
    while True:
        value = value_of_member(octets, at + 1, length, name, &named)
        if value == OTHER:
            return None
        if not named:
            at = after_value(octets, value, length)
        elif start == OTHER and octets[value] == 0x5B:
            start = value
            end = take_array(octets, value + 1, length, most, serials)
            if end == TOO_MANY:
                end = after_value(octets, value, length)
                serials.append(None)
            at = end
        else:
            return None  # no array; or a second one, and which of them counts is not for us to say
        if at == OTHER:
            return None
        at = after_space(octets, at, length)
        if at >= length:
            return None
        if octets[at] == 0x7D:
            return None if start == OTHER else (start, end, serials[0])
        if octets[at] != 0x2C:
            return None


def member_count(bytes body not None, Py_ssize_t most):
    """How many members the outermost object has, counted to ``most``; right for every body that is JSON."""
    cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(body)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(body), at = after_space(octets, 0, length), count = 0
    if at >= length or octets[at] != 0x7B:
        return 0
    while count < most:
        at = after_space(octets, at + 1, length)
        if at >= length or octets[at] != 0x22:
            break
        at = after_string(octets, at + 1, length)
        if at == OTHER:
            break
        at = after_space(octets, at, length)
        if at >= length or octets[at] != 0x3A:
            break
        at = after_value(octets, after_space(octets, at + 1, length), length)
        if at == OTHER:
            break
        count += 1
        at = after_space(octets, at, length)
        if at >= length or octets[at] != 0x2C:
            break
    return count


cdef Py_ssize_t take_array(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t length, Py_ssize_t most, list serials
) except -5:
    """Behind its closing bracket, or OTHER, or TOO_MANY."""
    cdef Py_ssize_t room, count = 0, end
    cdef array.array numbers, wide
    # The shortest item is a digit between quotation marks, and a comma.
    room = min(most, (length - at) // 4 + 1)
    numbers = array.clone(array.array("Q"), room, zero=False)
    end = take_short(octets, at, length, numbers.data.as_ulonglongs, room, &count)
    if end == LONG_ONE:
        wide = array.clone(array.array("B"), room * WIDE_OCTETS, zero=False)
        end = take_wide(octets, at, length, wide.data.as_uchars, room, &count)
        if end >= 0:
            array.resize(wide, count * WIDE_OCTETS)
            serials.append(wide)
    elif end >= 0:
        array.resize(numbers, count)
        serials.append(numbers)
    return end


cdef enum:
    LONG_ONE = -3
    TOO_MANY = -4


cdef Py_ssize_t take_short(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, unsigned long long *numbers, Py_ssize_t room,
    Py_ssize_t *count,
) noexcept nogil:
    """Behind the array's closing bracket; OTHER, TOO_MANY, or LONG_ONE where a value has more than 64 bits."""
    cdef Py_ssize_t found = 0, start, first = 0
    cdef uint64_t number = 0
    while True:
        # Nearly always there is no white space.
        if at >= end or octets[at] != 0x22:
            at = after_space(octets, at, end)
            if at >= end or octets[at] != 0x22:
                return OTHER
        if found >= room:
            return TOO_MANY
        start = at + 1
        at = read_usual(octets, start, end, &number)
        if at == OTHER:
            at = read_digits(octets, start, end, &number, &first)
            if at == start or at - start > MOST_DIGITS or at >= end or octets[at] != 0x22:
                return OTHER
            if at - first > SHORT_DIGITS:
                return LONG_ONE
        numbers[found] = number
        found += 1
        at += 1
        if at >= end or octets[at] != 0x2C:
            at = after_space(octets, at, end)
            if at >= end:
                return OTHER
        if octets[at] == 0x5D:
            count[0] = found
            return at + 1
        if octets[at] != 0x2C:
            return OTHER
        at += 1


cdef Py_ssize_t take_wide(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, uint8_t *wide, Py_ssize_t room, Py_ssize_t *count
) noexcept nogil:
    """The same for values of up to 20 octets."""
    cdef Py_ssize_t found = 0, start, first = 0
    cdef uint64_t number = 0
    while True:
        at = after_space(octets, at, end)
        if at >= end or octets[at] != 0x22:
            return OTHER
        if found >= room:
            return TOO_MANY
        start = at + 1
        at = read_digits(octets, start, end, &number, &first)
        if at == start or at - start > MOST_DIGITS or at >= end or octets[at] != 0x22:
            return OTHER
        # A DER INTEGER has its sign in the top bit: from 8 on the 40th digit would need a 21st octet.
        if at - first > WIDE_DIGITS or (at - first == WIDE_DIGITS and digit_values[octets[first]] >= 8):
            return OTHER
        put_wide(wide + found * WIDE_OCTETS, octets + first, at - first)
        found += 1
        at = after_space(octets, at + 1, end)
        if at >= end:
            return OTHER
        if octets[at] == 0x5D:
            count[0] = found
            return at + 1
        if octets[at] != 0x2C:
            return OTHER
        at += 1
