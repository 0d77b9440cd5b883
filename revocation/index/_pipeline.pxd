# Look-ups of many serials at once, as C: memory is asked for before it is needed, so that its delays overlap.
#
# Keys go through in blocks. While the entries of one block are read, the records of the next are on their way,
# and the lines and directories of the one after that: a look-up that waits for memory alone costs four times as
# much. What has overflowed its line waits one block longer, for the line behind that to come.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from revocation.index._keys cimport LongKey, Mixing, is_short, mix32, mix_long, swapped32, swapped64
from revocation.index._octets cimport load32, load64, load_code
from revocation.index._table cimport (
    DAMAGED,
    FURTHER,
    LINE,
    NONE,
    PLACES,
    Found,
    Row,
    Run,
    Sections,
    Serial,
    date_of,
    directory_at,
    ends_whole,
    find_between,
    find_from_line,
    find_in_line,
    home_line,
    likely_place,
    prefetched,
    read_range,
    read_record,
)


cdef enum:
    BLOCK = 16
    #: In work at a time, a power of two: prepared, located, settled, ended.
    BLOCKS = 4
    WIDE_OCTETS = 20
    HELD = 1  # the flag of a gone entry, FORMAT.md


cdef struct Keys:
    # One of the three is given.
    const uint8_t *numbers
    const uint8_t *wide
    const Serial *taken
    const uint8_t *is_serial  # beside taken: 0 where no list can hold it


cdef struct Columns:
    uint8_t *states
    uint8_t *reasons
    uint16_t *partitions
    int64_t *dates


cdef struct Probe:
    # A long serial, or one that is not listed.
    LongKey key
    uint64_t low, high
    Py_ssize_t at
    bint short_one
    bint in_range


cdef struct Block:
    Py_ssize_t shorts
    Py_ssize_t longs
    Py_ssize_t furthers
    Py_ssize_t misses
    uint32_t short_keys[BLOCK]
    Py_ssize_t short_at[BLOCK]  # where the answer goes
    Py_ssize_t further[BLOCK]  # of the short ones those that are to be searched for behind their home line
    Probe long_probes[BLOCK]
    Probe missed[BLOCK]  # kept only where there are gone entries


cdef inline bint read_key(const Keys *keys, Py_ssize_t at, Serial *serial) noexcept nogil:
    """False where no list can hold it."""
    cdef const uint8_t *octets
    if keys.numbers != NULL:
        serial.a = load64(keys.numbers + 8 * at)
        serial.b0 = 0
        serial.b1 = 0
        return True
    if keys.wide != NULL:
        octets = keys.wide + WIDE_OCTETS * at
        memcpy(&serial.b1, octets, 4)
        serial.b1 = swapped32(serial.b1)
        serial.b0 = swapped64(load64(octets + 4))
        serial.a = swapped64(load64(octets + 12))
        return True
    serial[0] = keys.taken[at]
    return keys.is_serial[at]


cdef inline void put(const Columns *out, Py_ssize_t at, uint8_t state, Row row, uint32_t date) noexcept nogil:
    out.states[at] = state
    out.reasons[at] = row.reason
    out.partitions[at] = row.partition
    out.dates[at] = date_of(row, date)


cdef inline void put_nothing(const Columns *out, Py_ssize_t at) noexcept nogil:
    out.states[at] = 0
    out.reasons[at] = 0
    out.partitions[at] = 0
    out.dates[at] = 0


cdef inline bint prepare_numbers(
    const Sections *s, const uint8_t *numbers, Py_ssize_t first, Block *block
) noexcept nogil:
    """The usual block: full, each key a short number. False where one is not, and then nothing is prepared."""
    cdef Mixing mixing = s.mixing
    cdef const uint8_t *lines = s.lines
    cdef uint64_t home_lines = s.home_lines, number, above = 0
    cdef uint32_t key
    cdef Py_ssize_t i
    numbers += 8 * first
    for i in range(BLOCK):
        number = load64(numbers + 8 * i)
        above |= number
        key = mix32(&mixing, <uint32_t>number)
        # Without lines this asks for the octets behind the header, which does no harm.
        prefetched(lines + home_line(key, home_lines) * LINE)
        block.short_keys[i] = key
        block.short_at[i] = first + i
    if above >> 32:
        return False
    block.shorts = BLOCK
    block.longs = block.furthers = block.misses = 0
    return True


