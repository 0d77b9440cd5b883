# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Look-ups in index sections that were changed under their reader: from C, each section a malloc of its own.

``Exact`` is for the rest, which Python drives: a whole file in a malloc of exactly its size.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from revocation.index._keys cimport split_serial
from revocation.index._table cimport (
    DAMAGED,
    NONE,
    PLACES,
    Found,
    Run,
    Sections,
    Serial,
    Table,
    date_of,
    find_gone,
    find_listed,
    gone_serial,
    listed_serial,
    next_gone,
    next_listed,
    read_gone,
    read_listed,
)


cdef extern from "mutate.h":
    ctypedef struct dice:
        uint64_t state
    uint64_t roll(dice *d) nogil
    int below(dice *d, int limit) nogil

cdef extern from "sanitizer/asan_interface.h":
    void __asan_poison_memory_region(const void *at, size_t size) nogil
    void __asan_unpoison_memory_region(const void *at, size_t size) nogil

cdef enum:
    PARTS = 8          # of a file: what look-ups read
    LOOK_UPS = 16      # for each changed image
    MOST_CHANGES = 6

#: What was found untrue; the index is what ``tried`` answers.
FINDINGS = (
    "none",
    "a position that no entry can have",
    "an entry that was found and cannot be read",
    "another serial than the one that was looked for",
    "positions that do not ascend",
    "an unchanged file without one of its entries",
    "an unchanged file with an entry that it has not",
)


cdef class Exact:
    """Octets in a malloc of exactly their size, to be viewed and to be changed."""

    cdef uint8_t *octets
    cdef Py_ssize_t size

    def __cinit__(self, bytes data not None):
        cdef const uint8_t *source = data
        self.size = len(data)
        self.octets = <uint8_t *>malloc(self.size)
        if self.octets == NULL:
            raise MemoryError
        memcpy(self.octets, source, self.size)

    def __dealloc__(self):
        if self.octets != NULL:
            __asan_unpoison_memory_region(self.octets, self.size)
        free(self.octets)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.octets, self.size, 0, flags)

    def forbid(self, Py_ssize_t start, Py_ssize_t end):
        """Whoever reads these octets from now on is reported."""
        if not 0 <= start <= end <= self.size:
            raise ValueError("expected a range of these octets")
        __asan_poison_memory_region(self.octets + start, end - start)


cdef struct Part:
    uint8_t *octets    # what is changed and searched
    uint8_t *pristine
    size_t size
    size_t changed_from, changed_to


cdef class Image:
    """The sections of one sound file, each on its own, and the serials that are in it."""

    cdef Sections s
    cdef Table table
    cdef Part parts[PARTS]
    cdef Serial *serials
    cdef int serial_count
    cdef int listed_count

    def __cinit__(self, Table table not None, listed, gone):
        cdef int i
        cdef const uint8_t *octets
        self.table = table
        self.s = table.s
        self.s.lines = self.part(0, table.s.lines, table.s.line_count * 64)
        self.take(1, &self.s.long_listed)
        self.take(3, &self.s.short_gone)
        self.take(5, &self.s.long_gone)
        self.s.last = self.part(7, table.s.last, 8)
        self.serial_count = <int>(len(listed) + len(gone))
        self.listed_count = <int>len(listed)
        self.serials = <Serial *>malloc(sizeof(Serial) * (self.serial_count + 1))
        if self.serials == NULL:
            raise MemoryError
        for i, serial in enumerate((*listed, *gone)):
            octets = serial
            split_serial(octets, len(serial), &self.serials[i].a, &self.serials[i].b0, &self.serials[i].b1)

    def __dealloc__(self):
        cdef int i
        free(self.serials)
        for i in range(PARTS):
            free(self.parts[i].octets)
            free(self.parts[i].pristine)

    cdef uint8_t *part(self, int number, const uint8_t *source, size_t size) except NULL:
        cdef Part *part = &self.parts[number]
        part.octets = <uint8_t *>malloc(size)
        part.pristine = <uint8_t *>malloc(size)
        if part.octets == NULL or part.pristine == NULL:
            raise MemoryError
        part.size = size
        memcpy(part.octets, source, size)
        memcpy(part.pristine, source, size)
        return part.octets

    cdef int take(self, int number, Run *run) except -1:
        run.records = self.part(number, run.records, run.count * run.stride)
        run.directory = self.part(
            number + 1, run.directory, 0 if run.bits == 0 else 4 * ((<size_t>1 << run.bits) + 1))
        return 0


