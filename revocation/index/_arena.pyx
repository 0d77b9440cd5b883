# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Packed records in buckets by the highest bits of their key. See _arena.pxd.

Keys are mixed with numbers that nobody outside knows, so buckets fill evenly whatever serials a list has.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from revocation.index._octets cimport load32, load64
from revocation.index._sorting cimport Sorter, sort_long, sort_words

cdef extern from *:
    """
    #include <stdlib.h>
    #include <sys/mman.h>
    #ifndef MAP_ANONYMOUS
    #define MAP_ANONYMOUS MAP_ANON
    #endif

    /* A block of full size: where the system has pages as large as it, it is one of them. Writing here and there
       into many buckets then costs neither a fault for every 4 kB nor a search for the page each time. */
    static void *map_block(size_t octets)
    {
        size_t over;
        char *at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at != MAP_FAILED && (size_t)at % octets != 0) {
            munmap(at, octets);
            at = mmap(NULL, 2 * octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at != MAP_FAILED) {
                over = octets - (size_t)at % octets;
                munmap(at, over);
                at += over;
                if (over != octets)
                    munmap(at + octets, octets - over);
            }
        }
        if (at == MAP_FAILED)
            return NULL;
    #ifdef MADV_HUGEPAGE
        madvise(at, octets, MADV_HUGEPAGE);
    #endif
        return at;
    }

    static void unmap_block(void *at, size_t octets) { munmap(at, octets); }

    static void *small_block(size_t alignment, size_t octets)
    {
        void *at;
        return posix_memalign(&at, alignment, octets) == 0 ? at : NULL;
    }
    """
    void *map_block(size_t octets) noexcept nogil
    void unmap_block(void *at, size_t octets) noexcept nogil
    void *small_block(size_t alignment, size_t octets) noexcept nogil

cdef enum:
    FIRST_BLOCK = 8            # chunks; each further block is twice as large
    FULL_BLOCK = 256


cdef int open_arena(Arena *arena, int bits, int octets) except -1 nogil:
    memset(arena, 0, sizeof(Arena))
    arena.bits = bits
    arena.octets = octets
    arena.begin = CHUNK - (CHUNK - CHUNK_HEAD) // octets * octets
    arena.next_block = FIRST_BLOCK
    arena.buckets = <Bucket *>calloc(<size_t>1 << bits, sizeof(Bucket))
    arena.ends = <uint8_t **>calloc(<size_t>1 << bits, sizeof(uint8_t *))
    if arena.buckets == NULL or arena.ends == NULL:
        close_arena(arena)
        with gil:
            raise MemoryError
    return 0


cdef void close_arena(Arena *arena) noexcept nogil:
    cdef Chunk *block = arena.blocks
    cdef Chunk *before
    while block != NULL:
        before = block.block_before
        free(block)
        block = before
    block = arena.mapped
    while block != NULL:
        before = block.block_before
        unmap_block(block, <size_t>FULL_BLOCK * CHUNK)
        block = before
    free(arena.buckets)
    free(arena.ends)
    memset(arena, 0, sizeof(Arena))


cdef bint next_block(Arena *arena) noexcept nogil:
    """False without memory."""
    cdef Chunk **newest = &arena.blocks
    cdef Chunk *block
    cdef size_t octets = <size_t>arena.next_block * CHUNK
    if arena.next_block == FULL_BLOCK:
        newest = &arena.mapped
        block = <Chunk *>map_block(octets)
    else:
        block = <Chunk *>small_block(CHUNK, octets)
    if block == NULL:
        return False
    block.block_before = newest[0]
    newest[0] = block
    arena.free = <uint8_t *>block
    arena.free_chunks = arena.next_block
    arena.next_block = min(arena.next_block * 2, FULL_BLOCK)
    return True


cdef uint8_t *next_chunk(Arena *arena, Py_ssize_t bucket) noexcept nogil:
    cdef uint8_t *end = arena.ends[bucket]
    cdef Chunk *chunk
    if arena.free_chunks == 0 and not next_block(arena):
        return NULL
    chunk = <Chunk *>arena.free
    arena.free += CHUNK
    arena.free_chunks -= 1
    chunk.next = NULL
    if end == NULL:
        arena.buckets[bucket].first = chunk
    else:
        # The bucket's records end where its last chunk does.
        (<Chunk *>(end - CHUNK)).next = chunk
    arena.buckets[bucket].chunks += 1
    return <uint8_t *>chunk + arena.begin


