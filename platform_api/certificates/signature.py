"""A signature over a digest, checked with the certificate's key: RSA PKCS#1 v1.5 or ECDSA.

Where the caller hashed the document himself, what was signed never comes to us. Keys of today's cards sign
with SHA-256; P-384 keys of the next ones with SHA-384 (jpki.md section 1.6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from platform_api.certificates.profile import PresentedCertificate
from revocation.errors import InputRefused

RSA_SHA256: Final = "RSASSA-PKCS1-v1_5-SHA256"
ECDSA_SHA256: Final = "ECDSA-SHA256"
ECDSA_SHA384: Final = "ECDSA-SHA384"

_OCTETS: Final[Mapping[str, int]] = MappingProxyType({"sha256": 32, "sha384": 48})

#: RSA below 2048 bits is no basis of a signature (MIC ordinance, article 2); above 4096 only costs us.
_RSA_BITS: Final = (2048, 4096)


def signature_algorithm(presented: PresentedCertificate) -> str:
    """The name of the algorithm that this certificate's key signs documents with."""
    key = presented.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        return RSA_SHA256
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return ECDSA_SHA256
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        return ECDSA_SHA384
    raise InputRefused(
        "KEY_NOT_SUPPORTED",
        expected="an RSA key of 2048 to 4096 bits or an EC key on P-256 or P-384",
        got="another key",
        remedy="send the certificate of a My Number card or phone",
    )


def document_signed(presented: PresentedCertificate, document: bytes, signature: bytes) -> bool:
    """Did the holder's key sign this document, with the one algorithm of such a key?"""
    name = "sha384" if signature_algorithm(presented) == ECDSA_SHA384 else "sha256"
    return signature_valid(presented, hashlib.new(name, document).digest(), signature, name)


def signature_valid(
    presented: PresentedCertificate, digest: bytes, signature: bytes, digest_algorithm: str = "sha256"
) -> bool:
    """Did the holder's key sign this digest? Says nothing about the certificate itself.

    SHA-384 is for P-384 keys only; such a key may have signed a SHA-256 digest too.
    """
    algorithm = signature_algorithm(presented)
    if digest_algorithm not in _OCTETS or (digest_algorithm == "sha384" and algorithm != ECDSA_SHA384):
        raise InputRefused(
            "DIGEST_ALGORITHM",
            expected="sha256, or sha384 with a P-384 key",
            got="another algorithm for this key",
            remedy="hash the signed document with SHA-256 and have its digest signed",
        )
    if len(digest) != _OCTETS[digest_algorithm]:
        raise InputRefused(
            "DIGEST_MALFORMED",
            expected=f"a {digest_algorithm} digest of {_OCTETS[digest_algorithm]} octets",
            got=f"{len(digest)} octets",
            remedy="hash the signed document with that algorithm and send the digest in base64",
        )
    if not presented.may_sign:  # RFC 5280 section 4.2.1.3: keyUsage without digitalSignature
        return False
    key = presented.certificate.public_key()
    hashed = Prehashed(SHA384() if digest_algorithm == "sha384" else SHA256())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True
