# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The merge that makes a set out of new lists and the set before, one class of serials (short, long) at a time.

Four streams in the order of keys: new entries, the listed and the gone ones of the set before, and of lists that
are known by what changed in them the entries that left. Of each serial the entries that count now are united and
written; one that has none any more is gone. Nothing is held but the bucket of new entries at hand, a buffer of
output, and what changed: departures, returns, serials of several lists. Between the changes whole stretches of the
set before are copied (_passed.pxd).

What is read of the set before is checked piece by piece ahead of the merge, by whoever drives ``listed``.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from revocation.index._arena cimport LONG, PACKED, bucket_count
from revocation.index._entry cimport Buffer, Entry, Row, compare, extend, get_key, key_octets, put_key
from revocation.index._harvest cimport Harvest
from revocation.index._lines cimport Lines, finish_short, write_long, write_short
from revocation.index._passed cimport (
    all_go_on, catch_up, copy_lines, line_as_before, stands_by_itself, word64,
)
from revocation.index._streams cimport (
    DAMAGED, READ, UNCHECKED, NewEntries, Section, finish_line, next_listed, next_new, next_record,
)
from revocation.index._united cimport Group, close_group, note, open_group, unite

from revocation.index.layout import broken

cdef enum:
    OUT = 1 << 18              # octets of output at a time
    LINE = 64
    HOLD = 6                   # certificateHold
    HELD = 1                   # flag of a gone entry

# What ends a step, beside READ, UNCHECKED and DAMAGED of a stream: READ means that everything is written.
cdef enum:
    FULL = 10                  # the output: take it and go on
    NO_MEMORY = 11

cdef enum:
    LISTED = 0
    GONE = 1


