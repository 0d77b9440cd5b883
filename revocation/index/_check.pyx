# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Does every entry of a file stand where FORMAT.md says? A look-up in other files could miss one.

The check follows whoever reads the file from front to back: ``advance(end)`` looks at every record that ends
by there, so that the same octets go through checksum and check while they are in the cache. Beside a section's
records it reads its directory, and along lists sorted by the same key those that must or must not have its
serials: all of them only forwards.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from revocation.index._check_lines cimport ONE_OCTET, ascends, count_codes, has_zeros_behind, line_masks, set_masks
from revocation.index._keys cimport LongKey, compare_long, unmix_long
from revocation.index._table cimport (
    LINE,
    PLACES,
    Run,
    Sections,
    Table,
    entries_in,
    load32,
    load_code,
    record_key,
    record_order,
)

from revocation.index.layout import broken

cdef enum:
    HELD = 1  # the flag of a gone entry, FORMAT.md
    FINE = 0
    BAD_LINE
    BAD_HOME
    BAD_ORDER
    BAD_CODE
    BAD_DIRECTORY
    BAD_CLASS
    BAD_GONE
    BAD_MANY
    BAD_BOTH
    BAD_COUNT

#: What is wrong, for people: expected, got. Never a serial.
cdef dict FAULTS = {
    BAD_LINE: ("lines with their mark and zeros behind their entries", "another line"),
    BAD_HOME: ("short entries in their home lines or behind full ones", "one elsewhere, or unused lines behind"),
    BAD_ORDER: ("entries in ascending order, each once", "another order"),
    BAD_CODE: ("codes that the file declares, of partitions that it declares", "another code"),
    BAD_DIRECTORY: ("directories that tell where the keys stand", "another number"),
    BAD_CLASS: ("short serials among the short ones only", "one among the long ones"),
    BAD_GONE: ("gone entries with known flags, zeros, and the set that listed them last", "others"),
    BAD_MANY: ("the own entries of listed serials that several partitions list", "another"),
    BAD_BOTH: ("each serial listed or gone", "one that is both"),
    BAD_COUNT: ("as many entries as the tail says", "another number"),
}


cdef struct Beside:
    # A run that is read along with another one, which has the same kind of key.
    const Run *run
    uint64_t at


cdef struct Walk:
    # The records of one section as they go by.
    const Run *run
    uint64_t next
    uint64_t directory_next
    uint64_t same  # entries of the serial at hand, in a section where one may have several
    uint32_t partition
    LongKey before


cdef inline int alongside_gone(Beside *gone, const LongKey *key) noexcept nogil:
    """No listed serial may be gone."""
    cdef int order
    while gone.at < gone.run.count:
        order = record_order(gone.run, gone.at, key)
        if order > 0:
            return FINE
        if order == 0:
            return BAD_BOTH
        gone.at += 1
    return FINE


cdef inline int alongside_many(Beside *many, const LongKey *key) noexcept nogil:
    """What several lists name must be listed: nothing there may be left below a listed key."""
    cdef int order
    while many.at < many.run.count:
        order = record_order(many.run, many.at, key)
        if order > 0:
            return FINE
        if order < 0:
            return BAD_MANY
        many.at += 1
    return FINE


