# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The walk over revokedCertificates: one strict pass, one fixed record per entry, no entry dropped.

The loop works on (pointer, length) and knows no Python object; every read is preceded by a bound check.
What it refuses, and why, is put into words by decode.py.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset


# On bare references: resizing wants the only one there is, and moves the octets without a copy.
cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *octets, Py_ssize_t size) except NULL
    char *PyBytes_AS_STRING(PyObject *octets)
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t size) except -1
    void Py_XDECREF(PyObject *reference)


cdef enum:
    RECORD = 32
    MAX_SERIAL = 20
    MAX_EXTENSIONS = 16
    REASON_ABSENT = 0xFF
    FLAG_INVALIDITY_DATE = 1

# Codes of refusals; decode.py holds one sentence for each.
cdef enum:
    R_NONE = 0
    R_TRUNCATED = 1
    R_TAG_HIGH = 2
    R_INDEFINITE = 3
    R_LENGTH_FORM = 4
    R_ENTRY_TAG = 5
    R_SERIAL_TAG = 6
    R_SERIAL_SIZE = 7
    R_SERIAL_FORM = 8
    R_DATE_TAG = 9
    R_DATE_FORM = 10
    R_DATE_VALUE = 11
    R_DATE_GENERALIZED = 12
    R_EXTENSIONS_TAG = 13
    R_EXTENSIONS_EMPTY = 14
    R_EXTENSIONS_MANY = 15
    R_EXTENSIONS_V1 = 16
    R_TRAILING = 17
    R_EXTENSION_TAG = 18
    R_OID_TAG = 19
    R_OID_FORM = 20
    R_CRITICAL_FORM = 21
    R_CRITICAL_DEFAULT = 22
    R_VALUE_TAG = 23
    R_DUPLICATE = 24
    R_UNKNOWN_CRITICAL = 25
    R_INDIRECT = 26
    R_REASON_TAG = 27
    R_REASON_FORM = 28
    R_INVALIDITY_FORM = 29
    R_HOLD_FORM = 30


cdef struct Element:
    int tag
    Py_ssize_t start           # of the content
    Py_ssize_t end             # of the content, and so of the element


cdef inline int refuse(Walk *walk, int code, Py_ssize_t offset, int64_t got) noexcept nogil:
    walk.refusal = code
    walk.offset = offset
    walk.got = got
    return -1


cdef inline int read_element(Walk *walk, Py_ssize_t at, Py_ssize_t end, Element *element) noexcept nogil:
    """X.690 sections 8.1 and 10.1: one-octet tag, definite length in the fewest octets, inside ``end``."""
    cdef uint64_t length
    cdef Py_ssize_t start
    cdef int octets, i
    if end - at < 2:
        return refuse(walk, R_TRUNCATED, at, end - at)
    element.tag = walk.data[at]
    if element.tag & 0x1F == 0x1F:
        return refuse(walk, R_TAG_HIGH, at, element.tag)
    length = walk.data[at + 1]
    start = at + 2
    if length >= 0x80:
        octets = length & 0x7F
        if octets == 0:
            return refuse(walk, R_INDEFINITE, at + 1, length)
        if octets > 8:
            return refuse(walk, R_LENGTH_FORM, at + 1, length)
        if end - start < octets:
            return refuse(walk, R_TRUNCATED, start, end - start)
        if walk.data[start] == 0:
            return refuse(walk, R_LENGTH_FORM, at + 1, length)
        length = 0
        for i in range(octets):
            length = length << 8 | walk.data[start + i]
        if length < 0x80:
            return refuse(walk, R_LENGTH_FORM, at + 1, 0x80 | octets)
        start += octets
    if length > <uint64_t>(end - start):
        return refuse(walk, R_TRUNCATED, at + 1, end - start)
    element.start = start
    element.end = start + <Py_ssize_t>length
    return 0


cdef inline int two_digits(const uint8_t *text) noexcept nogil:
    """0 to 99, or a negative number where there is no digit."""
    cdef int tens = text[0] - 48
    cdef int ones = text[1] - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1000000
    return tens * 10 + ones


cdef inline int days_in_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline int64_t days_since_1970(int year, int month, int day) noexcept nogil:
    """Proleptic Gregorian, from a year that begins in March; years 1 to 9999."""
    cdef int64_t y = year - 1 if month <= 2 else year
    cdef int64_t shifted = month - 3 if month > 2 else month + 9
    cdef int64_t day_of_year = (153 * shifted + 2) // 5 + day - 1
    return 365 * y + y // 4 - y // 100 + y // 400 + day_of_year - 719468


