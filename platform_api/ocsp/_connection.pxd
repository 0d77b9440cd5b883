# cython: language_level=3
"""One connection as such; see ``_connection.pyx``."""

from libc.stdint cimport uint64_t

from platform_api.ocsp._caller_view cimport CallerView
from platform_api.ocsp._fast_path cimport FastPath
from platform_api.ocsp._render cimport Head

cdef class Connection:
    cdef FastPath path
    cdef object transport
    cdef object loop
    cdef bytes kept  # of requests that are not answered yet
    cdef bytes authorization
    cdef bytes certificate
    cdef str peer
    cdef CallerView view
    # Until when this connection's credential need not be looked at again. Not the caller's own: another
    # credential of the same key may go on after this one was ended.
    cdef double known_until
    cdef Head head  # of the answer that is waited for
    cdef bytes wanted
    cdef bint waiting
    cdef bint writing_paused
    cdef bint reading_paused
    cdef bint partial
    cdef bint continued
    cdef bint paid
    cdef bint encrypted
    cdef bint closing
    cdef bint ended  # the client sends no more
    cdef readonly double deadline
    cdef int answered

    cdef object _set_deadline(self, bint moved)
    cdef object _write(self)
    cdef object _stop_reading(self)
    cdef object _measured(self, int answered, uint64_t ns)
    cdef object _forget(self)
    cdef object _hand_over(self, bytes rest)
