# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Which entries of a list are not those of the list before: told from the octets of both, side by side.

A CA signs its list anew each night, and of ten thousand entries a few are new. Where both lists have the same octets
from the start of an entry on, they have the same entries: their strict reading is that of the night before. Only what
one side has alone is left to be read. Both sides always stand at the start of an entry of theirs; nothing here judges
an entry, and whatever it does not understand ends the comparison, after which the list is read whole.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    WINDOW = 4096              # octets compared at once: what is walked afterwards is in the nearest cache
    AHEAD = 64                 # entries looked at on each side for where they go on alike


cdef inline Py_ssize_t same_octets(const uint8_t *x, const uint8_t *y, Py_ssize_t size) noexcept nogil:
    """How many octets from here on are the same, at most ``size``."""
    cdef Py_ssize_t at = 0
    cdef uint64_t a, b
    if size == 0 or memcmp(x, y, size) == 0:
        return size
    while at + 8 <= size:
        memcpy(&a, x + at, 8)
        memcpy(&b, y + at, 8)
        if a != b:
            break
        at += 8
    while at < size and x[at] == y[at]:
        at += 1
    return at


cdef inline Py_ssize_t whole_entries(const uint8_t *data, Py_ssize_t size) noexcept nogil:
    """Octets of the entries of usual length that lie whole within ``size`` octets."""
    cdef Py_ssize_t at = 0, after
    while at + 2 <= size and data[at] == 0x30 and data[at + 1] < 0x80:
        after = at + 2 + data[at + 1]
        if after > size:
            break
        at = after
    return at