cdef int read_time(Walk *walk, Py_ssize_t at, Element *element, bint any_year, int64_t *seconds) noexcept nogil:
    """RFC 5280 section 4.1.2.5: with seconds, without fraction, ending in Z.

    ``any_year``: GeneralizedTime whatever the year (section 5.3.2); else UTCTime through 2049.
    Answers 0, or the refusal code for the caller to place.
    """
    cdef const uint8_t *text = walk.data + element.start
    cdef Py_ssize_t size = element.end - element.start
    cdef int year, month, day, hour, minute, second, century
    if element.tag == 0x17:
        if size != 13 or text[12] != 0x5A:
            return R_DATE_FORM
        year = two_digits(text)
        # RFC 5280 section 4.1.2.5.1: 50 and more is 19YY, less is 20YY.
        year += 1900 if year >= 50 else 2000
        text += 2
    else:
        if size != 15 or text[14] != 0x5A:
            return R_DATE_FORM
        century = two_digits(text)
        year = two_digits(text + 2)
        if century < 0:
            return R_DATE_FORM
        year += century * 100
        text += 4
    month = two_digits(text)
    day = two_digits(text + 2)
    hour = two_digits(text + 4)
    minute = two_digits(text + 6)
    second = two_digits(text + 8)
    if year < 0 or month < 0 or day < 0 or hour < 0 or minute < 0 or second < 0:
        return R_DATE_FORM
    if year < 1 or month < 1 or month > 12 or day < 1 or hour > 23 or minute > 59 or second > 59:
        return R_DATE_VALUE
    if day > days_in_month(year, month):
        return R_DATE_VALUE
    if element.tag == 0x18 and year < 2050 and not any_year and not walk.generalized_before_2050:
        return R_DATE_GENERALIZED
    seconds[0] = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    return 0


cdef bint well_formed_oid(const uint8_t *content, Py_ssize_t size) noexcept nogil:
    """X.690 section 8.19: complete, each arc in the fewest octets; bounded like the text of it."""
    cdef Py_ssize_t i
    cdef bint fresh = True
    if size < 1 or size > 64:
        return False
    for i in range(size):
        if fresh and content[i] == 0x80:
            return False
        fresh = content[i] < 0x80
    return fresh


cdef int read_reason(Walk *walk, Element *value, uint8_t *record) noexcept nogil:
    """RFC 5280 section 5.3.1: an ENUMERATED; codes that it does not know are kept, 0 to 254."""
    cdef Element element
    cdef const uint8_t *content
    cdef Py_ssize_t size
    if read_element(walk, value.start, value.end, &element) < 0:
        return -1
    if element.tag != 0x0A:
        return refuse(walk, R_REASON_TAG, value.start, element.tag)
    if element.end != value.end:
        return refuse(walk, R_TRAILING, element.end, value.end - element.end)
    content = walk.data + element.start
    size = element.end - element.start
    if size == 1 and content[0] < 0x80:
        record[21] = content[0]
    elif size == 2 and content[0] == 0 and 0x80 <= content[1] < REASON_ABSENT:
        record[21] = content[1]
    else:
        return refuse(walk, R_REASON_FORM, element.start, size)
    return 0


cdef int read_extension_value(Walk *walk, const uint8_t *oid, Py_ssize_t oid_size, bint critical,
                              Py_ssize_t oid_at, Element *value, uint8_t *record) noexcept nogil:
    """The entry extensions of RFC 5280 section 5.3, all under 2.5.29; others only if not critical."""
    cdef Element element
    cdef int64_t ignored
    cdef int problem
    if oid_size == 3 and oid[0] == 0x55 and oid[1] == 0x1D:
        if oid[2] == 21:
            return read_reason(walk, value, record)
        if oid[2] == 24:
            # Section 5.3.2, invalidityDate: GeneralizedTime whatever the year.
            if read_element(walk, value.start, value.end, &element) < 0:
                return -1
            problem = R_DATE_FORM if element.tag != 0x18 else read_time(
                walk, value.start, &element, True, &ignored)
            if problem != 0 or element.end != value.end:
                return refuse(walk, R_INVALIDITY_FORM, value.start, element.tag)
            record[22] |= FLAG_INVALIDITY_DATE
            return 0
        if oid[2] == 29:
            # Section 5.3.3, certificateIssuer: only indirect lists have it, and we take none.
            return refuse(walk, R_INDIRECT, oid_at, 0)
        if oid[2] == 23:
            # holdInstructionCode (RFC 3280 section 5.3.2): gone from RFC 5280, and it changes no status.
            if read_element(walk, value.start, value.end, &element) < 0:
                return -1
            if element.tag != 0x06 or element.end != value.end:
                return refuse(walk, R_HOLD_FORM, value.start, element.tag)
            return 0
    if critical:
        # RFC 5280 section 5.3: such a list must not be used to determine any status.
        walk.length = oid_size
        return refuse(walk, R_UNKNOWN_CRITICAL, oid_at, 0)
    return 0


