"""A body in chunks (RFC 9112 section 7.1), taken out of what has come so far.

What is not perfectly ordinary is odd, and aiohttp's business: chunk extensions, trailers, a bare LF, white space, a
size of more than eight digits, more than MOST_CHUNKS chunks. Nothing is kept between two calls, so a body that comes
in drops is read again from its start each time: MOST_CHUNKS bounds what that costs.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

cdef enum:
    CHUNKED_PARTIAL = 0
    CHUNKED_ODD = -1
    CHUNKED_TOO_LARGE = -2
    MOST_CHUNKS = 256
    MOST_SIZE_DIGITS = 8


cdef inline int hexadecimal(uint8_t octet) noexcept nogil:
    """The value of a digit in either case; -1 for anything else."""
    if 0x30 <= octet <= 0x39:
        return octet - 0x30
    octet |= 0x20
    return octet - 0x57 if 0x61 <= octet <= 0x66 else -1


cdef inline Py_ssize_t read_chunked(const uint8_t *octets, Py_ssize_t size, uint8_t *out, Py_ssize_t room,
                                    Py_ssize_t *body_length) noexcept nogil:
    """How many octets the body takes on the wire; its ``body_length`` octets are then in ``out``.

    ``octets`` begin behind the head. CHUNKED_PARTIAL: more are needed, and ``out`` holds some of the body.
    CHUNKED_TOO_LARGE: the chunks, as far as their sizes are there, have more than ``room`` octets. ``out`` must not
    overlap ``octets``.
    """
    cdef Py_ssize_t at = 0, digits
    cdef int64_t length
    cdef int digit, chunks = 0
    body_length[0] = 0
    while True:
        length = 0
        digits = 0
        while at < size:
            digit = hexadecimal(octets[at])
            if digit < 0:
                break
            digits += 1
            if digits > MOST_SIZE_DIGITS:
                return CHUNKED_ODD
            length = length << 4 | digit
            at += 1
        if at == size:
            return CHUNKED_PARTIAL
        if digits == 0 or octets[at] != 0x0D:
            return CHUNKED_ODD
        if at + 1 == size:
            return CHUNKED_PARTIAL
        if octets[at + 1] != 0x0A:
            return CHUNKED_ODD
        at += 2
        if length > 0:
            chunks += 1
            if chunks > MOST_CHUNKS:
                return CHUNKED_ODD
            if length > room - body_length[0]:
                return CHUNKED_TOO_LARGE
            if length > size - at:
                return CHUNKED_PARTIAL
            memcpy(out + body_length[0], octets + at, length)
            body_length[0] += length
            at += length
        # Behind the data of a chunk, and in place of trailers behind the last one.
        if at == size:
            return CHUNKED_PARTIAL
        if octets[at] != 0x0D:
            return CHUNKED_ODD
        if at + 1 == size:
            return CHUNKED_PARTIAL
        if octets[at + 1] != 0x0A:
            return CHUNKED_ODD
        at += 2
        if length == 0:
            return at