@cython.final
cdef class Place:
    """One class of serials. Take ``listed``, then ``gone``, to their ends; the rest is in attributes.

    ``new``: the harvest, or None; ``numbers``: the new set's row for each of its codes. ``rows``: the new set's
    CODE, packed. ``base_*``: sections of the set before (views), ``base_numbers`` its codes' rows in the new set,
    ``base_kept`` for each of its codes whether an entry of it still counts, as its list has no newer one or is
    known by its changes: then ``left`` has the entries that left it, with ``left_numbers`` as ``numbers``. All of
    them stand in the set before, each as its list's own entry.
    """

    cdef bint short_ones, release_holds, started, has_pending, at_end
    cdef bint all_kept, none_kept, same_shape
    cdef uint32_t last_seq
    cdef NewEntries new
    cdef NewEntries left
    cdef Section listed_before, gone_before, many_before
    cdef uint8_t *kept
    cdef Row *rows
    cdef Group group
    cdef Lines lines
    cdef Entry pending
    cdef int wanted
    cdef uint32_t *fine                # how many records have each value of the key's highest bits
    cdef int fine_bits
    cdef Buffer departed               # records of gone entries
    cdef Buffer dropped                # gone entries of the set before that are none any more
    cdef Buffer shared
    cdef Py_ssize_t gone_records
    cdef bytearray out
    cdef object held                   # what the pointers point into
    cdef readonly Py_ssize_t entries, repeated, conflicting

    def __cinit__(self, *, bint short_ones, Harvest new, numbers, const uint8_t[::1] rows, dict ranks, int width,
                  int in_line, uint64_t home_lines, int directory_bits, base_listed=None, base_gone=None,
                  base_many=None, base_numbers=(), base_kept=(), int base_width=1, int base_in_line=7,
                  uint64_t base_home_lines=0, Harvest left=None, left_numbers=(), uint32_t last_seq=0,
                  bint release_holds=False):
        self.short_ones = short_ones
        self.last_seq = last_seq
        self.release_holds = release_holds
        self.out = bytearray(OUT)
        self.lines.out = <uint8_t *><char *>self.out
        self.lines.room = OUT
        self.lines.code_octets = width
        self.lines.in_line = in_line
        self.lines.home_lines = home_lines
        self.held = [new, left, base_listed, base_gone, base_many]
        self.fine_bits = directory_bits
        self.fine = <uint32_t *>calloc((<size_t>1 << directory_bits) + 1, sizeof(uint32_t))
        self.rows = <Row *>malloc(max(rows.shape[0], 1))
        self.kept = <uint8_t *>malloc(max(len(base_kept), 1))
        if self.fine == NULL or self.rows == NULL or self.kept == NULL:
            raise MemoryError
        if rows.shape[0]:
            memcpy(self.rows, &rows[0], rows.shape[0])
        for number, kept in enumerate(base_kept):
            self.kept[<Py_ssize_t>number] = kept
        self.all_kept = all(base_kept)
        self.none_kept = not any(base_kept)
        # An old line can only be a new one where entries keep their places, and codes their numbers.
        self.same_shape = (
            base_home_lines == home_lines and base_width == width and base_in_line == in_line
            and list(base_numbers) == list(range(len(base_numbers)))
        )
        open_group(&self.group)
        self.group.rows = self.rows
        self.group.rows_count = rows.shape[0] // <Py_ssize_t>sizeof(Row)
        for partition, rank in ranks.items():
            self.group.ranks[<uint16_t>partition] = rank
        self.open_new(&self.new, new, numbers)
        self.open_new(&self.left, left, left_numbers)
        before = self.numbers_of(base_numbers)
        self.open_section(&self.listed_before, base_listed, LINE if short_ones else 24 + base_width, before)
        self.listed_before.code_octets = base_width
        self.listed_before.in_line = base_in_line
        self.open_section(&self.gone_before, base_gone, key_octets(short_ones) + 16, before)
        self.open_section(&self.many_before, base_many, key_octets(short_ones) + 8, before)
        # The driver has vouched for the whole of it: it is small, and read at odd moments.
        self.many_before.checked = self.many_before.octets
        self.gone_records = self.gone_before.octets // self.gone_before.stride

    def __dealloc__(self):
        free(self.new.records)
        free(self.left.records)
        free(self.fine)
        free(self.rows)
        free(self.kept)
        close_group(&self.group)
        free(self.departed.data)
        free(self.dropped.data)
        free(self.shared.data)

    cdef object numbers_of(self, numbers):
        """As an array of 32 bits that lives as long as this object."""
        cdef Py_ssize_t count = len(numbers), i
        cdef bytearray made = bytearray(4 * max(count, 1))
        cdef uint32_t *into = <uint32_t *><char *>made
        for i in range(count):
            into[i] = numbers[i]
        self.held.append(made)
        return made

    cdef int open_new(self, NewEntries *stream, Harvest harvest, numbers) except -1:
        cdef Py_ssize_t bucket, largest = 1
        cdef bytearray made = self.numbers_of(numbers)
        stream.bucket = -1
        stream.numbers = <const uint32_t *><char *>made
        if harvest is None:
            return 0
        if not harvest.settled:
            raise ValueError("expected a harvest that has taken its last entry")
        if len(harvest.known_codes) > len(numbers):
            raise ValueError("expected a number for each code")
        stream.arena = &harvest.short_ones if self.short_ones else &harvest.long_ones
        for bucket in range(<Py_ssize_t>1 << stream.arena.bits):
            largest = max(largest, bucket_count(stream.arena, bucket))
        stream.records = <uint8_t *>malloc(largest * LONG)
        if stream.records == NULL:
            raise MemoryError
        return 0

    cdef int open_section(self, Section *section, view, Py_ssize_t stride, bytearray numbers) except -1:
        cdef const uint8_t[::1] octets
        memset(section, 0, sizeof(Section))
        section.stride = stride
        section.short_ones = self.short_ones
        section.numbers = <const uint32_t *><char *>numbers
        section.codes = <uint32_t>(len(numbers) // 4)
        if view is not None and len(view):
            octets = view
            section.data = &octets[0]
            section.octets = octets.shape[0]
        return 0

    # --- driven from outside ---

    def listed(self, check):
        """The listed entries' section, in views that hold until the next one is taken.

        ``check(which, upto)`` vouches for a section of the set before (0 listed, 1 gone) up to octet ``upto`` at
        least, and answers how far; it raises where that is damaged.
        """
        cdef int outcome
        cdef Section *section
        while True:
            with nogil:
                outcome = self.step()
            if outcome == NO_MEMORY:
                raise MemoryError
            if outcome == DAMAGED:
                raise broken("entries of the set before as FORMAT.md has them", "others")
            if outcome == UNCHECKED:
                section = &self.listed_before if self.wanted == LISTED else &self.gone_before
                section.checked = check(self.wanted, section.at + section.stride)
                continue
            if self.lines.used:
                yield memoryview(self.out)[:self.lines.used]
                self.lines.used = 0
            if outcome == READ:
                return

    @property
    def gone_count(self):
        """After ``listed``: how many records ``gone`` will write."""
        return (
            self.gone_records - self.dropped.used // <Py_ssize_t>sizeof(Entry)
            + self.departed.used // self.gone_before.stride
        )

    def gone(self, int bits):
        """After ``listed``: the gone entries' section; its directory is then ``directory(bits)``."""
        cdef int outcome = FULL
        cdef Py_ssize_t departed = 0, dropped = 0
        free(self.fine)
        self.fine_bits = bits
        self.fine = <uint32_t *>calloc((<size_t>1 << bits) + 1, sizeof(uint32_t))
        if self.fine == NULL:
            raise MemoryError
        self.gone_before.at = 0
        while outcome == FULL:
            with nogil:
                outcome = self.gone_step(&departed, &dropped)
            if self.lines.used:
                yield memoryview(self.out)[:self.lines.used]
                self.lines.used = 0

    def directory(self, int bits):
        """Of the long or gone entries that were written last: how many have a key below each, cut to ``bits``."""
        cdef Py_ssize_t i, j, step
        cdef uint32_t below = 0
        cdef uint32_t[::1] numbers
        if not bits:
            return b""
        if bits > self.fine_bits:
            raise ValueError("expected a directory that is not finer than what was counted")
        made = bytearray(4 * ((1 << bits) + 1))
        numbers = memoryview(made).cast("I")
        step = <Py_ssize_t>1 << (self.fine_bits - bits)
        for i in range(<Py_ssize_t>1 << bits):
            numbers[i] = below
            for j in range(i * step, (i + 1) * step):
                below += self.fine[j]
        numbers[<Py_ssize_t>1 << bits] = below
        return bytes(made)

    @property
    def many_section(self):
        """After ``listed``: each list's own entry of serials that several lists have."""
        return (<char *>self.shared.data)[:self.shared.used] if self.shared.used else b""

    # --- the merge ---

    cdef int step(self) noexcept nogil:
        """Go on until the output is full, a piece must be checked, or everything is written."""
        cdef int outcome
        cdef const Entry *least
        if not self.started:
            self.started = True
            next_new(&self.new)
            next_new(&self.left)
        while True:
            if self.has_pending:
                if not (write_short(&self.lines, &self.pending) if self.short_ones
                        else write_long(&self.lines, &self.pending)):
                    return FULL
                if not self.short_ones:
                    self.count(self.pending.m)
                self.entries += 1
                self.has_pending = False
            if self.at_end:
                return READ if not self.short_ones or finish_short(&self.lines) else FULL
            if not self.listed_before.more:
                outcome = self.pass_lines() if self.short_ones else self.pass_records()
                if outcome == READ:
                    outcome = next_listed(&self.listed_before)
                if outcome != READ:
                    self.wanted = LISTED
                    return outcome
            least = &self.new.head if self.new.more else NULL
            if self.listed_before.more and (least == NULL or compare(&self.listed_before.head, least) < 0):
                least = &self.listed_before.head
            outcome = self.pass_gone(least)
            if outcome != READ:
                self.wanted = GONE
                return outcome
            if least == NULL:
                # What left stood in the set before, each of it.
                if self.left.more:
                    return DAMAGED
                self.at_end = True
                continue
            outcome = self.decide(least[0])
            if outcome != READ:
                return outcome

    cdef uint64_t untouched(self) noexcept nogil:
        """Below this key (of a long one, its ``m``) nothing is new, nothing left, and several lists have nothing."""
        cdef uint64_t limit = <uint64_t>-1
        cdef Section *many = &self.many_before
        if many.octets and not many.more and next_record(many) != READ:
            return 0
        if many.more:
            limit = many.head.m
        if self.new.more:
            limit = min(limit, self.new.head.m)
        if self.left.more:
            limit = min(limit, self.left.head.m)
        return limit

    cdef int pass_lines(self) noexcept nogil:
        """Copy lines of the set before as long as they stand unchanged in the new one. READ, or FULL and so on."""
        cdef Section *section = &self.listed_before
        cdef Lines *lines = &self.lines
        cdef const uint8_t *kept = NULL if self.all_kept else self.kept
        cdef uint64_t limit
        cdef Py_ssize_t end, copied
        if not self.same_shape or not finish_line(section):
            return READ
        while section.at + LINE <= section.octets:
            if section.at + LINE > section.checked:
                return UNCHECKED
            if not stands_by_itself(section, lines):
                return READ
            if self.none_kept:
                # The list was read whole, and mostly says what it said.
                if not self.new.more or self.new.arena.octets != PACKED:
                    return READ
                copied = line_as_before(section, lines, &self.new)
                if copied < 0:
                    return READ
                if not catch_up(lines, section.at // LINE) or lines.used + LINE > lines.room:
                    return FULL
                copy_lines(section, lines, section.at + LINE, NULL)
                if copied:
                    self.new.at += copied - 1
                    next_new(&self.new)
                self.entries += copied
                continue
            limit = self.untouched()
            end = section.octets
            if limit <= <uint64_t>0xFFFFFFFF:
                end = min(end, <Py_ssize_t>((limit * lines.home_lines) >> 32) * LINE)
            if section.at >= end or (kept != NULL and not all_go_on(section, section.data + section.at, kept)):
                return READ
            if not catch_up(lines, section.at // LINE) or lines.used + LINE > lines.room:
                return FULL
            end = min(end, section.checked // LINE * LINE)
            copied = section.at
            self.entries += copy_lines(section, lines, end, kept)
            if section.at == copied:
                return READ
        return READ

    cdef int pass_records(self) noexcept nogil:
        """The same of long entries."""
        cdef Section *section = &self.listed_before
        cdef Lines *lines = &self.lines
        cdef uint64_t limit = self.untouched(), m
        cdef Py_ssize_t stride = section.stride
        if not self.same_shape or not self.all_kept:
            return READ
        while section.at + stride <= section.octets:
            if section.at + stride > section.checked:
                return UNCHECKED
            m = word64(section.data + section.at)
            if m >= limit:
                return READ
            if lines.used + stride > lines.room:
                return FULL
            memcpy(lines.out + lines.used, section.data + section.at, stride)
            lines.used += stride
            section.at += stride
            self.count(m)
            self.entries += 1
        return READ

    cdef int pass_gone(self, const Entry *until) noexcept nogil:
        """The gone ones below a serial stay gone, unless they were holds and holds are released now."""
        cdef Section *gone = &self.gone_before
        cdef int outcome
        while True:
            if not gone.more:
                outcome = next_record(gone)
                if outcome != READ or not gone.more:
                    return outcome
            if until != NULL and compare(&gone.head, until) >= 0:
                return READ
            if self.release_holds and self.rows[gone.head.code].reason == HOLD and not self.drop():
                return NO_MEMORY
            gone.more = False

    cdef int decide(self, Entry key) noexcept nogil:
        """What the new set says of one serial: ``pending``, or a departure, or nothing."""
        cdef bint listed_here = self.listed_before.more and compare(&self.listed_before.head, &key) == 0
        cdef bint gone_here = self.gone_before.more and compare(&self.gone_before.head, &key) == 0
        cdef Py_ssize_t found = 0
        cdef bint differs = False
        cdef int outcome
        if self.left.more and compare(&self.left.head, &key) < 0:
            return DAMAGED
        while self.new.more and compare(&self.new.head, &key) == 0:
            if not self.take(&self.new.head, &found):
                return NO_MEMORY
            next_new(&self.new)
        if listed_here:
            outcome = self.take_before(&found)
            if outcome != READ:
                return outcome
        if found:
            if found > 1:
                self.repeated += found - 1
                if not unite(&self.group, self.short_ones, &self.pending, &self.shared, &differs):
                    return NO_MEMORY
                self.conflicting += differs
            self.has_pending = True
        elif listed_here and not self.depart():
            return NO_MEMORY
        if gone_here:
            # It stays gone unless a list has it again, or it was a hold and holds are released now.
            if found or (self.release_holds and self.rows[self.gone_before.head.code].reason == HOLD):
                if not self.drop():
                    return NO_MEMORY
            self.gone_before.more = False
        if listed_here:
            self.listed_before.more = False
        return READ

    cdef inline bint take(self, const Entry *entry, Py_ssize_t *found) noexcept nogil:
        """An entry that counts; from the second one on they are noted, to be united. False without memory."""
        found[0] += 1
        if found[0] == 1:
            self.pending = entry[0]
            return True
        if found[0] == 2 and not note(&self.group, &self.pending):
            return False
        return note(&self.group, entry)

    cdef int take_before(self, Py_ssize_t *found) noexcept nogil:
        """Of the serial at the head of the set before: its entry, or where several lists have it, each list's own."""
        cdef const Entry *key = &self.listed_before.head
        cdef Section *many = &self.many_before
        cdef bint shared = False
        cdef int outcome
        # The partition whose list has let go of this serial.
        cdef int left = -1
        if self.left.more and compare(&self.left.head, key) == 0:
            left = self.rows[self.left.head.code].partition
            next_new(&self.left)
        if many.octets:
            while True:
                if not many.more:
                    outcome = next_record(many)
                    if outcome != READ:
                        return DAMAGED
                if not many.more or compare(&many.head, key) > 0:
                    break
                if compare(&many.head, key) == 0:
                    shared = True
                    if (self.kept[many.old_code] and self.rows[many.head.code].partition != left
                            and not self.take(&many.head, found)):
                        return NO_MEMORY
                many.more = False
        if (not shared and self.kept[self.listed_before.old_code] and self.rows[key.code].partition != left
                and not self.take(key, found)):
            return NO_MEMORY
        return READ

    cdef bint depart(self) noexcept nogil:
        """The head of the set before is listed no more (FORMAT.md, "What a set keeps"); False without memory."""
        cdef const Entry *entry = &self.listed_before.head
        cdef bint hold = self.rows[entry.code].reason == HOLD
        cdef uint16_t flags = HELD if hold else 0
        cdef Py_ssize_t octets = key_octets(self.short_ones)
        cdef uint8_t *record
        if hold and self.release_holds:
            return True
        record = extend(&self.departed, octets + 16)
        if record == NULL:
            return False
        put_key(record, self.short_ones, entry)
        record += octets
        memcpy(record, &entry.date, 4)
        memcpy(record + 4, &entry.code, 4)
        memcpy(record + 8, &flags, 2)
        memset(record + 10, 0, 2)
        memcpy(record + 12, &self.last_seq, 4)
        return True

    cdef bint drop(self) noexcept nogil:
        cdef uint8_t *record = extend(&self.dropped, sizeof(Entry))
        if record == NULL:
            return False
        memcpy(record, &self.gone_before.head, sizeof(Entry))
        return True

    cdef inline void count(self, uint64_t m) noexcept nogil:
        """For the directory."""
        if self.short_ones:
            self.fine[m >> (32 - self.fine_bits)] += 1
        else:
            self.fine[m >> 1 >> (63 - self.fine_bits)] += 1

    cdef int gone_step(self, Py_ssize_t *departed, Py_ssize_t *dropped) noexcept nogil:
        """Merge the gone of the set before, without what ``dropped`` names, with the departures."""
        cdef Section *before = &self.gone_before
        cdef Py_ssize_t octets = before.stride
        cdef Entry departure
        cdef uint8_t *at
        while True:
            if self.lines.used + octets > OUT:
                return FULL
            if not before.more:
                # Everything was checked and found in order when ``listed`` read it.
                next_record(before)
                if before.more and dropped[0] < self.dropped.used and compare(
                        <const Entry *>(self.dropped.data + dropped[0]), &before.head) == 0:
                    dropped[0] += sizeof(Entry)
                    before.more = False
                    continue
            at = self.lines.out + self.lines.used
            if departed[0] < self.departed.used:
                get_key(self.departed.data + departed[0], self.short_ones, &departure)
                if not before.more or compare(&departure, &before.head) < 0:
                    memcpy(at, self.departed.data + departed[0], octets)
                    departed[0] += octets
                    self.lines.used += octets
                    self.count(departure.m)
                    continue
            if not before.more:
                return READ
            memcpy(at, before.data + before.at - octets, octets)
            memcpy(at + octets - 12, &before.head.code, 4)
            self.lines.used += octets
            self.count(before.head.m)
            before.more = False
