"""An OCSP request (RFC 6960 section 4.1), decoded or refused. The parser is cryptography's.

It reads requests with exactly one CertID, which is what RFC 9919 section 3.1.1 asks clients to send.
Policy for what the RFCs leave open: a requestorName and a request signature are ignored (RFC 9919), since
who may ask is decided by the HTTP side; unknown extensions that are not critical are ignored.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.oid import ObjectIdentifier, OCSPExtensionOID

from revocation.der import INTEGER, OCTET_STRING, SEQUENCE, DerReader, encoded
from revocation.errors import InputRefused
from revocation.ocsp.cert_id import CertId, OcspRequest

#: A request with one CertID and every extension that we know stays far below; larger ones are not parsed.
MAX_REQUEST_OCTETS: Final = 16 * 1024

#: RFC 9654 section 2.1: a responder must refuse 0 and more than 128 octets.
MAX_NONCE_OCTETS: Final = 128

_BASIC: Final = ObjectIdentifier("1.3.6.1.5.5.7.48.1.1")
_KNOWN: Final = frozenset({OCSPExtensionOID.NONCE, OCSPExtensionOID.ACCEPTABLE_RESPONSES})

_EXPLICIT_V1: Final = b"\xa0\x03\x02\x01\x00"
_REQUESTOR_NAME: Final = 0xA1
_EXTENSIONS: Final = 0xA0


_HASH_NAMES: Final = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


def decode_request(der: bytes) -> OcspRequest:
    """Whole or refused: ``MALFORMED_REQUEST``."""
    if not 0 < len(der) <= MAX_REQUEST_OCTETS:
        raise malformed(f"1 to {MAX_REQUEST_OCTETS} octets", f"{len(der)} octets")
    der = _without_explicit_version(der)
    extensions = x509.Extensions([])
    try:
        request = ocsp.load_der_ocsp_request(der)
        extensions = request.extensions
        lengths = {len(request.issuer_name_hash), len(request.issuer_key_hash)}
        if lengths != {request.hash_algorithm.digest_size}:
            raise malformed("hashes as long as their algorithm's", "others")
    except UnsupportedAlgorithm:
        pass
    except NotImplementedError as error:
        raise malformed("exactly one CertID", "none or several") from error
    except (ValueError, x509.DuplicateExtension) as error:
        # Strict DER: lengths, trailing octets, minimal integers, each extension once, version v1.
        raise malformed("an OCSPRequest in DER (RFC 6960 section 4.1.1)", "something else") from error
    cert_id = _cert_id(_check_single_extensions(der))
    nonce = _nonce(extensions)
    return OcspRequest((cert_id,), None if nonce is None else encoded(OCTET_STRING, nonce))


def _cert_id(der: bytes) -> CertId:
    fields = DerReader(der).enter(SEQUENCE, "reqCert")
    oid = fields.enter(SEQUENCE, "hashAlgorithm").oid("algorithm")
    name, key, serial = (fields.element(tag, "reqCert") for tag in (OCTET_STRING, OCTET_STRING, INTEGER))
    return CertId(
        der, _HASH_NAMES.get(oid), der[name[0] : name[1]], der[key[0] : key[1]], der[serial[0] : serial[1]]
    )


def _nonce(extensions: x509.Extensions) -> bytes | None:
    """Check requestExtensions; the nonce among them. Whether it is marked critical does not matter."""
    nonce: bytes | None = None
    for extension in extensions:
        value = extension.value
        if extension.critical and extension.oid not in _KNOWN:
            # RFC 6960 section 4.1.2: a critical extension that is not understood must not be ignored.
            raise malformed("no unknown critical extension", "one")
        if isinstance(value, x509.OCSPNonce):
            nonce = value.nonce
            if not 1 <= len(nonce) <= MAX_NONCE_OCTETS:
                raise malformed(
                    f"a nonce of 1 to {MAX_NONCE_OCTETS} octets (RFC 9654)", f"{len(nonce)} octets"
                )
        elif isinstance(value, x509.OCSPAcceptableResponses) and _BASIC not in value:
            # RFC 6960 section 4.4.3: we have no other response type than the basic one.
            raise malformed("id-pkix-ocsp-basic among the acceptable responses", "others only")
    return nonce


def _without_explicit_version(der: bytes) -> bytes:
    """Drop an explicit ``version v1``: DER leaves a DEFAULT out, yet OpenSSL and Go accept it, so we do."""
    try:
        outer = DerReader(der).enter(SEQUENCE, "OCSPRequest")
        start, end = outer.element(SEQUENCE, "tbsRequest")
    except InputRefused:
        return der  # the parser says what is wrong
    if der[start : start + len(_EXPLICIT_V1)] != _EXPLICIT_V1:
        return der
    tbs = encoded(SEQUENCE, der[start + len(_EXPLICIT_V1) : end])
    return encoded(SEQUENCE, tbs + der[end : outer.end]) + der[outer.end :]


def _check_single_extensions(der: bytes) -> bytes:
    """singleRequestExtensions, which the parser checks for form and does not show (RFC 6960 section 4.1.1).

    serviceLocator (section 4.4.6) is ignored like every other that is not critical.
    """
    tbs = DerReader(der).enter(SEQUENCE, "OCSPRequest").enter(SEQUENCE, "tbsRequest")
    if tbs.peek() == _REQUESTOR_NAME:
        tbs.header("requestorName")
    request = tbs.enter(SEQUENCE, "requestList").enter(SEQUENCE, "Request")
    cert_id = request.raw(SEQUENCE, "reqCert")
    if request.peek() != _EXTENSIONS:
        return cert_id
    extensions = request.enter(_EXTENSIONS, "singleRequestExtensions").enter(SEQUENCE, "Extensions")
    while extensions.peek() != -1:
        extension = extensions.enter(SEQUENCE, "Extension")
        extension.oid("extnID")
        if extension.peek() == 0x01 and extension.boolean("critical"):
            raise malformed("no critical extension of a single request", "one")
    return cert_id


def malformed(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "MALFORMED_REQUEST", expected=expected, got=got, remedy="send one CertID as RFC 9919 section 3.1 says"
    )
