# cython: language_level=3
"""An answer as HTTP, laid out octet by octet: the same lines in the same order as the ordinary route's.

Whoever calls has made room: ``HEAD_ROOM`` octets besides the response's own and its frame's dates and tail.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, strlen

cdef enum:
    HEAD_ROOM = 1024
    DATE_OCTETS = 29
    TAG_OCTETS = 32


cdef struct Head:
    # How the answer has to be dressed.
    int minor_version
    bint keep_alive
    bint with_body  # not for HEAD
    bint shared_caches  # public: RFC 9919 section 6 for everybody; else for this caller alone


cdef inline uint8_t *put(uint8_t *out, const char *text, size_t length) noexcept nogil:
    memcpy(out, text, length)
    return out + length


cdef inline uint8_t *put_text(uint8_t *out, const char *text) noexcept nogil:
    """A text of ours; its length is known when this is compiled."""
    return put(out, text, strlen(text))


cdef inline uint8_t *put_number(uint8_t *out, int64_t number) noexcept nogil:
    """Decimal; nothing below zero is asked for."""
    cdef uint8_t digits[20]
    cdef int count = 0
    while True:
        digits[count] = <uint8_t>(0x30 + number % 10)
        number //= 10
        count += 1
        if number <= 0:
            break
    while count:
        count -= 1
        out[0] = digits[count]
        out += 1
    return out


cdef inline uint8_t *put_hex(uint8_t *out, const uint8_t *octets, int count) noexcept nogil:
    cdef const char *digits = b"0123456789abcdef"
    cdef int i
    for i in range(count):
        out[2 * i] = digits[octets[i] >> 4]
        out[2 * i + 1] = digits[octets[i] & 15]
    return out + 2 * count


cdef inline uint8_t *put_status(uint8_t *out, const Head *head, bint not_modified) noexcept nogil:
    out = put_text(out, b"HTTP/1.")
    out[0] = 0x30 + head.minor_version
    if not_modified:
        return put_text(out + 1, b" 304 Not Modified\r\n")
    return put_text(out + 1, b" 200 OK\r\n")


cdef inline uint8_t *put_content(uint8_t *out, size_t length) noexcept nogil:
    out = put_text(out, b"Content-Type: application/ocsp-response\r\nContent-Length: ")
    out = put_number(out, <int64_t>length)
    return put_text(out, b"\r\n")


cdef inline uint8_t *put_common(uint8_t *out, const uint8_t *date) noexcept nogil:
    out = put_text(out, b"Date: ")
    out = put(out, <const char *>date, DATE_OCTETS)
    return put_text(out, b"\r\nServer: jpki-status\r\nX-Content-Type-Options: nosniff\r\n")


cdef inline uint8_t *put_end(uint8_t *out, const Head *head) noexcept nogil:
    """RFC 9112 section 9.3: what the version does not say by itself."""
    if head.minor_version == 0 and head.keep_alive:
        out = put_text(out, b"Connection: keep-alive\r\n")
    elif head.minor_version == 1 and not head.keep_alive:
        out = put_text(out, b"Connection: close\r\n")
    return put_text(out, b"\r\n")


cdef inline uint8_t *put_validators(uint8_t *out, const Head *head, const char *dates, size_t dates_length,
                                    const uint8_t *tag, int64_t max_age) noexcept nogil:
    """RFC 9919 section 6.2: Last-Modified, Expires, ETag, Cache-Control."""
    out = put(out, dates, dates_length)
    out = put_text(out, b"ETag: \"")
    out = put_hex(out, tag, TAG_OCTETS)
    out = put_text(out, b"\"\r\nCache-Control: max-age=")
    out = put_number(out, max_age if max_age > 0 else 0)
    if head.shared_caches:
        return put_text(out, b", public, no-transform, must-revalidate\r\n")
    return put_text(out, b", private, no-transform, must-revalidate\r\n")


cdef inline uint8_t *put_uncached(uint8_t *out) noexcept nogil:
    """Errors, and answers with a nonce, are nobody's to keep (RFC 9919 section 6.2)."""
    return put_text(out, b"Cache-Control: no-cache, no-store\r\n")
