"""One strict pass over an OCSPRequest (RFC 6960 section 4.1.1): where everything stands, or what is wrong.

``walk_request`` works on (pointer, length), allocates nothing, calls no Python, and its work is bounded by
the request's octets. Inline, so that whoever has the octets in C needs no object for them.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from revocation.ocsp._request_at cimport (
    FAULT_CERT_ID,
    FAULT_CERT_IDS_MANY,
    FAULT_CERT_IDS_NONE,
    FAULT_CERTIFICATES,
    FAULT_CERTIFICATES_MANY,
    FAULT_EMPTY,
    FAULT_HASH_ALGORITHM,
    FAULT_HASH_LENGTH,
    FAULT_HASH_PARAMETERS,
    FAULT_KEY_HASH,
    FAULT_NAME_HASH,
    FAULT_OCSP_REQUEST,
    FAULT_REQUEST,
    FAULT_REQUEST_LIST,
    FAULT_REQUESTOR_NAME,
    FAULT_SERIAL,
    FAULT_SERIAL_EMPTY,
    FAULT_SERIAL_FORM,
    FAULT_SIGNATURE,
    FAULT_SIGNATURE_ALGORITHM,
    FAULT_SIGNATURE_BITS,
    FAULT_TBS_REQUEST,
    FAULT_TOO_LARGE,
    FAULT_TRAILING,
    FAULT_VERSION,
    HASH_SHA1,
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_UNKNOWN,
    MAX_REQUEST_OCTETS,
    MOST_CERT_IDS,
    MOST_CERTIFICATES,
    PARAMETERS_ABSENT,
    PARAMETERS_NULL,
    CertIdAt,
    Element,
    RequestAt,
    fail,
    is_oid,
    take,
    take_last,
)
from revocation.ocsp._request_extensions cimport read_extensions


cdef inline int hash_kind(const uint8_t *oid, int size, int *length) noexcept nogil:
    """The algorithm and its digest's octets; ``HASH_UNKNOWN`` leaves ``length`` as it is."""
    if size == 9 and memcmp(oid, b"\x60\x86\x48\x01\x65\x03\x04\x02", 8) == 0:
        if oid[8] == 1:
            length[0] = 32
            return HASH_SHA256
        if oid[8] == 2:
            length[0] = 48
            return HASH_SHA384
        if oid[8] == 3:
            length[0] = 64
            return HASH_SHA512
    elif size == 5 and memcmp(oid, b"\x2b\x0e\x03\x02\x1a", 5) == 0:
        length[0] = 20
        return HASH_SHA1
    return HASH_UNKNOWN


cdef inline int read_hash_algorithm(const uint8_t *octets, Element *algorithm, CertIdAt *cert_id, int *length,
                                    RequestAt *found) noexcept nogil:
    """AlgorithmIdentifier of a hash: parameters absent (RFC 5754 section 2), or NULL as many write."""
    cdef Element oid
    if take(octets, algorithm.start, algorithm.end, 0x06, FAULT_HASH_ALGORITHM, &oid, found):
        return found.fault
    if not is_oid(octets + oid.start, oid.end - oid.start):
        return fail(found, FAULT_HASH_ALGORITHM, algorithm.start)
    cert_id.hash_kind = <uint8_t>hash_kind(octets + oid.start, oid.end - oid.start, length)
    cert_id.parameters = PARAMETERS_ABSENT
    if oid.end < algorithm.end:
        if algorithm.end - oid.end != 2 or octets[oid.end] != 0x05 or octets[oid.end + 1] != 0:
            return fail(found, FAULT_HASH_PARAMETERS, oid.end)
        cert_id.parameters = PARAMETERS_NULL
    return 0


