# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The entries of one list in as little memory as they need, taken straight from the walk over its DER.

A short entry of a large list takes 8 octets, a long one 28. They lie in buckets by the highest bits of their key,
sorted as soon as the last one is in, while another core still hashes the list: what is left for the time after the
signature was found right is merging.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from revocation.crl._walk cimport EntryWalk, Walk, walk_entries
from revocation.index._arena cimport (
    LONG, PACKED, WIDE, Arena, Chunk, bucket_count, chunk_octets, close_arena, gather, open_arena, room, sort_arena,
)
from revocation.index._keys cimport KEY_OCTETS, LongKey, join_serial, read_mixing, unmix32, unmix_long
from revocation.index._taking cimport BATCH, RECORD, Batch, Places, prepare_places, put_long, put_one, put_short

cdef enum:
    LIKELY_ENTRY = 36          # octets of an entry in DER
    MANY = 1 << 18             # entries from which buckets pay
    BUCKET = 1 << 16           # entries of one bucket, about
    SOME_BITS = 8              # the fewest for which a packed record has room for its key
    MOST_BITS = 11
    MOST_PACKED_CODES = 256


@cython.final
cdef class Harvest:
    """A sink for one list's entries; ``key`` is the mixing key of its lineage, 40 octets."""

    def __cinit__(self, bytes key not None):
        cdef int i
        if len(key) != KEY_OCTETS:
            raise ValueError("expected a mixing key of 40 octets")
        self.key = key
        read_mixing(<const uint8_t *><const char *>key, &self.mixing)
        memset(&self.short_ones, 0, sizeof(Arena))
        memset(&self.long_ones, 0, sizeof(Arena))
        for i in range(512):
            self.codes_of[i] = -1
        self.others = {}
        self.known_codes = []
        self.opened = False
        self.settled = False

    def __dealloc__(self):
        close_arena(&self.short_ones)
        close_arena(&self.long_ones)

    def __repr__(self):
        return f"Harvest(count={self.count})"

    def __len__(self):
        return self.count

    @classmethod
    def of_records(cls, bytes key, const uint8_t[::1] records):
        """From records of 32 octets as ``walk_entries`` writes them."""
        cdef Harvest made = cls(key)
        cdef Py_ssize_t at, count
        cdef Batch batch
        if records.shape[0] % RECORD:
            raise ValueError(f"expected whole records of {RECORD} octets, got {records.shape[0]} octets")
        for at in range(0, records.shape[0], RECORD):
            if not 1 <= records[at] <= 20 or (
                records[at] > 1 and records[at + 1] in (0, 0xFF)
                and (records[at + 1] ^ records[at + 2]) < 0x80
            ):
                # A key stands for the integer, so only its one shortest form comes back as it was.
                raise ValueError("expected serials of 1 to 20 octets, in the fewest")
        made.open(records.shape[0] // RECORD * LIKELY_ENTRY)
        for at in range(0, records.shape[0], BATCH * RECORD):
            count = min(records.shape[0] - at, BATCH * RECORD)
            memcpy(batch.records, &records[at], count)
            made.add(&batch, count // RECORD)
        made.settle()
        return made

    @classmethod
    def together(cls, bytes key, list harvests, list codes):
        """The entries of several lists; ``codes`` has, for each of them, the common numbers of its own codes.

        The result's codes are those numbers; it is complete, and takes no further list.
        """
        cdef Harvest made = cls(key)
        cdef Harvest one
        cdef Py_ssize_t total = 0
        for one in harvests:
            if one.key != key:
                raise ValueError("expected harvests under one mixing key")
            total += one.count
        made.open(total * LIKELY_ENTRY)
        if made.short_ones.octets == PACKED:
            made.widen()
        for one, numbers in zip(harvests, codes, strict=True):
            made.absorb(one, numbers)
        with nogil:
            made.settle()
        return made

    cdef int absorb(self, Harvest other, numbers) except -1:
        """Take over the entries of ``other``, which stays as it is."""
        cdef Py_ssize_t count = len(numbers), i, failed = 0
        cdef uint32_t *common = <uint32_t *>malloc(max(count, 1) * sizeof(uint32_t))
        if common == NULL:
            raise MemoryError
        try:
            for i in range(count):
                common[i] = numbers[i]
            if count < len(other.known_codes):
                raise ValueError("expected a number for each code")
            if other.opened:
                with nogil:
                    failed = move(&other.short_ones, &self.short_ones, common) or move(
                        &other.long_ones, &self.long_ones, common)
                if failed:
                    raise MemoryError
        finally:
            free(common)
        return 0

    @property
    def count(self):
        """Entries, repeated ones too."""
        return self.short_ones.count + self.long_ones.count

    @property
    def short_count(self):
        """Those among them whose serial is short (FORMAT.md, "Keys")."""
        return self.short_ones.count

    @property
    def codes(self):
        """What its entries say beside serial and date: (reason, flags, date high), by the codes given here."""
        return list(self.known_codes)

    def fill(self, EntryWalk entries not None, Py_ssize_t limit):
        """Take at most ``limit`` entries; True where more are to come, False at the end or at a refusal."""
        cdef Walk *walk = &entries.walk
        cdef Batch batch
        cdef int outcome = 1
        if limit < 1:
            raise ValueError("expected a limit of 1 or more")
        if self.settled:
            raise ValueError("expected a harvest that still takes entries")
        with nogil:
            if not self.opened:
                self.open(walk.end - walk.at)
            walk.out = batch.records
            while outcome == 1 and limit > 0:
                walk.capacity = min(limit, BATCH)
                walk.count = 0
                outcome = walk_entries(walk)
                self.add(&batch, walk.count)
                limit -= walk.count
            walk.out = NULL
            walk.capacity = walk.count = 0
            if outcome == 0:
                self.settle()
        return outcome == 1

    def __iter__(self):
        """(serial, date, reason, flags) of each entry, by key within buckets; for tests and rare ways."""
        return iter(self._items())

    def rekeyed(self, bytes key):
        """The same entries under another mixing key."""
        cdef Harvest made = Harvest(key)
        cdef Batch batch
        cdef uint8_t *record = batch.records
        cdef int64_t seconds
        cdef bytes serial
        made.open(self.count * LIKELY_ENTRY)
        for serial, date, reason, flags in self._items():
            memset(record, 0, RECORD)
            record[0] = <uint8_t>len(serial)
            memcpy(record + 1, <const char *>serial, len(serial))
            record[21] = reason
            record[22] = flags
            seconds = date
            memcpy(record + 24, &seconds, 8)
            made.add(&batch, 1)
        made.settle()
        return made

    def _items(self):
        cdef Py_ssize_t bucket, i, count
        cdef uint8_t *records
        cdef const uint8_t *record
        cdef uint32_t key, date, code
        cdef uint64_t word, a
        cdef LongKey wide
        cdef uint8_t octets[20]
        cdef Py_ssize_t start
        cdef Arena *arena
        cdef int which
        found = []
        if not self.opened:
            return found
        for which in range(2):
            arena = &self.long_ones if which else &self.short_ones
            for bucket in range(<Py_ssize_t>1 << arena.bits):
                count = bucket_count(arena, bucket)
                if count == 0:
                    continue
                records = <uint8_t *>malloc(count * arena.octets)
                if records == NULL:
                    raise MemoryError
                try:
                    gather(arena, bucket, records)
                    for i in range(count):
                        record = records + i * arena.octets
                        if arena.octets == LONG:
                            memcpy(&wide.m, record, 8)
                            memcpy(&wide.b0, record + 8, 8)
                            memcpy(&wide.b1, record + 16, 4)
                            memcpy(&date, record + 20, 4)
                            memcpy(&code, record + 24, 4)
                            a = unmix_long(&self.mixing, &wide)
                        else:
                            if arena.octets == PACKED:
                                memcpy(&word, record, 8)
                                key = <uint32_t>(word >> 40)
                                key |= <uint32_t>(<uint64_t>bucket << (32 - arena.bits))
                                date = <uint32_t>(word >> 8)
                                code = word & 0xFF
                            else:
                                memcpy(&key, record, 4)
                                memcpy(&date, record + 4, 4)
                                memcpy(&code, record + 8, 4)
                            a = unmix32(&self.mixing, key)
                            wide.b0 = 0
                            wide.b1 = 0
                        start = join_serial(a, wide.b0, wide.b1, octets)
                        reason, flags, high = self.known_codes[code]
                        found.append(((<char *>octets)[start:20], (high << 32) + date, reason, flags))
                finally:
                    free(records)
        return found

    cdef int open(self, Py_ssize_t octets) except -1 nogil:
        """``octets`` of DER are to come."""
        cdef Py_ssize_t likely = octets // LIKELY_ENTRY
        cdef int bits = 0
        if likely >= MANY:
            bits = SOME_BITS
            while bits < MOST_BITS and likely >> bits > BUCKET:
                bits += 1
        open_arena(&self.short_ones, bits, PACKED if bits else WIDE)
        open_arena(&self.long_ones, bits, LONG)
        self.opened = True
        return 0

    cdef int add(self, Batch *batch, Py_ssize_t count) except -1 nogil:
        """So many records of the batch."""
        cdef Places places
        cdef const uint8_t *record
        cdef Py_ssize_t at = 0
        cdef uint32_t code
        cdef int32_t high
        cdef bint put = True
        places.mixing = &self.mixing
        places.codes_of = self.codes_of
        places.short_ones = &self.short_ones
        places.long_ones = &self.long_ones
        prepare_places(&places)
        while put:
            if self.short_ones.octets == PACKED:
                at = put_short(batch, at, count, &places, PACKED)
            else:
                at = put_short(batch, at, count, &places, WIDE)
            put = put_long(batch, &places)
            if at == count:
                break
            # A new code may change how records are packed.
            record = batch.records + at * RECORD
            memcpy(&high, record + 28, 4)
            code = self.code_of(record[21], record[22], high)
            put = put and put_one(record, code, &places)
            at += 1
        if not put:
            with gil:
                raise MemoryError
        return 0

    cdef uint32_t code_of(self, uint8_t reason, uint8_t flags, int32_t high) except? 0xFFFFFFFF nogil:
        """The rare way: a combination that is new, or whose date needs more than 32 bits."""
        cdef uint32_t code
        with gil:
            what = (reason, flags, high)
            found = self.others.get(what)
            if found is None:
                found = len(self.known_codes)
                self.known_codes.append(what)
                self.others[what] = found
                if high == 0 and flags < 2:
                    self.codes_of[<int>flags << 8 | reason] = found
                if found >= MOST_PACKED_CODES and self.short_ones.octets == PACKED:
                    self.widen()
            code = found
        return code

    cdef int widen(self) except -1:
        """From packed records to wide ones: there are more codes than one octet tells."""
        cdef Arena wider
        cdef Py_ssize_t bucket, i, count
        cdef uint8_t *records
        cdef uint8_t *place
        cdef uint64_t word
        cdef uint32_t key, date, code
        open_arena(&wider, self.short_ones.bits, WIDE)
        for bucket in range(<Py_ssize_t>1 << self.short_ones.bits):
            count = bucket_count(&self.short_ones, bucket)
            records = <uint8_t *>malloc(max(count, 1) * PACKED)
            if records == NULL:
                close_arena(&wider)
                raise MemoryError
            gather(&self.short_ones, bucket, records)
            for i in range(count):
                memcpy(&word, records + i * PACKED, 8)
                key = <uint32_t>(word >> 40) | <uint32_t>(<uint64_t>bucket << (32 - self.short_ones.bits))
                date = <uint32_t>(word >> 8)
                code = word & 0xFF
                place = room(&wider, bucket)
                if place == NULL:
                    free(records)
                    close_arena(&wider)
                    raise MemoryError
                memcpy(place, &key, 4)
                memcpy(place + 4, &date, 4)
                memcpy(place + 8, &code, 4)
            free(records)
        close_arena(&self.short_ones)
        self.short_ones = wider
        return 0

    cdef int settle(self) except -1 nogil:
        """No further entries: sort each bucket."""
        sort_arena(&self.short_ones)
        sort_arena(&self.long_ones)
        self.settled = True
        return 0


cdef int move(const Arena *source, Arena *target, const uint32_t *common) noexcept nogil:
    """Copy every record into ``target`` (of wide or long ones) under its new code; 1 without memory."""
    cdef Py_ssize_t bucket, at, octets
    cdef const Chunk *chunk
    cdef const uint8_t *record
    cdef uint8_t *place
    cdef uint64_t word
    cdef uint32_t key, date, code
    for bucket in range(<Py_ssize_t>1 << source.bits):
        chunk = source.buckets[bucket].first
        while chunk != NULL:
            at = 0
            octets = chunk_octets(source, chunk, bucket)
            while at < octets:
                record = <const uint8_t *>chunk + source.begin + at
                at += source.octets
                if source.octets == LONG:
                    memcpy(&word, record, 8)
                    memcpy(&code, record + 24, 4)
                    place = room(target, <Py_ssize_t>(word >> 1 >> (63 - target.bits)))
                    if place == NULL:
                        return 1
                    memcpy(place, record, 24)
                    memcpy(place + 24, &common[code], 4)
                    continue
                if source.octets == PACKED:
                    memcpy(&word, record, 8)
                    key = <uint32_t>(word >> 40) | <uint32_t>(<uint64_t>bucket << (32 - source.bits))
                    date = <uint32_t>(word >> 8)
                    code = word & 0xFF
                else:
                    memcpy(&key, record, 4)
                    memcpy(&date, record + 4, 4)
                    memcpy(&code, record + 8, 4)
                place = room(target, <Py_ssize_t>(<uint64_t>key >> (32 - target.bits)))
                if place == NULL:
                    return 1
                memcpy(place, &key, 4)
                memcpy(place + 4, &date, 4)
                memcpy(place + 8, &common[code], 4)
            chunk = chunk.next
    return 0
