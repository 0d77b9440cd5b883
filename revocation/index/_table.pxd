# An index file in memory and what can be asked of it, as C on (pointer, length): FORMAT.md, "Index file".
#
# Nothing here knows a Python object, takes memory or raises, so that a fuzzer can drive it from C and batches
# run without the interpreter lock. Counts and lengths are checked once, by Table; whatever the octets of the
# sections say, nothing is read outside of them: what does not fit is DAMAGED.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._keys cimport LongKey, Mixing, compare_long, is_short, mix32, mix_long, unmix32, unmix_long
from revocation.index._octets cimport load32, load64, load_code

cdef extern from *:
    """
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    #define prefetched(at) __builtin_prefetch(at)
    #define lowest_bit(x) __builtin_ctz(x)
    /* Which of the first eight 32-bit numbers of a line are this one. Behind the keys there are dates among
       them, which the caller passes over; all eight lie within the 64 octets of the line. */
    static inline unsigned int equal_places(const unsigned char *line, unsigned int key) {
    #if defined(__SSE2__)
        __m128i wanted = _mm_set1_epi32((int)key);
        __m128i low = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)line), wanted);
        __m128i high = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(line + 16)), wanted);
        return (unsigned int)_mm_movemask_ps(_mm_castsi128_ps(low))
            | (unsigned int)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
    #else
        unsigned int keys[8], found = 0, i;
        memcpy(keys, line, 32);
        for (i = 0; i < 8; i++) found |= (unsigned int)(keys[i] == key) << i;
        return found;
    #endif
    }
    """
    void prefetched(const void *at) noexcept nogil
    int lowest_bit(uint32_t x) noexcept nogil
    uint32_t equal_places(const uint8_t *line, uint32_t key) noexcept nogil


cdef enum:
    LINE = 64
    #: Numbers of places that a line takes in a position; a full line has 7 entries at most.
    PLACES = 8
    #: No such entry; the section is not what it was when it was verified.
    NONE = -1
    DAMAGED = -2
    #: Not in this line; the one behind it may have it.
    FURTHER = -3
    #: A directory says to within a few records where a key stands. Ranges beyond this are searched by halves,
    #: so that no octets of a directory make a look-up walk.
    NEAR = 64


cdef struct Serial:
    # Sign-extended to 20 octets: the lowest 8, the next 8, the highest 4.
    uint64_t a, b0
    uint32_t b1


cdef struct Row:
    # Of CODE, as in the file.
    uint16_t partition
    uint8_t reason
    uint8_t flags
    int32_t date_high


cdef struct Run:
    # Records in ascending order of keys. Short keys are kept as the upper half of ``m`` while searching.
    const uint8_t *records
    uint64_t count
    uint32_t stride
    bint wide
    uint32_t code_octets
    const uint8_t *directory  # (1 << bits) + 1 numbers; none without records
    uint32_t bits


cdef struct Sections:
    Mixing mixing
    const uint8_t *lines
    uint64_t line_count
    uint64_t home_lines
    uint32_t full  # entries in a full line: 7, 6 or 5
    uint32_t code_octets
    Run long_listed
    Run short_gone
    Run long_gone
    Run short_many
    Run long_many
    const Row *rows
    uint64_t row_count
    const uint8_t *last  # the last eight octets of the file


cdef struct Found:
    # What one record says; the last two of a gone one.
    Row row
    uint32_t date  # its lower half
    uint32_t last_listed
    uint16_t gone_flags


cdef inline bint ends_whole(const Sections *s) noexcept nogil:
    """Does the file still end with its eight octets? A cut anywhere in the last page leaves zeros there."""
    return load64(s.last) == <uint64_t>0x895256580D0A1A0A


cdef inline LongKey key_of(const Sections *s, const Serial *serial) noexcept nogil:
    """Of a short serial, too: its 32 bits as the upper half."""
    cdef LongKey key
    if is_short(serial.a, serial.b0, serial.b1):
        key.m = <uint64_t>mix32(&s.mixing, <uint32_t>serial.a) << 32
        key.b0 = 0
        key.b1 = 0
        return key
    return mix_long(&s.mixing, serial.a, serial.b0, serial.b1)


cdef inline int64_t date_of(Row row, uint32_t date) noexcept nogil:
    """Seconds since 1970."""
    return <int64_t>((<uint64_t><int64_t>row.date_high << 32) | date)


cdef inline uint32_t entries_in(const uint8_t *line) noexcept nogil:
    """How many entries a line has; more than fit where its last octet is not what it must be."""
    return line[63] ^ 128


cdef inline uint64_t home_line(uint32_t key, uint64_t home_lines) noexcept nogil:
    """Below the number of home lines, where there are any."""
    return (<uint64_t>key * home_lines) >> 32


