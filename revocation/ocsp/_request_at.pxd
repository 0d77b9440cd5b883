"""Where the parts of an OCSP request stand, the faults by number, and one DER element of it.

Inline, for the walk alone. Every read is preceded by a bound check; every offset counts from the request's
first octet and fits an ``int``, because nothing above ``MAX_REQUEST_OCTETS`` is looked at.
"""

from libc.stdint cimport uint8_t

cdef enum:
    MAX_REQUEST_OCTETS = 16384
    MOST_CERT_IDS = 32
    MAX_NONCE_OCTETS = 128     # RFC 9654 section 2.1
    MOST_EXTENSIONS = 16       # in one Extensions
    MOST_CERTIFICATES = 16     # in a Signature

# Why a request is refused; request_faults.py holds one sentence for each, under the same name and number.
cdef enum:
    FAULT_NONE = 0
    FAULT_EMPTY = 1
    FAULT_TOO_LARGE = 2
    FAULT_TRUNCATED = 3
    FAULT_LENGTH_INDEFINITE = 4
    FAULT_LENGTH_FORM = 5
    FAULT_TRAILING = 6
    FAULT_OCSP_REQUEST = 7
    FAULT_TBS_REQUEST = 8
    FAULT_VERSION = 9
    FAULT_REQUESTOR_NAME = 10
    FAULT_REQUEST_LIST = 11
    FAULT_CERT_IDS_NONE = 12
    FAULT_CERT_IDS_MANY = 13
    FAULT_REQUEST = 14
    FAULT_CERT_ID = 15
    FAULT_HASH_ALGORITHM = 16
    FAULT_HASH_PARAMETERS = 17
    FAULT_NAME_HASH = 18
    FAULT_KEY_HASH = 19
    FAULT_HASH_LENGTH = 20
    FAULT_SERIAL = 21
    FAULT_SERIAL_EMPTY = 22
    FAULT_SERIAL_FORM = 23
    FAULT_EXTENSIONS = 24
    FAULT_EXTENSIONS_NONE = 25
    FAULT_EXTENSIONS_MANY = 26
    FAULT_EXTENSION = 27
    FAULT_EXTENSION_OID = 28
    FAULT_EXTENSION_VALUE = 29
    FAULT_EXTENSION_TWICE = 30
    FAULT_CRITICAL_FORM = 31
    FAULT_CRITICAL_DEFAULT = 32
    FAULT_CRITICAL_UNKNOWN = 33
    FAULT_NONCE_LENGTH = 34
    FAULT_ACCEPTABLE_RESPONSES = 35
    FAULT_ACCEPTABLE_WITHOUT_BASIC = 36
    FAULT_SIGNATURE = 37
    FAULT_SIGNATURE_ALGORITHM = 38
    FAULT_SIGNATURE_BITS = 39
    FAULT_CERTIFICATES = 40
    FAULT_CERTIFICATES_MANY = 41

cdef enum:
    HASH_SHA1 = 0
    HASH_SHA256 = 1
    HASH_SHA384 = 2
    HASH_SHA512 = 3
    HASH_UNKNOWN = 255         # well formed, and nobody here has such hashes of an issuer

cdef enum:
    PARAMETERS_ABSENT = 0
    PARAMETERS_NULL = 1


cdef struct CertIdAt:
    int start                  # of the CertID element, header included
    int end
    int name_hash              # start of issuerNameHash's content
    int key_hash               # start of issuerKeyHash's content
    int hash_length            # octets of each of the two
    int serial                 # start of serialNumber's content
    int serial_length          # 1 or more
    uint8_t hash_kind          # HASH_...
    uint8_t parameters         # PARAMETERS_...


cdef struct RequestAt:
    int fault                  # 0, or one of the codes above; then only fault_at means anything
    int fault_at               # offset of the element that is wrong
    int count                  # cert_ids that are set, 1 or more
    int nonce                  # start of the content of the nonce's extnValue
    int nonce_length           # 0: no nonce
    int is_signed              # 0, or 1: then the spans below are set
    int tbs_start              # the tbsRequest element, header included: what is signed; set without too
    int tbs_end
    int algorithm_start        # the AlgorithmIdentifier element
    int algorithm_end
    int signature_start        # content of the BIT STRING behind its unused-bits octet
    int signature_end
    int certs_start            # the Certificate elements, one behind the other; equal where there are none
    int certs_end
    CertIdAt cert_ids[MOST_CERT_IDS]


cdef struct Element:
    int start                  # of the content
    int end                    # of the content, and so of the element


cdef inline int fail(RequestAt *found, int fault, int at) noexcept nogil:
    found.fault = fault
    found.fault_at = at
    return fault


cdef inline int take(const uint8_t *octets, int at, int end, int tag, int fault, Element *element,
                     RequestAt *found) noexcept nogil:
    """The element at ``at``, which must have this one-octet tag and end by ``end``; else ``fault``.

    X.690 section 10.1: the definite form, in the fewest octets. 16 KiB need no more than two of them, so
    that a longer form is either not the shortest or says more than there is.
    """
    cdef int length, start
    if at >= end or octets[at] != tag:
        return fail(found, fault, at)
    if end - at < 2:
        return fail(found, FAULT_TRUNCATED, at)
    length = octets[at + 1]
    start = at + 2
    if length >= 0x80:
        if length == 0x80:
            return fail(found, FAULT_LENGTH_INDEFINITE, at)
        if end - start < length - 0x80:
            return fail(found, FAULT_TRUNCATED, at)
        if octets[start] == 0:
            return fail(found, FAULT_LENGTH_FORM, at)
        if length == 0x81:
            length = octets[start]
            if length < 0x80:
                return fail(found, FAULT_LENGTH_FORM, at)
            start += 1
        elif length == 0x82:
            length = octets[start] << 8 | octets[start + 1]
            start += 2
        else:
            return fail(found, FAULT_TRUNCATED, at)
    if length > end - start:
        return fail(found, FAULT_TRUNCATED, at)
    element.start = start
    element.end = start + length
    return 0


cdef inline int take_last(const uint8_t *octets, int at, int end, int tag, int fault, Element *element,
                          RequestAt *found) noexcept nogil:
    """The same of an element behind which nothing may stand."""
    if take(octets, at, end, tag, fault, element, found):
        return found.fault
    if element.end != end:
        return fail(found, FAULT_TRAILING, element.end)
    return 0


cdef inline bint is_oid(const uint8_t *content, int size) noexcept nogil:
    """X.690 section 8.19: complete, each arc in the fewest octets; 64 octets hold any that is in use."""
    cdef int i
    cdef bint fresh = True
    if size < 1 or size > 64:
        return False
    for i in range(size):
        if fresh and content[i] == 0x80:
            return False
        fresh = content[i] < 0x80
    return fresh
