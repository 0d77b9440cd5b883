"""The request inside a GET path, in whatever spelling (RFC 6960 appendix A.1; bad-inputs.md, item 39)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr

from platform_api.ocsp._chunked cimport hexadecimal


cdef extern from *:
    """
    #define OF_BASE64 0x40
    #define SIX(octet, value) [octet] = OF_BASE64 | (value)
    #define FOUR(octet, value) \\
        SIX(octet, value), SIX(octet + 1, value + 1), SIX(octet + 2, value + 2), SIX(octet + 3, value + 3)

    /* OF_BASE64 and six bits; 0 where it is no base64 (RFC 4648 sections 4 and 5, and a space that was a plus). */
    static inline const uint8_t *base64_values(void)
    {
        static const uint8_t values[256] = {
            FOUR('A', 0), FOUR('E', 4), FOUR('I', 8), FOUR('M', 12), FOUR('Q', 16), FOUR('U', 20), SIX('Y', 24),
            SIX('Z', 25), FOUR('a', 26), FOUR('e', 30), FOUR('i', 34), FOUR('m', 38), FOUR('q', 42), FOUR('u', 46),
            SIX('y', 50), SIX('z', 51), FOUR('0', 52), FOUR('4', 56), SIX('8', 60), SIX('9', 61), SIX('+', 62),
            SIX('-', 62), SIX(' ', 62), SIX('/', 63), SIX('_', 63),
        };
        return values;
    }
    """
    enum:
        OF_BASE64
    const uint8_t *base64_values() noexcept nogil


cdef enum:
    MOST_TEXT = 8192
    MOST_FROM_TEXT = 6144      # octets that so much text can hold
    NO_REQUEST = -1
    NO_ROOM = -2


cdef inline Py_ssize_t unquote(const uint8_t *text, Py_ssize_t size, uint8_t *out) noexcept nogil:
    """Percent-decoding (RFC 3986 section 2.1) once; what is no escape stays. ``out`` may be ``text``."""
    cdef Py_ssize_t at = 0, length = 0
    cdef int high, low
    while at < size:
        if text[at] == 0x25 and size - at >= 3:
            high = hexadecimal(text[at + 1])
            low = hexadecimal(text[at + 2])
            if high >= 0 and low >= 0:
                out[length] = <uint8_t>(high << 4 | low)
                length += 1
                at += 3
                continue
        out[length] = text[at]
        length += 1
        at += 1
    return length


cdef inline Py_ssize_t from_base64(const uint8_t *text, Py_ssize_t size, uint8_t *out, Py_ssize_t room) noexcept nogil:
    """The octets; padding at the end may be any, the unused bits of the last character too."""
    cdef const uint8_t *values = base64_values()
    cdef Py_ssize_t at = 0, length = 0, left
    cdef uint32_t a, b, c, d
    while size > 0 and text[size - 1] == 0x3D:
        size -= 1
    left = size & 3
    if size == 0 or left == 1:
        return NO_REQUEST
    if room < (size >> 2) * 3 + (left - 1 if left else 0):
        return NO_ROOM
    size -= left
    while at < size:
        a = values[text[at]]
        b = values[text[at + 1]]
        c = values[text[at + 2]]
        d = values[text[at + 3]]
        if not a & b & c & d & OF_BASE64:
            return NO_REQUEST
        a = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63)
        out[length] = <uint8_t>(a >> 16)
        out[length + 1] = <uint8_t>(a >> 8 & 0xFF)
        out[length + 2] = <uint8_t>(a & 0xFF)
        at += 4
        length += 3
    if left:
        a = values[text[at]]
        b = values[text[at + 1]]
        c = values[text[at + 2]] if left == 3 else OF_BASE64
        if not a & b & c & OF_BASE64:
            return NO_REQUEST
        a = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6
        out[length] = <uint8_t>(a >> 16)
        length += 1
        if left == 3:
            out[length] = <uint8_t>(a >> 8 & 0xFF)
            length += 1
    return length


cdef inline Py_ssize_t request_of_target(const uint8_t *text, Py_ssize_t size, uint8_t *out,
                                         Py_ssize_t room) noexcept nogil:
    """The octets of the OCSPRequest in the path behind the prefix; NO_REQUEST where it is no base64.

    ``text`` is that path exactly as it stood in the request line. NO_ROOM where ``room`` is too little;
    MOST_FROM_TEXT always suffices.
    """
    cdef uint8_t plain[MOST_TEXT]
    cdef const uint8_t *query = <const uint8_t *>memchr(text, 0x3F, size) if size > 0 else NULL
    if query != NULL:
        size = query - text
    if not 1 <= size <= MOST_TEXT:
        return NO_REQUEST
    if memchr(text, 0x25, size) != NULL:
        # Encoded once, or twice; where nothing is encoded any more the second changes nothing.
        size = unquote(text, size, plain)
        size = unquote(plain, size, plain)
        text = plain
    return from_base64(text, size, out, room)
