"""A batch of the walk's records on its way into the arenas: under which keys, and in which buckets.

Inline, for the harvest alone; this runs for each entry. What is random in a list (which serials are long, which
bucket is next) neither is a branch nor waits for memory: short ones are put down while long ones are only noted,
and of each bucket the line behind the one at hand is asked for long before it is wanted.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._arena cimport LONG, PACKED, WIDE, Arena, is_full, next_chunk, room
from revocation.index._keys cimport (
    LongKey, Mixing, is_short, mix32, mix_long, split_serial, swapped32, swapped64,
)

cdef extern from *:
    """
    #define prefetch_for_writing(at) __builtin_prefetch((at), 1)
    """
    void prefetch_for_writing(const void *at) noexcept nogil

cdef enum:
    RECORD = 32
    BATCH = 256                # records between walk and arena: what the nearest cache holds
    CACHE_LINE = 64
    KNOWN_CODES = 512


cdef struct Batch:
    uint8_t lead[RECORD]       # read too, with the serial of the first record, and means nothing
    uint8_t records[BATCH * RECORD]
    # Those of the records that are long, and how many.
    uint16_t long_ones[BATCH]
    Py_ssize_t long_count


# Where entries go. The codes: of flags << 8 | reason, for dates from 1970 to 2106; or -1.
cdef struct Places:
    const Mixing *mixing
    const int32_t *codes_of
    Arena *short_ones
    Arena *long_ones
    uint64_t past[32]          # by the octets of a serial: the first seven of the first one that is long


cdef inline void prepare_places(Places *places) noexcept nogil:
    """FORMAT.md, "Keys": short are 0 to 2**32 - 1, so a fifth octet may only be a leading 0."""
    cdef int size
    for size in range(32):
        places.past[size] = <uint64_t>1 << 63 if size < 5 else <uint64_t>1 << 56 if size == 5 else 0


cdef inline Py_ssize_t put_short(Batch *batch, Py_ssize_t at, Py_ssize_t count, const Places *places,
                                 int octets) noexcept nogil:
    """The records from ``at`` on; answers where it stopped: before one whose code is not known, or without memory.

    The long ones are noted. In their stead something is written where the next short one will be.
    """
    cdef Mixing k = places.mixing[0]
    cdef Arena *arena = places.short_ones
    cdef uint8_t **ends = arena.ends
    cdef const int32_t *codes_of = places.codes_of
    cdef const uint8_t *record
    cdef uint8_t *place
    cdef int shift = 32 - arena.bits
    cdef uint64_t below = (<uint64_t>1 << shift) - 1
    cdef Py_ssize_t i, long_count = 0
    cdef uint64_t serial, word, short_one
    cdef uint32_t key, date, size, bucket
    cdef int32_t high, code
    cdef uint16_t what
    for i in range(at, count):
        record = batch.records + i * RECORD
        memcpy(&serial, record, 8)
        memcpy(&what, record + 21, 2)
        memcpy(&date, record + 24, 4)
        memcpy(&high, record + 28, 4)
        if high != 0 or what >= KNOWN_CODES:
            break
        code = codes_of[what]
        if code < 0:
            break
        size = serial & 0x1F
        # The first seven octets, the first one highest; then so many of them as there are, on the right.
        serial = swapped64(serial) << 8
        short_one = serial < places.past[size]
        key = mix32(&k, <uint32_t>(serial >> ((64 - 8 * size) & 63)))
        bucket = <uint32_t>(<uint64_t>key >> shift)
        place = ends[bucket]
        if is_full(place):
            place = next_chunk(arena, bucket)
            if place == NULL:
                break
        prefetch_for_writing(place + CACHE_LINE)
        if octets == PACKED:
            # What the bucket tells of the key is left out.
            word = (key & below) << 40 | <uint64_t>date << 8 | <uint64_t>code
            memcpy(place, &word, 8)
        else:
            memcpy(place, &key, 4)
            memcpy(place + 4, &date, 4)
            memcpy(place + 8, &code, 4)
        ends[bucket] = place + short_one * octets
        batch.long_ones[long_count] = <uint16_t>i
        long_count += 1 - short_one
    else:
        i = count
    arena.count += i - at - long_count
    batch.long_count = long_count
    return i


cdef inline void long_serial(const uint8_t *record, uint64_t *a, uint64_t *b0, uint32_t *b1) noexcept nogil:
    """The serial of a record, cut as ``split_serial`` does it; up to 11 octets before the record are read."""
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


cdef inline void put_long_record(uint8_t *place, const LongKey *key, const uint8_t *record,
                                 uint32_t code) noexcept nogil:
    memcpy(place, &key.m, 8)
    memcpy(place + 8, &key.b0, 8)
    memcpy(place + 16, &key.b1, 4)
    memcpy(place + 20, record + 24, 4)
    memcpy(place + 24, &code, 4)


cdef inline bint put_long(Batch *batch, const Places *places) noexcept nogil:
    """Those that were noted; False without memory."""
    cdef Mixing k = places.mixing[0]
    cdef Arena *arena = places.long_ones
    cdef uint8_t **ends = arena.ends
    cdef const uint8_t *record
    cdef uint8_t *place
    cdef Py_ssize_t i, bucket
    cdef uint64_t a, b0
    cdef uint32_t b1
    cdef uint16_t what
    cdef LongKey key
    for i in range(batch.long_count):
        record = batch.records + <Py_ssize_t>batch.long_ones[i] * RECORD
        long_serial(record, &a, &b0, &b1)
        key = mix_long(&k, a, b0, b1)
        bucket = <Py_ssize_t>(key.m >> 1 >> (63 - arena.bits))
        place = ends[bucket]
        if is_full(place):
            place = next_chunk(arena, bucket)
            if place == NULL:
                return False
        prefetch_for_writing(place + CACHE_LINE)
        memcpy(&what, record + 21, 2)
        put_long_record(place, &key, record, places.codes_of[what])
        ends[bucket] = place + LONG
    arena.count += batch.long_count
    batch.long_count = 0
    return True


cdef inline bint put_one(const uint8_t *record, uint32_t code, const Places *places) noexcept nogil:
    """Any record, under a code of any kind; False without memory."""
    cdef Arena *arena = places.short_ones
    cdef uint8_t *place
    cdef uint64_t a, b0, word
    cdef uint32_t b1, key, date
    cdef LongKey wide
    split_serial(record + 1, record[0], &a, &b0, &b1)
    if not is_short(a, b0, b1):
        wide = mix_long(places.mixing, a, b0, b1)
        place = room(places.long_ones, <Py_ssize_t>(wide.m >> 1 >> (63 - places.long_ones.bits)))
        if place != NULL:
            put_long_record(place, &wide, record, code)
        return place != NULL
    key = mix32(places.mixing, <uint32_t>a)
    place = room(arena, <Py_ssize_t>(<uint64_t>key >> (32 - arena.bits)))
    if place == NULL:
        return False
    memcpy(&date, record + 24, 4)
    if arena.octets == PACKED:
        word = (key & ((<uint64_t>1 << (32 - arena.bits)) - 1)) << 40 | <uint64_t>date << 8 | code
        memcpy(place, &word, 8)
    else:
        memcpy(place, &key, 4)
        memcpy(place + 4, &date, 4)
        memcpy(place + 8, &code, 4)
    return True
