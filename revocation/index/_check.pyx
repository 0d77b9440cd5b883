# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Does every entry of a file stand where FORMAT.md says? A look-up in other files could miss one.

The check follows whoever reads the file from front to back: ``advance(end)`` looks at every record that ends
by there, so that the same octets go through checksum and check while they are in the cache. Beside a section's
records it reads its directory, and along lists sorted by the same key those that must or must not have its
serials: all of them only forwards.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from revocation.index._ahead cimport TWO_OCTETS, LinesAhead
from revocation.index._beside cimport Beside, alongside_gone, alongside_many, next_key, pass_keys
from revocation.index._check_lines cimport (
    BAD_BOTH,
    BAD_CLASS,
    BAD_CODE,
    BAD_COUNT,
    BAD_DIRECTORY,
    BAD_GONE,
    BAD_HOME,
    BAD_LINE,
    BAD_MANY,
    BAD_ORDER,
    FINE,
    ONE_OCTET,
    LinesFormat,
    LinesWalk,
    begin_lines,
    count_codes,
    walk_line,
)
from revocation.index._keys cimport LongKey, compare_long, unmix_long
from revocation.index._pages cimport let_go
from revocation.index._octets cimport load32, load_code
from revocation.index._table cimport (
    LINE, NONE, PLACES, Run, Sections, Table, entries_in, find_in_lines, prefetched, record_key,
)

from revocation.index.layout import broken

cdef enum:
    HELD = 1  # the flag of a gone entry, FORMAT.md
    HEADER = 64
    AHEAD = 1024

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


cdef struct Walk:
    # The records of one section as they go by.
    const Run *run
    uint64_t next
    uint64_t directory_next
    uint64_t same  # entries of the serial at hand, in a section where one may have several
    uint32_t partition
    LongKey before


cdef class Check:
    """One walk over the entries of a table. ``declared``: for each code, 1 if its partition has a row.

    ``ahead``: lines of this very file that were checked while it was written. What is gone or stands in several
    lists is looked up among them then, so their pages are read once more there; ``lets_go`` as for ``Differences``.
    """

    cdef Table table
    cdef object owner
    cdef const uint8_t[::1] declared
    cdef uint64_t *counts
    cdef uint64_t listed
    cdef LinesWalk lines
    cdef LinesFormat form
    cdef uint32_t seen[PLACES - 1][ONE_OCTET]
    #: How many lines were taken as checked, and what is above all their keys.
    cdef readonly uint64_t lines_ahead
    cdef uint64_t keys_ahead
    cdef bint lets_go
    cdef uint64_t kept
    cdef Beside gone_of_short
    cdef Beside gone_of_long
    cdef Beside many_of_short
    cdef Beside many_of_long
    cdef Walk walks[5]

    def __cinit__(
        self, Table table not None, bytes declared not None, listed, LinesAhead ahead=None, bint lets_go=False
    ):
        cdef Sections *s = &table.s
        cdef const Run *runs[5]
        cdef int i
        cdef uint64_t code
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
        begin_lines(&self.lines, &self.form, s.full, s.code_octets)
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
        self.lets_go = lets_go
        if ahead is not None and ahead_fits(self, ahead):
            self.lines = ahead.lines
            if ahead.octets == 1:
                memcpy(self.seen, ahead.seen, sizeof(self.seen))
            else:
                for code in range(min(s.row_count, <uint64_t>TWO_OCTETS)):
                    self.counts[code] = wide_count(ahead, code)
            self.lines_ahead = self.lines.next_line
            self.keys_ahead = self.lines.above
            pass_keys(&self.gone_of_short, self.keys_ahead)
            pass_keys(&self.many_of_short, self.keys_ahead)

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
            self.lines.next_line != s.line_count
            or (s.line_count > 0) != (self.lines.entries > 0)
            or self.lines.entries + s.long_listed.count != self.listed
        ):
            raise broken(*FAULTS[BAD_COUNT])
        if not homes_fit(self):
            raise broken(*FAULTS[BAD_HOME])
        if s.code_octets == 1 and add_seen(self, s.line_count * s.full - self.lines.entries) != FINE:
            raise broken(*FAULTS[BAD_CODE])
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
    cdef LinesWalk walk = check.lines
    cdef uint64_t end, beside
    cdef int fault
    end = min(s.line_count, <uint64_t>(until - s.lines) // LINE if until > s.lines else 0)
    beside = next_beside(check)
    while walk.next_line < end:
        line = s.lines + walk.next_line * LINE
        # By address only: where the end is near, nothing is read there.
        prefetched(line + AHEAD)
        fault = walk_line(&walk, &check.form, line)
        # What is beside has a key up to the last of this line.
        if fault == FINE and walk.above > beside:
            fault = check_beside(check, line, entries_in(line))
            beside = next_beside(check)
        if s.code_octets == 1:
            count_codes(check.seen, line)
        elif fault == FINE:
            fault = count_wide_codes(check, line, entries_in(line))
        if fault != FINE:
            return fault
    check.lines = walk
    return FINE if homes_fit(check) else BAD_HOME


cdef inline bint homes_fit(Check check) noexcept nogil:
    return check.table.s.line_count == 0 or (
        check.lines.low_homes <= check.table.s.home_lines <= check.lines.high_homes
    )


cdef bint ahead_fits(Check check, LinesAhead ahead) noexcept:
    """Are its lines the first ones of this file? Where not, all are read, and what is wrong is told there."""
    cdef const Sections *s = &check.table.s
    cdef uint64_t code
    if (
        s.code_octets != ahead.octets
        or s.lines - &check.table.held[0] != HEADER
        or ahead.lines.next_line > s.line_count
    ):
        return False
    if ahead.octets == 2:
        for code in range(<uint64_t>TWO_OCTETS):
            if wide_count(ahead, code) and (code >= s.row_count or not check.declared[code]):
                return False
    return True


cdef inline uint32_t wide_count(LinesAhead ahead, uint64_t code) noexcept:
    """Entries with a code of two octets: all places that have it, less those without an entry, which have code 0."""
    cdef uint64_t unused = ahead.lines.next_line * ahead.form.full - ahead.lines.entries
    return ahead.wide[code] - <uint32_t>(0 if code else unused)


cdef int look_back(Check check, const LongKey *wide, bint many) noexcept nogil:
    """Of a record beside the lines that were checked ahead: none of them has a gone key, one has what several list."""
    cdef const Sections *s = &check.table.s
    cdef uint32_t key = <uint32_t>(wide.m >> 32)
    cdef int64_t at
    if key >= check.keys_ahead:
        return FINE
    at = find_in_lines(s.lines, s.line_count, s.home_lines, s.full, key)
    if check.lets_go:
        let_go(s.lines, LINE, (<uint64_t>key * s.home_lines) >> 32, &check.kept)
    if many:
        return FINE if at >= 0 else BAD_MANY
    return FINE if at == NONE else BAD_BOTH


cdef inline uint64_t next_beside(Check check) noexcept nogil:
    """The least key that something beside the lines has yet; beyond all keys where there is none."""
    cdef uint64_t gone = next_key(&check.gone_of_short), many = next_key(&check.many_of_short)
    return min(gone, many)


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
        if fault == FINE and not run.wide and check.lines_ahead:
            fault = look_back(check, &key, many)
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