cdef inline int read_cert_id(const uint8_t *octets, int at, int end, CertIdAt *cert_id,
                             RequestAt *found) noexcept nogil:
    """CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }.

    Both hashes are one algorithm's, so an unknown one's must be of one length too.
    """
    cdef Element outer, element, key_hash
    cdef int length = 0
    if take(octets, at, end, 0x30, FAULT_CERT_ID, &outer, found):
        return found.fault
    cert_id.start = at
    cert_id.end = outer.end
    if take(octets, outer.start, outer.end, 0x30, FAULT_HASH_ALGORITHM, &element, found):
        return found.fault
    if read_hash_algorithm(octets, &element, cert_id, &length, found):
        return found.fault
    at = element.end
    if take(octets, at, outer.end, 0x04, FAULT_NAME_HASH, &element, found):
        return found.fault
    if take(octets, element.end, outer.end, 0x04, FAULT_KEY_HASH, &key_hash, found):
        return found.fault
    if cert_id.hash_kind == HASH_UNKNOWN:
        length = max(element.end - element.start, 1)
    if element.end - element.start != length or key_hash.end - key_hash.start != length:
        return fail(found, FAULT_HASH_LENGTH, at)
    cert_id.name_hash = element.start
    cert_id.key_hash = key_hash.start
    cert_id.hash_length = length
    at = key_hash.end
    if take_last(octets, at, outer.end, 0x02, FAULT_SERIAL, &element, found):
        return found.fault
    # Its octets are the identity: X.690 section 8.3.2, the fewest, so that no number has two.
    length = element.end - element.start
    if length == 0:
        return fail(found, FAULT_SERIAL_EMPTY, at)
    if length > 1 and (
        (octets[element.start] == 0 and octets[element.start + 1] < 0x80)
        or (octets[element.start] == 0xFF and octets[element.start + 1] >= 0x80)
    ):
        return fail(found, FAULT_SERIAL_FORM, at)
    cert_id.serial = element.start
    cert_id.serial_length = length
    return 0


cdef inline int read_request_list(const uint8_t *octets, Element *requests, RequestAt *found) noexcept nogil:
    """requestList: each Request ::= SEQUENCE { reqCert, [0] EXPLICIT singleRequestExtensions OPTIONAL }."""
    cdef Element request, extensions
    cdef CertIdAt *cert_id
    cdef int at = requests.start
    if at == requests.end:
        return fail(found, FAULT_CERT_IDS_NONE, at)
    while at < requests.end:
        if found.count == MOST_CERT_IDS:
            return fail(found, FAULT_CERT_IDS_MANY, at)
        if take(octets, at, requests.end, 0x30, FAULT_REQUEST, &request, found):
            return found.fault
        cert_id = &found.cert_ids[found.count]
        if read_cert_id(octets, request.start, request.end, cert_id, found):
            return found.fault
        if cert_id.end < request.end:
            if take_last(octets, cert_id.end, request.end, 0xA0, FAULT_TRAILING, &extensions, found):
                return found.fault
            if read_extensions(octets, extensions.start, extensions.end, True, found):
                return found.fault
        found.count += 1
        at = request.end
    return 0


cdef inline int read_requestor_name(const uint8_t *octets, Element *name, RequestAt *found) noexcept nogil:
    """[1] EXPLICIT GeneralName (RFC 5280 section 4.2.1.6): one element with one of its nine tags.

    What it says is not looked at: who may ask is decided by others, and on an unsigned request it is handled
    as if it were absent (RFC 9919 section 3.1.2).
    """
    cdef Element inner
    cdef int tag
    if name.start == name.end:
        return fail(found, FAULT_REQUESTOR_NAME, name.start)
    tag = octets[name.start]
    # otherName 0, x400Address 3, directoryName 4 and ediPartyName 5 are constructed, the others are not.
    if not (0x80 <= (tag & 0xDF) <= 0x88 and (tag & 0x20 != 0) == ((0x39 >> (tag & 0x0F)) & 1)):
        return fail(found, FAULT_REQUESTOR_NAME, name.start)
    return take_last(octets, name.start, name.end, tag, FAULT_REQUESTOR_NAME, &inner, found)


cdef inline int read_tbs_request(const uint8_t *octets, Element *tbs, RequestAt *found) noexcept nogil:
    """TBSRequest ::= SEQUENCE { [0] version, [1] requestorName, requestList, [2] requestExtensions }."""
    cdef Element element
    cdef int at = tbs.start
    if at < tbs.end and octets[at] == 0xA0:
        # DER leaves the DEFAULT v1 out (X.690 section 11.5). Clients write it, and OpenSSL and Go read it.
        if tbs.end - at < 5 or memcmp(octets + at, b"\xa0\x03\x02\x01\x00", 5) != 0:
            return fail(found, FAULT_VERSION, at)
        at += 5
    if at < tbs.end and octets[at] == 0xA1:
        if take(octets, at, tbs.end, 0xA1, FAULT_REQUESTOR_NAME, &element, found):
            return found.fault
        if read_requestor_name(octets, &element, found):
            return found.fault
        at = element.end
    if take(octets, at, tbs.end, 0x30, FAULT_REQUEST_LIST, &element, found):
        return found.fault
    if read_request_list(octets, &element, found):
        return found.fault
    at = element.end
    if at == tbs.end:
        return 0
    if take_last(octets, at, tbs.end, 0xA2, FAULT_TRAILING, &element, found):
        return found.fault
    return read_extensions(octets, element.start, element.end, False, found)


