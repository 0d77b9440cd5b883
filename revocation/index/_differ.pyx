# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Where two files of a lineage differ: by serial, reason or date; who else lists it or how is no difference.

Both files have their entries in ascending order of the same keys, so one merge finds every difference. What
makes it fast is what it leaves out: if what lies ahead in both is the same octets, with codes that mean the same,
then it is the same entries, and the merge goes on behind them. That is true wherever it stands, so there is
nothing to get wrong; it is fast where days have the same number of home lines, because then an entry that comes
or goes moves its neighbours only until the next line that is not full.

Files of different mixing keys have no order in common: there each entry is looked up in the other file, slowly.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from revocation.index._keys cimport LongKey, Mixing, compare_long
from revocation.index._pages cimport STRETCH, let_go
from revocation.index._octets cimport load32, load_code
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
    ends_whole,
    entries_in,
    find_gone,
    find_listed,
    gone_serial,
    listed_serial,
    next_gone,
    next_listed,
    read_gone,
    read_listed,
    record_key,
)

cdef extern from *:
    """
    #include <stddef.h>
    #include <string.h>
    typedef unsigned long long piece_part __attribute__((vector_size(16)));
    static inline piece_part part_of(const unsigned char *at) {
        piece_part part;
        memcpy(&part, at, 16);
        return part;
    }
    /* How many of the next pieces of 64 octets are the same, before the first that is not. What lies ahead is
       asked for by address only: two files at once are more than the machine foresees by itself. */
    static inline size_t same_pieces(const unsigned char *a, const unsigned char *b, size_t pieces) {
        size_t same = 0;
        for (; same < pieces; same++, a += 64, b += 64) {
            piece_part other = (part_of(a) ^ part_of(b)) | (part_of(a + 16) ^ part_of(b + 16))
                | (part_of(a + 32) ^ part_of(b + 32)) | (part_of(a + 48) ^ part_of(b + 48));
            __builtin_prefetch(a + 2048);
            __builtin_prefetch(b + 2048);
            if (other[0] | other[1]) break;
        }
        return same;
    }
    """
    size_t same_pieces(const uint8_t *a, const uint8_t *b, size_t pieces) noexcept nogil

cdef enum:
    FEW = 128
    PIECE = 64
    MERGE_LINES
    MERGE_LONG
    MERGE_SHORT_GONE
    MERGE_LONG_GONE
    FIND_OLD
    FIND_NEW
    END


cdef inline void put(Pairs *pairs, int64_t old, int64_t new) noexcept nogil:
    pairs.old[pairs.count] = old
    pairs.new[pairs.count] = new
    pairs.count += 1


cdef inline bint same_word(Row old, uint32_t old_date, Row new, uint32_t new_date) noexcept nogil:
    return old.reason == new.reason and old_date == new_date and old.date_high == new.date_high


cdef class Differences:
    """An iterator over (old position or -1, new position or -1), in the files' order."""

    def __cinit__(self, Table old not None, Table new not None, bint gone, bint lets_go=False):
        """``lets_go``: both are mapped files, read once now: what was read need not stay in memory."""
        cdef uint64_t common = min(old.s.row_count, new.s.row_count)
        self.old = old
        self.new = new
        self.gone = gone
        self.lets_go = lets_go
        # Whoever takes a difference looks at its place: few at a time, while those pages are there.
        self.room = FEW if lets_go else ROOM
        # Codes keep their meaning from set to set: then equal octets are equal words.
        self.same_codes = memcmp(old.s.rows, new.s.rows, common * sizeof(Row)) == 0 and (
            gone or old.s.code_octets == new.s.code_octets
        )
        self.phase = MERGE_SHORT_GONE if gone else MERGE_LINES
        if memcmp(&old.s.mixing, &new.s.mixing, sizeof(Mixing)) != 0:
            self.phase = FIND_OLD

    def __iter__(self):
        return self

    def __next__(self):
        if self.taken == self.pairs.count and not find_more(self):
            raise StopIteration
        self.taken += 1
        return self.pairs.old[self.taken - 1], self.pairs.new[self.taken - 1]


