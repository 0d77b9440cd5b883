"""What an OCSP request asks, once decoded: CertIDs, a nonce, perhaps a signature (RFC 6960 section 4.1.1).

Octets are kept as they stood in the request: a response echoes a CertID and a nonce, and a serial number's
content octets are its identity (``00 FF`` is 255, ``FF`` is -1).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class CertId:
    """One CertID; its representation hides the serial."""

    #: The whole element as it stood; what a SingleResponse echoes.
    der: bytes
    #: A name of ``authorities.OCSP_HASHES``; None: an algorithm that we do not know.
    hash_name: str | None
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    #: Content octets of the DER INTEGER, minimal, of any length that the request's bound leaves.
    serial: bytes

    def __repr__(self) -> str:
        return f"CertId({self.hash_name}, serial=hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class RequestSignature:
    """optionalSignature, not verified (RFC 6960 section 4.1.2)."""

    #: The tbsRequest element, header included: what is signed.
    tbs_request: bytes
    #: The AlgorithmIdentifier element.
    algorithm: bytes
    #: Content of the BIT STRING, without the unused-bits octet.
    signature: bytes
    #: Certificate elements, as they stood.
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class OcspRequest:
    """A whole request; at least one CertID, in the order of the request."""

    cert_ids: tuple[CertId, ...]
    #: Content of the nonce extension's extnValue, to be echoed as it stands: an OCTET STRING element, or bare
    #: octets as RFC 2560's clients sent them. None: no nonce.
    nonce: bytes | None = None
    signature: RequestSignature | None = None

    def __repr__(self) -> str:
        return f"OcspRequest({len(self.cert_ids)} CertIDs, nonce={self.nonce is not None})"
