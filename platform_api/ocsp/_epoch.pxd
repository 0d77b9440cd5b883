# cython: language_level=3
"""One set with one version of the authorities, as the fast path sees it; see ``_epoch.pyx``."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    MOST_HASH = 64

cdef struct IssuerRow:
    uint8_t hash_kind  # of _request_walk.pxd: 0 SHA-1, 1 SHA-256, 2 SHA-384, 3 SHA-512
    uint8_t hash_length
    uint16_t issuer
    uint8_t name_hash[MOST_HASH]
    uint8_t key_hash[MOST_HASH]

cdef class Frame:
    cdef readonly object identity
    cdef readonly object template
    cdef readonly object sign
    cdef readonly bytes tail
    cdef readonly bytes dates
    cdef readonly int64_t next_update
    cdef readonly int64_t until

cdef class Signed:
    cdef readonly bytes tag
    cdef readonly bytes octets
    cdef readonly Frame frame
    cdef readonly int kind
    cdef readonly bint storable

cdef class Epoch:
    cdef readonly uint32_t number
    cdef readonly uint64_t set_seq
    cdef readonly object snapshot
    cdef readonly object authorities
    cdef readonly list issuers
    cdef readonly list frames
    cdef dict frame_numbers
    cdef IssuerRow *rows
    cdef int row_count

    cdef int issuer_of(self, const uint8_t *octets, int hash_kind, uint32_t name_hash, uint32_t key_hash) noexcept nogil