cdef int read_extensions(Walk *walk, Py_ssize_t at, Py_ssize_t end, uint8_t *record) noexcept nogil:
    """crlEntryExtensions: SEQUENCE SIZE (1..MAX) OF Extension, each OID once (RFC 5280 section 4.2)."""
    cdef Element outer, extension, oid, value
    cdef Py_ssize_t seen[MAX_EXTENSIONS]
    cdef Py_ssize_t seen_size[MAX_EXTENSIONS]
    cdef Py_ssize_t inner, size
    cdef int count = 0
    cdef int i
    cdef bint critical
    if read_element(walk, at, end, &outer) < 0:
        return -1
    if outer.tag != 0x30:
        return refuse(walk, R_EXTENSIONS_TAG, at, outer.tag)
    if outer.end != end:
        return refuse(walk, R_TRAILING, outer.end, end - outer.end)
    if not walk.extensions_allowed:
        return refuse(walk, R_EXTENSIONS_V1, at, 0)
    if outer.start == outer.end:
        return refuse(walk, R_EXTENSIONS_EMPTY, at, 0)
    at = outer.start
    while at < outer.end:
        if read_element(walk, at, outer.end, &extension) < 0:
            return -1
        if extension.tag != 0x30:
            return refuse(walk, R_EXTENSION_TAG, at, extension.tag)
        if count == MAX_EXTENSIONS:
            return refuse(walk, R_EXTENSIONS_MANY, at, MAX_EXTENSIONS)
        inner = extension.start
        if read_element(walk, inner, extension.end, &oid) < 0:
            return -1
        if oid.tag != 0x06:
            return refuse(walk, R_OID_TAG, inner, oid.tag)
        size = oid.end - oid.start
        if not well_formed_oid(walk.data + oid.start, size):
            return refuse(walk, R_OID_FORM, inner, size)
        for i in range(count):
            if seen_size[i] == size and memcmp(walk.data + seen[i], walk.data + oid.start, size) == 0:
                walk.length = size
                return refuse(walk, R_DUPLICATE, oid.start, 0)
        seen[count] = oid.start
        seen_size[count] = size
        count += 1
        inner = oid.end
        critical = False
        if read_element(walk, inner, extension.end, &value) < 0:
            return -1
        if value.tag == 0x01:
            if value.end - value.start != 1 or (walk.data[value.start] != 0xFF and walk.data[value.start] != 0):
                return refuse(walk, R_CRITICAL_FORM, inner, value.end - value.start)
            critical = walk.data[value.start] == 0xFF
            if not critical and not walk.explicit_default:
                return refuse(walk, R_CRITICAL_DEFAULT, inner, 0)
            inner = value.end
            if read_element(walk, inner, extension.end, &value) < 0:
                return -1
        if value.tag != 0x04:
            return refuse(walk, R_VALUE_TAG, inner, value.tag)
        if value.end != extension.end:
            return refuse(walk, R_TRAILING, value.end, extension.end - value.end)
        if read_extension_value(walk, walk.data + oid.start, size, critical, oid.start, &value, record) < 0:
            return -1
        at = extension.end
    return 0


cdef int read_entry(Walk *walk, Element *entry, uint8_t *record) noexcept nogil:
    """One element of revokedCertificates (RFC 5280 section 5.1.2.6) into one record."""
    cdef Element element
    cdef Py_ssize_t at = entry.start
    cdef Py_ssize_t size
    cdef const uint8_t *content
    cdef int64_t seconds = 0
    cdef int problem, i
    # userCertificate: the content octets as they stand are the identity.
    if read_element(walk, at, entry.end, &element) < 0:
        return -1
    if element.tag != 0x02:
        return refuse(walk, R_SERIAL_TAG, at, element.tag)
    size = element.end - element.start
    if size < 1 or size > MAX_SERIAL:
        return refuse(walk, R_SERIAL_SIZE, at, size)
    content = walk.data + element.start
    if size > 1 and ((content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)):
        return refuse(walk, R_SERIAL_FORM, element.start, content[0])
    memset(record, 0, RECORD)
    record[0] = <uint8_t>size
    memcpy(record + 1, content, size)
    record[21] = REASON_ABSENT
    # revocationDate
    at = element.end
    if read_element(walk, at, entry.end, &element) < 0:
        return -1
    if element.tag != 0x17 and element.tag != 0x18:
        return refuse(walk, R_DATE_TAG, at, element.tag)
    problem = read_time(walk, at, &element, False, &seconds)
    if problem != 0:
        return refuse(walk, problem, at, element.end - element.start)
    for i in range(8):
        record[24 + i] = <uint8_t>((<uint64_t>seconds >> (8 * i)) & 0xFF)
    # crlEntryExtensions OPTIONAL
    if element.end < entry.end:
        return read_extensions(walk, element.end, entry.end, record)
    return 0


