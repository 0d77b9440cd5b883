# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Look-ups of many serials at once: memory is asked for before it is needed, so that its delays overlap.

Keys go through in blocks. While the entries of one block are read, the records of the next are on their way,
and the lines and directories of the one after that: a look-up that waits for memory alone costs four times as much.
"""

from cpython cimport array
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from revocation.index._keys cimport LongKey, Mixing, is_short, mix32, mix_long, swapped32, swapped64
from revocation.index._table cimport (
    DAMAGED,
    LINE,
    NONE,
    PLACES,
    Found,
    Row,
    Run,
    Sections,
    Serial,
    Table,
    damaged,
    date_of,
    directory_at,
    ends_whole,
    find_between,
    find_in_lines,
    likely_place,
    load32,
    load64,
    load_code,
    prefetched,
    read_range,
    read_record,
    take_serial,
)

import array

from revocation.errors import InputRefused

cdef enum:
    BLOCK = 16
    #: Of a list of Python objects so many are taken at a time, before the interpreter lock is released.
    TAKEN_AT_ONCE = 4096
    WIDE_OCTETS = 20
    HELD = 1  # the flag of a gone entry, FORMAT.md


cdef Row NOTHING
memset(&NOTHING, 0, sizeof(Row))


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
    uint32_t short_keys[BLOCK]
    Py_ssize_t short_at[BLOCK]  # where the answer goes
    Probe long_probes[BLOCK]


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


cdef void prepare(
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
            put(out, at, 0, NOTHING, 0)
        elif is_short(serial.a, serial.b0, serial.b1):
            key = mix32(&mixing, <uint32_t>serial.a)
            # Without lines this asks for the octets behind the header, which does no harm.
            prefetched(lines + ((<uint64_t>key * home_lines) >> 32) * LINE)
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


cdef inline void ask_for_record(const Run *run, Probe *probe) noexcept nogil:
    """The directory's word, and the record that it makes likely; only where there are records."""
    cdef const uint8_t *likely
    probe.in_range = read_range(run, probe.key.m, &probe.low, &probe.high)
    if probe.in_range:
        # At the end of the run there is no such record; an address is only asked for, not read.
        likely = run.records + likely_place(run, probe.key.m, probe.low, probe.high) * run.stride
        prefetched(likely)
        prefetched(likely + run.stride - 1)


cdef void locate(const Sections *s, Block *block) noexcept nogil:
    cdef Py_ssize_t i
    if s.long_listed.count:
        for i in range(block.longs):
            ask_for_record(&s.long_listed, &block.long_probes[i])


cdef inline int64_t find_probe(const Run *run, const Probe *probe) noexcept nogil:
    if run.count == 0:
        return NONE
    return find_between(run, &probe.key, probe.low, probe.high) if probe.in_range else DAMAGED


cdef Py_ssize_t settle_short(
    const Sections *s, const Block *block, const Columns *out, Probe *missed
) noexcept nogil:
    """Search the lines. How many of the block are not listed, each a probe in ``missed``; or DAMAGED."""
    cdef const uint8_t *lines = s.lines
    cdef const uint8_t *line
    cdef const Row *rows = s.rows
    cdef uint64_t home_lines = s.home_lines, at, row_count = s.row_count
    cdef uint32_t full = s.full, code_octets = s.code_octets, key, code
    cdef int64_t found
    cdef int place
    cdef Columns columns = out[0]
    cdef Py_ssize_t i, misses = 0
    for i in range(block.shorts):
        key = block.short_keys[i]
        found = find_in_lines(lines, s.line_count, home_lines, full, key)
        if found >= 0:
            line = lines + found // PLACES * LINE
            place = found % PLACES
            code = load_code(line + 8 * full + place * code_octets, code_octets)
            if code >= row_count:
                return DAMAGED
            put(&columns, block.short_at[i], 1, rows[code], load32(line + 4 * full + 4 * place))
        elif found == NONE:
            put(&columns, block.short_at[i], 0, NOTHING, 0)
            missed[misses].key.m = <uint64_t>key << 32
            missed[misses].key.b0 = 0
            missed[misses].key.b1 = 0
            missed[misses].at = block.short_at[i]
            missed[misses].short_one = True
            misses += 1
        else:
            return DAMAGED
    return misses


cdef Py_ssize_t settle_long(
    const Sections *s, const Block *block, const Columns *out, Probe *missed
) noexcept nogil:
    """The same for the long ones of the block."""
    cdef const Probe *probe
    cdef Found found
    cdef int64_t at
    cdef Py_ssize_t i, misses = 0
    for i in range(block.longs):
        probe = &block.long_probes[i]
        at = find_probe(&s.long_listed, probe)
        if at == NONE:
            put(out, probe.at, 0, NOTHING, 0)
            missed[misses] = probe[0]
            misses += 1
        elif at == DAMAGED or read_record(s, &s.long_listed, at, &found) != 0:
            return DAMAGED
        else:
            put(out, probe.at, 1, found.row, found.date)
    return misses


cdef int settle_gone(const Sections *s, Probe *missed, Py_ssize_t misses, const Columns *out) noexcept nogil:
    """Search the gone entries for what is not listed. 0 or DAMAGED."""
    cdef Py_ssize_t i
    cdef int64_t at
    cdef Found found
    cdef Probe *probe
    cdef const Run *run
    for i in range(misses):
        run = &s.short_gone if missed[i].short_one else &s.long_gone
        if run.count:
            prefetched(directory_at(run, missed[i].key.m))
    for i in range(misses):
        run = &s.short_gone if missed[i].short_one else &s.long_gone
        if run.count:
            ask_for_record(run, &missed[i])
    for i in range(misses):
        probe = &missed[i]
        run = &s.short_gone if probe.short_one else &s.long_gone
        at = find_probe(run, probe)
        if at == NONE:
            continue
        if at == DAMAGED or read_record(s, run, at, &found) != 0:
            return DAMAGED
        put(out, probe.at, 3 if found.gone_flags & HELD else 2, found.row, found.date)
    return 0


