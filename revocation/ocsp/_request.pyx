# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The walk over an OCSPRequest for Python: what it found, copied out of the request's octets."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from revocation.ocsp._request_at cimport FAULT_CERTIFICATES, HASH_UNKNOWN, CertIdAt, Element, RequestAt, take
from revocation.ocsp._request_walk cimport walk_request

from revocation.ocsp.cert_id import CertId, OcspRequest, RequestSignature

# By HASH_SHA1 to HASH_SHA512.
cdef tuple HASH_NAMES = ("sha1", "sha256", "sha384", "sha512")


cdef inline bytes cut(const uint8_t *octets, int start, int end):
    return PyBytes_FromStringAndSize(<const char *>octets + start, end - start)


cdef object cert_id_of(const uint8_t *octets, const CertIdAt *at):
    return CertId(
        cut(octets, at.start, at.end),
        None if at.hash_kind == HASH_UNKNOWN else HASH_NAMES[at.hash_kind],
        cut(octets, at.name_hash, at.name_hash + at.hash_length),
        cut(octets, at.key_hash, at.key_hash + at.hash_length),
        cut(octets, at.serial, at.serial + at.serial_length),
    )


cdef object signature_of(const uint8_t *octets, RequestAt *found):
    """The walk went over the certificates before, so that none of them is cut wrong."""
    cdef Element certificate
    cdef int at = found.certs_start
    cdef list certificates = []
    while at < found.certs_end:
        if take(octets, at, found.certs_end, 0x30, FAULT_CERTIFICATES, &certificate, found):
            break
        certificates.append(cut(octets, at, certificate.end))
        at = certificate.end
    return RequestSignature(
        cut(octets, found.tbs_start, found.tbs_end),
        cut(octets, found.algorithm_start, found.algorithm_end),
        cut(octets, found.signature_start, found.signature_end),
        tuple(certificates),
    )


def read_request(bytes der not None):
    """The request; or (fault, offset), where the number is one of ``request_faults.RequestFault``."""
    cdef RequestAt found
    cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(der)
    cdef int i
    cdef list cert_ids = []
    if walk_request(octets, PyBytes_GET_SIZE(der), &found):
        return found.fault, found.fault_at
    for i in range(found.count):
        cert_ids.append(cert_id_of(octets, &found.cert_ids[i]))
    return OcspRequest(
        tuple(cert_ids),
        cut(octets, found.nonce, found.nonce + found.nonce_length) if found.nonce_length else None,
        signature_of(octets, &found) if found.is_signed else None,
    )
