# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Packed records in buckets by the highest bits of their key. See _arena.pxd.

Keys are mixed with numbers that nobody outside knows, so buckets fill evenly whatever serials a list has. Where
they do not (one serial many times), sorting falls back to one that no order of records makes slow.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcpy, memset

cdef enum:
    CHUNK = 8192
    ROOM = CHUNK - 16          # behind the chunk's own head
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


cdef Chunk *new_chunk(Arena *arena) noexcept nogil:
    cdef Block *block
    cdef Chunk *chunk
    if arena.free_chunks == 0:
        block = <Block *>malloc(sizeof(Block) + 8 + <size_t>arena.next_block * CHUNK)
        if block == NULL:
            return NULL
        block.next = arena.blocks
        arena.blocks = block
        arena.free = <uint8_t *>block + sizeof(Block) + 8
        arena.free_chunks = arena.next_block
        arena.next_block = min(arena.next_block * 2, LARGEST_BLOCK)
    chunk = <Chunk *>arena.free
    arena.free += CHUNK
    arena.free_chunks -= 1
    chunk.next = NULL
    chunk.used = 0
    return chunk


cdef uint8_t *room(Arena *arena, Py_ssize_t bucket) noexcept nogil:
    cdef Bucket *into = &arena.buckets[bucket]
    cdef Chunk *chunk = into.last
    cdef uint8_t *place
    if chunk == NULL or chunk.used + arena.octets > ROOM:
        chunk = new_chunk(arena)
        if chunk == NULL:
            return NULL
        if into.last == NULL:
            into.first = chunk
        else:
            into.last.next = chunk
        into.last = chunk
    place = <uint8_t *>chunk + sizeof(Chunk) + chunk.used
    chunk.used += arena.octets
    into.count += 1
    arena.count += 1
    return place


cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil:
    cdef const Chunk *chunk = arena.buckets[bucket].first
    while chunk != NULL:
        memcpy(target, <const uint8_t *>chunk + sizeof(Chunk), chunk.used)
        target += chunk.used
        chunk = chunk.next


cdef void scatter(Arena *arena, Py_ssize_t bucket, const uint8_t *records) noexcept nogil:
    cdef Chunk *chunk = arena.buckets[bucket].first
    while chunk != NULL:
        memcpy(<uint8_t *>chunk + sizeof(Chunk), records, chunk.used)
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


cdef void insert(uint8_t *records, Py_ssize_t count, int octets) noexcept nogil:
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


cdef void insert_words(uint64_t *words, Py_ssize_t count) noexcept nogil:
    cdef uint64_t held
    cdef Py_ssize_t i, j
    for i in range(1, count):
        held = words[i]
        j = i
        while j > 0 and words[j - 1] > held:
            words[j] = words[j - 1]
            j -= 1
        words[j] = held


cdef void sort_few(uint8_t *records, Py_ssize_t count, int octets) noexcept nogil:
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


cdef int sort_records(uint8_t *records, uint8_t *spare, Py_ssize_t count, int octets, int bits) except -1 nogil:
    """Into bins by the key's next bits, about two records in each, then within the bins."""
    cdef int bins = 1
    cdef Py_ssize_t i, at, bin, last
    cdef uint32_t *starts
    if count <= CROWDED or count >> 31:
        sort_few(records, count, octets)
        return 0
    while bins < LARGEST_BINS and count >> bins > 2:
        bins += 1
    if octets == PACKED and bins > 32 - bits:
        bins = 32 - bits
    starts = <uint32_t *>calloc((<size_t>1 << bins) + 1, sizeof(uint32_t))
    if starts == NULL:
        with gil:
            raise MemoryError
    for i in range(count):
        starts[bin_of(records + i * octets, octets, bits, bins) + 1] += 1
    for bin in range(<Py_ssize_t>1 << bins):
        starts[bin + 1] += starts[bin]
    if octets == PACKED:
        for i in range(count):
            bin = bin_of(records + i * PACKED, PACKED, bits, bins)
            memcpy(spare + <Py_ssize_t>starts[bin] * PACKED, records + i * PACKED, PACKED)
            starts[bin] += 1
    else:
        for i in range(count):
            bin = bin_of(records + i * octets, octets, bits, bins)
            memcpy(spare + <Py_ssize_t>starts[bin] * octets, records + i * octets, octets)
            starts[bin] += 1
    # Each start has moved to the end of its bin.
    last = 0
    for bin in range(<Py_ssize_t>1 << bins):
        at = starts[bin]
        if at - last > 1:
            sort_few(spare + last * octets, at - last, octets)
        last = at
    free(starts)
    memcpy(records, spare, count * octets)
    return 0