cdef Py_ssize_t entry_end(const uint8_t *data, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """Where the entry at this offset ends (X.690 section 10.1: length in the fewest octets); -1 where it is none."""
    cdef Py_ssize_t octets, i
    cdef uint64_t length
    if end - at < 2 or data[at] != 0x30:
        return -1
    length = data[at + 1]
    at += 2
    if length >= 0x80:
        octets = length & 0x7F
        if octets < 1 or octets > 7 or end - at < octets or data[at] == 0:
            return -1
        length = 0
        for i in range(octets):
            length = length << 8 | data[at + i]
        if length < 0x80:
            return -1
        at += octets
    if length > <uint64_t>(end - at):
        return -1
    return at + <Py_ssize_t>length


cdef Py_ssize_t look_ahead(const Side *side, Py_ssize_t *ends) noexcept nogil:
    """``ends[i]``: where the next i entries end, as far as it looks; how many they are, -1 where one is none."""
    cdef Py_ssize_t count = 0
    ends[0] = side.at
    while count < AHEAD and ends[count] < side.end:
        ends[count + 1] = entry_end(side.data, ends[count], side.end)
        if ends[count + 1] < 0:
            return -1
        count += 1
    return count


cdef inline bint is_same(const Side *x, const Py_ssize_t *of_x, const Side *y, const Py_ssize_t *of_y) noexcept nogil:
    """Two entries, each by where it begins and ends."""
    cdef Py_ssize_t size = of_x[1] - of_x[0]
    return size == of_y[1] - of_y[0] and memcmp(x.data + of_x[0], y.data + of_y[0], size) == 0


cdef int keep(Side *side, Py_ssize_t until, Py_ssize_t most) noexcept nogil:
    """The entries up to there are this side's alone."""
    cdef Octets *own = &side.own
    cdef Py_ssize_t size = until - side.at, wanted
    cdef uint8_t *moved
    if size > most - own.used:
        return TOO_DIFFERENT
    if own.used + size > own.room:
        wanted = max(2 * own.room, own.used + size + WINDOW)
        moved = <uint8_t *>realloc(own.data, wanted)
        if moved == NULL:
            return NO_MEMORY
        own.data = moved
        own.room = wanted
    memcpy(own.data + own.used, side.data + side.at, size)
    own.used += size
    side.at = until
    return SAME_TO_HERE


cdef int pass_difference(Comparison *c) noexcept nogil:
    """Past entries that one side has alone, up to the nearest one that both have."""
    cdef Py_ssize_t new_ends[AHEAD + 1]
    cdef Py_ssize_t old_ends[AHEAD + 1]
    cdef Py_ssize_t new_count = look_ahead(&c.new, new_ends), old_count = look_ahead(&c.old, old_ends)
    cdef Py_ssize_t together, i, j
    cdef int outcome
    if new_count < 0 or old_count < 0:
        return TOO_DIFFERENT
    i = old_count
    j = new_count
    # The nearest first: i entries that left, j that are new.
    for together in range(new_count + old_count - 1):
        i = max(0, together - (new_count - 1))
        while i <= together and i < old_count:
            j = together - i
            if is_same(&c.old, &old_ends[i], &c.new, &new_ends[j]):
                break
            i += 1
        else:
            i = old_count
            j = new_count
            continue
        break
    outcome = keep(&c.old, old_ends[i], c.most)
    if outcome == SAME_TO_HERE:
        outcome = keep(&c.new, new_ends[j], c.most)
    if outcome == SAME_TO_HERE and i < old_count and j < new_count:
        # The one that both have: so that there is progress, however long it is.
        c.old.at = old_ends[i + 1]
        c.new.at = new_ends[j + 1]
    return outcome


cdef int compare_entries(Comparison *c, Py_ssize_t octets) noexcept nogil:
    cdef Py_ssize_t until = c.new.at + min(octets, c.new.end - c.new.at), size, whole
    cdef int outcome
    while True:
        if c.new.at == c.new.end and c.old.at == c.old.end:
            return COMPARED
        if c.new.at >= until and c.new.at < c.new.end:
            return SAME_TO_HERE
        size = min(<Py_ssize_t>WINDOW, min(c.new.end - c.new.at, c.old.end - c.old.at))
        size = same_octets(c.new.data + c.new.at, c.old.data + c.old.at, size)
        whole = whole_entries(c.new.data + c.new.at, size)
        c.new.at += whole
        c.old.at += whole
        if whole == 0:
            outcome = pass_difference(c)
            if outcome != SAME_TO_HERE:
                return outcome


cdef class EntryComparison:
    """Of the entries between two offsets of a new list's octets with those of an old one's."""

    cdef Comparison comparison
    cdef object owners

    def __cinit__(self, const uint8_t[::1] new not None, Py_ssize_t new_start, Py_ssize_t new_end,
                  const uint8_t[::1] old not None, Py_ssize_t old_start, Py_ssize_t old_end, Py_ssize_t most):
        """``most``: octets of entries that either side may have alone."""
        memset(&self.comparison, 0, sizeof(Comparison))
        if not 0 <= new_start <= new_end <= new.shape[0] or not 0 <= old_start <= old_end <= old.shape[0]:
            raise ValueError("expected offsets inside the data")
        self.owners = (new, old)
        self.comparison.new.data = &new[0] if new.shape[0] else NULL
        self.comparison.new.at = new_start
        self.comparison.new.end = new_end
        self.comparison.old.data = &old[0] if old.shape[0] else NULL
        self.comparison.old.at = old_start
        self.comparison.old.end = old_end
        self.comparison.most = most

    def __dealloc__(self):
        free(self.comparison.new.own.data)
        free(self.comparison.old.own.data)

    def advance(self, Py_ssize_t octets):
        """Go on for about so many octets of the new list: True where more is to come, False at the end of both.

        None where the lists differ in too much, or something is no entry.
        """
        cdef int outcome
        if octets < 1:
            raise ValueError("expected octets to go on for")
        with nogil:
            outcome = compare_entries(&self.comparison, octets)
        if outcome == NO_MEMORY:
            raise MemoryError
        return None if outcome == TOO_DIFFERENT else outcome == SAME_TO_HERE

    @property
    def new_at(self):
        """Offset in the new list up to which it is compared."""
        return self.comparison.new.at

    @property
    def old_at(self):
        """The same in the old one."""
        return self.comparison.old.at

    @property
    def added(self):
        """The entries that only the new list has, octets of one behind the other."""
        return _octets(&self.comparison.new.own)

    @property
    def removed(self):
        """Those that only the old one has."""
        return _octets(&self.comparison.old.own)


cdef bytes _octets(const Octets *own):
    return (<const char *>own.data)[:own.used] if own.used else b""
