"""One line of short entries, checked without a branch for each place: how many it has is chance.

What must be zero in a line with so many entries, and which of its keys must ascend, stands in a mask for each
number of entries; the codes are counted place by place, the unused ones too, which are zero.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from revocation.index._table cimport PLACES, load64

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
