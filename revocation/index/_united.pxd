"""One entry for each serial (FORMAT.md), whatever the order in which its entries come. See _united.pyx."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from revocation.index._entry cimport Buffer, Entry, Row


# What one list says of the serial at hand.
cdef struct Own:
    int64_t date
    uint16_t partition
    uint8_t reason
    uint8_t flags


cdef struct Group:
    const Row *rows
    Py_ssize_t rows_count
    int64_t *ranks             # by partition: its list's thisUpdate
    int32_t *slots             # by partition: its place in ``own``, or -1
    Buffer own
    bint differs


cdef int open_group(Group *group) except -1
cdef void close_group(Group *group) noexcept nogil
# Another entry of the serial at hand; False without memory.
cdef bint note(Group *group, const Entry *entry) noexcept nogil
# End the serial: its united entry into ``result`` (which has the key), each list's own into ``shared`` if there are
# several lists. False without memory.
cdef bint unite(Group *group, bint short_ones, Entry *result, Buffer *shared, bint *conflicting) noexcept nogil
