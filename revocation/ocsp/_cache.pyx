# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Signed answers, kept in a bounded block of memory and found by (form, issuer, serial, set).

Two halves: what is put goes into the young one; when that is full the old one is forgotten whole and they
change places. What is still asked for is copied over on the way, so a flood of other questions pushes out
itself. Nothing is freed and nothing cleared: each half has a stamp, each slot the stamp that it was written
under. A new set is a new ``epoch``: the old set's answers are never found again, at no cost, and the next
set's can be laid in before it is the one that answers.

Python's own side of it (``AnswerCache.put_answer`` and the like) is for whoever signs, and for tests.
"""

from libc.string cimport memcmp, memcpy, memset

import os

cdef extern from *:
    """
    static inline unsigned long long jpki_folded(unsigned long long a, unsigned long long b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (unsigned long long)product ^ (unsigned long long)(product >> 64);
    }
    """
    uint64_t folded "jpki_folded"(uint64_t a, uint64_t b) noexcept nogil

cdef extern from "<sys/mman.h>" nogil:
    void *map_pages "mmap"(void *at, size_t octets, int rights, int kind, int file, long offset)
    int unmap_pages "munmap"(void *at, size_t octets)
    const int PROT_READ
    const int PROT_WRITE
    const int MAP_PRIVATE
    const int MAP_ANONYMOUS
    void *MAP_FAILED

cdef enum:
    #: Octets that a usual P-256 answer takes, its tag included; slots are reckoned by it.
    USUAL_OCTETS = 256
    #: Of 10 slots so many are filled before the halves change places.
    MOST_FILLED = 7
    SEEN_WORDS = 1 << 15
    MOST_SEEN = 1 << 18
    LEAST_OCTETS = 1 << 16

cdef size_t SEEN_BITS = SEEN_WORDS * 64
cdef uint32_t LAST_STAMP = <uint32_t>0xFFFFFFF0


cdef class AnswerCache:
    """At most about ``most_octets`` of memory, taken from the system only as it is used."""

    def __cinit__(self, size_t most_octets):
        cdef size_t room, half = most_octets // 2, slots = 64
        cdef void *pages
        cdef uint8_t *octets
        cdef int i
        if most_octets < LEAST_OCTETS:
            raise ValueError(f"expected at least {LEAST_OCTETS} octets for answers")
        # A half holds its octets and, at seven tenths, a slot for each answer in them.
        while slots * 2 * sizeof(Slot) + slots * 2 * MOST_FILLED // 10 * USUAL_OCTETS <= half:
            slots *= 2
        room = (half - slots * sizeof(Slot)) // 8 * 8  # the other half's slots stay aligned
        self.mask = slots - 1
        # Not calloc: that clears what it takes from the heap, and then the whole block is in use at once.
        self.mapped = SEEN_WORDS * sizeof(uint64_t) + 2 * (slots * sizeof(Slot) + room)
        pages = map_pages(NULL, self.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if pages == MAP_FAILED:
            raise MemoryError
        self.seen = <uint64_t *>pages
        octets = <uint8_t *>pages + SEEN_WORDS * sizeof(uint64_t)
        for i in range(2):
            self.halves[i].slots = <Slot *>octets
            self.halves[i].octets = octets + slots * sizeof(Slot)
            self.halves[i].room = room
            self.halves[i].stamp = i + 1  # 0 is in slots that were never written
            octets += slots * sizeof(Slot) + room
        for i in range(4):
            # Whoever asks cannot know which questions meet in one slot.
            self.seeds[i] = int.from_bytes(os.urandom(8), "little") | 1

    def __dealloc__(self):
        if self.seen != NULL:
            unmap_pages(self.seen, self.mapped)

    cdef uint64_t hashed(self, const AnswerKey *key, uint32_t epoch) noexcept nogil:
        cdef uint64_t words[3]
        memcpy(words, key, sizeof(words))
        return folded(
            folded(words[0] ^ self.seeds[0], words[1] ^ self.seeds[1]) ^ words[2] ^ self.seeds[2],
            self.seeds[3] + epoch,
        )

    cdef Slot *slot_of(self, Half *half, const AnswerKey *key, uint32_t epoch, uint64_t hashed) noexcept nogil:
        """The slot of this key, or NULL; probing ends at a slot that this half has not written."""
        cdef size_t at = hashed & self.mask
        cdef Slot *slot
        while True:
            slot = &half.slots[at]
            if slot.stamp != half.stamp:
                return NULL
            if slot.epoch == epoch and memcmp(&slot.key, key, sizeof(AnswerKey)) == 0:
                return slot
            at = (at + 1) & self.mask

    cdef bint find(self, const AnswerKey *key, uint32_t epoch, Found *found) noexcept nogil:
        cdef uint64_t hashed = self.hashed(key, epoch)
        cdef Half *half = &self.halves[self.young]
        cdef Slot *slot = self.slot_of(half, key, epoch, hashed)
        cdef const uint8_t *octets
        if slot == NULL:
            half = &self.halves[1 - self.young]
            slot = self.slot_of(half, key, epoch, hashed)
            if slot == NULL:
                return False
        octets = half.octets + <size_t>slot.at * 8
        found.tag = octets
        found.octets = octets + TAG_OCTETS
        found.length = slot.length
        found.frame = slot.frame
        found.single_at = slot.single_at
        found.single_length = slot.single_length
        found.kind = slot.kind
        if slot.warm < 255:
            slot.warm += 1
        if half != &self.halves[self.young] and self.fits(slot.length):
            # Asked for again: it goes along. Where the young half is full, the next put changes places.
            self.write(key, epoch, hashed, found)
        return True

    cdef bint fits(self, size_t length) noexcept nogil:
        cdef Half *half = &self.halves[self.young]
        return (
            half.room - half.used >= TAG_OCTETS + length + 8
            and half.filled * 10 < (self.mask + 1) * MOST_FILLED
        )

    cdef void write(self, const AnswerKey *key, uint32_t epoch, uint64_t hashed, Found *found) noexcept nogil:
        """Into the young half, which has room, and which does not have this key."""
        cdef Half *half = &self.halves[self.young]
        cdef size_t at = hashed & self.mask
        cdef uint8_t *octets = half.octets + half.used
        cdef Slot *slot
        while half.slots[at].stamp == half.stamp:
            at = (at + 1) & self.mask
        memcpy(octets, found.tag, TAG_OCTETS)
        memcpy(octets + TAG_OCTETS, found.octets, found.length)
        slot = &half.slots[at]
        slot.stamp = half.stamp
        slot.epoch = epoch
        slot.at = <uint32_t>(half.used // 8)
        slot.length = found.length
        slot.frame = found.frame
        slot.single_at = found.single_at
        slot.single_length = found.single_length
        slot.kind = found.kind
        slot.warm = 1
        slot.key = key[0]
        half.used += (TAG_OCTETS + <size_t>found.length + 7) & ~<size_t>7
        half.filled += 1
        found.tag = octets
        found.octets = octets + TAG_OCTETS

    cdef bint put(
        self, const AnswerKey *key, uint32_t epoch, const uint8_t *tag, const uint8_t *octets, const Found *about
    ) noexcept nogil:
        """Keep a copy; False where it is too long to be kept. One that is there already gives way."""
        cdef uint64_t hashed = self.hashed(key, epoch)
        cdef Found found = about[0]
        cdef Slot *slot = self.slot_of(&self.halves[self.young], key, epoch, hashed)
        if slot != NULL:
            slot.epoch = 0  # of no epoch: never found again
        if not self.fits(found.length):
            self.rotate()
            if not self.fits(found.length):
                return False
        found.tag = tag
        found.octets = octets
        self.write(key, epoch, hashed, &found)
        return True

    cdef void rotate(self) noexcept nogil:
        """The old half is forgotten and takes what comes; stamps begin anew before they could repeat."""
        cdef Half *half
        self.young = 1 - self.young
        half = &self.halves[self.young]
        self.evicted += half.filled
        half.used = 0
        half.filled = 0
        half.stamp += 2
        if half.stamp >= LAST_STAMP:
            memset(half.slots, 0, (self.mask + 1) * sizeof(Slot))
            half.stamp = 1 + self.young

    cdef bint seen_before(self, const AnswerKey *key, uint32_t epoch) noexcept nogil:
        """Was this asked before, as far as two bits tell? It is remembered now.

        What no list names is kept only when it is asked for again: random serials fill nothing.
        """
        cdef uint64_t hashed = self.hashed(key, epoch)
        cdef uint64_t one = hashed % SEEN_BITS, other = (hashed >> 32) % SEEN_BITS
        cdef uint64_t first = <uint64_t>1 << (one & 63), second = <uint64_t>1 << (other & 63)
        if self.seen[one >> 6] & first and self.seen[other >> 6] & second:
            return True
        if self.seen_count >= MOST_SEEN:
            memset(self.seen, 0, SEEN_WORDS * sizeof(uint64_t))
            self.seen_count = 0
        self.seen[one >> 6] |= first
        self.seen[other >> 6] |= second
        self.seen_count += 1
        return False

    # -- for Python ---------------------------------------------------------------------------------------

    def put_answer(self, bytes key not None, uint32_t epoch, bytes tag not None, bytes octets not None,
                   uint16_t frame, uint16_t single_at, uint16_t single_length, uint8_t kind):
        """Keep a response (without its frame's tail); False where it does not fit."""
        cdef Found about
        if len(key) != sizeof(AnswerKey) or len(tag) != TAG_OCTETS or len(octets) > 0xFFFF:
            return False
        memset(&about, 0, sizeof(about))
        about.length = <uint16_t>len(octets)
        about.frame = frame
        about.single_at = single_at
        about.single_length = single_length
        about.kind = kind
        return self.put(<const AnswerKey *><const uint8_t *>key, epoch, tag, octets, &about)

    def answer(self, bytes key not None, uint32_t epoch):
        """(tag, octets, frame, single_at, single_length, kind), or None."""
        cdef Found found
        if len(key) != sizeof(AnswerKey):
            raise ValueError("expected a key of 24 octets")
        if not self.find(<const AnswerKey *><const uint8_t *>key, epoch, &found):
            return None
        return (
            found.tag[:TAG_OCTETS], found.octets[:found.length], found.frame,
            found.single_at, found.single_length, found.kind,
        )

    def asked_before(self, bytes key not None, uint32_t epoch):
        """Was this asked before? It is remembered now."""
        if len(key) != sizeof(AnswerKey):
            raise ValueError("expected a key of 24 octets")
        return self.seen_before(<const AnswerKey *><const uint8_t *>key, epoch)

    def warm_keys(self, uint32_t epoch, size_t start, size_t count, uint8_t least):
        """(keys asked ``least`` times or more among so many slots from ``start`` on, where to go on).

        The place to go on is 0 when all have been looked at.
        """
        cdef size_t slots = self.mask + 1, at
        cdef Half *half
        cdef Slot *slot
        cdef list found = []
        for at in range(start, min(start + count, 2 * slots)):
            half = &self.halves[at // slots]
            slot = &half.slots[at % slots]
            if slot.stamp == half.stamp and slot.epoch == epoch and slot.warm >= least:
                found.append((<const uint8_t *>&slot.key)[:sizeof(AnswerKey)])
        return found, (start + count if start + count < 2 * slots else 0)

    @property
    def octets(self):
        """Octets in use: of answers and of their slots."""
        cdef int i
        cdef size_t total = 0
        for i in range(2):
            total += self.halves[i].used + self.halves[i].filled * sizeof(Slot)
        return total

    @property
    def answers(self):
        """Slots in use; an answer that was copied over counts twice until its old half is forgotten."""
        return self.halves[0].filled + self.halves[1].filled
