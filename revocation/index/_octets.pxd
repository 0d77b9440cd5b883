"""Numbers as they stand in a file or in memory, at any offset. Inline; whoever reads has checked the bounds."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline uint32_t load32(const uint8_t *at) noexcept nogil:
    cdef uint32_t x
    memcpy(&x, at, 4)
    return x


cdef inline uint64_t load64(const uint8_t *at) noexcept nogil:
    cdef uint64_t x
    memcpy(&x, at, 8)
    return x


cdef inline uint32_t load_code(const uint8_t *at, uint32_t octets) noexcept nogil:
    """An entry's code: 1, 2 or 4 octets."""
    cdef uint16_t two
    if octets == 1:
        return at[0]
    if octets == 2:
        memcpy(&two, at, 2)
        return two
    return load32(at)
