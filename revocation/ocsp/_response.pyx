# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""OCSP responses written flat, in DER (RFC 6960 section 4.2.1): lengths are known before a byte is written.

A signature takes tens of microseconds; what is written around it takes a fraction of one. Nothing is parsed
here and nothing decided: a CertID and a nonce are copied as they stood in the request, times and words are
the caller's.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    datetime, datetime_day, datetime_hour, datetime_minute, datetime_month, datetime_new, datetime_second,
    datetime_tzinfo, datetime_year, import_datetime,
)
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from datetime import UTC

import_datetime()

cdef object _UTC = UTC

cdef enum:
    BIT_STRING = 0x03
    OCTET_STRING = 0x04
    SEQUENCE = 0x30
    #: GeneralizedTime YYYYMMDDHHMMSSZ, header included.
    TIME_SIZE = 17

#: responseStatus successful(0).
cdef bytes SUCCESSFUL = bytes.fromhex("0a0100")
#: responseType id-pkix-ocsp-basic (1.3.6.1.5.5.7.48.1.1).
cdef bytes BASIC = bytes.fromhex("06092b0601050507300101")
#: id-pkix-ocsp-nonce (1.3.6.1.5.5.7.48.1.2); never critical (RFC 9654 section 2.1).
cdef bytes NONCE = bytes.fromhex("06092b0601050507300102")
#: Extension { id-pkix-ocsp-extended-revoke (1.3.6.1.5.5.7.48.1.9), NULL } (RFC 6960 section 4.4.8).
cdef bytes EXTENDED_REVOKE = bytes.fromhex("300f06092b060105050730010904020500")

#: CertStatus (RFC 6960 section 4.2.1) as ``single_response`` takes it: the number of its tag.
GOOD = 0
REVOKED = 1
UNKNOWN = 2


cdef inline Py_ssize_t element_size(Py_ssize_t content) noexcept nogil:
    """Octets of an element with a one-octet tag and this much content (X.690 section 10.1)."""
    if content < 0x80:
        return 2 + content
    if content < 0x100:
        return 3 + content
    if content < 0x10000:
        return 4 + content
    if content < 0x1000000:
        return 5 + content
    return 6 + content


cdef inline uint8_t *put_header(uint8_t *to, int tag, Py_ssize_t content) noexcept nogil:
    cdef int count, i
    to[0] = <uint8_t>tag
    if content < 0x80:
        to[1] = <uint8_t>content
        return to + 2
    count = <int>(element_size(content) - content - 2)
    to[1] = <uint8_t>(0x80 | count)
    for i in range(count):
        to[2 + i] = <uint8_t>(content >> (8 * (count - 1 - i)))
    return to + 2 + count


cdef inline uint8_t *put(uint8_t *to, bytes octets):
    memcpy(to, PyBytes_AS_STRING(octets), PyBytes_GET_SIZE(octets))
    return to + PyBytes_GET_SIZE(octets)


