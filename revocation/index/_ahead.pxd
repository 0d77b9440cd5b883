# Lines checked before their file has a tail, for whoever has the tail later. See _ahead.pyx.

from libc.stdint cimport uint32_t

from revocation.index._check_lines cimport ONE_OCTET, LinesFormat, LinesWalk
from revocation.index._table cimport PLACES


cdef enum:
    #: Codes of two octets.
    TWO_OCTETS = 1 << 16


cdef class LinesAhead:
    # Of a code; the files of 1,900 lists have two.
    cdef uint32_t octets
    cdef LinesWalk lines
    cdef LinesFormat form
    # By code, how many places have it, the unused ones too, which are zero: of one octet by place, of two altogether.
    cdef uint32_t seen[PLACES - 1][ONE_OCTET]
    cdef uint32_t *wide