cdef void change(Image image, dice *d) noexcept nogil:
    """A few changes in one section: octets, numbers at their ends, zeros, records or lines moved."""
    cdef Part *part = &image.parts[below(d, PARTS)]
    cdef int at, size, other, i
    if part.size == 0:
        return
    at = below(d, <int>part.size)
    size = 1
    i = below(d, 7)
    if i == 0:
        part.octets[at] = part.octets[at] ^ <uint8_t>(1 << below(d, 8))
    elif i == 1:
        part.octets[at] = <uint8_t>roll(d)
    elif i == 2:       # a number at the end of its range, or next to what it was
        size = 4 if part.size - at >= 4 else 1
        memset(part.octets + at, 0 if below(d, 2) else 0xFF, size)
    elif i == 3:
        at &= ~3
        size = <int>min(<size_t>4, part.size - at)
        part.octets[at] = <uint8_t>(part.octets[at] + below(d, 5) - 2)
    elif i == 4:       # a page or less of zeros
        size = 1 + below(d, <int>(part.size - at))
        memset(part.octets + at, 0, size)
    elif i == 5:       # the mark of a line
        at |= 63
        if <size_t>at >= part.size:
            return
        part.octets[at] = <uint8_t>(128 + below(d, 9))
    else:              # other octets of the same section
        size = 1 + below(d, 80)
        other = below(d, <int>part.size)
        size = <int>min(<size_t>size, min(part.size - at, part.size - other))
        for i in range(size):
            part.octets[at + i] = part.pristine[other + i]
    if part.changed_to == part.changed_from:
        part.changed_from = at
        part.changed_to = at + size
    else:
        part.changed_from = min(part.changed_from, <size_t>at)
        part.changed_to = max(part.changed_to, <size_t>(at + size))


cdef void restore(Image image) noexcept nogil:
    cdef int i
    cdef Part *part
    for i in range(PARTS):
        part = &image.parts[i]
        if part.changed_to > part.changed_from:
            memcpy(part.octets + part.changed_from, part.pristine + part.changed_from,
                   part.changed_to - part.changed_from)
        part.changed_from = part.changed_to = 0


cdef inline bint same_serial(const Serial *x, const Serial *y) noexcept nogil:
    return x.a == y.a and x.b0 == y.b0 and x.b1 == y.b1


cdef void serial_for(Image image, dice *d, Serial *serial, int *number) noexcept nogil:
    """One that is there, its neighbour, or any: short, long, negative."""
    number[0] = -1
    if image.serial_count and below(d, 4):
        number[0] = below(d, image.serial_count)
        serial[0] = image.serials[number[0]]
        if below(d, 4) == 0:
            serial.a ^= <uint64_t>1 << below(d, 64)
            number[0] = -1
        return
    serial.a = roll(d) >> below(d, 64)
    serial.b0 = 0
    serial.b1 = 0
    if below(d, 2):
        serial.b0 = roll(d) >> below(d, 64)
        serial.b1 = <uint32_t>(roll(d) >> 33)


cdef int look_up(Image image, dice *d, bint sound) noexcept nogil:
    cdef const Sections *s = &image.s
    cdef Serial wanted, told
    cdef Found found
    cdef int number
    cdef int64_t at
    serial_for(image, d, &wanted, &number)
    at = find_listed(s, &wanted)
    if at >= 0:
        if at >= <int64_t>(s.line_count * PLACES + s.long_listed.count):
            return 1
        # A code beyond the table is damage; no entry at all would be a position that is none.
        if read_listed(s, at, &found) == NONE:
            return 2
        listed_serial(s, at, &told)
        if not same_serial(&wanted, &told):
            return 3
    elif at != NONE and at != DAMAGED:
        return 1
    if sound and number >= 0 and (at >= 0) != (number < image.listed_count):
        return 5 if number < image.listed_count else 6
    at = find_gone(s, &wanted)
    if at >= 0:
        if at >= <int64_t>(s.short_gone.count + s.long_gone.count):
            return 1
        if read_gone(s, at, &found) == NONE:
            return 2
        gone_serial(s, at, &told)
        if not same_serial(&wanted, &told):
            return 3
    elif at != NONE and at != DAMAGED:
        return 1
    if sound and number >= 0 and (at >= 0) != (number >= image.listed_count):
        return 5 if number >= image.listed_count else 6
    return 0


cdef int go_through(Image image) noexcept nogil:
    """Every position, as who iterates or compares asks for them."""
    cdef const Sections *s = &image.s
    cdef Found found
    cdef Serial serial
    cdef int64_t at = -1, before = -1
    while True:
        at = next_listed(s, at + 1)
        if at < 0:
            break
        if at <= before:
            return 4
        before = at
        if read_listed(s, at, &found) == NONE:
            return 2
        listed_serial(s, at, &serial)
    before = at = -1
    while True:
        at = next_gone(s, at + 1)
        if at < 0:
            break
        if at <= before:
            return 4
        before = at
        if read_gone(s, at, &found) == NONE:
            return 2
        gone_serial(s, at, &serial)
    return 0


def look_up_many(list images, uint64_t seed, uint64_t executions):
    """So many changed images, sixteen look-ups in each; (executions done, finding or None)."""
    cdef dice d
    cdef uint64_t done = 0
    cdef int found = 0, i
    cdef Image image
    cdef bint sound
    d.state = seed * 0xD1342543DE82EF95ULL + 1
    while done < executions and found == 0:
        image = images[below(&d, <int>len(images))]
        with nogil:
            for _ in range(64):
                sound = below(&d, 32) == 0
                if not sound:
                    for i in range(1 + below(&d, MOST_CHANGES)):
                        change(image, &d)
                for i in range(LOOK_UPS):
                    if found == 0:
                        found = look_up(image, &d, sound)
                if found == 0 and below(&d, 16) == 0:
                    found = go_through(image)
                restore(image)
                done += 1
                if found:
                    break
    return done, FINDINGS[found] if found else None
