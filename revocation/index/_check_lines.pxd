"""Lines of short entries one after the other, each checked without a branch for each place: how many it has is chance.

What must be zero in a line with so many entries, and which of its keys must ascend, stands in a mask for each
number of entries; the codes are counted place by place, the unused ones too, which are zero.

The number of home lines need not be known: each line leaves less of the numbers under which it stands right, and
in the end the file's own must be one of them. So lines can be checked before their file has a tail.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from revocation.index._octets cimport load32, load64
from revocation.index._table cimport PLACES, entries_in

cdef extern from *:
    """
    #include <string.h>
    typedef unsigned int check_keys __attribute__((vector_size(16)));
    typedef struct {
        unsigned char zero[64];   /* 255: this octet of the line must be zero */
        unsigned int ascends[8];  /* all ones: the key of this place is below that of the next */
    } line_masks;
    static inline check_keys keys_at(const void *at) {
        check_keys keys;
        memcpy(&keys, at, 16);
        return keys;
    }
    static inline unsigned long long any_of(check_keys keys) {
        unsigned long long halves[2];
        memcpy(halves, &keys, 16);
        return halves[0] | halves[1];
    }
    static inline int has_zeros_behind(const unsigned char *line, const line_masks *masks) {
        const unsigned char *zero = masks->zero;
        return any_of((keys_at(line) & keys_at(zero)) | (keys_at(line + 16) & keys_at(zero + 16))
            | (keys_at(line + 32) & keys_at(zero + 32)) | (keys_at(line + 48) & keys_at(zero + 48))) == 0;
    }
    /* Every key against that of the next place, eight at once; the mask leaves out what is no pair of keys. */
    static inline int ascends(const unsigned char *line, const line_masks *masks) {
        check_keys low = (check_keys)(keys_at(line) >= keys_at(line + 4)) & keys_at(masks->ascends);
        check_keys high = (check_keys)(keys_at(line + 16) >= keys_at(line + 20)) & keys_at(masks->ascends + 4);
        return any_of(low | high) == 0;
    }
    """
    ctypedef struct line_masks:
        uint8_t zero[64]
        uint32_t ascends[8]
    bint has_zeros_behind(const uint8_t *line, const line_masks *masks) noexcept nogil
    bint ascends(const uint8_t *line, const line_masks *masks) noexcept nogil


cdef enum:
    #: Codes of one octet.
    ONE_OCTET = 256

cdef enum:
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


cdef struct LinesWalk:
    # The next line; the first of the full ones right before it; what its first key must not be below; entries so far.
    uint64_t next_line
    uint64_t full_from
    uint64_t above
    uint64_t entries
    # The numbers of home lines under which every line stands right.
    uint64_t low_homes
    uint64_t high_homes


cdef struct LinesFormat:
    uint32_t full
    line_masks masks[PLACES]


cdef inline void begin_lines(LinesWalk *walk, LinesFormat *form, uint32_t full, uint32_t octets) noexcept nogil:
    """Before the first line; ``octets`` of a code."""
    memset(walk, 0, sizeof(LinesWalk))
    walk.high_homes = 0xFFFFFFFF
    form.full = full
    set_masks(form.masks, full, octets)


cdef inline void set_masks(line_masks *masks, uint32_t full, uint32_t octets) noexcept nogil:
    """Of lines with 0 to ``full`` entries, whose codes have so many octets: keys, dates, codes, zeros, the mark."""
    cdef uint32_t count, i
    memset(masks, 0, PLACES * sizeof(line_masks))
    for count in range(full + 1):
        for i in range(4 * count, 4 * full):
            masks[count].zero[i] = masks[count].zero[4 * full + i] = 0xFF
        for i in range(8 * full + octets * count, 63):
            masks[count].zero[i] = 0xFF
        for i in range(1, count):
            masks[count].ascends[i - 1] = 0xFFFFFFFF


cdef inline void count_codes(uint32_t (*seen)[ONE_OCTET], const uint8_t *line) noexcept nogil:
    """Of a line of seven places with codes of one octet. A table for each place: none waits for another's sum."""
    cdef uint64_t codes = load64(line + 56)
    seen[0][codes & 0xFF] += 1
    seen[1][codes >> 8 & 0xFF] += 1
    seen[2][codes >> 16 & 0xFF] += 1
    seen[3][codes >> 24 & 0xFF] += 1
    seen[4][codes >> 32 & 0xFF] += 1
    seen[5][codes >> 40 & 0xFF] += 1
    seen[6][codes >> 48 & 0xFF] += 1


cdef inline int walk_line(LinesWalk *walk, const LinesFormat *form, const uint8_t *line) noexcept nogil:
    """What can be said of the next line without looking elsewhere."""
    cdef uint32_t count = entries_in(line), first, last
    cdef uint64_t at = walk.next_line
    if count > form.full or not has_zeros_behind(line, &form.masks[count]):
        return BAD_LINE
    if not ascends(line, &form.masks[count]):
        return BAD_ORDER
    if count:
        first = load32(line)
        last = load32(line + 4 * (count - 1))
        if first < walk.above:
            return BAD_ORDER
        walk.above = <uint64_t>last + 1
        # Keys ascend and homes with them: the first is behind full lines only, the last not before its home.
        if (<uint64_t>first * walk.low_homes) >> 32 < walk.full_from and not raise_low(walk, first):
            return BAD_HOME
        if (<uint64_t>last * walk.high_homes) >> 32 > at:
            walk.high_homes = (((at + 1) << 32) - 1) // last
    elif walk.low_homes <= at:
        # Lines behind the home lines exist only as far as they are used.
        walk.low_homes = at + 1
    if walk.low_homes > walk.high_homes:
        return BAD_HOME
    walk.entries += count
    walk.next_line = at + 1
    walk.full_from = walk.full_from if count == form.full else at + 1
    return FINE


cdef inline bint raise_low(LinesWalk *walk, uint32_t first) noexcept nogil:
    """The fewest home lines that put this key into the line that it may be in at the earliest."""
    if first == 0:
        return False
    walk.low_homes = ((walk.full_from << 32) + first - 1) // first
    return True
