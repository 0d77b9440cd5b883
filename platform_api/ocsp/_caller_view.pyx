# cython: language_level=3, boundscheck=False, wraparound=False
"""A caller as the fast path sees it: allowed to ask about which CA, how often, and counted.

Who a caller is and what it may do is decided elsewhere (``institutions/callers.py``); here is remembered what
was decided, for as long as it holds.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport calloc, free


cdef class CallerView:
    """``rate`` requests a second, ``burst`` at once; 0 means as many as come. ``row``: format Q, four words."""

    def __init__(self, caller, uint32_t number, *, bint registered_only, double rate, double burst, row):
        cdef Py_buffer buffer
        self.caller = caller
        self.number = number
        self.registered_only = registered_only
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.filled_at = 0.0
        self.epoch = 0
        self.permissions = bytearray()
        self.row_view = row
        PyObject_GetBuffer(row, &buffer, PyBUF_SIMPLE | PyBUF_WRITABLE)
        if buffer.len < 4 * <Py_ssize_t>sizeof(uint64_t):
            PyBuffer_Release(&buffer)
            raise ValueError("expected four words to count in")
        self.row = <uint64_t *>buffer.buf
        PyBuffer_Release(&buffer)  # row_view holds the memory

    cdef bint take(self, double now) noexcept:
        """One request more: is it within the rate? A bucket that fills by ``rate`` a second up to ``burst``."""
        if self.rate <= 0.0:
            return True
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    cdef int permission(self, uint32_t epoch, int issuer, int issuers):
        """What was said of this issuer in this epoch."""
        if self.epoch != epoch:
            self.permissions = bytearray(issuers)
            self.epoch = epoch
        return self.permissions[issuer] if issuer < len(self.permissions) else NOT_ASKED

    def permit(self, int issuer, bint allowed):
        """Remember what was decided for the epoch that was asked for last."""
        if issuer < len(self.permissions):
            self.permissions[issuer] = MAY_ASK if allowed else MAY_NOT_ASK

    cdef void count(self, int position) noexcept:
        self.row[position] += 1

    def within_rate(self, double now):
        """``take``, for the ordinary route."""
        return self.take(now)

    def counted(self, int position):
        """One answer more of this kind (``CallerCount``)."""
        if not 0 <= position < 4:
            raise IndexError(position)
        self.row[position] += 1


cdef class Entitlements:
    """Which questions (caller x certificate, hashed under a secret) were found entitled, or not, until when.

    A direct-mapped table of a fixed size: what meets in one place takes the other's, and is asked for again.
    """

    def __cinit__(self, int bits):
        self.mask = (<size_t>1 << bits) - 1
        self.words = <uint64_t *>calloc(2 << bits, sizeof(uint64_t))
        if self.words == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.words)

    cdef int known(self, uint64_t question, uint32_t now) noexcept:
        """MAY_ASK, MAY_NOT_ASK, NOBODY_CAN_TELL or NOT_ASKED."""
        cdef uint64_t *pair = self.words + 2 * (question & self.mask)
        if pair[0] != question or <uint32_t>(pair[1] >> 2) < now:
            return NOT_ASKED
        return <int>(pair[1] & 3)

    def remember(self, uint64_t question, allowed, uint32_t until):
        """``allowed``: True, False, or None where nobody can tell; ``until``: the last monotonic second for
        which it holds."""
        cdef uint64_t *pair = self.words + 2 * (question & self.mask)
        cdef int said = NOBODY_CAN_TELL if allowed is None else MAY_ASK if allowed else MAY_NOT_ASK
        pair[0] = question
        pair[1] = <uint64_t>until << 2 | said
