# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The columns of a batch's answer, written as JSON without a Python object for each item."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from revocation.reasons import REASON_ABSENT, reason_name

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *octets, Py_ssize_t length) except NULL
    char *bytes_start "PyBytes_AS_STRING"(PyObject *octets) noexcept
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t length) except -1


cdef extern from *:
    """
    #define FIRST_MOMENT -62135596800LL
    #define LAST_MOMENT 253402300799LL
    #define FROM_MARCH 62162035200LL
    """
    # 0001-01-01T00:00:00Z, 9999-12-31T23:59:59Z, and 1970 counted from 0000-03-01, in seconds.
    int64_t FIRST_MOMENT
    int64_t LAST_MOMENT
    int64_t FROM_MARCH


cdef enum:
    #: A text is copied whole with the spare octets behind it, which takes no call and no loop.
    TEXT = 32
    WORD = 16
    #: [ and a number, the group's row, reason, date, ] and comma.
    LONGEST_ROW = 11 + TEXT + TEXT + 24 + 2


cdef struct Text:
    uint8_t length
    char[TEXT] octets


cdef struct Group:
    Text word
    Text row  # behind the item's number
    bint listed
    bint told  # has rows


cdef int fill(Text *text, bytes octets, Py_ssize_t most) except -1:
    if len(octets) > most:
        raise ValueError("expected shorter texts")
    text.length = <uint8_t>len(octets)
    memset(text.octets, 0, TEXT)
    memcpy(text.octets, PyBytes_AS_STRING(octets), len(octets))
    return 0


#: ,reason_code,"reason","  of each raw octet: null where the list gave none, which reads as unspecified.
cdef Text[256] reason_texts
for _raw in range(256):
    _code = "null" if _raw == REASON_ABSENT else str(_raw)
    fill(&reason_texts[_raw], f',{_code},"{reason_name(_raw)}","'.encode("ascii"), TEXT)

#: "00" to "99".
cdef char[200] two_digits
memcpy(two_digits, PyBytes_AS_STRING(b"".join(b"%02d" % _two for _two in range(100))), 200)


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
    cdef Py_ssize_t count = which.shape[0], group_count = len(words), i, told = 0, size
    cdef char *start
    cdef char *end
    cdef object written
    cdef PyObject *result = NULL
    cdef Group *known
    if group_count != len(rows) or group_count != len(listed):
        raise ValueError("expected as many rows as words")
    known = <Group *>malloc(max(1, group_count) * sizeof(Group))
    if known == NULL:
        raise MemoryError
    try:
        for i in range(group_count):
            fill(&known[i].word, words[i] + b",", WORD)
            known[i].told = rows[i] is not None
            fill(&known[i].row, rows[i] or b"", TEXT)
            known[i].listed = listed[i]
            if known[i].listed and not reason.shape[0] == count == date.shape[0]:
                raise ValueError("expected a reason and a date for each item")
        for i in range(count):
            if which[i] >= <uint32_t>group_count:
                raise ValueError("expected groups that are known")
            told += known[which[i]].told
        size = PyBytes_GET_SIZE(before)
        result = PyBytes_FromStringAndSize(NULL, size + count * WORD + told * LONGEST_ROW + 2 * WORD)
        start = bytes_start(result)
        memcpy(start, PyBytes_AS_STRING(before), size)
        end = write(
            start + size,
            &which[0] if count else NULL,
            &reason[0] if reason.shape[0] else NULL,
            &date[0] if date.shape[0] else NULL,
            known,
            count,
        )
        _PyBytes_Resize(&result, end - start)
        written = <object>result
    finally:
        free(known)
        Py_XDECREF(result)
    return written


cdef char *write(
    char *at, const uint32_t *which, const uint8_t *reason, const int64_t *date, const Group *known, Py_ssize_t count
) noexcept nogil:
    """Behind the last octet that was written; there is room for all of them."""
    cdef Py_ssize_t i
    cdef char *first
    cdef const Group *group
    at = put(at, b"[", 1)
    for i in range(count):
        group = &known[which[i]]
        memcpy(at, group.word.octets, WORD)
        at += group.word.length
    at = put(at - 1 if count else at, b'],"details":[', 13)
    first = at
    for i in range(count):
        group = &known[which[i]]
        if not group.told:
            continue
        at[0] = c"["
        at = put_number(at + 1, <uint32_t>i)
        memcpy(at, group.row.octets, TEXT)
        at += group.row.length
        if group.listed:
            memcpy(at, reason_texts[reason[i]].octets, TEXT)
            at = put_date(at + reason_texts[reason[i]].length, date[i])
        at = put(at, b"],", 2)
    if at > first:
        at -= 1
    return put(at, b"]}", 2)


cdef inline char *put(char *at, const char *octets, Py_ssize_t length) noexcept nogil:
    memcpy(at, octets, length)
    return at + length


cdef inline char *put_number(char *at, uint32_t number) noexcept nogil:
    """In decimal digits."""
    cdef char[10] digits
    cdef int count = 0
    while True:
        digits[count] = <char>(c"0" + number % 10)
        count += 1
        number //= 10
        if number == 0:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef inline char *put_two(char *at, uint32_t number, char after) noexcept nogil:
    memcpy(at, two_digits + 2 * number, 2)
    at[2] = after
    return at + 3


cdef inline char *put_date(char *at, int64_t seconds) noexcept nogil:
    """RFC 3339 in UTC, and the closing quotation mark. A time beyond the years 1 to 9999 becomes its nearest
    end, as in ``layout.moment``."""
    cdef uint64_t since
    cdef uint32_t days, of_day, era, year, month
    # Counted from 1 March of the year 0, so that no number is negative and the leap day is a year's last.
    since = <uint64_t>(min(max(seconds, <int64_t>FIRST_MOMENT), <int64_t>LAST_MOMENT) + <int64_t>FROM_MARCH)
    days = <uint32_t>(since // 86400)
    of_day = <uint32_t>(since % 86400)
    era = days // 146097
    days -= era * 146097
    year = (days - days // 1460 + days // 36524 - days // 146096) // 365
    days -= 365 * year + year // 4 - year // 100
    month = (5 * days + 2) // 153
    days -= (153 * month + 2) // 5
    year += 400 * era + (month >= 10)
    month = month + 3 if month < 10 else month - 9
    memcpy(at, two_digits + 2 * (year // 100), 2)
    at = put_two(at + 2, year % 100, c"-")
    at = put_two(at, month, c"-")
    at = put_two(at, days + 1, c"T")
    at = put_two(at, of_day // 3600, c":")
    at = put_two(at, of_day // 60 % 60, c":")
    at = put_two(at, of_day % 60, c"Z")
    at[0] = c'"'
    return at + 1
