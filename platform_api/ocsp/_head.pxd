"""The head of an HTTP/1.x request, told apart strictly: perfectly ordinary, or somebody else's business.

A head that is not perfectly ordinary is HEAD_ODD: the connection then goes to aiohttp's parser with all its octets,
which takes or refuses it. So this one never refuses, and need not understand what is rare; what it must never do is
to end a message elsewhere than aiohttp would (request smuggling, RFC 9112 section 11.2).

The verdict on the first octets of a head is that on more of them, or HEAD_PARTIAL: a line that is not whole is odd
only by an octet that no line may have.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from platform_api.ocsp._field_names cimport (
    AUTHORIZATION,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    IF_NONE_MATCH,
    ODD_FIELD,
    OTHER_FIELD,
    TRANSFER_ENCODING,
    field_of,
)
from platform_api.ocsp._octets cimport (
    LINE_ODD,
    OF_HOST,
    OF_TOKEN,
    SPACE,
    TAB,
    are_all,
    is_word,
    line_end,
    octet_kinds,
)

cdef enum:
    HEAD_PARTIAL = 0           # more octets are needed
    HEAD_WHOLE = 1             # perfectly ordinary, every field of HeadAt is filled
    HEAD_ODD = 2               # anything else
    HEAD_TOO_LONG = 3          # ordinary as far as it goes, and more than MOST_HEAD octets

cdef enum:
    MOST_HEAD = 8192           # with the empty line
    MOST_FIELDS = 64
    MOST_LENGTH_DIGITS = 10

cdef enum:
    METHOD_OTHER = 0
    METHOD_POST = 1
    METHOD_GET = 2
    METHOD_HEAD = 3


cdef struct HeadAt:
    Py_ssize_t head_end        # behind the empty line: where the body begins
    int method
    Py_ssize_t target          # origin-form (RFC 9112 section 3.2.1), from its "/" on
    Py_ssize_t target_length
    int minor_version
    bint keep_alive            # by version and Connection (RFC 9112 section 9.3)
    int64_t content_length     # -1: none, so no body unless chunked (RFC 9112 section 6.3)
    bint chunked
    bint expect_continue       # in HTTP/1.1 alone
    Py_ssize_t authorization   # the value without white space around it; a length of 0: no such field
    Py_ssize_t authorization_length
    Py_ssize_t if_none_match
    Py_ssize_t if_none_match_length
    bint content_encoding_identity


cdef inline int64_t digits_of(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """Content-Length (RFC 9110 section 8.6): 1 to 10 digits and nothing else; -1 where it is not."""
    cdef int64_t value = 0
    if not 1 <= end - at <= MOST_LENGTH_DIGITS:
        return -1
    while at < end:
        if not 0x30 <= octets[at] <= 0x39:
            return -1
        value = value * 10 + (octets[at] - 0x30)
        at += 1
    return value


cdef inline bint read_request_line(const uint8_t *octets, Py_ssize_t end, HeadAt *found) noexcept nogil:
    """Method SP origin-form SP HTTP/1.0 or HTTP/1.1 (RFC 9112 section 3), in the octets before ``end``."""
    cdef Py_ssize_t at, behind = end - 9
    # The shortest one is "GET / HTTP/1.1".
    if end < 14:
        return False
    if memcmp(octets, b"POST ", 5) == 0:
        found.method = METHOD_POST
        at = 5
    elif memcmp(octets, b"GET ", 4) == 0:
        found.method = METHOD_GET
        at = 4
    elif memcmp(octets, b"HEAD ", 5) == 0:
        found.method = METHOD_HEAD
        at = 5
    else:
        return False
    if memcmp(octets + behind, b" HTTP/1.", 8) != 0 or octets[end - 1] & 0xFE != 0x30:
        return False
    found.minor_version = octets[end - 1] & 1
    if at >= behind or octets[at] != 0x2F:
        return False
    found.target = at
    found.target_length = behind - at
    # No second space, and no fragment: it is never sent (RFC 9110 section 4.2.5).
    return memchr(octets + at, SPACE, behind - at) == NULL and memchr(octets + at, 0x23, behind - at) == NULL


cdef inline bint read_field(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end, HeadAt *found,
                            uint32_t *seen) noexcept nogil:
    """field-name ":" OWS field-value OWS (RFC 9112 section 5), the octets before the CR LF at ``end``."""
    cdef const uint8_t *kinds = octet_kinds()
    cdef Py_ssize_t colon = at, last = end
    cdef int field
    while colon < end and kinds[octets[colon]] & OF_TOKEN:
        colon += 1
    # No name, white space before the colon (RFC 9112 section 5.1) or before the name (section 5.2): no token.
    if colon == at or colon == end or octets[colon] != 0x3A:
        return False
    field = field_of(octets, at, colon)
    if field == OTHER_FIELD:
        return True
    if field == ODD_FIELD or seen[0] >> field & 1:
        return False
    seen[0] |= <uint32_t>1 << field
    at = colon + 1
    while at < last and (octets[at] == SPACE or octets[at] == TAB):
        at += 1
    while at < last and (octets[last - 1] == SPACE or octets[last - 1] == TAB):
        last -= 1
    if field == HOST:
        return are_all(octets, at, last, OF_HOST)
    if field == CONTENT_LENGTH:
        # Where a body ends is said without any white space behind it, or not to us.
        found.content_length = digits_of(octets, at, end)
        return found.content_length >= 0
    if field == TRANSFER_ENCODING:
        found.chunked = end - at == 7 and memcmp(octets + at, b"chunked", 7) == 0
        return found.chunked
    if field == CONNECTION:
        found.keep_alive = is_word(octets, at, end, "keep-alive", 10)
        return found.keep_alive or is_word(octets, at, end, "close", 5)
    if field == EXPECT:
        found.expect_continue = is_word(octets, at, last, "100-continue", 12)
        return found.expect_continue
    if field == AUTHORIZATION:
        found.authorization = at
        found.authorization_length = last - at
        return last > at
    if field == IF_NONE_MATCH:
        found.if_none_match = at
        found.if_none_match_length = last - at
        return last > at
    if field == CONTENT_ENCODING:
        found.content_encoding_identity = is_word(octets, at, last, "identity", 8)
    return True


cdef inline bint is_ordinary(const HeadAt *found, uint32_t seen) noexcept nogil:
    """What only the whole head can say."""
    if found.minor_version == 1:
        if not seen >> HOST & 1:
            return False
    elif found.chunked or found.expect_continue:
        # RFC 9112 section 6.1, RFC 9110 section 10.1.1
        return False
    if found.chunked and seen >> CONTENT_LENGTH & 1:
        return False
    # A body that no semantics are defined for (RFC 9110 sections 9.3.1 and 9.3.2).
    return found.method == METHOD_POST or not (found.chunked or found.content_length > 0)


cdef inline int split_head(const uint8_t *octets, Py_ssize_t size, HeadAt *found) noexcept nogil:
    """HEAD_PARTIAL, HEAD_WHOLE, HEAD_ODD or HEAD_TOO_LONG; ``found`` says something only with HEAD_WHOLE.

    An empty line before the request line (RFC 9112 section 2.2) is odd too.
    """
    cdef Py_ssize_t end = size if size < MOST_HEAD else MOST_HEAD
    cdef Py_ssize_t at = 0, behind
    cdef uint32_t seen = 0
    cdef int fields = 0
    found.content_length = -1
    found.chunked = False
    found.expect_continue = False
    found.authorization = 0
    found.authorization_length = 0
    found.if_none_match = 0
    found.if_none_match_length = 0
    found.content_encoding_identity = True
    behind = line_end(octets, at, end, False)
    if behind >= 0:
        if not read_request_line(octets, behind, found):
            return HEAD_ODD
        found.keep_alive = found.minor_version == 1
        at = behind + 2
        behind = line_end(octets, at, end, True)
        while behind > at:
            fields += 1
            if fields > MOST_FIELDS or not read_field(octets, at, behind, found, &seen):
                return HEAD_ODD
            at = behind + 2
            behind = line_end(octets, at, end, True)
    if behind == LINE_ODD:
        return HEAD_ODD
    if behind < 0:
        return HEAD_TOO_LONG if size > MOST_HEAD else HEAD_PARTIAL
    found.head_end = behind + 2
    return HEAD_WHOLE if is_ordinary(found, seen) else HEAD_ODD
