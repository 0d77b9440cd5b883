# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""One index file: look-ups from Python, and its entries by position. The searching itself is in _table.pxd.

``Table`` takes its bounds from a tail that was checked, and checks once more that every section lies inside
the octets it is given and has the length that its counts demand: from there on no access can leave them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from cpython.long cimport PyLong_Check
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from revocation.index._keys cimport is_short, join_serial, mix32, read_mixing, split_serial, swapped32, swapped64

from revocation.index import layout

cdef enum:
    HAS_INVALIDITY_DATE = 1  # the flag of a code, FORMAT.md


cdef extern from *:
    """
    /* The 20 octets of a number in two's complement, lowest first; 0 where it needs more. */
    static int wide_octets(PyObject *number, unsigned char *octets) {
    #if PY_VERSION_HEX >= 0x030D0000
        Py_ssize_t needed = PyLong_AsNativeBytes(number, octets, 20, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
        return needed < 0 ? -1 : needed <= 20;
    #else
        if (_PyLong_AsByteArray((PyLongObject *)number, octets, 20, 1, 1) == 0) return 1;
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
        PyErr_Clear();
        return 0;
    #endif
    }
    """
    int wide_octets(object number, uint8_t *octets) except -1


cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


cdef list SMALL = list(range(256))


cdef int take_serial(object given, Serial *serial) except -1:
    cdef int overflow = 0
    cdef int64_t small
    cdef uint8_t wide[20]
    cdef const uint8_t *octets
    cdef Py_ssize_t size
    if PyLong_Check(given):
        small = PyLong_AsLongLongAndOverflow(given, &overflow)
        if overflow == 0:
            serial.a = <uint64_t>small
            serial.b0 = <uint64_t>(small >> 63)
            serial.b1 = <uint32_t>(small >> 63)
            return 1
        if wide_octets(given, wide) == 0:
            return 0
        memcpy(&serial.a, wide, 8)
        memcpy(&serial.b0, wide + 8, 8)
        memcpy(&serial.b1, wide + 16, 4)
        return 1
    if not PyBytes_Check(given):
        raise TypeError("expected a serial as bytes or int, got another type")
    octets = <const uint8_t *>PyBytes_AS_STRING(given)
    size = PyBytes_GET_SIZE(given)
    if not 1 <= size <= 20:
        return 0
    # X.690 section 8.3.2: the fewest octets; other spellings are no serial of a list that was accepted.
    if size > 1 and ((octets[0] == 0 and octets[1] < 0x80) or (octets[0] == 0xFF and octets[1] >= 0x80)):
        return 0
    split_serial(octets, size, &serial.a, &serial.b0, &serial.b1)
    return 1


cdef bytes serial_octets(const Serial *serial):
    cdef uint8_t octets[20]
    cdef Py_ssize_t start = join_serial(serial.a, serial.b0, serial.b1, octets)
    return PyBytes_FromStringAndSize(<const char *>octets + start, 20 - start)


cdef object damaged():
    """What to raise when a file is no longer what it was when it was opened."""
    return layout.broken("an index file as it was when it was opened", "another: it was changed under its reader")


cdef object no_position():
    return IndexError("expected the position of an entry of this index, got another")