cdef int settle(const Sections *s, const Block *block, const Columns *out) noexcept nogil:
    """Answer a block: the listed entries, then, for what is not there, the gone ones. 0 or DAMAGED."""
    cdef Probe missed[BLOCK]
    cdef Py_ssize_t short_misses, long_misses = 0
    short_misses = settle_short(s, block, out, missed)
    if short_misses < 0:
        return DAMAGED
    if block.longs:
        long_misses = settle_long(s, block, out, missed + short_misses)
        if long_misses < 0:
            return DAMAGED
    if short_misses + long_misses and (s.short_gone.count or s.long_gone.count):
        return settle_gone(s, missed, short_misses + long_misses, out)
    return 0


cdef int look_up(const Sections *s, const Keys *keys, Py_ssize_t count, const Columns *out) noexcept nogil:
    """0, or DAMAGED, and then what is in the columns means nothing."""
    cdef Block blocks[3]
    cdef Py_ssize_t number, first, total = (count + BLOCK - 1) // BLOCK
    for number in range(total + 2):
        if number < total:
            first = number * BLOCK
            prepare(s, keys, first, min(first + BLOCK, count), &blocks[number % 3], out)
        if 1 <= number <= total:
            locate(s, &blocks[(number - 1) % 3])
        if number >= 2 and settle(s, &blocks[(number - 2) % 3], out) != 0:
            return DAMAGED
    # What was not found is proved by this as well, FORMAT.md "Reading it safely".
    return 0 if ends_whole(s) else DAMAGED


cdef class Answers:
    """What ``get_many`` found, column by column in the order of its keys; zeros where nothing was found."""

    cdef readonly object states
    cdef readonly object reasons
    cdef readonly object partitions
    cdef readonly object dates

    def __len__(self):
        return len(self.states)

    def __repr__(self):
        return f"Answers({len(self)})"


def get_many(Table table not None, keys):
    """The state, reason, partition and date of each key.

    ``keys``: a buffer of unsigned 64-bit numbers; packed octets, 20 for each serial, sign-extended and
    big-endian; or a sequence of serials as bytes or int. States: 0 not there, 1 listed, 2 gone, 3 gone on hold.
    """
    cdef Keys given
    cdef const uint8_t[::1] octets
    cdef Py_ssize_t count
    given.numbers = given.wide = given.is_serial = NULL
    given.taken = NULL
    try:
        view = memoryview(keys)
    except TypeError:
        return _of_objects(table, list(keys))
    if not view.c_contiguous or view.ndim != 1:
        raise _other_keys("a buffer with gaps or of several dimensions")
    form = view.format.lstrip("@=<")
    if form in ("Q", "L") and view.itemsize == 8:
        count = len(view)
    elif form == "B":
        count, rest = divmod(len(view), WIDE_OCTETS)
        if rest:
            raise _other_keys("octets that are no multiple of 20")
    else:
        raise _other_keys(f"a buffer of the format {view.format}")
    if count == 0:
        return _of_objects(table, [])
    octets = view.cast("B")
    if form == "B":
        given.wide = &octets[0]
    else:
        given.numbers = &octets[0]
    answers, columns = _columns(count)
    _run(table, &given, count, columns, 0)
    return answers


cdef object _other_keys(str got):
    return InputRefused(
        "KEYS_NOT_SERIALS",
        expected="unsigned 64-bit numbers, packed serials of 20 octets, or a sequence of bytes and ints",
        got=got,
        remedy="convert them first",
    )


cdef tuple _columns(Py_ssize_t count):
    """The answers, and the same columns to be written."""
    cdef Answers answers = Answers.__new__(Answers)
    columns = tuple(array.clone(array.array(code), count, zero=False) for code in "BBHq")
    answers.states, answers.reasons, answers.partitions, answers.dates = (
        memoryview(column).toreadonly() for column in columns
    )
    return answers, columns


cdef int _run(Table table, const Keys *keys, Py_ssize_t count, tuple columns, Py_ssize_t first) except -1:
    """``count`` keys into the columns, from place ``first`` on."""
    cdef array.array states = columns[0], reasons = columns[1], partitions = columns[2], dates = columns[3]
    cdef Columns out
    cdef int told
    out.states = states.data.as_uchars + first
    out.reasons = reasons.data.as_uchars + first
    out.partitions = <uint16_t *>partitions.data.as_ushorts + first
    out.dates = <int64_t *>dates.data.as_longlongs + first
    with nogil:
        told = look_up(&table.s, keys, count, &out)
    if told != 0:
        raise damaged()
    return 0


cdef Answers _of_objects(Table table, list serials):
    cdef Serial taken[TAKEN_AT_ONCE]
    cdef uint8_t is_serial[TAKEN_AT_ONCE]
    cdef Keys given
    cdef Py_ssize_t first, i, count
    given.numbers = given.wide = NULL
    given.taken = taken
    given.is_serial = is_serial
    answers, columns = _columns(len(serials))
    for first in range(0, len(serials), TAKEN_AT_ONCE):
        count = min(<Py_ssize_t>TAKEN_AT_ONCE, len(serials) - first)
        for i in range(count):
            is_serial[i] = take_serial(serials[first + i], &taken[i])
        _run(table, &given, count, columns, first)
    return answers