cdef class Check:
    """One walk over the entries of a table. ``declared``: for each code, 1 if its partition has a row."""

    cdef Table table
    cdef object owner
    cdef const uint8_t[::1] declared
    cdef uint64_t *counts
    cdef uint64_t listed
    # Of the lines: the next, the first of the full ones right before it, and what its first key must not be below.
    cdef uint64_t next_line
    cdef uint64_t full_from
    cdef uint64_t above
    cdef uint64_t short_listed
    cdef line_masks masks[PLACES]
    cdef uint32_t seen[PLACES - 1][ONE_OCTET]
    cdef Beside gone_of_short
    cdef Beside gone_of_long
    cdef Beside many_of_short
    cdef Beside many_of_long
    cdef Walk walks[5]

    def __cinit__(self, Table table not None, bytes declared not None, listed):
        cdef Sections *s = &table.s
        cdef const Run *runs[5]
        cdef int i
        self.table = table
        self.listed = listed
        if <uint64_t>len(declared) != s.row_count:
            raise ValueError("expected one octet for each code")
        # One more, so that there is something to point at without any.
        self.owner = declared + b"\0"
        self.declared = self.owner
        self.counts = <uint64_t *>calloc(s.row_count + 1, sizeof(uint64_t))
        if self.counts == NULL:
            raise MemoryError
        set_masks(self.masks, s.full, s.code_octets)
        runs[0] = &s.long_listed
        runs[1] = &s.short_gone
        runs[2] = &s.long_gone
        runs[3] = &s.short_many
        runs[4] = &s.long_many
        for i in range(5):
            self.walks[i].run = runs[i]
        self.gone_of_short.run = runs[1]
        self.gone_of_long.run = runs[2]
        self.many_of_short.run = runs[3]
        self.many_of_long.run = runs[4]

    def __dealloc__(self):
        free(self.counts)

    def advance(self, end):
        """Every record that ends at or before this offset of the file."""
        cdef const uint8_t *until = &self.table.held[0] + <Py_ssize_t>min(max(end, 0), self.table.held.shape[0])
        cdef int fault, i
        with nogil:
            fault = check_lines(self, until)
            for i in range(5):
                if fault == FINE:
                    fault = check_run(self, i, until)
        if fault != FINE:
            raise broken(*FAULTS[fault])

    def finish(self):
        """After the last ``advance``: whether all is there, and by code how many entries are listed."""
        cdef Sections *s = &self.table.s
        cdef uint64_t i
        if (
            self.next_line != s.line_count
            or (s.line_count > 0) != (self.short_listed > 0)
            or self.short_listed + s.long_listed.count != self.listed
        ):
            raise broken(*FAULTS[BAD_COUNT])
        for i in range(5):
            if self.walks[i].next != self.walks[i].run.count:
                raise broken(*FAULTS[BAD_COUNT])
        # Own entries above every listed key, or a last one that is alone.
        if self.many_of_short.at != s.short_many.count or self.many_of_long.at != s.long_many.count:
            raise broken(*FAULTS[BAD_MANY])
        if (s.short_many.count and self.walks[3].same < 2) or (s.long_many.count and self.walks[4].same < 2):
            raise broken(*FAULTS[BAD_MANY])
        return [self.counts[i] for i in range(s.row_count)]


