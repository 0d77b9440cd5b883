"""Packed records in buckets by the highest bits of their key: written in any order, read back bucket by bucket."""

from libc.stdint cimport uint8_t

cdef enum:
    CHUNK = 8192               # where a chunk begins is a multiple of it too
    CHUNK_HEAD = 16

cdef enum:
    PACKED = 8     # key << 40 | date << 8 | code: the key without the bucket's bits, at most 24 of 32
    WIDE = 12      # key, date, code: 4 octets each
    LONG = 28      # m, b0, b1, date, code


# Records lie at the end of a chunk, so that a full one ends where the next multiple of CHUNK is.
cdef struct Chunk:
    Chunk *next
    Chunk *block_before        # in the first chunk of a block


cdef struct Bucket:
    Chunk *first
    Py_ssize_t chunks


cdef struct Arena:
    int bits                   # 1 << bits buckets
    int octets                 # of a record: PACKED, WIDE or LONG
    int begin                  # of the records within a chunk
    Py_ssize_t count
    Bucket *buckets
    uint8_t **ends             # of each bucket's records; NULL, or where a chunk ends: the next one wants a new one
    Chunk *blocks              # what was allocated, for giving it back: the newest of them
    Chunk *mapped              # the same, of those of full size
    uint8_t *free              # the rest of the newest block
    Py_ssize_t free_chunks
    Py_ssize_t next_block      # chunks of the next block


cdef int open_arena(Arena *arena, int bits, int octets) except -1 nogil
cdef void close_arena(Arena *arena) noexcept nogil
# Where the next record of a bucket goes whose chunks are full; NULL without memory.
cdef uint8_t *next_chunk(Arena *arena, Py_ssize_t bucket) noexcept nogil
# Copy a bucket into ``target``, which has room for its records.
cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil
# Sort each bucket by key.
cdef int sort_arena(Arena *arena) except -1 nogil


cdef inline bint is_full(const uint8_t *end) noexcept nogil:
    """Is there no room behind the last record of a bucket?"""
    return (<size_t>end & (CHUNK - 1)) == 0


cdef inline uint8_t *room(Arena *arena, Py_ssize_t bucket) noexcept nogil:
    """Room for one more record in a bucket; NULL without memory."""
    cdef uint8_t *place = arena.ends[bucket]
    if is_full(place):
        place = next_chunk(arena, bucket)
        if place == NULL:
            return NULL
    arena.ends[bucket] = place + arena.octets
    arena.count += 1
    return place


cdef inline Py_ssize_t chunk_octets(const Arena *arena, const Chunk *chunk, Py_ssize_t bucket) noexcept nogil:
    """Octets of the records in a bucket's chunk: all but the last are full."""
    cdef const uint8_t *begin = <const uint8_t *>chunk + arena.begin
    if chunk.next != NULL:
        return CHUNK - arena.begin
    return arena.ends[bucket] - begin


cdef inline Py_ssize_t bucket_count(const Arena *arena, Py_ssize_t bucket) noexcept nogil:
    """Records of a bucket."""
    cdef Py_ssize_t in_last
    if arena.ends[bucket] == NULL:
        return 0
    # Of a full one the end lies in what comes after it.
    in_last = ((<size_t>arena.ends[bucket] - 1) & (CHUNK - 1)) + 1 - arena.begin
    return ((arena.buckets[bucket].chunks - 1) * (CHUNK - arena.begin) + in_last) // arena.octets
