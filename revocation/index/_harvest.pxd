"""What a list brought in: its entries, packed, under their keys. See _harvest.pyx."""

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from revocation.index._arena cimport Arena
from revocation.index._keys cimport Mixing
from revocation.index._taking cimport Batch

@cython.final
cdef class Harvest:
    cdef Mixing mixing
    cdef Arena short_ones
    cdef Arena long_ones
    cdef int32_t codes_of[512]     # flags << 8 | reason, of dates from 1970 to 2106: the code, or -1
    cdef dict others               # (reason, flags, date high): the code
    cdef list known_codes          # [(reason, flags, date high)] in the order in which they came
    cdef readonly bytes key
    cdef bint opened
    cdef bint settled
    cdef int open(self, Py_ssize_t octets) except -1 nogil
    cdef int add(self, Batch *batch, Py_ssize_t count) except -1 nogil
    cdef uint32_t code_of(self, uint8_t reason, uint8_t flags, int32_t high) except? 0xFFFFFFFF nogil
    cdef int widen(self) except -1
    cdef int absorb(self, Harvest other, numbers) except -1
    cdef int settle(self) except -1 nogil
