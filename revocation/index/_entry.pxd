"""An entry while it is merged, what its code stands for, and a buffer that grows. All inline: this runs for each one."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, memset


# Of a short serial m is its key, and b0 and b1 are zero.
cdef struct Entry:
    uint64_t m
    uint64_t b0
    uint32_t b1
    uint32_t date
    uint32_t code


# Of CODE (FORMAT.md).
cdef struct Row:
    uint16_t partition
    uint8_t reason
    uint8_t flags
    int32_t high


cdef struct Buffer:
    uint8_t *data
    Py_ssize_t used
    Py_ssize_t room


cdef inline uint8_t *extend(Buffer *buffer, Py_ssize_t octets) noexcept nogil:
    """So many more octets at its end; NULL without memory."""
    cdef uint8_t *moved
    cdef Py_ssize_t wanted
    if buffer.used + octets > buffer.room:
        wanted = max(buffer.room * 2, 4096)
        moved = <uint8_t *>realloc(buffer.data, wanted)
        if moved == NULL:
            return NULL
        buffer.data = moved
        buffer.room = wanted
    moved = buffer.data + buffer.used
    buffer.used += octets
    return moved


cdef inline int compare(const Entry *x, const Entry *y) noexcept nogil:
    if x.m != y.m:
        return -1 if x.m < y.m else 1
    if x.b0 != y.b0:
        return -1 if x.b0 < y.b0 else 1
    return (x.b1 > y.b1) - (x.b1 < y.b1)


cdef inline Py_ssize_t key_octets(bint short_ones) noexcept nogil:
    return 4 if short_ones else 20


cdef inline void get_key(const uint8_t *at, bint short_ones, Entry *entry) noexcept nogil:
    cdef uint32_t key
    if short_ones:
        memcpy(&key, at, 4)
        entry.m = key
        entry.b0 = 0
        entry.b1 = 0
    else:
        memcpy(&entry.m, at, 8)
        memcpy(&entry.b0, at + 8, 8)
        memcpy(&entry.b1, at + 16, 4)


cdef inline void put_key(uint8_t *at, bint short_ones, const Entry *entry) noexcept nogil:
    cdef uint32_t key
    if short_ones:
        key = <uint32_t>entry.m
        memcpy(at, &key, 4)
    else:
        memcpy(at, &entry.m, 8)
        memcpy(at + 8, &entry.b0, 8)
        memcpy(at + 16, &entry.b1, 4)


cdef inline uint32_t get_code(const uint8_t *at, int octets) noexcept nogil:
    cdef uint32_t code = 0
    if octets == 1:
        return at[0]
    memcpy(&code, at, octets)
    return code
