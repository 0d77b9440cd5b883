# The serial numbers of a batch, cut out of the octets of its JSON body (RFC 8259), as C on (pointer, length).
#
# Only what is plainly there is understood: one member "serial_numbers" of the outermost object, an array of
# strings of hexadecimal digits without escapes. Whatever else there is, also what is no JSON at all, is for the
# ordinary parser to judge; it gets the same octets with this array replaced, so that both see one object.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memset

cdef extern from *:
    """
    /* Of an octet: its value as a hexadecimal digit (RFC 5234 appendix B.1 HEXDIG, either case), or 255. */
    static const unsigned char digit_values[256] = {
        [0 ... 255] = 255, ['0'] = 0, ['1'] = 1, ['2'] = 2, ['3'] = 3, ['4'] = 4, ['5'] = 5, ['6'] = 6,
        ['7'] = 7, ['8'] = 8, ['9'] = 9, ['a'] = 10, ['b'] = 11, ['c'] = 12, ['d'] = 13, ['e'] = 14,
        ['f'] = 15, ['A'] = 10, ['B'] = 11, ['C'] = 12, ['D'] = 13, ['E'] = 14, ['F'] = 15,
    };
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    /* How many of 16 octets are digits before the first that is none, and the value of these. */
    static inline int leading_digits(const unsigned char *octets, uint64_t *value) {
    #if defined(__SSE2__)
        __m128i text = _mm_loadu_si128((const __m128i *)octets), pairs;
        __m128i digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
        __m128i letter = _mm_sub_epi8(_mm_or_si128(text, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
        __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
        unsigned others = ~(unsigned)_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) | 0x10000;
        int count = __builtin_ctz(others);
        uint64_t packed;
        text = _mm_and_si128(text, _mm_set1_epi8(15));
        text = _mm_add_epi8(text, _mm_and_si128(is_letter, _mm_set1_epi8(9)));
        /* The first octet of two is the lower one, and the upper half of what they make. */
        pairs = _mm_or_si128(_mm_slli_epi16(text, 4), _mm_srli_epi16(text, 8));
        pairs = _mm_and_si128(pairs, _mm_set1_epi16(255));
        _mm_storel_epi64((__m128i *)&packed, _mm_packus_epi16(pairs, pairs));
        /* What stands behind the digits is shifted out; nothing is left of none. */
        *value = count ? __builtin_bswap64(packed) >> 4 * (16 - count) : 0;
    #else
        int count = 0;
        uint64_t found = 0;
        while (count < 16 && digit_values[octets[count]] != 255) found = found << 4 | digit_values[octets[count++]];
        *value = found;
    #endif
        return count;
    }
    """
    const uint8_t digit_values[256]
    int leading_digits(const uint8_t *octets, uint64_t *value) noexcept nogil


cdef enum:
    #: Not a body that is understood here.
    OTHER = -1
    WIDE_OCTETS = 20
    MOST_DIGITS = 64
    #: Digits of a number of 64 bits, and of a serial of 20 octets (RFC 5280 section 4.1.2.2).
    SHORT_DIGITS = 16
    WIDE_DIGITS = 40
    NAME_OCTETS = 14


cdef inline Py_ssize_t after_space(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """The first octet from ``at`` on that is no white space (RFC 8259 section 2)."""
    while at < end and (octets[at] == 0x20 or octets[at] == 0x0A or octets[at] == 0x0D or octets[at] == 0x09):
        at += 1
    return at


cdef inline Py_ssize_t after_string(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """``at`` is behind the opening quotation mark: behind the closing one, or OTHER."""
    while at < end:
        if octets[at] == 0x22:
            return at + 1
        at += 2 if octets[at] == 0x5C else 1
    return OTHER


cdef inline Py_ssize_t after_value(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """Behind the value that begins at ``at``, whatever it is; right for every value that is JSON."""
    cdef Py_ssize_t depth = 0, start = at
    cdef uint8_t octet
    while at < end:
        octet = octets[at]
        if octet == 0x22:
            at = after_string(octets, at + 1, end)
            if at == OTHER or depth == 0:
                return at
        elif octet == 0x5B or octet == 0x7B:
            depth += 1
            at += 1
        elif octet == 0x5D or octet == 0x7D:
            if depth == 0:
                break
            depth -= 1
            at += 1
            if depth == 0:
                return at
        elif depth == 0 and (octet == 0x2C or octet == 0x20 or octet == 0x0A or octet == 0x0D or octet == 0x09):
            break
        else:
            at += 1
    return at if depth == 0 and at > start else OTHER


cdef inline Py_ssize_t value_of_member(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, const uint8_t *name, bint *named
) noexcept nogil:
    """Where the value of the member begins whose name is to begin at ``at``, or OTHER; is it the name sought?"""
    cdef Py_ssize_t start
    at = after_space(octets, at, end)
    if at >= end or octets[at] != 0x22:
        return OTHER
    at += 1
    start = at
    while at < end and octets[at] != 0x22:
        if octets[at] == 0x5C:
            return OTHER  # a name may be spelled in escapes, this one too
        at += 1
    named[0] = at - start == NAME_OCTETS and memcmp(octets + start, name, NAME_OCTETS) == 0
    at = after_space(octets, at + 1, end)
    if at >= end or octets[at] != 0x3A:
        return OTHER
    at = after_space(octets, at + 1, end)
    return at if at < end else OTHER


cdef inline Py_ssize_t read_digits(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, uint64_t *number, Py_ssize_t *first
) noexcept nogil:
    """Behind the last digit; the lowest 64 bits of the value, and where the first digit that counts stands."""
    cdef uint64_t value = 0
    cdef uint8_t digit
    while at < end and octets[at] == 0x30:
        at += 1
    first[0] = at
    while at < end:
        digit = digit_values[octets[at]]
        if digit == 255:
            break
        value = value << 4 | digit
        at += 1
    number[0] = value
    return at


cdef inline Py_ssize_t read_usual(
    const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, uint64_t *number
) noexcept nogil:
    """1 to 16 digits and the closing quotation mark: behind the last digit. OTHER: look octet by octet."""
    cdef int count
    if end - at < 17:
        return OTHER
    count = leading_digits(octets + at, number)
    if count == 0 or octets[at + count] != 0x22:
        return OTHER
    return at + count


cdef inline void put_wide(uint8_t *wide, const uint8_t *digits, Py_ssize_t count) noexcept nogil:
    """At most 40 digits as a big-endian number of 20 octets."""
    cdef Py_ssize_t i, at = 2 * WIDE_OCTETS - count
    memset(wide, 0, WIDE_OCTETS)
    for i in range(count):
        wide[at >> 1] |= digit_values[digits[i]] << (0 if at & 1 else 4)
        at += 1