cdef void gather(const Arena *arena, Py_ssize_t bucket, uint8_t *target) noexcept nogil:
    cdef const Chunk *chunk = arena.buckets[bucket].first
    cdef Py_ssize_t octets
    while chunk != NULL:
        octets = chunk_octets(arena, chunk, bucket)
        memcpy(target, <const uint8_t *>chunk + arena.begin, octets)
        target += octets
        chunk = chunk.next


# --- sorting ---

cdef inline void words_of(Sorter *sorter, Py_ssize_t count, int octets, int bits) noexcept nogil:
    """Of each record the highest bits of its key behind the bucket's own, and its number."""
    cdef Py_ssize_t i
    cdef uint64_t key
    for i in range(count):
        if octets == WIDE:
            key = <uint64_t>load32(sorter.records + i * WIDE) << (32 + bits)
        else:
            key = load64(sorter.records + i * LONG) << bits
        sorter.words[i] = key >> 32 << 32 | <uint64_t>i


cdef inline void put_back(Arena *arena, Py_ssize_t bucket, const Sorter *sorter, int octets) noexcept nogil:
    """The records into the bucket's chunks, in the order of the words."""
    cdef Chunk *chunk = arena.buckets[bucket].first
    cdef const uint64_t *word = sorter.words
    cdef uint8_t *place
    cdef uint8_t *end
    while chunk != NULL:
        place = <uint8_t *>chunk + arena.begin
        end = place + chunk_octets(arena, chunk, bucket)
        while place != end:
            memcpy(place, sorter.records + <Py_ssize_t>(<uint32_t>word[0]) * octets, octets)
            place += octets
            word += 1
        chunk = chunk.next


cdef void sort_bucket(Arena *arena, Py_ssize_t bucket, Py_ssize_t count, Sorter *sorter) noexcept nogil:
    """Out of the chunks, sorted, and back into them."""
    cdef Chunk *chunk = arena.buckets[bucket].first
    cdef const uint8_t *from_words = <const uint8_t *>sorter.words
    cdef Py_ssize_t octets
    if arena.octets == PACKED:
        gather(arena, bucket, <uint8_t *>sorter.words)
        # The key stands in the highest 24 bits, of which 32 - bits are used.
        sort_words(sorter, count, 72 - arena.bits)
        while chunk != NULL:
            octets = chunk_octets(arena, chunk, bucket)
            memcpy(<uint8_t *>chunk + arena.begin, from_words, octets)
            from_words += octets
            chunk = chunk.next
        return
    gather(arena, bucket, sorter.records)
    if arena.octets == WIDE:
        words_of(sorter, count, WIDE, arena.bits)
        sort_words(sorter, count, 64)
        put_back(arena, bucket, sorter, WIDE)
    else:
        words_of(sorter, count, LONG, arena.bits)
        sort_long(sorter, count)
        put_back(arena, bucket, sorter, LONG)


cdef int sort_arena(Arena *arena) except -1 nogil:
    cdef Py_ssize_t bucket, count, largest = 0
    cdef Sorter *sorter
    cdef uint8_t *scratch
    cdef bint failed
    for bucket in range(<Py_ssize_t>1 << arena.bits):
        largest = max(largest, bucket_count(arena, bucket))
    if largest < 2:
        return 0
    if largest >> 32:
        with gil:
            raise OverflowError("expected less than 2**32 entries of one bucket")
    sorter = <Sorter *>malloc(sizeof(Sorter))
    scratch = <uint8_t *>malloc(largest * (16 if arena.octets == PACKED else 16 + arena.octets))
    failed = sorter == NULL or scratch == NULL
    if not failed:
        sorter.words = <uint64_t *>scratch
        sorter.others = sorter.words + largest
        sorter.records = <uint8_t *>(sorter.others + largest)
        for bucket in range(<Py_ssize_t>1 << arena.bits):
            count = bucket_count(arena, bucket)
            if count > 1:
                sort_bucket(arena, bucket, count, sorter)
    free(sorter)
    free(scratch)
    if failed:
        with gil:
            raise MemoryError
    return 0