cdef inline uint8_t *put_two(uint8_t *to, int number) noexcept nogil:
    to[0] = <uint8_t>(0x30 + number // 10)
    to[1] = <uint8_t>(0x30 + number % 10)
    return to + 2


cdef inline uint8_t *put_time(uint8_t *to, datetime at):
    """RFC 9919 section 3.2.1: seconds always, never a fraction, Z; four digits of any year."""
    cdef int year = datetime_year(at)
    to[0] = 0x18
    to[1] = TIME_SIZE - 2
    to = put_two(to + 2, year // 100)
    to = put_two(to, year % 100)
    to = put_two(to, datetime_month(at))
    to = put_two(to, datetime_day(at))
    to = put_two(to, datetime_hour(at))
    to = put_two(to, datetime_minute(at))
    to = put_two(to, datetime_second(at))
    to[0] = 0x5A
    return to + 1


cdef inline datetime in_utc(at):
    cdef datetime moment = at
    zone = datetime_tzinfo(moment)
    if zone is _UTC:
        return moment
    if zone is None:
        raise ValueError("expected an aware datetime, got a naive one; give it a time zone")
    return moment.astimezone(_UTC)


cdef inline uint8_t *room(bytes octets):
    return <uint8_t *>PyBytes_AS_STRING(octets)


cdef inline bytes empty(Py_ssize_t size):
    """Octets that nobody else has seen yet: to be written once, by whoever asked."""
    return PyBytes_FromStringAndSize(NULL, size)


def whole_second(at):
    """The same moment in UTC as a response tells it, without a fraction."""
    cdef datetime moment = in_utc(at)
    return datetime_new(
        datetime_year(moment), datetime_month(moment), datetime_day(moment), datetime_hour(moment),
        datetime_minute(moment), datetime_second(moment), 0, _UTC,
    )


def single_response(
    bytes cert_id not None, int status, this_update, next_update, revoked_at=None, int reason=-1
):
    """A SingleResponse element; ``reason`` below zero: none. ``revoked_at`` belongs to REVOKED alone."""
    cdef datetime begins = in_utc(this_update), ends = in_utc(next_update)
    cdef datetime revoked = None
    cdef Py_ssize_t info = 0, content
    cdef uint8_t *to
    if not 0 <= status <= 2 or reason > 0x7F or (status == 1) != (revoked_at is not None):
        raise ValueError("expected good, unknown, or revoked with its time and perhaps a reason")
    if revoked_at is not None:
        revoked = in_utc(revoked_at)
        # RevokedInfo: revocationTime, and [0] EXPLICIT ENUMERATED of one octet.
        info = TIME_SIZE + (5 if reason >= 0 else 0)
    # nextUpdate is [0] EXPLICIT: two octets around the time.
    content = PyBytes_GET_SIZE(cert_id) + 2 + info + TIME_SIZE + 2 + TIME_SIZE
    whole = empty(element_size(content))
    to = put_header(room(whole), SEQUENCE, content)
    to = put(to, cert_id)
    # certStatus: good [0] and unknown [2] are NULL, revoked [1] is constructed; all IMPLICIT.
    to = put_header(to, (0xA0 if status == 1 else 0x80) | status, info)
    if revoked is not None:
        to = put_time(to, revoked)
        if reason >= 0:
            to[0] = 0xA0
            to[1] = 3
            to[2] = 0x0A
            to[3] = 1
            to[4] = <uint8_t>reason
            to += 5
    to = put_time(to, begins)
    to[0] = 0xA0
    to[1] = TIME_SIZE
    put_time(to + 2, ends)
    return whole


@cython.final
cdef class ResponseTemplate:
    """What every response of one signer has in common, written once."""

    cdef bytes responder_id
    cdef bytes algorithm
    cdef bytes certificates

    def __init__(self, bytes key_hash not None, bytes algorithm not None, bytes certificate=None):
        """SHA-1 of the signer's key (RFC 6960 section 4.2.1, KeyHash), its AlgorithmIdentifier, and the
        certificate that goes along, if one does."""
        self.responder_id = _element(0xA2, _element(OCTET_STRING, key_hash))
        self.algorithm = algorithm
        self.certificates = b"" if certificate is None else _element(0xA0, _element(SEQUENCE, certificate))

    def to_be_signed(self, bytes singles not None, produced_at, bytes nonce=None, bint extended_revoke=False):
        """ResponseData: ``singles`` are SingleResponse elements one behind the other; ``nonce`` the content
        of the extension's extnValue."""
        cdef datetime produced = in_utc(produced_at)
        cdef Py_ssize_t listed = PyBytes_GET_SIZE(singles)
        cdef Py_ssize_t value = 0, nonce_extension = 0, extensions = 0, content
        cdef uint8_t *to
        if nonce is not None:
            value = PyBytes_GET_SIZE(nonce)
            nonce_extension = PyBytes_GET_SIZE(NONCE) + element_size(value)
            extensions = element_size(nonce_extension)
        if extended_revoke:
            extensions += PyBytes_GET_SIZE(EXTENDED_REVOKE)
        # version is v1, the DEFAULT, which DER leaves out.
        content = PyBytes_GET_SIZE(self.responder_id) + TIME_SIZE + element_size(listed)
        if extensions:
            content += element_size(element_size(extensions))
        whole = empty(element_size(content))
        to = put_header(room(whole), SEQUENCE, content)
        to = put(to, self.responder_id)
        to = put_time(to, produced)
        to = put_header(to, SEQUENCE, listed)
        to = put(to, singles)
        if extensions:
            to = put_header(to, 0xA1, element_size(extensions))
            to = put_header(to, SEQUENCE, extensions)
            if nonce is not None:
                to = put_header(to, SEQUENCE, nonce_extension)
                to = put(to, NONCE)
                to = put_header(to, OCTET_STRING, value)
                to = put(to, nonce)
            if extended_revoke:
                put(to, EXTENDED_REVOKE)
        return whole

    def response(self, bytes to_be_signed not None, bytes signature not None):
        """The whole OCSPResponse around a ResponseData and its signature."""
        cdef Py_ssize_t bits = PyBytes_GET_SIZE(signature) + 1
        cdef Py_ssize_t basic = (
            PyBytes_GET_SIZE(to_be_signed) + PyBytes_GET_SIZE(self.algorithm) + element_size(bits)
            + PyBytes_GET_SIZE(self.certificates)
        )
        cdef Py_ssize_t inner = element_size(basic)
        cdef Py_ssize_t typed = PyBytes_GET_SIZE(BASIC) + element_size(inner)
        cdef Py_ssize_t content = PyBytes_GET_SIZE(SUCCESSFUL) + element_size(element_size(typed))
        cdef uint8_t *to
        whole = empty(element_size(content))
        to = put_header(room(whole), SEQUENCE, content)
        to = put(to, SUCCESSFUL)
        to = put_header(to, 0xA0, element_size(typed))
        to = put_header(to, SEQUENCE, typed)
        to = put(to, BASIC)
        to = put_header(to, OCTET_STRING, inner)
        to = put_header(to, SEQUENCE, basic)
        to = put(to, to_be_signed)
        to = put(to, self.algorithm)
        to = put_header(to, BIT_STRING, bits)
        to[0] = 0
        to = put(to + 1, signature)
        put(to, self.certificates)
        return whole


cdef bytes _element(int tag, bytes content):
    whole = empty(element_size(PyBytes_GET_SIZE(content)))
    put(put_header(room(whole), tag, PyBytes_GET_SIZE(content)), content)
    return whole
