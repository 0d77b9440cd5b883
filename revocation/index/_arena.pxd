"""Packed records in buckets by the highest bits of their key: written in any order, read back bucket by bucket."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    PACKED = 8     # key << 40 | date << 8 | code: the key without the bucket's bits, at most 24 of 32
    WIDE = 12      # key, date, code: 4 octets each
    LONG = 28      # m, b0, b1, date, code


cdef struct Chunk:
    Chunk *next
    Py_ssize_t used            # octets


cdef struct Bucket:
    Chunk *first
    Chunk *last
    Py_ssize_t count


cdef struct Block:
    Block *next


cdef struct Arena:
    int bits                   # 1 << bits buckets
    int octets                 # of a record: PACKED, WIDE or LONG
    Py_ssize_t count
    Bucket *buckets
    Block *blocks              # what was allocated, for giving it back
    uint8_t *free              # the rest of the newest block
    Py_ssize_t free_chunks
    Py_ssize_t next_block      # chunks of the next block


cdef int open_arena(Arena *arena, int bits, int octets) except -1 nogil
cdef void close_arena(Arena *arena) noexcept nogil
# Room for one more record in a bucket; NULL without memory.
cdef uint8_t *room(Arena *arena, Py_ssize_t bucket) noexcept nogil
# Copy a bucket into ``target``, which has room for its records.
cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil
# Write records back over those of a bucket, as many as it has.
cdef void scatter(Arena *arena, Py_ssize_t bucket, const uint8_t *records) noexcept nogil
# Sort records of one bucket by key; ``spare`` has the same size. The result is in ``records``.
cdef int sort_records(uint8_t *records, uint8_t *spare, Py_ssize_t count, int octets, int bits) except -1 nogil
