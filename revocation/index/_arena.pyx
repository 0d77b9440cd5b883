# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Packed records in buckets by the highest bits of their key. See _arena.pxd.

Keys are mixed with numbers that nobody outside knows, so buckets fill evenly whatever serials a list has. Where
they do not (one serial many times), sorting falls back to one that no order of records makes slow.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcpy, memset

cdef enum:
    FIRST_BLOCK = 8            # chunks; each further block is twice as large
    LARGEST_BLOCK = 256
    LARGEST_BINS = 15          # bits
    CROWDED = 48               # records of one bin that are too many for insertion


cdef int open_arena(Arena *arena, int bits, int octets) except -1 nogil:
    memset(arena, 0, sizeof(Arena))
    arena.bits = bits
    arena.octets = octets
    arena.next_block = FIRST_BLOCK
    arena.buckets = <Bucket *>calloc(<size_t>1 << bits, sizeof(Bucket))
    if arena.buckets == NULL:
        with gil:
            raise MemoryError
    return 0


cdef void close_arena(Arena *arena) noexcept nogil:
    cdef Block *block = arena.blocks
    cdef Block *following
    while block != NULL:
        following = block.next
        free(block)
        block = following
    free(arena.buckets)
    memset(arena, 0, sizeof(Arena))


cdef Chunk *next_chunk(Arena *arena, Bucket *bucket) noexcept nogil:
    cdef Block *block
    cdef Chunk *chunk
    if arena.free_chunks == 0:
        block = <Block *>malloc(CHUNK_HEAD + <size_t>arena.next_block * CHUNK)
        if block == NULL:
            return NULL
        block.next = arena.blocks
        arena.blocks = block
        arena.free = <uint8_t *>block + CHUNK_HEAD
        arena.free_chunks = arena.next_block
        arena.next_block = min(arena.next_block * 2, LARGEST_BLOCK)
    chunk = <Chunk *>arena.free
    arena.free += CHUNK
    arena.free_chunks -= 1
    chunk.next = NULL
    chunk.used = 0
    if bucket.last == NULL:
        bucket.first = chunk
    else:
        bucket.last.next = chunk
    bucket.last = chunk
    bucket.chunks += 1
    return chunk


cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil:
    cdef const Chunk *chunk = arena.buckets[bucket].first
    while chunk != NULL:
        memcpy(target, <const uint8_t *>chunk + CHUNK_HEAD, chunk.used)
        target += chunk.used
        chunk = chunk.next


cdef void scatter(Arena *arena, Py_ssize_t bucket, const uint8_t *records) noexcept nogil:
    cdef Chunk *chunk = arena.buckets[bucket].first
    while chunk != NULL:
        memcpy(<uint8_t *>chunk + CHUNK_HEAD, records, chunk.used)
        records += chunk.used
        chunk = chunk.next


# --- sorting one bucket ---