cdef inline void prepare(
    const Sections *s, const Keys *keys, Py_ssize_t first, Py_ssize_t end, Block *block, const Columns *out
) noexcept nogil:
    """Mix, and ask for the home line or the directory's place."""
    cdef Serial serial
    cdef Probe *probe
    cdef uint32_t key
    cdef Py_ssize_t at, shorts = 0, longs = 0
    cdef Mixing mixing = s.mixing
    cdef const uint8_t *lines = s.lines
    cdef uint64_t home_lines = s.home_lines
    for at in range(first, end):
        if not read_key(keys, at, &serial):
            put_nothing(out, at)
        elif is_short(serial.a, serial.b0, serial.b1):
            key = mix32(&mixing, <uint32_t>serial.a)
            # Without lines this asks for the octets behind the header, which does no harm.
            prefetched(lines + home_line(key, home_lines) * LINE)
            block.short_keys[shorts] = key
            block.short_at[shorts] = at
            shorts += 1
        else:
            probe = &block.long_probes[longs]
            probe.key = mix_long(&mixing, serial.a, serial.b0, serial.b1)
            probe.at = at
            probe.short_one = False
            if s.long_listed.count:
                prefetched(directory_at(&s.long_listed, probe.key.m))
            longs += 1
    block.shorts = shorts
    block.longs = longs
    block.furthers = 0
    block.misses = 0


cdef inline void ask_for_record(const Run *run, Probe *probe) noexcept nogil:
    """The directory's word, and the record that it makes likely; only where there are records."""
    cdef const uint8_t *likely
    probe.in_range = read_range(run, probe.key.m, &probe.low, &probe.high)
    if probe.in_range:
        # At the end of the run there is no such record; an address is only asked for, not read.
        likely = run.records + likely_place(run, probe.key.m, probe.low, probe.high) * run.stride
        prefetched(likely)
        prefetched(likely + run.stride - 1)


cdef inline void locate(const Sections *s, Block *block) noexcept nogil:
    cdef Py_ssize_t i
    if s.long_listed.count:
        for i in range(block.longs):
            ask_for_record(&s.long_listed, &block.long_probes[i])


cdef inline int64_t find_probe(const Run *run, const Probe *probe) noexcept nogil:
    if run.count == 0:
        return NONE
    return find_between(run, &probe.key, probe.low, probe.high) if probe.in_range else DAMAGED


cdef inline void miss_short(const Sections *s, Block *block, Py_ssize_t i, const Columns *out) noexcept nogil:
    """Not listed: nothing, unless it is among the gone ones."""
    cdef Probe *probe
    put_nothing(out, block.short_at[i])
    if s.short_gone.count:
        probe = &block.missed[block.misses]
        probe.key.m = <uint64_t>block.short_keys[i] << 32
        probe.key.b0 = 0
        probe.key.b1 = 0
        probe.at = block.short_at[i]
        probe.short_one = True
        prefetched(directory_at(&s.short_gone, probe.key.m))
        block.misses += 1


cdef inline int put_place(
    const Sections *s, const Columns *out, Py_ssize_t at, const uint8_t *line, uint32_t place
) noexcept nogil:
    """What stands there in a line; 0 or DAMAGED."""
    cdef uint32_t code = load_code(line + 8 * s.full + place * s.code_octets, s.code_octets)
    if code >= s.row_count:
        return DAMAGED
    put(out, at, 1, s.rows[code], load32(line + 4 * s.full + 4 * place))
    return 0


