"""The fields of one entry of revokedCertificates: times and extensions, by every rule of RFC 5280.

Inline, for the walk alone. What is refused is placed in the walk; serial and date are the walk's own.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

from revocation.crl._element cimport (
    FLAG_CERTIFICATE_ISSUER,
    FLAG_INVALIDITY_DATE,
    MAX_EXTENSIONS,
    R_CRITICAL_DEFAULT,
    R_CRITICAL_FORM,
    R_DATE_FORM,
    R_DATE_GENERALIZED,
    R_DATE_VALUE,
    R_DUPLICATE,
    R_EXTENSIONS_EMPTY,
    R_EXTENSIONS_MANY,
    R_EXTENSIONS_TAG,
    R_EXTENSIONS_V1,
    R_EXTENSION_TAG,
    R_HOLD_FORM,
    R_INDIRECT,
    R_INVALIDITY_FORM,
    R_OID_FORM,
    R_OID_TAG,
    R_REASON_FORM,
    R_REASON_TAG,
    R_TRAILING,
    R_UNKNOWN_CRITICAL,
    R_VALUE_TAG,
    REASON_ABSENT,
    Element,
    Walk,
    read_element,
    refuse,
)


cdef inline int two_digits(const uint8_t *text) noexcept nogil:
    """0 to 99, or a negative number where there is no digit."""
    cdef int tens = text[0] - 48
    cdef int ones = text[1] - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1000000
    return tens * 10 + ones


cdef inline int days_in_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline int64_t days_since_1970(int year, int month, int day) noexcept nogil:
    """Proleptic Gregorian, from a year that begins in March; years 1 to 9999."""
    cdef int64_t y = year - 1 if month <= 2 else year
    cdef int64_t shifted = month - 3 if month > 2 else month + 9
    cdef int64_t day_of_year = (153 * shifted + 2) // 5 + day - 1
    return 365 * y + y // 4 - y // 100 + y // 400 + day_of_year - 719468


cdef inline int read_time(Walk *walk, Element *element, bint any_year, int64_t *seconds) noexcept nogil:
    """RFC 5280 section 4.1.2.5: with seconds, without fraction, ending in Z.

    ``any_year``: GeneralizedTime whatever the year (section 5.3.2); else UTCTime through 2049.
    Answers 0, or the refusal code for the caller to place.
    """
    cdef const uint8_t *text = walk.data + element.start
    cdef Py_ssize_t size = element.end - element.start
    cdef int year, month, day, hour, minute, second, century
    if element.tag == 0x17:
        if size != 13 or text[12] != 0x5A:
            return R_DATE_FORM
        year = two_digits(text)
        # RFC 5280 section 4.1.2.5.1: 50 and more is 19YY, less is 20YY.
        year += 1900 if year >= 50 else 2000
        text += 2
    else:
        if size != 15 or text[14] != 0x5A:
            return R_DATE_FORM
        century = two_digits(text)
        year = two_digits(text + 2)
        if century < 0:
            return R_DATE_FORM
        year += century * 100
        text += 4
    month = two_digits(text)
    day = two_digits(text + 2)
    hour = two_digits(text + 4)
    minute = two_digits(text + 6)
    second = two_digits(text + 8)
    if year < 0 or month < 0 or day < 0 or hour < 0 or minute < 0 or second < 0:
        return R_DATE_FORM
    if year < 1 or month < 1 or month > 12 or day < 1 or hour > 23 or minute > 59 or second > 59:
        return R_DATE_VALUE
    if day > days_in_month(year, month):
        return R_DATE_VALUE
    if element.tag == 0x18 and year < 2050 and not any_year and not walk.generalized_before_2050:
        return R_DATE_GENERALIZED
    seconds[0] = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    return 0


cdef inline bint well_formed_oid(const uint8_t *content, Py_ssize_t size) noexcept nogil:
    """X.690 section 8.19: complete, each arc in the fewest octets; bounded like the text of it."""
    cdef Py_ssize_t i
    cdef bint fresh = True
    if size < 1 or size > 64:
        return False
    for i in range(size):
        if fresh and content[i] == 0x80:
            return False
        fresh = content[i] < 0x80
    return fresh


cdef inline int read_reason(Walk *walk, Element *value, uint8_t *record) noexcept nogil:
    """RFC 5280 section 5.3.1: an ENUMERATED; codes that it does not know are kept, 0 to 254."""
    cdef Element element
    cdef const uint8_t *content
    cdef Py_ssize_t size
    if read_element(walk, value.start, value.end, &element) < 0:
        return -1
    if element.tag != 0x0A:
        return refuse(walk, R_REASON_TAG, value.start, element.tag)
    if element.end != value.end:
        return refuse(walk, R_TRAILING, element.end, value.end - element.end)
    content = walk.data + element.start
    size = element.end - element.start
    if size == 1 and content[0] < 0x80:
        record[21] = content[0]
    elif size == 2 and content[0] == 0 and 0x80 <= content[1] < REASON_ABSENT:
        record[21] = content[1]
    else:
        return refuse(walk, R_REASON_FORM, element.start, size)
    return 0


cdef inline int read_extension_value(Walk *walk, const uint8_t *oid, Py_ssize_t oid_size, bint critical,
                              Py_ssize_t oid_at, Element *value, uint8_t *record) noexcept nogil:
    """The entry extensions of RFC 5280 section 5.3, all under 2.5.29; others only if not critical."""
    cdef Element element
    cdef int64_t ignored
    cdef int problem
    if oid_size == 3 and oid[0] == 0x55 and oid[1] == 0x1D:
        if oid[2] == 21:
            return read_reason(walk, value, record)
        if oid[2] == 24:
            # Section 5.3.2, invalidityDate: GeneralizedTime whatever the year.
            if read_element(walk, value.start, value.end, &element) < 0:
                return -1
            problem = R_DATE_FORM if element.tag != 0x18 else read_time(
                walk, &element, True, &ignored)
            if problem != 0 or element.end != value.end:
                return refuse(walk, R_INVALIDITY_FORM, value.start, element.tag)
            record[22] |= FLAG_INVALIDITY_DATE
            return 0
        if oid[2] == 29:
            # Section 5.3.3, certificateIssuer: only indirect lists have it. From here on entries are another
            # issuer's, so nobody gets one who has not said that he looks (issuers.py).
            if not walk.certificate_issuers:
                return refuse(walk, R_INDIRECT, oid_at, 0)
            record[22] |= FLAG_CERTIFICATE_ISSUER
            return 0
        if oid[2] == 23:
            # holdInstructionCode (RFC 3280 section 5.3.2): gone from RFC 5280, and it changes no status.
            if read_element(walk, value.start, value.end, &element) < 0:
                return -1
            if element.tag != 0x06 or element.end != value.end:
                return refuse(walk, R_HOLD_FORM, value.start, element.tag)
            return 0
    if critical:
        # RFC 5280 section 5.3: such a list must not be used to determine any status.
        walk.length = oid_size
        return refuse(walk, R_UNKNOWN_CRITICAL, oid_at, 0)
    return 0


cdef inline int read_extensions(Walk *walk, Py_ssize_t at, Py_ssize_t end, uint8_t *record) noexcept nogil:
    """crlEntryExtensions: SEQUENCE SIZE (1..MAX) OF Extension, each OID once (RFC 5280 section 4.2)."""
    cdef Element outer, extension, oid, value
    cdef Py_ssize_t seen[MAX_EXTENSIONS]
    cdef Py_ssize_t seen_size[MAX_EXTENSIONS]
    cdef Py_ssize_t inner, size
    cdef int count = 0
    cdef int i
    cdef bint critical
    if read_element(walk, at, end, &outer) < 0:
        return -1
    if outer.tag != 0x30:
        return refuse(walk, R_EXTENSIONS_TAG, at, outer.tag)
    if outer.end != end:
        return refuse(walk, R_TRAILING, outer.end, end - outer.end)
    if not walk.extensions_allowed:
        return refuse(walk, R_EXTENSIONS_V1, at, 0)
    if outer.start == outer.end:
        return refuse(walk, R_EXTENSIONS_EMPTY, at, 0)
    at = outer.start
    while at < outer.end:
        if read_element(walk, at, outer.end, &extension) < 0:
            return -1
        if extension.tag != 0x30:
            return refuse(walk, R_EXTENSION_TAG, at, extension.tag)
        if count == MAX_EXTENSIONS:
            return refuse(walk, R_EXTENSIONS_MANY, at, MAX_EXTENSIONS)
        inner = extension.start
        if read_element(walk, inner, extension.end, &oid) < 0:
            return -1
        if oid.tag != 0x06:
            return refuse(walk, R_OID_TAG, inner, oid.tag)
        size = oid.end - oid.start
        if not well_formed_oid(walk.data + oid.start, size):
            return refuse(walk, R_OID_FORM, inner, size)
        for i in range(count):
            if seen_size[i] == size and memcmp(walk.data + seen[i], walk.data + oid.start, size) == 0:
                walk.length = size
                return refuse(walk, R_DUPLICATE, oid.start, 0)
        seen[count] = oid.start
        seen_size[count] = size
        count += 1
        inner = oid.end
        critical = False
        if read_element(walk, inner, extension.end, &value) < 0:
            return -1
        if value.tag == 0x01:
            if value.end - value.start != 1 or (walk.data[value.start] != 0xFF and walk.data[value.start] != 0):
                return refuse(walk, R_CRITICAL_FORM, inner, value.end - value.start)
            critical = walk.data[value.start] == 0xFF
            if not critical and not walk.explicit_default:
                return refuse(walk, R_CRITICAL_DEFAULT, inner, 0)
            inner = value.end
            if read_element(walk, inner, extension.end, &value) < 0:
                return -1
        if value.tag != 0x04:
            return refuse(walk, R_VALUE_TAG, inner, value.tag)
        if value.end != extension.end:
            return refuse(walk, R_TRAILING, value.end, extension.end - value.end)
        if read_extension_value(walk, walk.data + oid.start, size, critical, oid.start, &value, record) < 0:
            return -1
        at = extension.end
    return 0