cdef int walk_entries(Walk *walk) noexcept nogil:
    cdef Element entry
    while walk.at < walk.end:
        if walk.count == walk.capacity:
            return 1
        if read_element(walk, walk.at, walk.end, &entry) < 0:
            return -1
        if entry.tag != 0x30:
            return refuse(walk, R_ENTRY_TAG, walk.at, entry.tag)
        if read_entry(walk, &entry, walk.out + walk.count * RECORD) < 0:
            return -1
        walk.count += 1
        walk.at = entry.end
    return 0


cdef class EntryWalk:
    def __cinit__(self, const uint8_t[::1] data not None, Py_ssize_t start, Py_ssize_t end,
                  bint extensions_allowed, bint explicit_default, bint generalized_before_2050):
        if not 0 <= start <= end <= data.shape[0]:
            raise ValueError("expected offsets inside the data")
        memset(&self.walk, 0, sizeof(Walk))
        self.owner = data
        self.walk.data = &data[0] if data.shape[0] else NULL
        self.walk.at = start
        self.walk.end = end
        self.walk.extensions_allowed = extensions_allowed
        self.walk.explicit_default = explicit_default
        self.walk.generalized_before_2050 = generalized_before_2050

    @property
    def at(self):
        """Offset of the next entry; every entry before it was handed over."""
        return self.walk.at

    @property
    def end(self):
        """Offset after the last entry."""
        return self.walk.end

    @property
    def refusal(self):
        """(code, offset, got, length) of what ended the walk, or None."""
        if self.walk.refusal == R_NONE:
            return None
        return self.walk.refusal, self.walk.offset, self.walk.got, self.walk.length


cdef class PackedRecords:
    """The sink that keeps every entry as one record of 32 octets, in the list's order."""

    cdef PyObject *room
    cdef Py_ssize_t capacity   # records that fit into room
    cdef Py_ssize_t used

    def __cinit__(self):
        self.room = PyBytes_FromStringAndSize(NULL, 0)
        self.capacity = 0
        self.used = 0

    def __dealloc__(self):
        Py_XDECREF(self.room)

    @property
    def count(self):
        """Entries taken."""
        return self.used

    def fill(self, EntryWalk entries not None, Py_ssize_t limit):
        """Take at most ``limit`` entries; True where more are to come, False at the end or at a refusal."""
        cdef Walk *walk = &entries.walk
        cdef Py_ssize_t left = walk.end - walk.at
        cdef Py_ssize_t wanted
        cdef int outcome = 1
        if limit < 1:
            raise ValueError("expected a limit of 1 or more")
        while outcome == 1 and limit > 0:
            if self.used == self.capacity:
                # A first guess from the shape of J-LIS's entries (37 octets), and half more where it was
                # too small; never more than the smallest entries (header 2, INTEGER 3, UTCTime 15) need.
                left = walk.end - walk.at
                wanted = max(left // 36 + 1, self.capacity // 2)
                self.capacity += min(wanted, left // 20 + 1)
                _PyBytes_Resize(&self.room, self.capacity * RECORD)
            walk.out = <uint8_t *>PyBytes_AS_STRING(self.room) + self.used * RECORD
            walk.capacity = min(self.capacity - self.used, limit)
            walk.count = 0
            with nogil:
                outcome = walk_entries(walk)
            self.used += walk.count
            limit -= walk.count
            walk.out = NULL
            walk.capacity = walk.count = 0
        return outcome == 1

    def take(self):
        """The records, cut to what was filled; the sink is empty afterwards."""
        cdef object records
        _PyBytes_Resize(&self.room, self.used * RECORD)
        records = <object>self.room
        Py_XDECREF(self.room)
        self.room = PyBytes_FromStringAndSize(NULL, 0)
        self.capacity = self.used = 0
        return records


def walk_revoked_certificates(const uint8_t[::1] data not None, Py_ssize_t start, Py_ssize_t end,
                              bint extensions_allowed, bint explicit_default, bint generalized_before_2050):
    """Records of the entries between two offsets, and the refusal: (records, code, offset, got, length)."""
    entries = EntryWalk(data, start, end, extensions_allowed, explicit_default, generalized_before_2050)
    sink = PackedRecords()
    while sink.fill(entries, end - start + 1):
        pass
    if entries.refusal is not None:
        return b"", *entries.refusal
    return sink.take(), 0, 0, 0, 0
