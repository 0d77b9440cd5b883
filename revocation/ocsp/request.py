"""An OCSP request (RFC 6960 section 4.1), decoded or refused; the parser is our own and reads DER alone.

It reads what RFC 6960 allows, so also several CertIDs and a signature, though RFC 9919 section 3.1 asks
clients for one CertID and none. What stands in the request and says nothing to us is checked for its form
and left out: requestorName, extensions that we do not know and that are not critical, those of one Request.
What is accepted beside strict DER, because clients send it: an explicit ``version v1``, hash parameters NULL
or absent, a nonce that is no OCTET STRING (RFC 2560).
"""

from __future__ import annotations

from typing import Final

from revocation.ocsp._request import read_request
from revocation.ocsp.cert_id import OcspRequest
from revocation.ocsp.request_faults import malformed

#: A request with the most CertIDs, every extension that we know and a client's signature with its
#: certificates stays below; of a larger one nothing is looked at.
MAX_REQUEST_OCTETS: Final = 16 * 1024

#: Against one small request that costs many signatures' work; a responder may have a lower limit.
MOST_CERT_IDS: Final = 32

#: RFC 9654 section 2.1: a responder must refuse 0 and more than 128 octets.
MAX_NONCE_OCTETS: Final = 128


def decode_request(der: bytes) -> OcspRequest:
    """Decode whole or not at all.

    Raises ``InputRefused`` with code ``MALFORMED_REQUEST``; its texts say which part is wrong at which byte
    offset, never what stands there. An unknown hash algorithm is not malformed: its ``hash_name`` is None.
    """
    found = read_request(der)
    if isinstance(found, OcspRequest):
        return found
    raise malformed(*found)
