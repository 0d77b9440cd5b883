# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The merge that makes a set out of new lists and the set before, one class of serials (short, long) at a time.

Three streams in the order of keys: new entries, the listed and the gone ones of the set before. Of each serial the
entries that count now are united and written; one that has none any more is gone. Nothing is held but the bucket of
new entries at hand, a buffer of output, and what changed: departures, returns, serials of several lists.

What is read of the set before is checked piece by piece ahead of the merge, by whoever drives ``listed``.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from revocation.index._arena cimport LONG, PACKED, WIDE, Arena, gather
from revocation.index._harvest cimport Harvest

from revocation.index.layout import broken

cdef enum:
    OUT = 1 << 18              # octets of output at a time
    LINE = 64
    MARKER = 128
    HOLD = 6                   # certificateHold
    HELD = 1                   # flag of a gone entry
    NO_CODE = 0xFFFFFFFF

cdef enum:
    DONE = 0
    FULL = 1                   # the output buffer; take it and go on
    CHECK = 2                  # the next piece of the set before, in ``wanted``
    NO_MEMORY = 3
    BAD_BASE = 4               # the set before breaks FORMAT.md

cdef enum:
    LISTED = 0
    GONE = 1


#: The duplicate that counts is the one with the greatest severity (FORMAT.md, "One entry for each serial").
cdef uint8_t[256] SEVERITY
cdef int _code
for _code in range(256):
    SEVERITY[_code] = 3          # unspecified, absent and every code that RFC 5280 does not know
SEVERITY[2] = 9                  # cACompromise
SEVERITY[10] = 8                 # aACompromise
SEVERITY[1] = 7                  # keyCompromise
SEVERITY[9] = 6                  # privilegeWithdrawn
SEVERITY[5] = 5                  # cessationOfOperation
SEVERITY[3] = 4                  # affiliationChanged
SEVERITY[4] = 4                  # superseded
SEVERITY[8] = 2                  # removeFromCRL in a complete list: an anomaly, stays revoked
SEVERITY[6] = 1                  # certificateHold: the only one that could come back


#: Of CODE.
cdef struct Row:
    uint16_t partition
    uint8_t reason
    uint8_t flags
    int32_t high


#: Of a short serial ``m`` is the key, ``b0`` and ``b1`` are zero.
cdef struct Entry:
    uint64_t m
    uint64_t b0
    uint32_t b1
    uint32_t date
    uint32_t code              # a row of the new set


#: A section of the set before, in order.
cdef struct Feed:
    const uint8_t *data
    Py_ssize_t octets
    Py_ssize_t at              # of the next line or record
    Py_ssize_t checked         # up to here it may be read
    Py_ssize_t stride
    int place                  # of the next entry within its line


cdef struct Buffer:
    uint8_t *data
    Py_ssize_t used
    Py_ssize_t room


#: What one list says of a serial that is listed more than once.
cdef struct Own:
    int64_t date
    uint16_t partition
    uint8_t reason
    uint8_t flags


cdef uint8_t *extend(Buffer *buffer, Py_ssize_t octets) noexcept nogil:
    cdef uint8_t *moved
    cdef Py_ssize_t wanted
    if buffer.used + octets > buffer.room:
        wanted = max(buffer.room * 2, 4096)
        moved = <uint8_t *>realloc(buffer.data, wanted)
        if moved == NULL:
            return NULL
        buffer.data = moved
        buffer.room = wanted
    moved = buffer.data + buffer.used
    buffer.used += octets
    return moved


cdef inline int compare(const Entry *x, const Entry *y) noexcept nogil:
    if x.m != y.m:
        return -1 if x.m < y.m else 1
    if x.b0 != y.b0:
        return -1 if x.b0 < y.b0 else 1
    return (x.b1 > y.b1) - (x.b1 < y.b1)


