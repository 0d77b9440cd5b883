# cython: language_level=3
"""What all connections of one process share; see ``_fast_path.pyx``."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from platform_api.ocsp._caller_view cimport CallerView, Entitlements
from platform_api.ocsp._epoch cimport Epoch, Frame, Signed
from platform_api.ocsp._render cimport Head
from revocation.ocsp._cache cimport AnswerCache, AnswerKey, Found
from revocation.ocsp._request_at cimport RequestAt

cdef enum:
    # What became of a request.
    ANSWERED = 1
    LATER = 2  # ``FastPath.awaited`` will be done with its answer
    ASK_AGAIN = 3  # the same request, once ``FastPath.awaited`` is done

cdef enum:
    # OCSPResponseStatus (RFC 6960 section 4.2.1)
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6

cdef class FastPath:
    cdef readonly Epoch epoch
    cdef readonly AnswerCache cache
    cdef readonly Entitlements entitlements
    cdef readonly object answers
    cdef readonly object factory
    cdef readonly bint anonymous
    cdef readonly bint shared_caches
    cdef readonly bint ask_peer
    cdef readonly bint nonces
    cdef readonly bint signatures_matter
    cdef readonly int most_connections
    cdef readonly double request_s
    cdef readonly double idle_s
    cdef readonly double stalled_s
    cdef readonly set connections
    cdef public bint draining
    cdef readonly object emptied
    cdef object awaited
    cdef object clock_now
    cdef object timer
    cdef object share
    cdef Frame plain
    cdef list paths
    cdef object counts_view
    cdef object serving_view
    cdef uint64_t *counts
    cdef uint64_t *serving
    cdef uint8_t date[32]
    cdef int64_t now
    cdef double ticked_at
    cdef double monotonic
    cdef uint8_t *out
    cdef size_t out_room
    cdef size_t out_used
    cdef uint8_t *body

    cdef int mode_of(self, const uint8_t *target, Py_ssize_t length, int method, Py_ssize_t *text) noexcept
    cdef int make_room(self, size_t octets) except -1
    cdef object flushed(self)
    cdef int error(self, const Head *head, int status, CallerView view) except -1
    cdef int answer(
        self, const Head *head, const uint8_t *body, Py_ssize_t length, int mode, CallerView view, bytes wanted
    ) except -1
    cdef int ask(
        self, const Head *head, const uint8_t *body, Py_ssize_t length, int mode, CallerView view, bytes wanted,
        bytes key
    ) except -1
    cdef int give(self, const Head *head, object said, CallerView view, bytes wanted) except -1
    cdef int with_nonce(
        self, const Head *head, const Found *kept, Frame frame, const uint8_t *nonce, Py_ssize_t length,
        CallerView view
    ) except -1
    cdef int signed(self, const Head *head, Signed signed, CallerView view, bytes wanted) except -1
    cdef int render(
        self, const Head *head, const uint8_t *tag, const uint8_t *octets, size_t length, Frame frame,
        bint storable, int kind, CallerView view, bytes wanted
    ) except -1
    cdef bint caught_up(self) except -1
    cdef bint on_time(self) except -1