cdef int find_more(Differences d) except -1:
    cdef int told = 0
    d.taken = d.pairs.count = 0
    while d.pairs.count == 0 and d.phase != END:
        with nogil:
            told = go_on(d)
        if told != 0 or not ends_whole(&d.old.s) or not ends_whole(&d.new.s):
            d.phase = END
            d.pairs.count = 0
            raise damaged()
    return d.pairs.count > 0


cdef int go_on(Differences d) noexcept nogil:
    """Until there is no more room, or all has been seen. 0, or DAMAGED."""
    cdef int told = 0
    cdef Sections *old = &d.old.s
    cdef Sections *new = &d.new.s
    while d.phase != END and d.pairs.count < d.room and told == 0:
        if d.phase == MERGE_LINES:
            told = merge_lines(d)
        elif d.phase == MERGE_LONG:
            told = merge_runs(
                d, &old.long_listed, &new.long_listed, old.line_count * PLACES, new.line_count * PLACES
            )
        elif d.phase == MERGE_SHORT_GONE:
            told = merge_runs(d, &old.short_gone, &new.short_gone, 0, 0)
        elif d.phase == MERGE_LONG_GONE:
            told = merge_runs(d, &old.long_gone, &new.long_gone, old.short_gone.count, new.short_gone.count)
        else:
            told = find_others(d)
        if told == 0 and d.pairs.count < d.room:
            d.old_at = d.new_at = 0
            d.old_place = d.new_place = 0
            d.old_kept = d.new_kept = 0
            d.phase = following(d.phase)
    return told


cdef int following(int phase) noexcept nogil:
    if phase == MERGE_LINES:
        return MERGE_LONG
    if phase == MERGE_SHORT_GONE:
        return MERGE_LONG_GONE
    return FIND_NEW if phase == FIND_OLD else END


cdef inline uint64_t at_entry(const Sections *s, uint64_t at, uint32_t *place, uint32_t *count) noexcept nogil:
    """The line of the next entry from this line and place on; the number of lines behind the last."""
    while at < s.line_count:
        count[0] = entries_in(s.lines + at * LINE)
        if place[0] < count[0]:
            break
        at += 1
        place[0] = 0
    return at


cdef int merge_lines(Differences d) noexcept nogil:
    cdef const Sections *a = &d.old.s
    cdef const Sections *b = &d.new.s
    cdef const uint8_t *x
    cdef const uint8_t *y
    cdef uint64_t i = d.old_at, j = d.new_at, same
    cdef uint32_t p = d.old_place, q = d.new_place, in_x = 0, in_y = 0, old_key, new_key, c, e
    cdef bint old_left, new_left, take_old, take_new
    while d.pairs.count < d.room:
        if d.lets_go:
            let_go(a.lines, LINE, i, &d.old_kept)
            let_go(b.lines, LINE, j, &d.new_kept)
        i = at_entry(a, i, &p, &in_x)
        j = at_entry(b, j, &q, &in_y)
        old_left = i < a.line_count
        new_left = j < b.line_count
        if not old_left and not new_left:
            break
        if old_left and new_left and p == 0 and q == 0 and d.same_codes:
            same = same_pieces(
                a.lines + i * LINE,
                b.lines + j * LINE,
                min(min(a.line_count - i, b.line_count - j), <uint64_t>STRETCH),
            )
            if same:
                i += same
                j += same
                continue
        if (old_left and in_x > a.full) or (new_left and in_y > b.full):
            return DAMAGED
        x = a.lines + i * LINE
        y = b.lines + j * LINE
        # To the end of one of the two lines, or of the room.
        while d.pairs.count < d.room:
            if old_left and p == in_x or new_left and q == in_y:
                break
            old_key = load32(x + 4 * p) if old_left else 0
            new_key = load32(y + 4 * q) if new_left else 0
            take_old = old_left and (not new_left or old_key <= new_key)
            take_new = new_left and (not old_left or new_key <= old_key)
            # Both take part where the keys are equal; who takes part has a code that means something.
            c = load_code(x + 8 * a.full + p * a.code_octets, a.code_octets) if take_old else 0
            e = load_code(y + 8 * b.full + q * b.code_octets, b.code_octets) if take_new else 0
            if (take_old and c >= a.row_count) or (take_new and e >= b.row_count):
                return DAMAGED
            if not take_old or not take_new or not same_word(
                a.rows[c], load32(x + 4 * a.full + 4 * p), b.rows[e], load32(y + 4 * b.full + 4 * q)
            ):
                put(&d.pairs, i * PLACES + p if take_old else NONE, j * PLACES + q if take_new else NONE)
            p += take_old
            q += take_new
    d.old_at = i
    d.new_at = j
    d.old_place = p
    d.new_place = q
    return 0


