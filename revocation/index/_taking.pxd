"""A batch of the walk's records on its way into the arenas: under which keys, and in which buckets.

Inline, for the harvest alone; this runs for each entry. Loops over a batch do one thing each, so that what is random
in a list (which serials are long, which bucket is next) neither is a branch nor waits for memory: a bucket's next
place is asked for while the keys of the entries behind are mixed.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._arena cimport LONG, PACKED, WIDE, Arena, is_full, next_chunk
from revocation.index._keys cimport (
    LongKey, Mixing, mix32, mix_long, split_serial, swapped32, swapped64,
)

cdef extern from *:
    """
    #define prefetch_for_writing(at) __builtin_prefetch((at), 1)
    """
    void prefetch_for_writing(const void *at) noexcept nogil

cdef enum:
    RECORD = 32
    BATCH = 256                # with all that belongs to them half of what the nearest cache holds
    LEAD = 24                  # octets before a batch's records that are read too, and mean nothing


cdef struct Batch:
    uint8_t lead[RECORD]
    uint8_t records[BATCH * RECORD]
    uint32_t codes[BATCH]      # of each record
    # Of the short ones among them, one behind the other:
    uint64_t words[BATCH]      # packed; or key and date
    uint32_t word_codes[BATCH]
    uint16_t buckets[BATCH]
    # Which of the records the long ones are:
    uint16_t long_ones[BATCH]
    # And these, as they are kept:
    uint8_t packed_long[BATCH * LONG]


cdef inline Py_ssize_t sort_out(Batch *batch, Py_ssize_t count, const Mixing *mixing, const Arena *arena,
                                int octets) noexcept nogil:
    """Ready words of the short ones, and which the long ones are; answers how many are short."""
    cdef Mixing k = mixing[0]
    cdef int bits = arena.bits
    cdef uint8_t **ends = arena.ends
    cdef const uint8_t *record = batch.records
    cdef Py_ssize_t i, short_count = 0
    cdef uint64_t serial, value, is_long
    cdef uint32_t key, date, size, bucket
    for i in range(count):
        memcpy(&serial, record, 8)
        memcpy(&date, record + 24, 4)
        record += RECORD
        size = serial & 0xFF
        # The first seven octets, the first one highest: so many of them as there are, on the right.
        serial = swapped64(serial) << 8
        value = serial >> ((64 - 8 * size) & 63)
        # Five octets and fewer that are 0 to 2**32 - 1 (FORMAT.md, "Keys").
        is_long = (size > 5) | (serial >> 63) | (value >> 32 != 0)
        key = mix32(&k, <uint32_t>value)
        bucket = <uint32_t>(<uint64_t>key >> (32 - bits))
        prefetch_for_writing(ends[bucket])
        if octets == PACKED:
            # What the bucket tells of the key is shifted out at the top.
            batch.words[short_count] = <uint64_t>key << (32 + bits) >> (bits - 8) | <uint64_t>date << 8 | batch.codes[i]
        else:
            batch.words[short_count] = <uint64_t>date << 32 | key
            batch.word_codes[short_count] = batch.codes[i]
        batch.buckets[short_count] = <uint16_t>bucket
        batch.long_ones[i - short_count] = <uint16_t>i
        short_count += 1 - is_long
    return short_count


cdef inline bint put_short(Batch *batch, Py_ssize_t count, Arena *arena, int octets) noexcept nogil:
    """False without memory."""
    cdef Py_ssize_t i
    cdef uint8_t **ends = arena.ends
    cdef uint8_t *place
    for i in range(count):
        place = ends[batch.buckets[i]]
        if is_full(place):
            place = next_chunk(arena, batch.buckets[i])
            if place == NULL:
                return False
        memcpy(place, &batch.words[i], 8)
        if octets == WIDE:
            memcpy(place + 8, &batch.word_codes[i], 4)
        ends[batch.buckets[i]] = place + octets
    arena.count += count
    return True


cdef inline void long_serial(const uint8_t *record, uint64_t *a, uint64_t *b0, uint32_t *b1) noexcept nogil:
    """The serial of a record, cut like ``split_serial`` does it; LEAD octets before the record are read."""
    cdef int size = record[0]
    cdef const uint8_t *end = record + 1 + size
    cdef uint64_t sign, here, kept
    cdef uint32_t low
    if size < 8:
        split_serial(record + 1, size, a, b0, b1)
        return
    sign = 0 - <uint64_t>(record[1] >> 7)
    memcpy(&here, end - 8, 8)
    a[0] = swapped64(here)
    # Of the 8 octets before those, and of the 4 before these, as many as there are; before them the sign.
    memcpy(&here, end - 16, 8)
    kept = ((<uint64_t>1 << (8 * (size - 8) & 63)) - 1) | (0 - <uint64_t>(size >= 16))
    b0[0] = sign ^ ((sign ^ swapped64(here)) & kept)
    memcpy(&low, end - 20, 4)
    kept = (<uint64_t>1 << (8 * (size - 16 if size > 16 else 0))) - 1
    b1[0] = <uint32_t>(sign ^ ((sign ^ swapped32(low)) & kept))


cdef inline bint put_long(Batch *batch, Py_ssize_t count, const Mixing *mixing, Arena *arena) noexcept nogil:
    """False without memory."""
    cdef Mixing k = mixing[0]
    cdef uint8_t **ends = arena.ends
    cdef const uint8_t *record
    cdef uint8_t *packed = batch.packed_long
    cdef uint8_t *place
    cdef Py_ssize_t i, bucket
    cdef uint64_t a, b0
    cdef uint32_t b1
    cdef LongKey key
    for i in range(count):
        record = batch.records + batch.long_ones[i] * RECORD
        long_serial(record, &a, &b0, &b1)
        key = mix_long(&k, a, b0, b1)
        bucket = <Py_ssize_t>(key.m >> 1 >> (63 - arena.bits))
        prefetch_for_writing(ends[bucket])
        batch.buckets[i] = <uint16_t>bucket
        memcpy(packed, &key.m, 8)
        memcpy(packed + 8, &key.b0, 8)
        memcpy(packed + 16, &key.b1, 4)
        memcpy(packed + 20, record + 24, 4)
        memcpy(packed + 24, &batch.codes[batch.long_ones[i]], 4)
        packed += LONG
    packed = batch.packed_long
    for i in range(count):
        place = ends[batch.buckets[i]]
        if is_full(place):
            place = next_chunk(arena, batch.buckets[i])
            if place == NULL:
                return False
        memcpy(place, packed, LONG)
        packed += LONG
        ends[batch.buckets[i]] = place + LONG
    arena.count += count
    return True


cdef inline bint put_batch(Batch *batch, Py_ssize_t count, const Mixing *mixing, Arena *short_ones,
                           Arena *long_ones) noexcept nogil:
    """All of a batch, of which the codes are known; False without memory."""
    cdef Py_ssize_t short_count
    cdef bint put
    if short_ones.octets == PACKED:
        short_count = sort_out(batch, count, mixing, short_ones, PACKED)
        put = put_short(batch, short_count, short_ones, PACKED)
    else:
        short_count = sort_out(batch, count, mixing, short_ones, WIDE)
        put = put_short(batch, short_count, short_ones, WIDE)
    return put and (short_count == count or put_long(batch, count - short_count, mixing, long_ones))
