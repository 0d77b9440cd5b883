"""The walk over a request refuses by number; here is the name of each number, and its sentence."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from revocation.errors import InputRefused


class RequestFault(IntEnum):
    """``FAULT_...`` of ``_request_at.pxd``, under the same names."""

    EMPTY = 1
    TOO_LARGE = 2
    TRUNCATED = 3
    LENGTH_INDEFINITE = 4
    LENGTH_FORM = 5
    TRAILING = 6
    OCSP_REQUEST = 7
    TBS_REQUEST = 8
    VERSION = 9
    REQUESTOR_NAME = 10
    REQUEST_LIST = 11
    CERT_IDS_NONE = 12
    CERT_IDS_MANY = 13
    REQUEST = 14
    CERT_ID = 15
    HASH_ALGORITHM = 16
    HASH_PARAMETERS = 17
    NAME_HASH = 18
    KEY_HASH = 19
    HASH_LENGTH = 20
    SERIAL = 21
    SERIAL_EMPTY = 22
    SERIAL_FORM = 23
    EXTENSIONS = 24
    EXTENSIONS_NONE = 25
    EXTENSIONS_MANY = 26
    EXTENSION = 27
    EXTENSION_OID = 28
    EXTENSION_VALUE = 29
    EXTENSION_TWICE = 30
    CRITICAL_FORM = 31
    CRITICAL_DEFAULT = 32
    CRITICAL_UNKNOWN = 33
    NONCE_LENGTH = 34
    ACCEPTABLE_RESPONSES = 35
    ACCEPTABLE_WITHOUT_BASIC = 36
    SIGNATURE = 37
    SIGNATURE_ALGORITHM = 38
    SIGNATURE_BITS = 39
    CERTIFICATES = 40
    CERTIFICATES_MANY = 41


_F: Final = RequestFault
_OTHER: Final = "none, or another element"

#: (expected, got); nothing of the request stands in them.
_SENTENCES: Final[dict[RequestFault, tuple[str, str]]] = {
    _F.EMPTY: ("an OCSPRequest", "no octets"),
    _F.TOO_LARGE: ("at most 16384 octets", "more"),
    _F.TRUNCATED: ("an element inside its parent (X.690 section 8.1.3)", "a length beyond its end"),
    _F.LENGTH_INDEFINITE: ("a definite length (X.690 section 10.1)", "the indefinite form"),
    _F.LENGTH_FORM: ("the shortest form of the length (X.690 section 10.1)", "a longer one"),
    _F.TRAILING: ("nothing there (RFC 6960 section 4.1.1)", "further octets"),
    _F.OCSP_REQUEST: ("OCSPRequest: a SEQUENCE", "another element"),
    _F.TBS_REQUEST: ("tbsRequest: a SEQUENCE", _OTHER),
    _F.VERSION: ("version: v1, or left out", "another version"),
    _F.REQUESTOR_NAME: ("requestorName: one GeneralName", _OTHER),
    _F.REQUEST_LIST: ("requestList: a SEQUENCE", _OTHER),
    _F.CERT_IDS_NONE: ("requestList: at least one Request", "none"),
    _F.CERT_IDS_MANY: ("requestList: at most 32 Requests", "more"),
    _F.REQUEST: ("Request: a SEQUENCE", "another element"),
    _F.CERT_ID: ("reqCert: a SEQUENCE", _OTHER),
    _F.HASH_ALGORITHM: ("hashAlgorithm: an AlgorithmIdentifier", _OTHER),
    _F.HASH_PARAMETERS: ("hashAlgorithm: parameters absent or NULL", "others"),
    _F.NAME_HASH: ("issuerNameHash: an OCTET STRING", _OTHER),
    _F.KEY_HASH: ("issuerKeyHash: an OCTET STRING", _OTHER),
    _F.HASH_LENGTH: ("two hashes as long as their algorithm's", "another length"),
    _F.SERIAL: ("serialNumber: an INTEGER", _OTHER),
    _F.SERIAL_EMPTY: ("serialNumber: at least one octet", "none"),
    _F.SERIAL_FORM: ("serialNumber: the fewest octets (X.690 section 8.3.2)", "more"),
    _F.EXTENSIONS: ("Extensions: a SEQUENCE", _OTHER),
    _F.EXTENSIONS_NONE: ("Extensions: at least one, or all of it left out", "an empty SEQUENCE"),
    _F.EXTENSIONS_MANY: ("Extensions: at most 16", "more"),
    _F.EXTENSION: ("Extension: a SEQUENCE", "another element"),
    _F.EXTENSION_OID: ("extnID: an OBJECT IDENTIFIER", _OTHER),
    _F.EXTENSION_VALUE: ("extnValue: an OCTET STRING", _OTHER),
    _F.EXTENSION_TWICE: ("each extension once (RFC 5280 section 4.2)", "one of them twice"),
    _F.CRITICAL_FORM: ("critical: a BOOLEAN in DER (X.690 section 11.1)", "another form"),
    _F.CRITICAL_DEFAULT: ("critical: TRUE, or left out (X.690 section 11.5)", "an explicit FALSE"),
    _F.CRITICAL_UNKNOWN: ("no critical extension but those of RFC 6960 section 4.4 for requests", "one"),
    _F.NONCE_LENGTH: ("a nonce of 1 to 128 octets (RFC 9654 section 2.1)", "another length"),
    _F.ACCEPTABLE_RESPONSES: ("AcceptableResponses: a SEQUENCE OF OBJECT IDENTIFIER", "another form"),
    _F.ACCEPTABLE_WITHOUT_BASIC: (
        "id-pkix-ocsp-basic among the acceptable responses (RFC 6960 section 4.4.3)",
        "others only",
    ),
    _F.SIGNATURE: ("optionalSignature: a SEQUENCE", _OTHER),
    _F.SIGNATURE_ALGORITHM: ("signatureAlgorithm: an AlgorithmIdentifier", _OTHER),
    _F.SIGNATURE_BITS: ("signature: a BIT STRING without unused bits", _OTHER),
    _F.CERTIFICATES: ("certs: a SEQUENCE OF Certificate", _OTHER),
    _F.CERTIFICATES_MANY: ("certs: at most 16", "more"),
}


def malformed(fault: int, offset: int) -> InputRefused:
    """The refusal of a request (RFC 6960 section 2.3, malformedRequest), by fault and where it was found."""
    expected, got = _SENTENCES[RequestFault(fault)]
    return InputRefused(
        "MALFORMED_REQUEST",
        expected=expected,
        got=f"{got}, at byte offset {offset}",
        remedy="send an OCSPRequest in DER as RFC 9919 section 3.1 says",
    )
