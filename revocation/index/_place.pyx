# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The merge that makes a set out of new lists and the set before, one class of serials (short, long) at a time.

Four streams in the order of keys: new entries, the listed and the gone ones of the set before, and of lists that
are known by what changed in them the entries that left. Nothing is held but the bucket of new entries at hand, a
buffer of output, and what changed: departures, returns, serials of several lists.

What is read of the set before is checked piece by piece ahead of the merge (_merge.pyx), by whoever drives
``listed``.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from revocation.index._arena cimport LONG, bucket_count
from revocation.index._entry cimport Entry, Row, key_octets
from revocation.index._harvest cimport Harvest
from revocation.index._merge cimport FULL, LINE, LISTED, NO_MEMORY, OUT, Merge
from revocation.index._streams cimport DAMAGED, READ, UNCHECKED, NewEntries, Section
from revocation.index._united cimport close_group, open_group

from revocation.index.layout import broken

cdef enum:
    HEADER = 64


@cython.final
cdef class Place(Merge):
    """One class of serials. Take ``listed``, then ``gone``, to their ends; the rest is in attributes.

    ``new``: the harvest, or None; ``numbers``: the new set's row for each of its codes. ``rows``: the new set's
    CODE, packed. ``base_*``: sections of the set before (views), ``base_numbers`` its codes' rows in the new set,
    ``base_kept`` for each of its codes whether an entry of it still counts, as its list has no newer one or is
    known by its changes: then ``left`` has the entries that left it, with ``left_numbers`` as ``numbers``. All of
    them stand in the set before, each as its list's own entry.
    """

    cdef bytearray out
    cdef object held                   # what the pointers point into

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
        if self.short_ones:
            # Right behind the header: so that this output, and each one after it, ends with a piece of the file.
            self.lines.room = OUT - HEADER
        while True:
            with nogil:
                outcome = self.step()
            if outcome == NO_MEMORY:
                raise MemoryError
            if outcome == DAMAGED:
                raise broken("entries of the set before as FORMAT.md has them", "others")
            # What is whole goes out first, as long as it is in the cache.
            if outcome == UNCHECKED and self.lines.used + LINE <= self.lines.room:
                section = &self.listed_before if self.wanted == LISTED else &self.gone_before
                section.checked = check(self.wanted, section.at + section.stride)
                continue
            if self.lines.used:
                yield memoryview(self.out)[:self.lines.used]
                self.lines.used = 0
                self.lines.room = OUT
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
