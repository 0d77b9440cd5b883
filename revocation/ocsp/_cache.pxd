# cython: language_level=3
"""Signed answers in one block of memory, found by what was asked; see ``_cache.pyx``."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    #: RFC 5280 section 4.1.2.2: longer serial numbers are never issued, and never kept here.
    SERIAL_ROOM = 20
    TAG_OCTETS = 32
    UNSIGNED_FORM = 0x10

cdef struct AnswerKey:
    # 24 octets without padding, compared and hashed whole: what is not used is zero.
    # Hash algorithm (2 bits), its parameters (1), trust mode (1): an answer echoes the CertID's octets.
    # UNSIGNED_FORM: only what was judged, for who signs it with a nonce.
    uint8_t form
    uint8_t serial_length
    uint16_t issuer  # which row of the epoch's issuers
    uint8_t serial[SERIAL_ROOM]

cdef struct Slot:
    uint32_t stamp  # of the half that it was written in; another one: free
    uint32_t epoch  # of the set that it was said from
    uint32_t at  # in the half's octets, divided by 8
    uint16_t length  # of the response without its frame's tail
    uint16_t frame
    uint16_t single_at  # the SingleResponse inside it
    uint16_t single_length
    uint8_t kind
    uint8_t warm  # asked how often, up to 255
    AnswerKey key

cdef struct Half:
    uint8_t *octets
    size_t room
    size_t used
    Slot *slots
    size_t filled
    uint32_t stamp

cdef struct Found:
    # Pointers into the cache, good until the next call of it.
    const uint8_t *tag  # SHA-256 of the whole response
    const uint8_t *octets
    uint16_t length
    uint16_t frame
    uint16_t single_at
    uint16_t single_length
    uint8_t kind

cdef class AnswerCache:
    cdef Half halves[2]
    cdef int young
    cdef size_t mask
    cdef uint64_t seeds[4]
    # The beginning of the one block that everything lies in.
    cdef uint64_t *seen
    cdef size_t mapped
    cdef size_t seen_count
    cdef readonly uint64_t evicted

    cdef uint64_t hashed(self, const AnswerKey *key, uint32_t epoch) noexcept nogil
    cdef Slot *slot_of(self, Half *half, const AnswerKey *key, uint32_t epoch, uint64_t hashed) noexcept nogil
    cdef bint find(self, const AnswerKey *key, uint32_t epoch, Found *found) noexcept nogil
    cdef bint seen_before(self, const AnswerKey *key, uint32_t epoch) noexcept nogil
    cdef bint put(
        self, const AnswerKey *key, uint32_t epoch, const uint8_t *tag, const uint8_t *octets, const Found *about
    ) noexcept nogil
    cdef void rotate(self) noexcept nogil
    cdef bint fits(self, size_t length) noexcept nogil
    cdef void write(
        self, const AnswerKey *key, uint32_t epoch, uint64_t hashed, Found *found
    ) noexcept nogil
