"""Extensions of an OCSP request and of one Request in it (RFC 6960 sections 4.1.2 and 4.4; RFC 9654).

Inline, for the walk alone.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from revocation.ocsp._request_at cimport (
    FAULT_ACCEPTABLE_RESPONSES,
    FAULT_ACCEPTABLE_WITHOUT_BASIC,
    FAULT_CRITICAL_DEFAULT,
    FAULT_CRITICAL_FORM,
    FAULT_CRITICAL_UNKNOWN,
    FAULT_EXTENSION,
    FAULT_EXTENSION_OID,
    FAULT_EXTENSION_TWICE,
    FAULT_EXTENSION_VALUE,
    FAULT_EXTENSIONS,
    FAULT_EXTENSIONS_MANY,
    FAULT_EXTENSIONS_NONE,
    FAULT_NONCE_LENGTH,
    FAULT_TRAILING,
    MAX_NONCE_OCTETS,
    MOST_EXTENSIONS,
    Element,
    RequestAt,
    fail,
    is_oid,
    take,
    take_last,
)

# The last arc below id-pkix-ocsp, 1.3.6.1.5.5.7.48.1; 0 is none of them.
cdef enum:
    OTHER = 0
    OCSP_BASIC = 1
    OCSP_NONCE = 2
    OCSP_RESPONSE = 4          # AcceptableResponses
    OCSP_PREF_SIG_ALGS = 8


cdef inline int below_ocsp(const uint8_t *oid, int size) noexcept nogil:
    """1 to 127 for the OBJECT IDENTIFIER 1.3.6.1.5.5.7.48.1.N, else ``OTHER``."""
    if size != 9 or memcmp(oid, b"\x2b\x06\x01\x05\x05\x07\x30\x01", 8) != 0:
        return OTHER
    return oid[8]


cdef inline int read_nonce(const uint8_t *octets, Element *value, RequestAt *found) noexcept nogil:
    """RFC 9654 section 2.1: 1 to 128 octets, else malformedRequest.

    Nonce ::= OCTET STRING only since RFC 6960; RFC 2560 left the form open, and its clients put their octets
    into extnValue bare. What is not exactly one OCTET STRING is therefore such octets, and a response brings
    back what came, whole.
    """
    cdef Element inner
    cdef RequestAt aside
    cdef int length = value.end - value.start
    if take_last(octets, value.start, value.end, 0x04, 1, &inner, &aside) == 0:
        length = inner.end - inner.start
    if length < 1 or length > MAX_NONCE_OCTETS:
        return fail(found, FAULT_NONCE_LENGTH, value.start)
    found.nonce = value.start
    found.nonce_length = value.end - value.start
    return 0


cdef inline int read_acceptable(const uint8_t *octets, Element *value, RequestAt *found) noexcept nogil:
    """RFC 6960 section 4.4.3: SEQUENCE OF OBJECT IDENTIFIER; we have id-pkix-ocsp-basic alone."""
    cdef Element outer, oid
    cdef int at
    cdef bint basic = False
    if take_last(octets, value.start, value.end, 0x30, FAULT_ACCEPTABLE_RESPONSES, &outer, found):
        return found.fault
    at = outer.start
    while at < outer.end:
        if take(octets, at, outer.end, 0x06, FAULT_ACCEPTABLE_RESPONSES, &oid, found):
            return found.fault
        if not is_oid(octets + oid.start, oid.end - oid.start):
            return fail(found, FAULT_ACCEPTABLE_RESPONSES, at)
        if below_ocsp(octets + oid.start, oid.end - oid.start) == OCSP_BASIC:
            basic = True
        at = oid.end
    if not basic:
        return fail(found, FAULT_ACCEPTABLE_WITHOUT_BASIC, value.start)
    return 0


cdef inline int read_value(const uint8_t *octets, Element *oid, bint critical, Element *value, bint of_one,
                           RequestAt *found) noexcept nogil:
    """What an extension means; ``of_one``: in singleRequestExtensions, where none has a meaning here.

    PreferredSignatureAlgorithms (section 4.4.7) is known and changes nothing: our own policy says how we
    sign. serviceLocator (section 4.4.6) asks to be forwarded, which nobody does: ignored unless critical.
    """
    cdef int known = OTHER if of_one else below_ocsp(octets + oid.start, oid.end - oid.start)
    if known == OCSP_NONCE:
        return read_nonce(octets, value, found)
    if known == OCSP_RESPONSE:
        return read_acceptable(octets, value, found)
    if critical and known != OCSP_PREF_SIG_ALGS:
        # Section 4.1.2: one that is not understood must not be ignored where it is critical.
        return fail(found, FAULT_CRITICAL_UNKNOWN, oid.start)
    return 0


cdef inline bint was_seen(const uint8_t *octets, const Element *seen, int count,
                          const Element *oid) noexcept nogil:
    cdef int i, size = oid.end - oid.start
    for i in range(count):
        if seen[i].end - seen[i].start != size:
            continue
        if memcmp(octets + seen[i].start, octets + oid.start, size) == 0:
            return True
    return False


cdef inline int read_critical(const uint8_t *octets, int at, int end, Element *critical,
                              RequestAt *found) noexcept nogil:
    """``critical TRUE``, the only value that DER writes (X.690 sections 11.1 and 11.5).

    OpenSSL reads an explicit FALSE too, but no client is known that writes it, so that nobody is helped by
    letting a second form of the same request in.
    """
    if take(octets, at, end, 0x01, FAULT_CRITICAL_FORM, critical, found):
        return found.fault
    if critical.end - critical.start != 1:
        return fail(found, FAULT_CRITICAL_FORM, at)
    if octets[critical.start] == 0:
        return fail(found, FAULT_CRITICAL_DEFAULT, at)
    if octets[critical.start] != 0xFF:
        return fail(found, FAULT_CRITICAL_FORM, at)
    return 0


cdef inline int read_extensions(const uint8_t *octets, int at, int end, bint of_one,
                                RequestAt *found) noexcept nogil:
    """Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension, each once (RFC 5280 section 4.2), up to ``end``."""
    cdef Element outer, extension, oid, critical, value
    cdef Element seen[MOST_EXTENSIONS]
    cdef int inner, count = 0
    cdef bint is_critical
    if take_last(octets, at, end, 0x30, FAULT_EXTENSIONS, &outer, found):
        return found.fault
    if outer.start == outer.end:
        return fail(found, FAULT_EXTENSIONS_NONE, at)
    at = outer.start
    while at < outer.end:
        if take(octets, at, outer.end, 0x30, FAULT_EXTENSION, &extension, found):
            return found.fault
        if count == MOST_EXTENSIONS:
            return fail(found, FAULT_EXTENSIONS_MANY, at)
        if take(octets, extension.start, extension.end, 0x06, FAULT_EXTENSION_OID, &oid, found):
            return found.fault
        if not is_oid(octets + oid.start, oid.end - oid.start):
            return fail(found, FAULT_EXTENSION_OID, extension.start)
        if was_seen(octets, seen, count, &oid):
            return fail(found, FAULT_EXTENSION_TWICE, at)
        seen[count] = oid
        count += 1
        inner = oid.end
        is_critical = False
        if inner < extension.end and octets[inner] == 0x01:
            if read_critical(octets, inner, extension.end, &critical, found):
                return found.fault
            is_critical = True
            inner = critical.end
        if take_last(octets, inner, extension.end, 0x04, FAULT_EXTENSION_VALUE, &value, found):
            return found.fault
        if read_value(octets, &oid, is_critical, &value, of_one, found):
            return found.fault
        at = extension.end
    return 0
