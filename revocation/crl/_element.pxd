"""What the walk over revokedCertificates is made of: its state, its refusals by number, one DER element.

Inline, for the walk alone. Every read is preceded by a bound check.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef enum:
    RECORD = 32
    MAX_SERIAL = 20
    MAX_EXTENSIONS = 16
    REASON_ABSENT = 0xFF
    FLAG_INVALIDITY_DATE = 1
    FLAG_CERTIFICATE_ISSUER = 2

# Codes of refusals; refusals.py holds one sentence for each.
cdef enum:
    R_NONE = 0
    R_TRUNCATED = 1
    R_TAG_HIGH = 2
    R_INDEFINITE = 3
    R_LENGTH_FORM = 4
    R_ENTRY_TAG = 5
    R_SERIAL_TAG = 6
    R_SERIAL_SIZE = 7
    R_SERIAL_FORM = 8
    R_DATE_TAG = 9
    R_DATE_FORM = 10
    R_DATE_VALUE = 11
    R_DATE_GENERALIZED = 12
    R_EXTENSIONS_TAG = 13
    R_EXTENSIONS_EMPTY = 14
    R_EXTENSIONS_MANY = 15
    R_EXTENSIONS_V1 = 16
    R_TRAILING = 17
    R_EXTENSION_TAG = 18
    R_OID_TAG = 19
    R_OID_FORM = 20
    R_CRITICAL_FORM = 21
    R_CRITICAL_DEFAULT = 22
    R_VALUE_TAG = 23
    R_DUPLICATE = 24
    R_UNKNOWN_CRITICAL = 25
    R_INDIRECT = 26
    R_REASON_TAG = 27
    R_REASON_FORM = 28
    R_INVALIDITY_FORM = 29
    R_HOLD_FORM = 30


cdef struct Walk:
    const uint8_t *data        # the whole file: offsets in refusals count from here
    Py_ssize_t at              # next entry; moves only past whole entries
    Py_ssize_t end             # end of the content of revokedCertificates
    uint8_t *out               # RECORD_SIZE octets for each entry
    Py_ssize_t capacity        # records that fit into out
    Py_ssize_t count           # records written
    bint extensions_allowed    # false in a v1 list (RFC 5280 section 5.1.2.1)
    bint explicit_default      # tolerance explicit_default
    bint generalized_before_2050
    bint certificate_issuers   # an indirect list, whose reader looks at them (RFC 5280 section 5.3.3)
    int refusal                # 0, or one of the codes above
    Py_ssize_t offset          # of the octet that is wrong
    int64_t got                # what stands there, where one number says it
    Py_ssize_t length          # of the OBJECT IDENTIFIER at offset, for refusals by OID


cdef struct Element:
    int tag
    Py_ssize_t start           # of the content
    Py_ssize_t end             # of the content, and so of the element


cdef inline int refuse(Walk *walk, int code, Py_ssize_t offset, int64_t got) noexcept nogil:
    walk.refusal = code
    walk.offset = offset
    walk.got = got
    return -1


cdef inline int read_element(Walk *walk, Py_ssize_t at, Py_ssize_t end, Element *element) noexcept nogil:
    """X.690 sections 8.1 and 10.1: one-octet tag, definite length in the fewest octets, inside ``end``."""
    cdef uint64_t length
    cdef Py_ssize_t start
    cdef int octets, i
    if end - at < 2:
        return refuse(walk, R_TRUNCATED, at, end - at)
    element.tag = walk.data[at]
    if element.tag & 0x1F == 0x1F:
        return refuse(walk, R_TAG_HIGH, at, element.tag)
    length = walk.data[at + 1]
    start = at + 2
    if length >= 0x80:
        octets = length & 0x7F
        if octets == 0:
            return refuse(walk, R_INDEFINITE, at + 1, length)
        if octets > 8:
            return refuse(walk, R_LENGTH_FORM, at + 1, length)
        if end - start < octets:
            return refuse(walk, R_TRUNCATED, start, end - start)
        if walk.data[start] == 0:
            return refuse(walk, R_LENGTH_FORM, at + 1, length)
        length = 0
        for i in range(octets):
            length = length << 8 | walk.data[start + i]
        if length < 0x80:
            return refuse(walk, R_LENGTH_FORM, at + 1, 0x80 | octets)
        start += octets
    if length > <uint64_t>(end - start):
        return refuse(walk, R_TRUNCATED, at + 1, end - start)
    element.start = start
    element.end = start + <Py_ssize_t>length
    return 0
