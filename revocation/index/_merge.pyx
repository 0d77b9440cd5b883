# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The merge itself: four streams in the order of keys, and what the new set says of each serial.

Of each serial the entries that count now are united and written; one that has none any more is gone. Between the
changes whole stretches of the set before are copied (_passed.pxd).
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from revocation.index._arena cimport PACKED
from revocation.index._entry cimport Entry, compare, extend, get_key, key_octets, put_key
from revocation.index._lines cimport Lines, finish_short, write_long, write_short
from revocation.index._octets cimport load64
from revocation.index._passed cimport (
    all_go_on, catch_up, copy_lines, line_as_before, stands_by_itself,
)
from revocation.index._streams cimport (
    READ, UNCHECKED, DAMAGED, Section, finish_line, next_listed, next_new, next_record,
)
from revocation.index._united cimport note, unite

cdef enum:
    HOLD = 6                   # certificateHold
    HELD = 1                   # flag of a gone entry


cdef class Merge:
    """One class of serials. Nothing is held but the bucket of new entries at hand, output, and what changed."""

    @cython.final
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

    @cython.final
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

    @cython.final
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

    @cython.final
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
            m = load64(section.data + section.at)
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

    @cython.final
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

    @cython.final
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

    @cython.final
    cdef bint take(self, const Entry *entry, Py_ssize_t *found) noexcept nogil:
        """An entry that counts; from the second one on they are noted, to be united. False without memory."""
        found[0] += 1
        if found[0] == 1:
            self.pending = entry[0]
            return True
        if found[0] == 2 and not note(&self.group, &self.pending):
            return False
        return note(&self.group, entry)

    @cython.final
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

    @cython.final
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

    @cython.final
    cdef bint drop(self) noexcept nogil:
        cdef uint8_t *record = extend(&self.dropped, sizeof(Entry))
        if record == NULL:
            return False
        memcpy(record, &self.gone_before.head, sizeof(Entry))
        return True

    @cython.final
    cdef void count(self, uint64_t m) noexcept nogil:
        """For the directory."""
        if self.short_ones:
            self.fine[m >> (32 - self.fine_bits)] += 1
        else:
            self.fine[m >> 1 >> (63 - self.fine_bits)] += 1

    @cython.final
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