cdef inline int settle_short(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """Search the home lines; 0 or DAMAGED."""
    # Copies: an octet that is written may be anywhere, so that all of this would be read again each time.
    cdef const uint8_t *lines = s.lines
    cdef const Row *rows = s.rows
    cdef uint64_t home_lines = s.home_lines, row_count = s.row_count
    cdef uint32_t full = s.full, octets = s.code_octets, key, code
    cdef Columns columns = out[0]
    cdef Py_ssize_t i, furthers = 0, shorts = block.shorts
    cdef const uint8_t *line
    cdef int place
    if s.line_count == 0:
        for i in range(shorts):
            miss_short(s, block, i, out)
        return 0
    for i in range(shorts):
        key = block.short_keys[i]
        line = lines + home_line(key, home_lines) * LINE
        place = find_in_line(line, full, key)
        if place >= 0:
            code = load_code(line + 8 * full + place * octets, octets)
            if code >= row_count:
                return DAMAGED
            put(&columns, block.short_at[i], 1, rows[code], load32(line + 4 * full + 4 * place))
        elif place == FURTHER:
            prefetched(line + LINE)
            block.further[furthers] = i
            furthers += 1
        elif place == NONE:
            miss_short(s, block, i, out)
        else:
            return DAMAGED
    block.furthers = furthers
    return 0


cdef inline int settle_further(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """Search the lines behind those; 0 or DAMAGED."""
    cdef Py_ssize_t i, number
    cdef int64_t found
    cdef uint32_t key
    for i in range(block.furthers):
        number = block.further[i]
        key = block.short_keys[number]
        found = find_from_line(s.lines, s.line_count, home_line(key, s.home_lines) + 1, s.full, key)
        if found == NONE:
            miss_short(s, block, number, out)
        elif found == DAMAGED or put_place(
            s, out, block.short_at[number], s.lines + found // PLACES * LINE, found % PLACES
        ) != 0:
            return DAMAGED
    return 0


cdef inline int settle_long(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """Search the long ones; 0 or DAMAGED."""
    cdef const Probe *probe
    cdef Found found
    cdef int64_t at
    cdef Py_ssize_t i
    for i in range(block.longs):
        probe = &block.long_probes[i]
        at = find_probe(&s.long_listed, probe)
        if at == NONE:
            put_nothing(out, probe.at)
            if s.long_gone.count:
                block.missed[block.misses] = probe[0]
                prefetched(directory_at(&s.long_gone, probe.key.m))
                block.misses += 1
        elif at == DAMAGED or read_record(s, &s.long_listed, at, &found) != 0:
            return DAMAGED
        else:
            put(out, probe.at, 1, found.row, found.date)
    return 0


cdef inline int settle_gone(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """Search the gone entries for what is not listed; 0 or DAMAGED."""
    cdef Py_ssize_t i
    cdef int64_t at
    cdef Found found
    cdef Probe *probe
    cdef const Run *run
    for i in range(block.misses):
        probe = &block.missed[i]
        ask_for_record(&s.short_gone if probe.short_one else &s.long_gone, probe)
    for i in range(block.misses):
        probe = &block.missed[i]
        run = &s.short_gone if probe.short_one else &s.long_gone
        at = find_probe(run, probe)
        if at == NONE:
            continue
        if at == DAMAGED or read_record(s, run, at, &found) != 0:
            return DAMAGED
        put(out, probe.at, 3 if found.gone_flags & HELD else 2, found.row, found.date)
    return 0


cdef inline int settle(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """The listed entries of a block; 0 or DAMAGED."""
    if settle_short(s, block, out) != 0:
        return DAMAGED
    return settle_long(s, block, out) if block.longs else 0


cdef inline int settle_rest(const Sections *s, Block *block, const Columns *out) noexcept nogil:
    """What was not where it was expected; 0 or DAMAGED."""
    if settle_further(s, block, out) != 0:
        return DAMAGED
    return settle_gone(s, block, out) if block.misses else 0


cdef inline int look_up(const Sections *s, const Keys *keys, Py_ssize_t count, const Columns *out) noexcept nogil:
    """0, or DAMAGED, and then what is in the columns means nothing."""
    cdef Block blocks[BLOCKS]
    cdef Block *block
    cdef Py_ssize_t first
    cdef size_t number, total = (count + BLOCK - 1) // BLOCK
    for number in range(total + 3):
        if number < total:
            first = number * BLOCK
            block = &blocks[number % BLOCKS]
            if keys.numbers == NULL or first + BLOCK > count or not prepare_numbers(s, keys.numbers, first, block):
                prepare(s, keys, first, min(first + BLOCK, count), block, out)
        if 1 <= number <= total:
            locate(s, &blocks[(number - 1) % BLOCKS])
        if number >= 3 and settle_rest(s, &blocks[(number - 3) % BLOCKS], out) != 0:
            return DAMAGED
        if 2 <= number <= total + 1 and settle(s, &blocks[(number - 2) % BLOCKS], out) != 0:
            return DAMAGED
    # What was not found is proved by this as well, FORMAT.md "Reading it safely".
    return 0 if ends_whole(s) else DAMAGED