cdef inline int find_in_line(const uint8_t *line, uint32_t full, uint32_t key) noexcept nogil:
    """The place, NONE, FURTHER or DAMAGED. A line without its mark proves nothing."""
    cdef uint32_t count = entries_in(line), place
    if count > full:
        return DAMAGED
    # An entry's place is the lowest that is equal: what is equal behind the entries is none.
    place = lowest_bit(equal_places(line, key) | <uint32_t>1 << PLACES)
    if place < count:
        return place
    return NONE if count < full or load32(line + 4 * (count - 1)) > key else FURTHER


cdef inline int64_t find_from_line(
    const uint8_t *lines, uint64_t line_count, uint64_t at, uint32_t full, uint32_t key
) noexcept nogil:
    """From line ``at`` on: position (line times 8, and place), NONE or DAMAGED."""
    cdef int place
    while at < line_count:
        place = find_in_line(lines + at * LINE, full, key)
        if place >= 0:
            return at * PLACES + place
        if place != FURTHER:
            return place
        at += 1
    return NONE


cdef inline int64_t find_in_lines(
    const uint8_t *lines, uint64_t line_count, uint64_t home_lines, uint32_t full, uint32_t key
) noexcept nogil:
    return find_from_line(lines, line_count, home_line(key, home_lines), full, key)


cdef inline LongKey record_key(const Run *run, uint64_t at) noexcept nogil:
    cdef const uint8_t *record = run.records + at * run.stride
    cdef LongKey key
    if run.wide:
        key.m = load64(record)
        key.b0 = load64(record + 8)
        key.b1 = load32(record + 16)
    else:
        key.m = <uint64_t>load32(record) << 32
        key.b0 = 0
        key.b1 = 0
    return key


cdef inline int record_order(const Run *run, uint64_t at, const LongKey *key) noexcept nogil:
    """Is record ``at`` below (-1), at (0) or above (1) this key?"""
    cdef LongKey own = record_key(run, at)
    return compare_long(&own, key)


cdef inline const uint8_t *directory_at(const Run *run, uint64_t m) noexcept nogil:
    """The pair of numbers for a key; only where there are records."""
    return run.directory + 4 * (m >> (64 - run.bits))


cdef inline bint read_range(const Run *run, uint64_t m, uint64_t *low, uint64_t *high) noexcept nogil:
    cdef const uint8_t *pair = directory_at(run, m)
    low[0] = load32(pair)
    high[0] = load32(pair + 4)
    return low[0] <= high[0] and high[0] <= run.count


cdef inline uint64_t likely_place(const Run *run, uint64_t m, uint64_t low, uint64_t high) noexcept nogil:
    """Keys are spread evenly, so the key's place within its range is too."""
    return low + ((((m << run.bits) >> 32) * (high - low)) >> 32)


cdef inline int64_t find_between(const Run *run, const LongKey *key, uint64_t low, uint64_t high) noexcept nogil:
    """Number of the record, NONE or DAMAGED.

    NONE is proved: there is a lower key before and a greater one behind, and each of the two begins like the key
    if, and only if, the directory says so.
    """
    cdef uint64_t at = low, end = high, middle, start = key.m >> (64 - run.bits)
    cdef LongKey other
    cdef int order
    if high - low > NEAR:
        while at < end:
            middle = at + (end - at) // 2
            if record_order(run, middle, key) < 0:
                at = middle + 1
            else:
                end = middle
    else:
        at = likely_place(run, key.m, low, high)
        while at < high and record_order(run, at, key) < 0:
            at += 1
        while at > low and record_order(run, at - 1, key) >= 0:
            at -= 1
    if at < run.count:
        other = record_key(run, at)
        order = compare_long(&other, key)
        if order == 0:
            return at
        if order < 0 or (other.m >> (64 - run.bits) == start) != (at < high):
            return DAMAGED
    if at > 0:
        other = record_key(run, at - 1)
        if compare_long(&other, key) >= 0 or (other.m >> (64 - run.bits) == start) != (at > low):
            return DAMAGED
    return NONE


cdef inline int64_t find_in_run(const Run *run, const LongKey *key) noexcept nogil:
    cdef uint64_t low, high
    if run.count == 0:
        return NONE
    if not read_range(run, key.m, &low, &high):
        return DAMAGED
    return find_between(run, key, low, high)


cdef inline int64_t find_listed(const Sections *s, const Serial *serial) noexcept nogil:
    """Position of a listed entry: of a short one line times 8 and place, of a long one behind those."""
    cdef LongKey key
    cdef int64_t at
    if is_short(serial.a, serial.b0, serial.b1):
        return find_in_lines(s.lines, s.line_count, s.home_lines, s.full, mix32(&s.mixing, <uint32_t>serial.a))
    key = mix_long(&s.mixing, serial.a, serial.b0, serial.b1)
    at = find_in_run(&s.long_listed, &key)
    return at if at < 0 else <int64_t>(s.line_count * PLACES) + at