cdef inline int read_certificates(const uint8_t *octets, int at, int end, RequestAt *found) noexcept nogil:
    """[0] EXPLICIT SEQUENCE OF Certificate; of each its outer element alone."""
    cdef Element outer, element
    cdef int count = 0
    if take_last(octets, at, end, 0xA0, FAULT_TRAILING, &outer, found):
        return found.fault
    if take_last(octets, outer.start, outer.end, 0x30, FAULT_CERTIFICATES, &element, found):
        return found.fault
    found.certs_start = at = element.start
    found.certs_end = end = element.end
    while at < end:
        if count == MOST_CERTIFICATES:
            return fail(found, FAULT_CERTIFICATES_MANY, at)
        if take(octets, at, end, 0x30, FAULT_CERTIFICATES, &element, found):
            return found.fault
        count += 1
        at = element.end
    return 0


cdef inline int read_signature(const uint8_t *octets, int at, int end, RequestAt *found) noexcept nogil:
    """[0] EXPLICIT Signature ::= SEQUENCE { signatureAlgorithm, signature, [0] certs OPTIONAL }.

    Its form; whether it says the truth, and whether anybody asks, is not decided here.
    """
    cdef Element outer, element, oid, parameters
    if take_last(octets, at, end, 0xA0, FAULT_TRAILING, &outer, found):
        return found.fault
    at = outer.start
    if take_last(octets, at, outer.end, 0x30, FAULT_SIGNATURE, &outer, found):
        return found.fault
    at = outer.start
    if take(octets, at, outer.end, 0x30, FAULT_SIGNATURE_ALGORITHM, &element, found):
        return found.fault
    found.algorithm_start = at
    found.algorithm_end = element.end
    at = element.start
    if take(octets, at, element.end, 0x06, FAULT_SIGNATURE_ALGORITHM, &oid, found):
        return found.fault
    if not is_oid(octets + oid.start, oid.end - oid.start):
        return fail(found, FAULT_SIGNATURE_ALGORITHM, at)
    if oid.end < element.end:
        # One element of any kind that a one-octet tag names.
        if octets[oid.end] & 0x1F == 0x1F:
            return fail(found, FAULT_SIGNATURE_ALGORITHM, oid.end)
        at = oid.end
        if take_last(octets, at, element.end, octets[at], FAULT_SIGNATURE_ALGORITHM, &parameters, found):
            return found.fault
    at = element.end
    if take(octets, at, outer.end, 0x03, FAULT_SIGNATURE_BITS, &element, found):
        return found.fault
    # Every signature algorithm yields whole octets: no unused bits (X.690 section 8.6.2).
    if element.start == element.end or octets[element.start] != 0:
        return fail(found, FAULT_SIGNATURE_BITS, at)
    found.signature_start = element.start + 1
    found.signature_end = found.certs_start = found.certs_end = element.end
    found.is_signed = 1
    if element.end == outer.end:
        return 0
    return read_certificates(octets, element.end, outer.end, found)


cdef inline int walk_request(const uint8_t *octets, Py_ssize_t size, RequestAt *found) noexcept nogil:
    """0 where these octets are one whole OCSPRequest: ``found`` says where; else the fault code, also there.

    Of ``cert_ids`` only the first ``count`` mean anything. ``octets`` may be NULL where ``size`` is 0.
    """
    cdef Element outer, tbs
    found.fault = found.fault_at = found.count = found.nonce = found.nonce_length = found.is_signed = 0
    found.tbs_start = found.tbs_end = found.algorithm_start = found.algorithm_end = 0
    found.signature_start = found.signature_end = found.certs_start = found.certs_end = 0
    if size < 1:
        return fail(found, FAULT_EMPTY, 0)
    if size > MAX_REQUEST_OCTETS:
        return fail(found, FAULT_TOO_LARGE, MAX_REQUEST_OCTETS)
    if take_last(octets, 0, <int>size, 0x30, FAULT_OCSP_REQUEST, &outer, found):
        return found.fault
    if take(octets, outer.start, outer.end, 0x30, FAULT_TBS_REQUEST, &tbs, found):
        return found.fault
    found.tbs_start = outer.start
    found.tbs_end = tbs.end
    if read_tbs_request(octets, &tbs, found):
        return found.fault
    if tbs.end == outer.end:
        return 0
    return read_signature(octets, tbs.end, outer.end, found)
