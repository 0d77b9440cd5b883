"""Packed records in buckets by the highest bits of their key: written in any order, read back bucket by bucket."""

from libc.stdint cimport uint8_t

cdef enum:
    CHUNK = 8192
    CHUNK_HEAD = 16
    ROOM = CHUNK - CHUNK_HEAD

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
    Py_ssize_t chunks


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
# Of a full bucket, or of an empty one, a new chunk; NULL without memory.
cdef Chunk *next_chunk(Arena *arena, Bucket *bucket) noexcept nogil
# Copy a bucket into ``target``, which has room for its records.
cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil
# Sort each bucket by key.
cdef int sort_arena(Arena *arena) except -1 nogil


cdef inline uint8_t *room(Arena *arena, Py_ssize_t bucket) noexcept nogil:
    """Room for one more record in a bucket; NULL without memory."""
    cdef Bucket *into = &arena.buckets[bucket]
    cdef Chunk *chunk = into.last
    if chunk == NULL or chunk.used + arena.octets > ROOM:
        chunk = next_chunk(arena, into)
        if chunk == NULL:
            return NULL
    chunk.used += arena.octets
    arena.count += 1
    return <uint8_t *>chunk + CHUNK_HEAD + chunk.used - arena.octets


cdef inline Py_ssize_t bucket_count(const Arena *arena, Py_ssize_t bucket) noexcept nogil:
    """Records of a bucket: all its chunks but the last are full."""
    cdef const Bucket *found = &arena.buckets[bucket]
    if found.last == NULL:
        return 0
    return (found.chunks - 1) * (ROOM // arena.octets) + found.last.used // arena.octets