cdef class Table:
    """The entries of one index file. ``view`` is the whole file, ``tail`` its tail, read by ``read_tail``."""

    def __cinit__(self, view, tail):
        self.owner = view
        self.held = view
        self.own_rows = NULL
        if self.held.shape[0] < 8:
            raise damaged()
        read_key(self, tail.mixing_key)
        self.s.last = &self.held[self.held.shape[0] - 8]
        self.s.code_octets = tail.code_octets
        self.s.full = tail.entries_in_line
        self.s.lines = section_of(self, tail, b"SHRT", LINE, &self.s.line_count)
        self.s.home_lines = tail.home_lines
        if layout.ENTRIES_IN_LINE.get(tail.code_octets) != tail.entries_in_line or (
            self.s.home_lines > self.s.line_count or (self.s.home_lines == 0) != (self.s.line_count == 0)
        ):
            raise damaged()
        set_run(self, tail, &self.s.long_listed, b"LONG", b"LDIR", tail.long_bits)
        set_run(self, tail, &self.s.short_gone, b"SGON", b"SGDR", tail.short_gone_bits)
        set_run(self, tail, &self.s.long_gone, b"LGON", b"LGDR", tail.long_gone_bits)
        set_run(self, tail, &self.s.short_many, b"SMNY", None, 0)
        set_run(self, tail, &self.s.long_many, b"LMNY", None, 0)
        read_rows(self, section_of(self, tail, b"CODE", sizeof(Row), &self.s.row_count))

    def __dealloc__(self):
        free(self.own_rows)

    def get(self, serial, /):
        """(revocation date in seconds since 1970, reason octet, partition) of a listed serial, or None."""
        cdef Serial wanted
        cdef Found found
        cdef int64_t at
        if take_serial(serial, &wanted) == 0:
            return None
        if is_short(wanted.a, wanted.b0, wanted.b1):
            return short_said(self, <uint32_t>wanted.a)
        at = find_listed(&self.s, &wanted)
        if at >= 0 and read_listed(&self.s, at, &found) == 0 and ends_whole(&self.s):
            return found_said(found.row, found.date)
        if at != NONE or not ends_whole(&self.s):
            raise damaged()
        return None

    def find(self, serial, /):
        """The same of a listed or a gone serial, and the last set that listed a gone one, and its flags."""
        cdef Serial wanted
        cdef Found found
        cdef int64_t at
        cdef int told
        if take_serial(serial, &wanted) == 0:
            return None
        at = find_listed(&self.s, &wanted)
        if at >= 0:
            told = read_listed(&self.s, at, &found)
            if told == 0 and ends_whole(&self.s):
                return date_of(found.row, found.date), found.row.reason, found.row.partition, None, 0
        elif at == NONE:
            at = find_gone(&self.s, &wanted)
            told = read_gone(&self.s, at, &found) if at >= 0 else <int>at
            if told == 0 and ends_whole(&self.s):
                return date_of(found.row, found.date), found.row.reason, found.row.partition, found.last_listed, found.gone_flags
            if at == NONE and ends_whole(&self.s):
                return None
        raise damaged()

    def position(self, serial, /):
        """Where a listed serial stands, or -1."""
        cdef Serial wanted
        cdef int64_t at
        if take_serial(serial, &wanted) == 0:
            return NONE
        at = find_listed(&self.s, &wanted)
        if at == DAMAGED or not ends_whole(&self.s):
            raise damaged()
        return at

    def listed_at(self, position):
        """(serial, date, reason, partition) of the listed entry that stands there."""
        cdef Found found
        cdef Serial serial
        cdef int told = read_listed(&self.s, position_of(position), &found)
        if told == NONE:
            raise no_position()
        if told == DAMAGED:
            raise damaged()
        listed_serial(&self.s, position, &serial)
        return serial_octets(&serial), date_of(found.row, found.date), found.row.reason, found.row.partition

    def gone_at(self, position):
        """(serial, date, reason, partition, last set that listed it, flags) of a gone entry."""
        cdef Found found
        cdef Serial serial
        cdef int told = read_gone(&self.s, position_of(position), &found)
        if told == NONE:
            raise no_position()
        if told == DAMAGED:
            raise damaged()
        gone_serial(&self.s, position, &serial)
        return (
            serial_octets(&serial),
            date_of(found.row, found.date),
            found.row.reason,
            found.row.partition,
            found.last_listed,
            found.gone_flags,
        )

    def positions(self, start, limit):
        """The next positions of listed entries from ``start`` on, at most ``limit``; none at the end."""
        cdef int64_t at = next_listed(&self.s, position_of(start))
        cdef Py_ssize_t most = limit
        found = []
        while at >= 0 and len(found) < most:
            found.append(at)
            at = next_listed(&self.s, at + 1)
        if at == DAMAGED:
            raise damaged()
        return found

    @property
    def gone_count(self):
        return self.s.short_gone.count + self.s.long_gone.count


