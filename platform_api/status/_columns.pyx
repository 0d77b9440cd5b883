# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The columns of a batch's answer, written as JSON without a Python object for each item."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from revocation.reasons import REASON_ABSENT, reason_name

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *octets, Py_ssize_t length) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *octets) noexcept
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t length) except -1


cdef struct Text:
    const char *octets
    Py_ssize_t length


cdef struct Group:
    Text word
    Text row  # behind the item's number
    bint listed
    bint told  # has rows


cdef enum:
    #: [, a number, the row; or [, a number, the answer's, reason, date.
    LONGEST_NUMBER = 10
    LONGEST_REASON = 32
    DATE_OCTETS = 22

#: ,reason_code,"reason", of each raw octet: null where the list gave none, which reads as unspecified.
cdef list REASONS = [
    f',{"null" if raw == REASON_ABSENT else raw},"{reason_name(raw)}",'.encode("ascii") for raw in range(256)
]
assert max(map(len, REASONS)) <= LONGEST_REASON  # noqa: S101
cdef Text[256] reason_texts
for _raw in range(256):
    reason_texts[_raw] = text_of(REASONS[_raw])


cdef Text text_of(bytes octets) noexcept:
    """Valid as long as ``octets`` is held."""
    cdef Text text
    text.octets = PyBytes_AS_STRING(octets)
    text.length = PyBytes_GET_SIZE(octets)
    return text


def columns(
    bytes before not None, groups, reasons, dates, list words not None, list rows not None, list listed not None
):
    """``before``, and behind it ``[...]`` of the word of each item, ``,"details":``, ``[...]`` of a row for each
    that has one, and the closing brace.

    ``groups``: of I, the group of each item. Of each group ``words`` has the JSON of its word, ``rows`` what
    stands behind the item's number in its row, or None: then there is none; of one that is ``listed`` the item's
    reason and date follow it.
    """
    cdef const uint32_t[::1] which = groups
    cdef const uint8_t[::1] reason = reasons
    cdef const int64_t[::1] date = dates
    cdef Py_ssize_t count = which.shape[0], group_count = len(words), i, room = 0, longest_word = 0, longest_row = 0
    cdef Group *known
    cdef PyObject *result = NULL
    if group_count != len(rows) or group_count != len(listed):
        raise ValueError("expected as many rows as words")
    known = <Group *>malloc(max(1, group_count) * sizeof(Group))
    if known == NULL:
        raise MemoryError
    try:
        for i in range(group_count):
            known[i].word = text_of(words[i])
            known[i].told = rows[i] is not None
            known[i].listed = listed[i]
            if known[i].told:
                known[i].row = text_of(rows[i])
                longest_row = max(longest_row, known[i].row.length)
            longest_word = max(longest_word, known[i].word.length)
            if known[i].listed and not (reason.shape[0] == count == date.shape[0]):
                raise ValueError("expected a reason and a date for each item")
        for i in range(count):
            if which[i] >= <uint32_t>group_count:
                raise ValueError("expected groups that are known")
            room += known[which[i]].told
        room *= longest_row + LONGEST_NUMBER + LONGEST_REASON + DATE_OCTETS + 3
        room += count * (longest_word + 1) + PyBytes_GET_SIZE(before) + 32
        result = PyBytes_FromStringAndSize(NULL, room)
        _PyBytes_Resize(&result, write(bytes_start(result), before, which, reason, date, known))
        return <object>result
    finally:
        free(known)
        Py_XDECREF(result)


cdef Py_ssize_t write(
    char *out,
    bytes before,
    const uint32_t[::1] which,
    const uint8_t[::1] reason,
    const int64_t[::1] date,
    const Group *known,
) noexcept:
    """How many octets were written; there is room for all of them."""
    cdef Py_ssize_t i, count = which.shape[0]
    cdef char *at = out
    cdef const Group *group
    at = put(at, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before))
    at = put(at, b"[", 1)
    for i in range(count):
        group = &known[which[i]]
        memcpy(at, group.word.octets, group.word.length)
        at += group.word.length
        at[0] = c","
        at += 1
    at = put(at - 1 if count else at, b'],"details":[', 13)
    cdef char *first = at
    for i in range(count):
        group = &known[which[i]]
        if group.told:
            at[0] = c"["
            at = put_number(at + 1, i)
            memcpy(at, group.row.octets, group.row.length)
            at += group.row.length
            if group.listed:
                memcpy(at, reason_texts[reason[i]].octets, reason_texts[reason[i]].length)
                at = put_date(at + reason_texts[reason[i]].length, date[i])
            at = put(at, b"],", 2)
    if at > first:
        at -= 1
    return put(at, b"]}", 2) - out


cdef inline char *put(char *at, const char *octets, Py_ssize_t length) noexcept:
    memcpy(at, octets, length)
    return at + length


cdef inline char *put_number(char *at, uint32_t number) noexcept:
    """In decimal digits."""
    cdef char[10] digits
    cdef int count = 0
    while True:
        digits[count] = c"0" + number % 10
        count += 1
        number //= 10
        if number == 0:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef inline char *put_two(char *at, int64_t number) noexcept:
    at[0] = c"0" + <char>(number // 10)
    at[1] = c"0" + <char>(number % 10)
    return at + 2


cdef inline char *put_date(char *at, int64_t seconds) noexcept:
    """RFC 3339 in UTC between quotation marks. A time beyond the years 1 to 9999 becomes its nearest end, as in
    ``layout.moment``."""
    cdef int64_t days, of_day, era, year, month
    seconds = min(max(seconds, -62135596800), 253402300799)
    # Counted from 1 March of the year 0, so that no number is negative and the leap day is a year's last.
    seconds += 62162035200
    days = seconds // 86400
    of_day = seconds % 86400
    era = days // 146097
    days -= era * 146097
    year = (days - days // 1460 + days // 36524 - days // 146096) // 365
    days -= 365 * year + year // 4 - year // 100
    month = (5 * days + 2) // 153
    days -= (153 * month + 2) // 5
    year += 400 * era
    month += 3
    if month > 12:
        month -= 12
        year += 1
    at[0] = c'"'
    at = put_two(at + 1, year // 100)
    at = put_two(at, year % 100)
    at[0] = c"-"
    at = put_two(at + 1, month)
    at[0] = c"-"
    at = put_two(at + 1, days + 1)
    at[0] = c"T"
    at = put_two(at + 1, of_day // 3600)
    at[0] = c":"
    at = put_two(at + 1, of_day // 60 % 60)
    at[0] = c":"
    at = put_two(at + 1, of_day % 60)
    return put(at, b'Z"', 2)
