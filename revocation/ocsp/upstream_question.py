"""A question to another OCSP responder about one certificate (RFC 6960 section 4.1.1; nonce RFC 9654).

What J-LIS wants of a request is under NDA, so each part is a setting: the CertID's hash, whether a nonce is
sent, whether the request is signed. The request is cryptography's; only a signature, which it cannot put on a
request, is written around it here.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from revocation.authorities import OCSP_HASHES, Generation
from revocation.der import BIT_STRING, SEQUENCE, DerReader, encoded
from revocation.errors import InputRefused
from revocation.identity import subject_public_key_bits

#: RFC 9654 section 2.1: a client should send 32 octets.
NONCE_OCTETS: Final = 32

_ALGORITHMS: Final[dict[str, hashes.HashAlgorithm]] = {
    # RFC 9919 section 3.1.1 wants SHA-256; older responders know SHA-1 only, which is no signature here.
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

_REQUESTOR_NAME: Final = 0xA1
_DIRECTORY_NAME: Final = 0xA4
_SIGNATURE: Final = 0xA0
_CERTIFICATES: Final = 0xA0
_NO_UNUSED_BITS: Final = b"\x00"


class RequestKey(Protocol):
    """What signs a request: a key in a file or in a token."""

    @property
    def algorithm(self) -> bytes:
        """The AlgorithmIdentifier of its signatures, DER."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature's octets; may block."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class RequestSigner:
    """Who signs our requests: the key, its certificate first, then those above it."""

    key: RequestKey
    certificates: tuple[x509.Certificate, ...]

    def __post_init__(self) -> None:
        if not self.certificates:
            raise InputRefused(
                "REQUEST_SIGNER_REFUSED",
                expected="the certificate of the key that signs OCSP requests",
                got="none",
                remedy="give the certificate that the responder knows us by",
            )


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamQuestion:
    """One request and what its answer must say again; the representation hides the certificate."""

    der: bytes
    hash_name: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    #: Content octets of the serial's DER INTEGER, positive.
    serial: bytes
    #: As sent; None: no nonce was sent.
    nonce: bytes | None
    #: Who must have issued the certificate, and must stand behind the answer.
    issuer: Generation

    def __repr__(self) -> str:
        return f"UpstreamQuestion({self.hash_name}, serial=hidden, nonce={self.nonce is not None})"


def can_be_asked(serial: bytes) -> bool:
    """RFC 5280 section 4.1.2.2: no certificate has a serial number of zero or below."""
    return int.from_bytes(serial, "big", signed=True) > 0


def question_about(
    issuer: Generation,
    serial: bytes,
    *,
    hash_name: str = "sha1",
    with_nonce: bool = True,
    signer: RequestSigner | None = None,
) -> UpstreamQuestion:
    """The question whether the certificate of this issuer with this serial (content octets) is revoked.

    Refuses a hash that no CertID has, and a serial that no certificate has. With a ``signer`` it may block.
    """
    if hash_name not in OCSP_HASHES or not can_be_asked(serial):
        raise InputRefused(
            "UPSTREAM_QUESTION_REFUSED",
            expected=f"a hash among {', '.join(OCSP_HASHES)} and a positive serial number",
            got="another",
            remedy="correct the setting of the hash; what was never issued cannot be asked about",
        )
    name_hash = hashlib.new(hash_name, issuer.subject, usedforsecurity=False).digest()
    bits = subject_public_key_bits(issuer.certificate.public_key())
    key_hash = hashlib.new(hash_name, bits, usedforsecurity=False).digest()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        name_hash, key_hash, int.from_bytes(serial, "big", signed=True), _ALGORITHMS[hash_name]
    )
    nonce = secrets.token_bytes(NONCE_OCTETS) if with_nonce else None
    if nonce is not None:
        # RFC 9654 section 2.1: not critical, or responders without nonces would have to refuse.
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    der = builder.build().public_bytes(Encoding.DER)
    if signer is not None:
        der = _signed(der, signer)
    return UpstreamQuestion(der, hash_name, name_hash, key_hash, serial, nonce, issuer)


def _signed(der: bytes, signer: RequestSigner) -> bytes:
    """The same request with requestorName and optionalSignature (RFC 6960 section 4.1.1).

    Section 4.1.2: who signs a request must say in it who it is.
    """
    outer = DerReader(der).enter(SEQUENCE, "OCSPRequest")
    start, end = outer.element(SEQUENCE, "tbsRequest")
    subject = signer.certificates[0].subject.public_bytes()
    requestor = encoded(_REQUESTOR_NAME, encoded(_DIRECTORY_NAME, subject))
    tbs = encoded(SEQUENCE, requestor + der[start:end])
    chain = b"".join(each.public_bytes(Encoding.DER) for each in signer.certificates)
    signature = encoded(
        SEQUENCE,
        signer.key.algorithm
        + encoded(BIT_STRING, _NO_UNUSED_BITS + signer.key.sign(tbs))
        + encoded(_CERTIFICATES, encoded(SEQUENCE, chain)),
    )
    return encoded(SEQUENCE, tbs + encoded(_SIGNATURE, signature))