cdef inline int64_t find_gone(const Sections *s, const Serial *serial) noexcept nogil:
    """Position of a gone entry: the number of a short one, of a long one behind those."""
    cdef LongKey key = key_of(s, serial)
    cdef int64_t at
    if is_short(serial.a, serial.b0, serial.b1):
        return find_in_run(&s.short_gone, &key)
    at = find_in_run(&s.long_gone, &key)
    return at if at < 0 else <int64_t>s.short_gone.count + at


cdef inline int read_meaning(const Sections *s, uint32_t code, uint32_t date, Found *found) noexcept nogil:
    if code >= s.row_count:
        return DAMAGED
    found.row = s.rows[code]
    found.date = date
    found.gone_flags = 0
    found.last_listed = 0
    return 0


cdef inline int read_record(const Sections *s, const Run *run, uint64_t at, Found *found) noexcept nogil:
    """0, or DAMAGED; ``at`` is below the count. Gone records have flags and a set behind their code."""
    cdef const uint8_t *rest = run.records + at * run.stride + (20 if run.wide else 4)
    cdef int told = read_meaning(s, load_code(rest + 4, run.code_octets), load32(rest), found)
    if told == 0 and (run == &s.short_gone or run == &s.long_gone):
        memcpy(&found.gone_flags, rest + 8, 2)
        found.last_listed = load32(rest + 12)
    return told


cdef inline int read_listed(const Sections *s, int64_t position, Found *found) noexcept nogil:
    """0, NONE where no entry has this position, or DAMAGED."""
    cdef uint64_t place, at
    cdef const uint8_t *line
    if position < 0:
        return NONE
    at = position
    if at >= s.line_count * PLACES:
        at -= s.line_count * PLACES
        return read_record(s, &s.long_listed, at, found) if at < s.long_listed.count else NONE
    place = at % PLACES
    line = s.lines + at // PLACES * LINE
    if entries_in(line) > s.full:
        return DAMAGED
    if place >= entries_in(line):
        return NONE
    return read_meaning(
        s,
        load_code(line + 8 * s.full + place * s.code_octets, s.code_octets),
        load32(line + 4 * s.full + 4 * place),
        found,
    )


cdef inline int read_gone(const Sections *s, int64_t position, Found *found) noexcept nogil:
    """0, NONE where no gone entry has this position, or DAMAGED."""
    cdef uint64_t at
    if position < 0:
        return NONE
    at = position
    if at < s.short_gone.count:
        return read_record(s, &s.short_gone, at, found)
    at -= s.short_gone.count
    return read_record(s, &s.long_gone, at, found) if at < s.long_gone.count else NONE


cdef inline int64_t next_listed(const Sections *s, int64_t position) noexcept nogil:
    """The first position from this one on that has a listed entry; NONE behind the last, or DAMAGED."""
    cdef uint64_t at = position
    cdef uint64_t lines = s.line_count * PLACES
    cdef uint32_t count
    while at < lines:
        count = entries_in(s.lines + at // PLACES * LINE)
        if count > s.full:
            return DAMAGED
        if at % PLACES < count:
            return at
        at += PLACES - at % PLACES
    return at if at < lines + s.long_listed.count else NONE


cdef inline int64_t next_gone(const Sections *s, int64_t position) noexcept nogil:
    """The same of the gone entries."""
    return position if position < <int64_t>(s.short_gone.count + s.long_gone.count) else NONE


cdef inline void serial_of_short(const Sections *s, uint32_t key, Serial *serial) noexcept nogil:
    serial.a = unmix32(&s.mixing, key)
    serial.b0 = 0
    serial.b1 = 0


cdef inline void serial_of_record(const Sections *s, const Run *run, uint64_t at, Serial *serial) noexcept nogil:
    """``at`` is below the count."""
    cdef LongKey key = record_key(run, at)
    if not run.wide:
        serial_of_short(s, <uint32_t>(key.m >> 32), serial)
        return
    serial.a = unmix_long(&s.mixing, &key)
    serial.b0 = key.b0
    serial.b1 = key.b1


cdef inline void listed_serial(const Sections *s, int64_t position, Serial *serial) noexcept nogil:
    """Of a position that has an entry."""
    cdef int64_t lines = s.line_count * PLACES
    if position < lines:
        serial_of_short(s, load32(s.lines + position // PLACES * LINE + 4 * (position % PLACES)), serial)
    else:
        serial_of_record(s, &s.long_listed, position - lines, serial)


cdef inline void gone_serial(const Sections *s, int64_t position, Serial *serial) noexcept nogil:
    """Of a position that has an entry."""
    if position < <int64_t>s.short_gone.count:
        serial_of_record(s, &s.short_gone, position, serial)
    else:
        serial_of_record(s, &s.long_gone, position - s.short_gone.count, serial)


cdef class Table:
    """The sections of one file, and what holds them where they are."""

    cdef Sections s
    cdef object owner
    cdef const uint8_t[::1] held
    cdef Row *own_rows


# 1 and the serial; 0 where no list can hold it; TypeError where it is neither octets nor a number.
cdef int take_serial(object given, Serial *serial) except -1

cdef object damaged()
