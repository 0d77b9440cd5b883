"""Which octets may stand where in a request head (RFC 9110 section 5.6.2, RFC 9112), and where a line ends.

Eight octets at once: the lowest of eight that is no visible octet and no space is found by two subtractions.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define LINE_WORDS 1
    #else
    #define LINE_WORDS 0   /* such a host looks at every octet by itself */
    #endif
    #define EVERY_OCTET 0x0101010101010101ULL
    #define LOWEST(marks) (__builtin_ctzll(marks) >> 3)

    /* 1: of a token (RFC 9110 section 5.6.2); 2: of a Host that we take: names, addresses, a port. */
    static inline const uint8_t *octet_kinds(void)
    {
        static const uint8_t kinds[256] = {
            ['0' ... '9'] = 3, ['A' ... 'Z'] = 3, ['a' ... 'z'] = 3,
            ['-'] = 3, ['.'] = 3, ['_'] = 3, [':'] = 2, ['['] = 2, [']'] = 2,
            ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, [39] = 1, ['*'] = 1, ['+'] = 1,
            ['^'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
        };
        return kinds;
    }
    """
    const bint LINE_WORDS
    const uint64_t EVERY_OCTET
    int LOWEST(uint64_t marks) noexcept nogil
    const uint8_t *octet_kinds() noexcept nogil


cdef enum:
    OF_TOKEN = 1
    OF_HOST = 2
    CR = 0x0D
    LF = 0x0A
    TAB = 0x09
    SPACE = 0x20
    LINE_NOT_YET = -1
    LINE_ODD = -2


cdef inline Py_ssize_t line_end(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, bint tabs) noexcept nogil:
    """Where the CR LF of the line from ``at`` stands; LINE_NOT_YET where ``end`` comes first.

    LINE_ODD as soon as an octet is neither visible US-ASCII nor a space, nor, where ``tabs``, a tabulator: bare CR
    and bare LF (RFC 9112 section 2.2), other controls, obs-text.
    """
    cdef uint64_t word, marks
    while True:
        marks = 0
        if LINE_WORDS:
            while end - at >= 8:
                memcpy(&word, octets + at, 8)
                # The lowest mark is exact: borrows and carries go upwards only.
                marks = (word | (word + EVERY_OCTET) | (word - 0x20 * EVERY_OCTET)) & 0x80 * EVERY_OCTET
                if marks != 0:
                    at += LOWEST(marks)
                    break
                at += 8
        if marks == 0:
            while at < end and 0x20 <= octets[at] < 0x7F:
                at += 1
            if at == end:
                return LINE_NOT_YET
        if octets[at] == CR:
            if at + 1 == end:
                return LINE_NOT_YET
            return at if octets[at + 1] == LF else LINE_ODD
        if octets[at] != TAB or not tabs:
            return LINE_ODD
        at += 1


cdef inline bint are_all(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, int kind) noexcept nogil:
    """Whether at least one octet stands there, and each is of this kind."""
    cdef const uint8_t *kinds = octet_kinds()
    if at == end:
        return False
    while at < end:
        if not kinds[octets[at]] & kind:
            return False
        at += 1
    return True


cdef inline bint is_word(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, const char *lower,
                         Py_ssize_t size) noexcept nogil:
    """Whether this word stands there in any case. ``lower`` has 4 to 24 lower-case letters, digits and ``-``."""
    cdef uint64_t word, wanted
    cdef uint32_t half, wanted_half
    if end - at != size:
        return False
    octets += at
    # A control octet would pass as "-" or a digit: line_end has seen that there is none.
    if size >= 8:
        memcpy(&word, octets, 8)
        memcpy(&wanted, lower, 8)
        if word | 0x20 * EVERY_OCTET != wanted:
            return False
        if size > 16:
            memcpy(&word, octets + 8, 8)
            memcpy(&wanted, lower + 8, 8)
            if word | 0x20 * EVERY_OCTET != wanted:
                return False
        memcpy(&word, octets + size - 8, 8)
        memcpy(&wanted, lower + size - 8, 8)
        return word | 0x20 * EVERY_OCTET == wanted
    memcpy(&half, octets, 4)
    memcpy(&wanted_half, lower, 4)
    if half | 0x20202020 != wanted_half:
        return False
    memcpy(&half, octets + size - 4, 4)
    memcpy(&wanted_half, lower + size - 4, 4)
    return half | 0x20202020 == wanted_half