cdef class Place:
    """One class of serials. Feed it by keyword, then take ``listed``, ``gone`` and what is left in attributes.

    ``new``: the harvest, or None; ``numbers``: the new set's row for each of its codes. ``rows``: the new set's
    CODE, packed. ``base_*``: sections of the set before (views), ``base_numbers`` its codes' rows in the new set,
    ``base_kept`` for each of its codes whether an entry of it still counts, as its list has no newer one.
    """

    cdef bint short_ones
    cdef Harvest new
    cdef const Arena *arena
    cdef uint8_t *bucket_records
    cdef Py_ssize_t bucket, bucket_count, bucket_at
    cdef uint32_t *numbers
    cdef Py_ssize_t numbers_count
    cdef Row *rows
    cdef Py_ssize_t rows_count
    cdef uint32_t *base_numbers
    cdef uint8_t *base_kept
    cdef Py_ssize_t base_codes
    cdef int64_t *ranks
    cdef int32_t *slots
    cdef Feed feeds[2]
    cdef const uint8_t *many
    cdef Py_ssize_t many_octets, many_at
    cdef object held                   # the views, so that they stay
    cdef int base_width, base_in_line
    cdef int width, in_line
    cdef uint64_t home_lines
    cdef uint32_t last_seq
    cdef bint release_holds
    cdef Entry head_new, head_base, head_gone, pending
    cdef bint has_new, has_base, has_gone, has_pending, started, at_end
    cdef bint group_differs            # two entries of one list, for the serial at hand
    cdef uint32_t base_code, gone_code
    cdef uint8_t line[LINE]
    cdef int in_this_line
    cdef uint64_t line_number
    cdef bytearray out
    cdef uint8_t *out_at
    cdef Py_ssize_t used
    cdef int wanted
    cdef uint32_t *fine
    cdef int fine_bits
    cdef Buffer departed, dropped, shared, own
    cdef Py_ssize_t gone_before
    cdef readonly Py_ssize_t entries, repeated, conflicting

    def __cinit__(self, *, bint short_ones, Harvest new, numbers, const uint8_t[::1] rows, dict ranks, int width,
                  int in_line, uint64_t home_lines, int directory_bits, base_listed=None, base_gone=None,
                  base_many=None, base_numbers=(), base_kept=(), int base_width=1, int base_in_line=7,
                  uint32_t last_seq=0, bint release_holds=False):
        cdef Py_ssize_t i, largest = 0
        cdef const uint8_t[::1] view
        self.short_ones = short_ones
        self.width = width
        self.in_line = in_line
        self.home_lines = home_lines
        self.base_width = base_width
        self.base_in_line = base_in_line
        self.last_seq = last_seq
        self.release_holds = release_holds
        self.held = (base_listed, base_gone, base_many)
        memset(&self.feeds, 0, sizeof(self.feeds))
        self.out = bytearray(OUT)
        self.out_at = <uint8_t *><char *>self.out
        self.line_number = 0
        memset(self.line, 0, LINE)
        self.rows_count = rows.shape[0] // sizeof(Row)
        self.rows = <Row *>malloc(max(self.rows_count, 1) * sizeof(Row))
        self.numbers_count = len(numbers)
        self.numbers = <uint32_t *>malloc(max(self.numbers_count, 1) * sizeof(uint32_t))
        self.base_codes = len(base_numbers)
        self.base_numbers = <uint32_t *>malloc(max(self.base_codes, 1) * sizeof(uint32_t))
        self.base_kept = <uint8_t *>malloc(max(self.base_codes, 1))
        self.ranks = <int64_t *>calloc(65536, sizeof(int64_t))
        self.slots = <int32_t *>malloc(65536 * sizeof(int32_t))
        self.fine_bits = directory_bits
        self.fine = <uint32_t *>calloc((<size_t>1 << directory_bits) + 1, sizeof(uint32_t))
        if (self.rows == NULL or self.numbers == NULL or self.base_numbers == NULL or self.base_kept == NULL
                or self.ranks == NULL or self.slots == NULL or self.fine == NULL):
            raise MemoryError
        memset(self.slots, 0xFF, 65536 * sizeof(int32_t))
        if self.rows_count:
            memcpy(self.rows, &rows[0], self.rows_count * sizeof(Row))
        for i in range(self.numbers_count):
            self.numbers[i] = numbers[i]
        for i in range(self.base_codes):
            self.base_numbers[i] = base_numbers[i]
            self.base_kept[i] = base_kept[i]
        for partition, rank in ranks.items():
            self.ranks[<uint16_t>partition] = rank
        self.new = new
        self.arena = NULL
        self.bucket = -1
        if new is not None:
            if not new.settled:
                raise ValueError("expected a harvest that has taken its last entry")
            if len(new.known_codes) > self.numbers_count:
                raise ValueError("expected a number for each code")
            self.arena = &new.short_ones if short_ones else &new.long_ones
            for i in range(<Py_ssize_t>1 << self.arena.bits):
                largest = max(largest, self.arena.buckets[i].count)
        self.bucket_records = <uint8_t *>malloc(max(largest, 1) * LONG)
        if self.bucket_records == NULL:
            raise MemoryError
        self.feeds[LISTED].stride = LINE if short_ones else 24 + base_width
        self.feeds[GONE].stride = 20 if short_ones else 36
        for which, section in ((LISTED, base_listed), (GONE, base_gone)):
            if section is not None and len(section):
                view = section
                self.feeds[<int>which].data = &view[0]
                self.feeds[<int>which].octets = view.shape[0]
        if base_many is not None and len(base_many):
            view = base_many
            self.many = &view[0]
            self.many_octets = view.shape[0]
        self.gone_before = self.feeds[GONE].octets // self.feeds[GONE].stride

    def __dealloc__(self):
        free(self.bucket_records)
        free(self.numbers)
        free(self.rows)
        free(self.base_numbers)
        free(self.base_kept)
        free(self.ranks)
        free(self.slots)
        free(self.fine)
        free(self.departed.data)
        free(self.dropped.data)
        free(self.shared.data)
        free(self.own.data)

    # --- driven from outside ---

    def listed(self, check):
        """The listed entries' section, in views that hold until the next one is taken.

        ``check(which, upto)`` vouches for a section of the set before (0 listed, 1 gone) up to octet ``upto`` at
        least, and answers how far; it raises where that is damaged.
        """
        cdef int outcome
        while True:
            with nogil:
                outcome = self.step()
            if outcome == NO_MEMORY:
                raise MemoryError
            if outcome == BAD_BASE:
                raise broken("entries of the set before as FORMAT.md has them", "others")
            if outcome == CHECK:
                self.feeds[self.wanted].checked = check(
                    self.wanted, self.feeds[self.wanted].at + self.feeds[self.wanted].stride
                )
                continue
            if self.used:
                yield memoryview(self.out)[:self.used]
                self.used = 0
            if outcome == DONE:
                return

    @property
    def gone_count(self):
        """After ``listed``: how many ``gone`` will write."""
        return self.gone_before - self.dropped.used // <Py_ssize_t>sizeof(Entry) + self.departed.used // self.gone_octets()

    def gone(self, int bits):
        """After ``listed``: the gone entries' section; its directory then lies in ``directory(bits)``."""
        cdef int outcome
        if bits > self.fine_bits:
            free(self.fine)
            self.fine = NULL
        if self.fine == NULL:
            self.fine = <uint32_t *>calloc((<size_t>1 << bits) + 1, sizeof(uint32_t))
            if self.fine == NULL:
                raise MemoryError
        else:
            memset(self.fine, 0, ((<size_t>1 << self.fine_bits) + 1) * sizeof(uint32_t))
        self.fine_bits = max(bits, self.fine_bits)
        cdef Py_ssize_t departed = 0, dropped = 0
        self.feeds[GONE].at = 0
        while True:
            with nogil:
                outcome = self.gone_step(&departed, &dropped)
            if self.used:
                yield memoryview(self.out)[:self.used]
                self.used = 0
            if outcome == DONE:
                return

    def directory(self, int bits):
        """Of what was written last: for each key cut to ``bits`` bits, how many records lie below it."""
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

    # --- streams ---

    cdef int next_new(self) noexcept nogil:
        """Put the next new entry into ``head_new``; ``has_new`` tells whether there is one."""
        cdef const uint8_t *record
        cdef uint64_t word
        cdef uint32_t key, code
        self.has_new = False
        if self.arena == NULL:
            return 0
        while self.bucket_at == self.bucket_count:
            self.bucket += 1
            if self.bucket >= <Py_ssize_t>1 << self.arena.bits:
                self.bucket -= 1
                return 0
            self.bucket_at = 0
            self.bucket_count = self.arena.buckets[self.bucket].count
            gather(self.arena, self.bucket, self.bucket_records)
        record = self.bucket_records + self.bucket_at * self.arena.octets
        self.bucket_at += 1
        if self.arena.octets == PACKED:
            memcpy(&word, record, 8)
            self.head_new.m = (word >> 40) | (<uint64_t>self.bucket << (32 - self.arena.bits))
            self.head_new.date = <uint32_t>(word >> 8)
            code = word & 0xFF
        elif self.arena.octets == WIDE:
            memcpy(&key, record, 4)
            self.head_new.m = key
            memcpy(&self.head_new.date, record + 4, 4)
            memcpy(&code, record + 8, 4)
        else:
            memcpy(&self.head_new.m, record, 8)
            memcpy(&self.head_new.b0, record + 8, 8)
            memcpy(&self.head_new.b1, record + 16, 4)
            memcpy(&self.head_new.date, record + 20, 4)
            memcpy(&code, record + 24, 4)
        self.head_new.code = self.numbers[code]
        self.has_new = True
        return 0

    cdef int next_base(self) noexcept nogil:
        """The same of ``head_base``: DONE, CHECK or BAD_BASE."""
        cdef Feed *feed = &self.feeds[LISTED]
        cdef const uint8_t *at
        cdef uint32_t key
        cdef int n = self.base_in_line
        self.has_base = False
        while True:
            if feed.at + feed.stride > feed.octets:
                return DONE
            if feed.at + feed.stride > feed.checked:
                self.wanted = LISTED
                return CHECK
            at = feed.data + feed.at
            if not self.short_ones:
                memcpy(&self.head_base.m, at, 8)
                memcpy(&self.head_base.b0, at + 8, 8)
                memcpy(&self.head_base.b1, at + 16, 4)
                memcpy(&self.head_base.date, at + 20, 4)
                self.base_code = self.code_at(at + 24)
                feed.at += feed.stride
                break
            if at[63] < MARKER or at[63] - MARKER > n:
                return BAD_BASE
            if feed.place < at[63] - MARKER:
                memcpy(&key, at + 4 * feed.place, 4)
                self.head_base.m = key
                memcpy(&self.head_base.date, at + 4 * (n + feed.place), 4)
                self.base_code = self.code_at(at + 8 * n + self.base_width * feed.place)
                feed.place += 1
                break
            feed.place = 0
            feed.at += LINE
        if self.base_code >= <uint32_t>self.base_codes:
            return BAD_BASE
        self.head_base.code = self.base_numbers[self.base_code]
        self.has_base = True
        return DONE

    cdef inline uint32_t code_at(self, const uint8_t *at) noexcept nogil:
        cdef uint32_t code = 0
        if self.base_width == 1:
            return at[0]
        memcpy(&code, at, self.base_width)
        return code

    cdef int read_gone(self, Entry *entry, uint32_t *code) noexcept nogil:
        """The record at ``feeds[GONE].at``: DONE, CHECK or BAD_BASE."""
        cdef Feed *feed = &self.feeds[GONE]
        cdef const uint8_t *at
        cdef uint32_t key
        if feed.at + feed.stride > feed.checked:
            self.wanted = GONE
            return CHECK
        at = feed.data + feed.at
        if self.short_ones:
            memcpy(&key, at, 4)
            entry.m = key
            entry.b0 = 0
            entry.b1 = 0
            memcpy(&entry.date, at + 4, 4)
            memcpy(code, at + 8, 4)
        else:
            memcpy(&entry.m, at, 8)
            memcpy(&entry.b0, at + 8, 8)
            memcpy(&entry.b1, at + 16, 4)
            memcpy(&entry.date, at + 20, 4)
            memcpy(code, at + 24, 4)
        if code[0] >= <uint32_t>self.base_codes:
            return BAD_BASE
        entry.code = self.base_numbers[code[0]]
        return DONE

    cdef int next_gone(self) noexcept nogil:
        cdef Feed *feed = &self.feeds[GONE]
        cdef int outcome
        self.has_gone = False
        if feed.at + feed.stride > feed.octets:
            return DONE
        outcome = self.read_gone(&self.head_gone, &self.gone_code)
        if outcome == DONE:
            feed.at += feed.stride
            self.has_gone = True
        return outcome

    # --- the merge ---

    cdef int step(self) noexcept nogil:
        """Go on until the output is full, a piece must be checked, or everything is written."""
        cdef int outcome
        cdef Entry *least
        if not self.started:
            self.started = True
            self.next_new()
        while True:
            if self.has_pending:
                outcome = self.write(&self.pending)
                if outcome != DONE:
                    return outcome
                self.has_pending = False
            if self.at_end:
                return self.finish()
            if not self.has_base:
                outcome = self.next_base()
                if outcome != DONE:
                    return outcome
            if not self.has_gone:
                outcome = self.next_gone()
                if outcome != DONE:
                    return outcome
            if not (self.has_new or self.has_base or self.has_gone):
                self.at_end = True
                continue
            least = &self.head_new
            if not self.has_new or (self.has_base and compare(&self.head_base, least) < 0):
                least = &self.head_base
                if not self.has_base:
                    least = &self.head_gone
            if self.has_gone and least != &self.head_gone and compare(&self.head_gone, least) < 0:
                least = &self.head_gone
            outcome = self.decide(least[0])
            if outcome != DONE:
                return outcome

    cdef int decide(self, Entry key) noexcept nogil:
        """What the new set says of one serial: ``pending``, or a departure, or nothing."""
        cdef bint new_here = self.has_new and compare(&self.head_new, &key) == 0
        cdef bint base_here = self.has_base and compare(&self.head_base, &key) == 0
        cdef bint gone_here = self.has_gone and compare(&self.head_gone, &key) == 0
        cdef Py_ssize_t found = 0
        cdef Entry first
        cdef bint shared
        cdef int outcome
        memset(&first, 0, sizeof(Entry))
        self.own.used = 0
        while new_here:
            found += 1
            if found == 1:
                first = self.head_new
            elif not self.absorb(&self.head_new, &first, found):
                return NO_MEMORY
            self.next_new()
            new_here = self.has_new and compare(&self.head_new, &key) == 0
        if base_here:
            self.skip_many(&key)
            shared = self.many_at < self.many_octets and self.compare_many(&key) == 0
            if not shared and self.base_kept[self.base_code]:
                found += 1
                if found == 1:
                    first = self.head_base
                elif not self.absorb(&self.head_base, &first, found):
                    return NO_MEMORY
            while shared:
                outcome = self.take_many(&first, &found)
                if outcome != DONE:
                    return outcome
                shared = self.many_at < self.many_octets and self.compare_many(&key) == 0
        if found:
            self.pending = first
            if found > 1 and not self.unite(&key, found):
                return NO_MEMORY
            self.has_pending = True
        elif base_here and not self.depart():
            return NO_MEMORY
        if gone_here:
            # It stays gone unless a list has it again, or it was a hold and holds are released now.
            if found or (self.release_holds and self.rows[self.head_gone.code].reason == HOLD):
                if not self.drop():
                    return NO_MEMORY
            self.has_gone = False
        if base_here:
            self.has_base = False
        return DONE

    cdef bint depart(self) noexcept nogil:
        """``head_base`` is listed no more; False without memory (FORMAT.md, "What a set keeps")."""
        cdef bint hold = self.rows[self.head_base.code].reason == HOLD
        cdef uint8_t *record
        if hold and self.release_holds:
            return True
        record = extend(&self.departed, self.gone_octets())
        if record == NULL:
            return False
        self.put_gone(record, &self.head_base, HELD if hold else 0, self.last_seq)
        return True

    cdef bint drop(self) noexcept nogil:
        cdef uint8_t *record = extend(&self.dropped, sizeof(Entry))
        if record == NULL:
            return False
        memcpy(record, &self.head_gone, sizeof(Entry))
        return True

    cdef inline Py_ssize_t gone_octets(self) noexcept nogil:
        return 20 if self.short_ones else 36

    cdef void put_gone(self, uint8_t *record, const Entry *entry, uint16_t flags, uint32_t seq) noexcept nogil:
        cdef uint32_t key
        if self.short_ones:
            key = <uint32_t>entry.m
            memcpy(record, &key, 4)
            record += 4
        else:
            memcpy(record, &entry.m, 8)
            memcpy(record + 8, &entry.b0, 8)
            memcpy(record + 16, &entry.b1, 4)
            record += 20
        memcpy(record, &entry.date, 4)
        memcpy(record + 4, &entry.code, 4)
        memcpy(record + 8, &flags, 2)
        memset(record + 10, 0, 2)
        memcpy(record + 12, &seq, 4)

    # --- serials that are listed more than once ---

    cdef inline Py_ssize_t many_stride(self) noexcept nogil:
        return 12 if self.short_ones else 28

    cdef void read_many(self, Entry *entry) noexcept nogil:
        cdef const uint8_t *at = self.many + self.many_at
        cdef uint32_t key
        if self.short_ones:
            memcpy(&key, at, 4)
            entry.m = key
            entry.b0 = 0
            entry.b1 = 0
            at += 4
        else:
            memcpy(&entry.m, at, 8)
            memcpy(&entry.b0, at + 8, 8)
            memcpy(&entry.b1, at + 16, 4)
            at += 20
        memcpy(&entry.date, at, 4)
        memcpy(&entry.code, at + 4, 4)

    cdef int compare_many(self, const Entry *key) noexcept nogil:
        cdef Entry entry
        self.read_many(&entry)
        return compare(&entry, key)

    cdef void skip_many(self, const Entry *key) noexcept nogil:
        while self.many_at < self.many_octets and self.compare_many(key) < 0:
            self.many_at += self.many_stride()

    cdef int take_many(self, Entry *first, Py_ssize_t *found) noexcept nogil:
        """The own entry of one list of the set before: counts if that list has no newer one."""
        cdef Entry entry
        cdef uint32_t code
        self.read_many(&entry)
        self.many_at += self.many_stride()
        if entry.code >= <uint32_t>self.base_codes:
            return BAD_BASE
        code = entry.code
        entry.code = self.base_numbers[code]
        if self.base_kept[code]:
            found[0] += 1
            if found[0] == 1:
                first[0] = entry
            elif not self.absorb(&entry, first, found[0]):
                return NO_MEMORY
        return DONE

    cdef bint absorb(self, const Entry *entry, const Entry *first, Py_ssize_t found) noexcept nogil:
        """Another entry of the same serial, into what its list says of it; False without memory."""
        if found == 2 and not self.note(first):
            return False
        return self.note(entry)

    cdef bint note(self, const Entry *entry) noexcept nogil:
        cdef const Row *row = &self.rows[entry.code]
        cdef int64_t date = (<int64_t>row.high << 32) + entry.date
        cdef int32_t slot = self.slots[row.partition]
        cdef Own *own
        if slot < 0:
            own = <Own *>extend(&self.own, sizeof(Own))
            if own == NULL:
                return False
            self.slots[row.partition] = <int32_t>(self.own.used // <Py_ssize_t>sizeof(Own) - 1)
            own.date = date
            own.partition = row.partition
            own.reason = row.reason
            own.flags = row.flags
            return True
        own = <Own *>self.own.data + slot
        if own.reason != row.reason or own.flags != row.flags or own.date != date:
            self.group_differs = True
        own.date = min(own.date, date)
        if SEVERITY[row.reason] > SEVERITY[own.reason] or (
            SEVERITY[row.reason] == SEVERITY[own.reason]
            and (row.reason < own.reason or (row.reason == own.reason and row.flags < own.flags))
        ):
            own.reason = row.reason
            own.flags = row.flags
        return True

    cdef bint unite(self, const Entry *key, Py_ssize_t found) noexcept nogil:
        """``pending`` as FORMAT.md "One entry for each serial" wants it; whatever came first changes nothing."""
        cdef Py_ssize_t count = self.own.used // <Py_ssize_t>sizeof(Own), i, j
        cdef Own *own = <Own *>self.own.data
        cdef Own held
        cdef Own *best
        cdef int64_t date
        cdef bint differs = self.group_differs
        self.group_differs = False
        for i in range(count):
            self.slots[own[i].partition] = -1
        self.repeated += found - 1
        for i in range(1, count):
            if own[i].reason != own[0].reason or own[i].flags != own[0].flags or own[i].date != own[0].date:
                differs = True
        if differs:
            self.conflicting += 1
        # By partition: few, since only lists that share a serial meet here.
        for i in range(1, count):
            held = own[i]
            j = i
            while j > 0 and own[j - 1].partition > held.partition:
                own[j] = own[j - 1]
                j -= 1
            own[j] = held
        best = own
        date = own[0].date
        for i in range(1, count):
            date = min(date, own[i].date)
            if SEVERITY[own[i].reason] > SEVERITY[best.reason] or (
                SEVERITY[own[i].reason] == SEVERITY[best.reason]
                and self.ranks[own[i].partition] > self.ranks[best.partition]
            ):
                best = own + i
        if count > 1:
            for i in range(count):
                if not self.share(key, &own[i]):
                    return False
        self.pending.date = <uint32_t>date
        self.pending.code = self.row_of(best, date)
        return self.pending.code != NO_CODE

    cdef bint share(self, const Entry *key, const Own *own) noexcept nogil:
        cdef uint8_t *record = extend(&self.shared, self.many_stride())
        cdef uint32_t short_key = <uint32_t>key.m, date = <uint32_t>own.date, code = self.row_of(own, own.date)
        if record == NULL or code == NO_CODE:
            return False
        if self.short_ones:
            memcpy(record, &short_key, 4)
            record += 4
        else:
            memcpy(record, &key.m, 8)
            memcpy(record + 8, &key.b0, 8)
            memcpy(record + 16, &key.b1, 4)
            record += 20
        memcpy(record, &date, 4)
        memcpy(record + 4, &code, 4)
        return True

    cdef uint32_t row_of(self, const Own *own, int64_t date) noexcept nogil:
        """The row with that date's upper half; the builder has made one for each that may be wanted."""
        cdef int32_t high = <int32_t>(date >> 32)
        cdef Py_ssize_t i
        for i in range(self.rows_count):
            if (self.rows[i].partition == own.partition and self.rows[i].reason == own.reason
                    and self.rows[i].flags == own.flags and self.rows[i].high == high):
                return <uint32_t>i
        return NO_CODE

    # --- output ---

    cdef int write(self, const Entry *entry) noexcept nogil:
        cdef uint64_t home
        cdef uint32_t key
        cdef uint8_t *at
        cdef int n = self.in_line
        if self.short_ones:
            home = (entry.m * self.home_lines) >> 32
            while self.line_number < home or self.in_this_line == n:
                if not self.close_line():
                    return FULL
            key = <uint32_t>entry.m
            memcpy(self.line + 4 * self.in_this_line, &key, 4)
            memcpy(self.line + 4 * (n + self.in_this_line), &entry.date, 4)
            memcpy(self.line + 8 * n + self.width * self.in_this_line, &entry.code, self.width)
            self.in_this_line += 1
        else:
            if self.used + 24 + self.width > OUT:
                return FULL
            at = self.out_at + self.used
            memcpy(at, &entry.m, 8)
            memcpy(at + 8, &entry.b0, 8)
            memcpy(at + 16, &entry.b1, 4)
            memcpy(at + 20, &entry.date, 4)
            memcpy(at + 24, &entry.code, self.width)
            self.used += 24 + self.width
            self.fine[entry.m >> 1 >> (63 - self.fine_bits)] += 1
        self.entries += 1
        return DONE

    cdef bint close_line(self) noexcept nogil:
        """Put the line at hand into the output and begin the next; False where there is no room."""
        if self.used + LINE > OUT:
            return False
        self.line[63] = <uint8_t>(MARKER + self.in_this_line)
        memcpy(self.out_at + self.used, self.line, LINE)
        self.used += LINE
        self.line_number += 1
        self.in_this_line = 0
        memset(self.line, 0, LINE)
        return True

    cdef int finish(self) noexcept nogil:
        """The line at hand, and the home lines behind it."""
        if self.short_ones:
            while self.in_this_line or self.line_number < self.home_lines:
                if not self.close_line():
                    return FULL
        return DONE

    cdef int gone_step(self, Py_ssize_t *departed, Py_ssize_t *dropped) noexcept nogil:
        """Merge the gone of the set before, without what ``dropped`` names, with the departures."""
        cdef Feed *feed = &self.feeds[GONE]
        cdef Py_ssize_t octets = self.gone_octets()
        cdef Entry before, departure
        cdef const Entry *skipped
        cdef uint32_t code
        cdef bint from_base
        cdef uint8_t *at
        while True:
            if self.used + octets > OUT:
                return FULL
            from_base = feed.at + octets <= feed.octets
            if from_base:
                # Everything was checked when ``listed`` read it.
                self.read_gone(&before, &code)
                if dropped[0] < self.dropped.used:
                    skipped = <const Entry *>(self.dropped.data + dropped[0])
                    if compare(skipped, &before) == 0:
                        dropped[0] += sizeof(Entry)
                        feed.at += octets
                        continue
            if departed[0] < self.departed.used:
                self.read_departed(departed[0], &departure)
                if not from_base or compare(&departure, &before) < 0:
                    at = self.out_at + self.used
                    memcpy(at, self.departed.data + departed[0], octets)
                    self.count_gone(&departure)
                    departed[0] += octets
                    self.used += octets
                    continue
            if not from_base:
                return DONE
            at = self.out_at + self.used
            memcpy(at, feed.data + feed.at, octets)
            memcpy(at + octets - 12, &before.code, 4)
            self.count_gone(&before)
            feed.at += octets
            self.used += octets

    cdef void read_departed(self, Py_ssize_t offset, Entry *entry) noexcept nogil:
        cdef const uint8_t *at = self.departed.data + offset
        cdef uint32_t key
        memset(entry, 0, sizeof(Entry))
        if self.short_ones:
            memcpy(&key, at, 4)
            entry.m = key
        else:
            memcpy(&entry.m, at, 8)
            memcpy(&entry.b0, at + 8, 8)
            memcpy(&entry.b1, at + 16, 4)

    cdef void count_gone(self, const Entry *entry) noexcept nogil:
        if self.short_ones:
            self.fine[entry.m >> (32 - self.fine_bits)] += 1
        else:
            self.fine[entry.m >> 1 >> (63 - self.fine_bits)] += 1


def count_kept(listed, many, kept, *, bint short_ones, int width, int in_line):
    """How many listed entries of a set before, at most, go on under their lists; only to choose the geometry."""
    cdef const uint8_t[::1] view
    cdef const uint8_t *at
    cdef Py_ssize_t codes = len(kept), found = 0, offset, stride
    cdef uint32_t code
    cdef int i
    cdef uint8_t *kept_codes = <uint8_t *>malloc(max(codes, 1))
    if kept_codes == NULL:
        raise MemoryError
    try:
        for i in range(codes):
            kept_codes[i] = kept[i]
        if len(listed):
            view = listed
            stride = LINE if short_ones else 24 + width
            with nogil:
                offset = 0
                while offset + stride <= view.shape[0]:
                    at = &view[offset]
                    offset += stride
                    if not short_ones:
                        code = 0
                        memcpy(&code, at + 24, width)
                        if code < <uint32_t>codes and kept_codes[code]:
                            found += 1
                        continue
                    for i in range(min(<int>at[63] - MARKER, in_line)):
                        code = 0
                        memcpy(&code, at + 8 * in_line + width * i, width)
                        if code < <uint32_t>codes and kept_codes[code]:
                            found += 1
        if len(many):
            view = many
            stride = 12 if short_ones else 28
            offset = stride - 4
            while offset + 4 <= view.shape[0]:
                memcpy(&code, &view[offset], 4)
                offset += stride
                if code < <uint32_t>codes and kept_codes[code]:
                    found += 1
        return found
    finally:
        free(kept_codes)
