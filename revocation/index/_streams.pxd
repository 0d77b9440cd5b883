"""What is merged, in the order of keys: the new entries from their arena, and sections of the set before."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._arena cimport PACKED, WIDE, Arena, bucket_count, gather
from revocation.index._entry cimport Entry, get_code, get_key, key_octets


cdef enum:
    MARKER = 128               # of a line of entries (FORMAT.md)
    LINE = 64

cdef enum:
    READ = 0                   # an entry, or the end
    UNCHECKED = 1              # first the next piece must be vouched for
    DAMAGED = 2


cdef struct NewEntries:
    const Arena *arena         # NULL: none
    uint8_t *records           # of the bucket at hand, sorted
    Py_ssize_t bucket, count, at
    const uint32_t *numbers    # the set's code for each of the arena's
    bint more                  # is there an entry in ``head``?
    Entry head


cdef struct Section:
    const uint8_t *data
    Py_ssize_t octets
    Py_ssize_t at              # of the next line or record
    Py_ssize_t checked         # up to here it may be read
    Py_ssize_t stride
    int place                  # of the next entry within its line
    bint short_ones
    int code_octets
    int in_line
    const uint32_t *numbers    # the new set's code for each of the old one's
    uint32_t codes
    bint more
    uint32_t old_code          # of ``head``, as the old set has it
    Entry head


cdef inline void next_new(NewEntries *new) noexcept nogil:
    cdef const uint8_t *record
    cdef const Arena *arena = new.arena
    cdef uint64_t word
    cdef uint32_t key, code
    new.more = False
    if arena == NULL:
        return
    while new.at == new.count:
        if new.bucket + 1 >= <Py_ssize_t>1 << arena.bits:
            return
        new.bucket += 1
        new.at = 0
        new.count = bucket_count(arena, new.bucket)
        gather(arena, new.bucket, new.records)
    record = new.records + new.at * arena.octets
    new.at += 1
    if arena.octets == PACKED:
        memcpy(&word, record, 8)
        new.head.m = (word >> 40) | (<uint64_t>new.bucket << (32 - arena.bits))
        new.head.date = <uint32_t>(word >> 8)
        code = word & 0xFF
    elif arena.octets == WIDE:
        memcpy(&key, record, 4)
        new.head.m = key
        memcpy(&new.head.date, record + 4, 4)
        memcpy(&code, record + 8, 4)
    else:
        get_key(record, False, &new.head)
        memcpy(&new.head.date, record + 20, 4)
        memcpy(&code, record + 24, 4)
    new.head.code = new.numbers[code]
    new.more = True


cdef inline int next_listed(Section *section) noexcept nogil:
    """The next entry of SHRT or LONG into ``head``."""
    cdef const uint8_t *at
    cdef uint32_t key
    cdef int n = section.in_line
    section.more = False
    while True:
        if section.at + section.stride > section.octets:
            return READ
        if section.at + section.stride > section.checked:
            return UNCHECKED
        at = section.data + section.at
        if not section.short_ones:
            get_key(at, False, &section.head)
            memcpy(&section.head.date, at + 20, 4)
            section.old_code = get_code(at + 24, section.code_octets)
            section.at += section.stride
            break
        if at[63] < MARKER or at[63] - MARKER > n:
            return DAMAGED
        if section.place < at[63] - MARKER:
            memcpy(&key, at + 4 * section.place, 4)
            section.head.m = key
            memcpy(&section.head.date, at + 4 * (n + section.place), 4)
            section.old_code = get_code(at + 8 * n + section.code_octets * section.place, section.code_octets)
            section.place += 1
            break
        section.place = 0
        section.at += LINE
    if section.old_code >= section.codes:
        return DAMAGED
    section.head.code = section.numbers[section.old_code]
    section.more = True
    return READ


cdef inline bint finish_line(Section *section) noexcept nogil:
    """Does the next entry begin a line? Lines that were read to their last entry are left behind."""
    cdef const uint8_t *line
    if section.place and section.at + LINE <= section.octets:
        line = section.data + section.at
        if section.place != line[63] - MARKER:
            return False
        section.place = 0
        section.at += LINE
    return True


cdef inline int next_record(Section *section) noexcept nogil:
    """The next record of SGON, LGON, SMNY or LMNY into ``head``: key, date, code of 4 octets, and what follows."""
    cdef const uint8_t *at
    section.more = False
    if section.at + section.stride > section.octets:
        return READ
    if section.at + section.stride > section.checked:
        return UNCHECKED
    at = section.data + section.at
    get_key(at, section.short_ones, &section.head)
    at += key_octets(section.short_ones)
    memcpy(&section.head.date, at, 4)
    memcpy(&section.old_code, at + 4, 4)
    if section.old_code >= section.codes:
        return DAMAGED
    section.head.code = section.numbers[section.old_code]
    section.at += section.stride
    section.more = True
    return READ
