# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The walk over revokedCertificates: one strict pass, one fixed record per entry, no entry dropped.

The loop works on (pointer, length) and knows no Python object; every read is preceded by a bound check.
What it refuses, and why, is put into words by refusals.py.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from revocation.crl._element cimport (
    MAX_SERIAL,
    R_DATE_TAG,
    R_ENTRY_TAG,
    R_NONE,
    R_SERIAL_FORM,
    R_SERIAL_SIZE,
    R_SERIAL_TAG,
    REASON_ABSENT,
    RECORD,
    Element,
    Walk,
    read_element,
    refuse,
)
from revocation.crl._entry_fields cimport read_extensions, read_time
from revocation.crl._usual_entry cimport OCTETS_IN_ORDER, Usual, prepare_usual, take_usual_entries


# On bare references: resizing wants the only one there is, and moves the octets without a copy.
cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *octets, Py_ssize_t size) except NULL
    char *PyBytes_AS_STRING(PyObject *octets)
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t size) except -1
    void Py_XDECREF(PyObject *reference)


cdef Usual usual
prepare_usual(&usual)


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
    problem = read_time(walk, &element, False, &seconds)
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
        if OCTETS_IN_ORDER:
            take_usual_entries(walk, &usual)
            if walk.count == walk.capacity or walk.at == walk.end:
                continue
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
                  bint extensions_allowed, bint explicit_default, bint generalized_before_2050,
                  bint certificate_issuers=False):
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
        self.walk.certificate_issuers = certificate_issuers

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

    cdef int resize(self, Py_ssize_t records) except -1:
        # Where there is no memory the octets are gone: nothing of what was taken counts then.
        self.capacity = 0
        if self.room == NULL:
            raise MemoryError("this sink ran out of memory before")
        _PyBytes_Resize(&self.room, records * RECORD)
        self.capacity = records
        return 0

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
            if self.used >= self.capacity:
                # A first guess from the shape of J-LIS's entries (37 octets), and half more where it was
                # too small; never more than the smallest entries (header 2, INTEGER 3, UTCTime 15) need.
                left = walk.end - walk.at
                wanted = max(left // 36 + 1, self.capacity // 2)
                self.resize(self.capacity + min(wanted, left // 20 + 1))
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
        self.resize(self.used)
        records = <object>self.room
        Py_XDECREF(self.room)
        self.room = PyBytes_FromStringAndSize(NULL, 0)
        self.capacity = self.used = 0
        return records