cdef int merge_runs(Differences d, const Run *a, const Run *b, int64_t old_from, int64_t new_from) noexcept nogil:
    """Positions start at ``old_from`` and ``new_from``."""
    cdef uint64_t i = d.old_at, j = d.new_at, same
    cdef const uint8_t *x
    cdef const uint8_t *y
    cdef uint32_t c = 0, e = 0, fields = 20 if a.wide else 4
    cdef LongKey old_key, new_key
    cdef int order
    cdef bint may_be_same = True
    while d.pairs.count < d.room and (i < a.count or j < b.count):
        if d.lets_go:
            let_go(a.records, a.stride, i, &d.old_kept)
            let_go(b.records, b.stride, j, &d.new_kept)
        x = a.records + i * a.stride
        y = b.records + j * b.stride
        if i == a.count:
            order = 1
        elif j == b.count:
            order = -1
        else:
            if may_be_same and d.same_codes:
                same = min(min(a.count - i, b.count - j), <uint64_t>STRETCH) * a.stride // PIECE
                same = same_pieces(x, y, same) * PIECE // a.stride
                may_be_same = same > 0
                i += same
                j += same
                if same:
                    continue
            old_key = record_key(a, i)
            new_key = record_key(b, j)
            order = compare_long(&old_key, &new_key)
        if order <= 0:
            c = load_code(x + fields + 4, a.code_octets)
        if order >= 0:
            e = load_code(y + fields + 4, b.code_octets)
        if (order <= 0 and c >= d.old.s.row_count) or (order >= 0 and e >= d.new.s.row_count):
            return DAMAGED
        if order == 0 and same_word(d.old.s.rows[c], load32(x + fields), d.new.s.rows[e], load32(y + fields)):
            may_be_same = True
        else:
            put(&d.pairs, old_from + i if order <= 0 else NONE, new_from + j if order >= 0 else NONE)
        i += order <= 0
        j += order >= 0
    d.old_at = i
    d.new_at = j
    return 0


cdef inline int read_entry(const Sections *s, int64_t at, bint gone, Found *found) noexcept nogil:
    return read_gone(s, at, found) if gone else read_listed(s, at, found)


cdef int find_others(Differences d) noexcept nogil:
    """Entry by entry of one file in the other: first what the old one has, then what only the new one has."""
    cdef bint old_first = d.phase == FIND_OLD
    cdef const Sections *a = &d.old.s if old_first else &d.new.s
    cdef const Sections *b = &d.new.s if old_first else &d.old.s
    cdef Serial serial
    cdef Found was, now
    cdef int64_t at, other
    while d.pairs.count < d.room:
        at = next_gone(a, d.old_at) if d.gone else next_listed(a, d.old_at)
        if at == NONE:
            return 0
        if at == DAMAGED:
            return DAMAGED
        d.old_at = at + 1
        if d.gone:
            gone_serial(a, at, &serial)
            other = find_gone(b, &serial)
        else:
            listed_serial(a, at, &serial)
            other = find_listed(b, &serial)
        if other == DAMAGED or read_entry(a, at, d.gone, &was) != 0:
            return DAMAGED
        if other == NONE:
            put(&d.pairs, at if old_first else NONE, NONE if old_first else at)
            continue
        if read_entry(b, other, d.gone, &now) != 0:
            return DAMAGED
        if old_first and not same_word(was.row, was.date, now.row, now.date):
            put(&d.pairs, at, other)
    return 0
