# cython: language_level=3
"""A caller as the fast path sees it; see ``_caller_view.pyx``."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    NOT_ASKED = 0
    MAY_ASK = 1
    MAY_NOT_ASK = 2
    NOBODY_CAN_TELL = 3

cdef class CallerView:
    cdef readonly object caller
    cdef readonly uint32_t number
    cdef readonly bint registered_only
    cdef public double rate
    cdef public double burst
    cdef double tokens
    cdef double filled_at
    cdef uint32_t epoch
    cdef bytearray permissions
    cdef object row_view
    cdef uint64_t *row

    cdef bint take(self, double now) noexcept
    cdef int permission(self, uint32_t epoch, int issuer, int issuers)
    cdef void count(self, int position) noexcept

cdef class Entitlements:
    cdef uint64_t *words
    cdef size_t mask

    cdef int known(self, uint64_t question, uint32_t now) noexcept