cdef inline object found_said(Row row, uint32_t date):
    """What ``get`` answers. Reasons, and partitions that are not many, are numbers that exist already."""
    cdef object partition = <object>PyList_GET_ITEM(SMALL, row.partition) if row.partition < 256 else row.partition
    return date_of(row, date), <object>PyList_GET_ITEM(SMALL, row.reason), partition


cdef inline object short_said(Table table, uint32_t serial):
    """Most serials are short, so this is the path that is timed: one line of the cache, in most cases.

    A line that has its mark was not cut, so what is found in it needs no other proof.
    """
    cdef const Sections *s = &table.s
    cdef int64_t at = find_in_lines(s.lines, s.line_count, s.home_lines, s.full, mix32(&s.mixing, serial))
    cdef const uint8_t *line
    cdef uint32_t place, code
    if at >= 0:
        line = s.lines + at // PLACES * LINE + 4 * s.full
        place = at % PLACES
        code = load_code(line + 4 * s.full + place * s.code_octets, s.code_octets)
        if code < s.row_count:
            return found_said(s.rows[code], load32(line + 4 * place))
    elif at == NONE and ends_whole(s):
        return None
    raise damaged()


cdef int64_t position_of(object position) except? -1:
    if not isinstance(position, int):
        raise TypeError("expected the position of an entry as an int, got another type")
    if not 0 <= position < 1 << 62:
        raise no_position()
    return position


cdef int read_key(Table table, bytes key) except -1:
    if len(key) != layout.MIXING_KEY_OCTETS:
        raise damaged()
    read_mixing(<const uint8_t *>PyBytes_AS_STRING(key), &table.s.mixing)
    return 0


cdef const uint8_t *section_of(Table table, tail, bytes tag, uint32_t stride, uint64_t *count) except NULL:
    """Where a section starts, and its number of records: inside the file, and whole records."""
    offset, length = tail.sections[tag]
    if not (0 <= offset and 0 <= length and offset + length <= table.held.shape[0] - 8) or length % stride:
        raise damaged()
    count[0] = length // stride
    return &table.held[0] + <uint64_t>offset


cdef int set_run(Table table, tail, Run *run, bytes tag, bytes directory, uint32_t bits) except -1:
    cdef uint64_t numbers = 0
    run.wide = tag[:1] == b"L"
    run.code_octets = table.s.code_octets if tag == b"LONG" else 4
    if tag == b"LONG":
        run.stride = layout.LONG_OCTETS + table.s.code_octets
    elif directory is None:
        run.stride = layout.LONG_MANY_OCTETS if run.wide else layout.SHORT_MANY_OCTETS
    else:
        run.stride = layout.LONG_GONE_OCTETS if run.wide else layout.SHORT_GONE_OCTETS
    run.records = section_of(table, tail, tag, run.stride, &run.count)
    run.directory = run.records
    run.bits = bits
    if directory is None:
        return 0
    run.directory = section_of(table, tail, directory, 4, &numbers)
    # A key's first ``bits`` bits number it, and shifting by 64 would say nothing.
    if bits > 32 or (bits == 0) != (run.count == 0) or numbers != (0 if bits == 0 else (<uint64_t>1 << bits) + 1):
        raise damaged()
    return 0


cdef int read_rows(Table table, const uint8_t *rows) except -1:
    """A copy of CODE: what the rows say stays what it was when their checksum was."""
    cdef uint64_t i, size = table.s.row_count * sizeof(Row)
    table.own_rows = <Row *>malloc(size or 1)
    if table.own_rows == NULL:
        raise MemoryError
    memcpy(table.own_rows, rows, size)
    table.s.rows = table.own_rows
    for i in range(table.s.row_count):
        if table.own_rows[i].flags & ~HAS_INVALIDITY_DATE:
            raise layout.broken("codes with known flags", "another flag")
    return 0
