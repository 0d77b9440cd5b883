"""The names of header fields that a request head is judged by (RFC 9110 section 5.1: in any case)."""

from libc.stdint cimport uint8_t

from platform_api.ocsp._octets cimport is_word

# Fields with a meaning here, and those that aiohttp refuses when they come twice: each at most once.
cdef enum:
    OTHER_FIELD = 0
    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    CONNECTION = 4
    EXPECT = 5
    AUTHORIZATION = 6
    IF_NONE_MATCH = 7
    CONTENT_ENCODING = 8
    CONTENT_TYPE = 9
    USER_AGENT = 10
    ETAG = 11
    SERVER = 12
    MAX_FORWARDS = 13
    CONTENT_RANGE = 14
    CONTENT_LOCATION = 15
    ODD_FIELD = 16             # changes what a connection is, or what llhttp reads like Connection


cdef inline int field_of(const uint8_t *octets, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """Which field this name is; its octets are known to be of a token."""
    cdef Py_ssize_t size = end - at
    if size == 4:
        if is_word(octets, at, end, "host", 4):
            return HOST
        if is_word(octets, at, end, "etag", 4):
            return ETAG
    elif size == 6:
        if is_word(octets, at, end, "expect", 6):
            return EXPECT
        if is_word(octets, at, end, "server", 6):
            return SERVER
    elif size == 7:
        if is_word(octets, at, end, "upgrade", 7):
            return ODD_FIELD
    elif size == 10:
        if is_word(octets, at, end, "connection", 10):
            return CONNECTION
        if is_word(octets, at, end, "user-agent", 10):
            return USER_AGENT
    elif size == 12:
        if is_word(octets, at, end, "content-type", 12):
            return CONTENT_TYPE
        if is_word(octets, at, end, "max-forwards", 12):
            return MAX_FORWARDS
    elif size == 13:
        if is_word(octets, at, end, "authorization", 13):
            return AUTHORIZATION
        if is_word(octets, at, end, "if-none-match", 13):
            return IF_NONE_MATCH
        if is_word(octets, at, end, "content-range", 13):
            return CONTENT_RANGE
    elif size == 14:
        if is_word(octets, at, end, "content-length", 14):
            return CONTENT_LENGTH
    elif size == 16:
        if is_word(octets, at, end, "content-encoding", 16):
            return CONTENT_ENCODING
        if is_word(octets, at, end, "content-location", 16):
            return CONTENT_LOCATION
        if is_word(octets, at, end, "proxy-connection", 16):
            return ODD_FIELD
    elif size == 17:
        if is_word(octets, at, end, "transfer-encoding", 17):
            return TRANSFER_ENCODING
    elif size == 18:
        if is_word(octets, at, end, "sec-websocket-key1", 18):
            return ODD_FIELD
    return OTHER_FIELD
