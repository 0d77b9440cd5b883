# Lines checked before their file has a tail, for whoever has the tail later. See _ahead.pyx.

from libc.stdint cimport uint32_t

from revocation.index._check_lines cimport ONE_OCTET, LinesFormat, LinesWalk
from revocation.index._table cimport PLACES


cdef class LinesAhead:
    cdef uint32_t octets
    cdef LinesWalk lines
    cdef LinesFormat form
    cdef uint32_t seen[PLACES - 1][ONE_OCTET]