cdef int check_lines(Check check, const uint8_t *until) noexcept nogil:
    cdef const Sections *s = &check.table.s
    cdef const uint8_t *line
    cdef uint32_t count, first, last, full = s.full, octets = s.code_octets
    cdef uint64_t at = check.next_line, end, full_from = check.full_from, above = check.above, entries = 0
    cdef uint64_t home_lines = s.home_lines, beside
    cdef bint home_right
    cdef int fault
    end = min(s.line_count, <uint64_t>(until - s.lines) // LINE if until > s.lines else 0)
    if at >= end:
        return FINE
    memset(check.seen, 0, sizeof(check.seen))
    beside = next_beside(check)
    while at < end:
        line = s.lines + at * LINE
        count = entries_in(line)
        if count > full or not has_zeros_behind(line, &check.masks[count]):
            return BAD_LINE
        if not ascends(line, &check.masks[count]):
            return BAD_ORDER
        if count:
            first = load32(line)
            last = load32(line + 4 * (count - 1))
            if first < above:
                return BAD_ORDER
            above = <uint64_t>last + 1
            # Keys ascend and homes with them: the first is behind full lines only, the last not before its home.
            home_right = (<uint64_t>first * home_lines) >> 32 >= full_from
            home_right &= (<uint64_t>last * home_lines) >> 32 <= at
            if not home_right:
                return BAD_HOME
            if last >= beside:
                fault = check_beside(check, line, count)
                if fault != FINE:
                    return fault
                beside = next_beside(check)
        elif at >= home_lines:
            # Lines behind the home lines exist only as far as they are used.
            return BAD_HOME
        if octets == 1:
            count_codes(check.seen, line)
        else:
            fault = count_wide_codes(check, line, count)
            if fault != FINE:
                return fault
        entries += count
        at += 1
        full_from = full_from if count == full else at
    if octets == 1:
        fault = add_seen(check, (end - check.next_line) * full - entries)
        if fault != FINE:
            return fault
    check.next_line = end
    check.full_from = full_from
    check.above = above
    check.short_listed += entries
    return FINE


cdef inline uint64_t next_beside(Check check) noexcept nogil:
    """The least key that something beside the lines has yet; beyond all keys where there is none."""
    cdef uint64_t gone = next_key(&check.gone_of_short), many = next_key(&check.many_of_short)
    return min(gone, many)


cdef inline uint64_t next_key(const Beside *beside) noexcept nogil:
    if beside.at == beside.run.count:
        return <uint64_t>1 << 32
    return load32(beside.run.records + beside.at * beside.run.stride)


cdef int check_beside(Check check, const uint8_t *line, uint32_t count) noexcept nogil:
    """Of a line that is right by itself."""
    cdef LongKey wide
    cdef uint32_t i
    cdef int fault = FINE
    wide.b0 = 0
    wide.b1 = 0
    for i in range(count):
        wide.m = <uint64_t>load32(line + 4 * i) << 32
        fault = alongside_gone(&check.gone_of_short, &wide)
        if fault == FINE:
            fault = alongside_many(&check.many_of_short, &wide)
        if fault != FINE:
            break
    return fault


cdef int count_wide_codes(Check check, const uint8_t *line, uint32_t count) noexcept nogil:
    """Codes of two or four octets: too many for a table each."""
    cdef const Sections *s = &check.table.s
    cdef uint32_t i, code
    for i in range(count):
        code = load_code(line + 8 * s.full + i * s.code_octets, s.code_octets)
        if code >= s.row_count or not check.declared[code]:
            return BAD_CODE
        check.counts[code] += 1
    return FINE


cdef int add_seen(Check check, uint64_t unused) noexcept nogil:
    """What was seen place by place, less the places without an entry, which are zero like code 0."""
    cdef uint64_t sum
    cdef int code, place
    for code in range(ONE_OCTET):
        sum = 0
        for place in range(PLACES - 1):
            sum += check.seen[place][code]
        if code == 0:
            sum -= unused
        if sum == 0:
            continue
        if <uint64_t>code >= check.table.s.row_count or not check.declared[code]:
            return BAD_CODE
        check.counts[code] += sum
    return FINE


cdef int check_run(Check check, int number, const uint8_t *until) noexcept nogil:
    cdef const Sections *s = &check.table.s
    cdef Walk *walk = &check.walks[number]
    cdef const Run *run = walk.run
    cdef const uint8_t *rest
    cdef bint many = number >= 3
    cdef LongKey key
    cdef uint32_t code
    cdef int order, fault = FINE
    while walk.next < run.count and run.records + (walk.next + 1) * run.stride <= until:
        key = record_key(run, walk.next)
        rest = run.records + walk.next * run.stride + (20 if run.wide else 4)
        code = load_code(rest + 4, run.code_octets)
        if code >= s.row_count or not check.declared[code]:
            return BAD_CODE
        order = compare_long(&walk.before, &key) if walk.next else -1
        if order > 0 or (order == 0 and (not many or walk.partition >= s.rows[code].partition)):
            return BAD_ORDER
        if many:
            # Each serial there is listed by several partitions.
            if order < 0 and walk.next and walk.same < 2:
                return BAD_MANY
            walk.same = 1 if order < 0 else walk.same + 1
        walk.before = key
        walk.partition = s.rows[code].partition
        if run.wide and key.b0 == 0 and key.b1 == 0 and unmix_long(&s.mixing, &key) >> 32 == 0:
            return BAD_CLASS
        if number == 0:
            check.counts[code] += 1
            fault = alongside_gone(&check.gone_of_long, &key)
            if fault == FINE:
                fault = alongside_many(&check.many_of_long, &key)
        elif not many:
            fault = check_gone(rest)
        if fault == FINE and not many:
            fault = check_directory(run, &walk.directory_next, key.m >> (64 - run.bits), walk.next)
        if fault != FINE:
            return fault
        walk.next += 1
        if walk.next == run.count and not many:
            fault = check_directory(run, &walk.directory_next, <uint64_t>1 << run.bits, run.count)
            if fault != FINE:
                return fault
    return FINE


cdef inline int check_gone(const uint8_t *rest) noexcept nogil:
    """Flags, reserved octets, and a set that listed it: sets are numbered from 1."""
    cdef uint16_t flags, reserved
    memcpy(&flags, rest + 8, 2)
    memcpy(&reserved, rest + 10, 2)
    return BAD_GONE if flags & ~HELD or reserved or load32(rest + 12) == 0 else FINE


cdef inline int check_directory(const Run *run, uint64_t *next, uint64_t cut, uint64_t below) noexcept nogil:
    """Every number up to that of this key says how many records are below it."""
    while next[0] <= cut:
        if load32(run.directory + 4 * next[0]) != below:
            return BAD_DIRECTORY
        next[0] += 1
    return FINE