cdef inline uint64_t load64(const uint8_t *at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef inline uint32_t load32(const uint8_t *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline int order(const uint8_t *x, const uint8_t *y, int octets) noexcept nogil:
    """By key. Of equal ones any may come first: uniting them does not depend on it."""
    cdef uint64_t a, b
    if octets == WIDE:
        a = load32(x)
        b = load32(y)
        return (a > b) - (a < b)
    a = load64(x)
    b = load64(y)
    if a != b or octets == PACKED:
        return (a > b) - (a < b)
    a = load64(x + 8)
    b = load64(y + 8)
    if a != b:
        return (a > b) - (a < b)
    a = load32(x + 16)
    b = load32(y + 16)
    return (a > b) - (a < b)


cdef int by_packed(const void *x, const void *y) noexcept nogil:
    return order(<const uint8_t *>x, <const uint8_t *>y, PACKED)


cdef int by_wide(const void *x, const void *y) noexcept nogil:
    return order(<const uint8_t *>x, <const uint8_t *>y, WIDE)


cdef int by_long(const void *x, const void *y) noexcept nogil:
    return order(<const uint8_t *>x, <const uint8_t *>y, LONG)


cdef inline Py_ssize_t bin_of(const uint8_t *record, int octets, int bits, int bins) noexcept nogil:
    """The highest ``bins`` bits of the key behind the bucket's own ``bits``."""
    if octets == PACKED:
        # The key stands in the highest 24 bits, of which 32 - bits are used.
        return <Py_ssize_t>(load64(record) >> (72 - bits - bins))
    if octets == WIDE:
        return <Py_ssize_t>(<uint32_t>(load32(record) << bits) >> (32 - bins))
    return <Py_ssize_t>((load64(record) << bits) >> (64 - bins))


cdef inline void insert(uint8_t *records, Py_ssize_t count, int octets) noexcept nogil:
    cdef uint8_t held[LONG]
    cdef Py_ssize_t i, j
    for i in range(1, count):
        if order(records + (i - 1) * octets, records + i * octets, octets) <= 0:
            continue
        memcpy(held, records + i * octets, octets)
        j = i
        while j > 0 and order(records + (j - 1) * octets, held, octets) > 0:
            memcpy(records + j * octets, records + (j - 1) * octets, octets)
            j -= 1
        memcpy(records + j * octets, held, octets)


cdef inline void insert_words(uint64_t *words, Py_ssize_t count) noexcept nogil:
    cdef uint64_t held
    cdef Py_ssize_t i, j
    for i in range(1, count):
        held = words[i]
        j = i
        while j > 0 and words[j - 1] > held:
            words[j] = words[j - 1]
            j -= 1
        words[j] = held


cdef inline void sort_few(uint8_t *records, Py_ssize_t count, int octets) noexcept nogil:
    if count > CROWDED:
        if octets == PACKED:
            qsort(records, count, PACKED, by_packed)
        elif octets == WIDE:
            qsort(records, count, WIDE, by_wide)
        else:
            qsort(records, count, LONG, by_long)
    elif octets == PACKED:
        insert_words(<uint64_t *>records, count)
    else:
        insert(records, count, octets)


cdef inline int into_bins(uint8_t *records, uint8_t *sorted_records, Py_ssize_t count, int octets, int bits,
                          uint32_t *starts, int bins) noexcept nogil:
    """By the key's next bits, then within the bins of about two records each. ``octets`` is always a constant."""
    cdef Py_ssize_t i, at, bin, last
    cdef uint32_t below = 0, here
    memset(starts, 0, (<size_t>1 << bins) * sizeof(uint32_t))
    for i in range(count):
        starts[bin_of(records + i * octets, octets, bits, bins)] += 1
    for bin in range(<Py_ssize_t>1 << bins):
        here = starts[bin]
        starts[bin] = below
        below += here
    for i in range(count):
        bin = bin_of(records + i * octets, octets, bits, bins)
        memcpy(sorted_records + <Py_ssize_t>starts[bin] * octets, records + i * octets, octets)
        starts[bin] += 1
    # Each start has moved to the end of its bin.
    last = 0
    for bin in range(<Py_ssize_t>1 << bins):
        at = starts[bin]
        if at - last > 1:
            sort_few(sorted_records + last * octets, at - last, octets)
        last = at
    return 0


cdef void sort_records(uint8_t *records, uint8_t *sorted_records, Py_ssize_t count, int octets, int bits,
                       uint32_t *starts) noexcept nogil:
    """From the one into the other; ``starts`` has room for the largest number of bins."""
    cdef int bins = 1
    if count <= CROWDED or count >> 31:
        memcpy(sorted_records, records, count * octets)
        sort_few(sorted_records, count, octets)
        return
    while bins < LARGEST_BINS and count >> bins > 2:
        bins += 1
    if octets == PACKED:
        into_bins(records, sorted_records, count, PACKED, bits, starts, min(bins, 32 - bits))
    elif octets == WIDE:
        into_bins(records, sorted_records, count, WIDE, bits, starts, min(bins, 32 - bits))
    else:
        into_bins(records, sorted_records, count, LONG, bits, starts, bins)


cdef int sort_arena(Arena *arena) except -1 nogil:
    cdef Py_ssize_t bucket, count, largest = 0
    cdef uint8_t *records
    cdef uint32_t *starts
    for bucket in range(<Py_ssize_t>1 << arena.bits):
        largest = max(largest, bucket_count(arena, bucket))
    if largest < 2:
        return 0
    records = <uint8_t *>malloc(2 * largest * arena.octets)
    starts = <uint32_t *>malloc((<size_t>1 << LARGEST_BINS) * sizeof(uint32_t))
    if records == NULL or starts == NULL:
        free(records)
        free(starts)
        with gil:
            raise MemoryError
    for bucket in range(<Py_ssize_t>1 << arena.bits):
        count = bucket_count(arena, bucket)
        if count > 1:
            gather(arena, bucket, records)
            sort_records(records, records + largest * arena.octets, count, arena.octets, arena.bits, starts)
            scatter(arena, bucket, records + largest * arena.octets)
    free(records)
    free(starts)
    return 0
