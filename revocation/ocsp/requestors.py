"""Signed requests (RFC 6960 section 4.1.2): is this signature by a requestor whose certificate we pinned?

No chain is built and no certificate of the request is believed: those that it brings are not even read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from revocation.crl.algorithms import algorithm_name, signature_verifies, signed_hashes
from revocation.ocsp.cert_id import RequestSignature
from revocation.ocsp.signing_keys import LEAST_RSA_BITS


def is_by_requestor(
    signature: RequestSignature, requestors: Iterable[x509.Certificate], now: datetime
) -> bool:
    """Garbage, a weak or unknown algorithm, a stranger and a certificate out of its dates: all False."""
    if algorithm_name(signature.algorithm) is None:
        return False
    digests = {
        name: hashlib.new(name, signature.tbs_request).digest() for name in signed_hashes(signature.algorithm)
    }
    return any(
        _signed(certificate, signature, digests)
        for certificate in requestors
        if certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    )


def _signed(certificate: x509.Certificate, signature: RequestSignature, digests: dict[str, bytes]) -> bool:
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
            return False
        return signature_verifies(
            key, signature.algorithm, signature.signature, memoryview(signature.tbs_request), digests
        )
    except (ValueError, UnsupportedAlgorithm):
        return False
