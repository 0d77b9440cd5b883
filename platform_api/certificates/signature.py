"""A signature over a digest, checked with the certificate's key: RSA PKCS#1 v1.5 or ECDSA, SHA-256.

The caller hashed the document himself: what was signed never comes to us.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from platform_api.certificates.profile import PresentedCertificate
from revocation.errors import InputRefused

SHA256_OCTETS: Final = 32

RSA_SHA256: Final = "RSASSA-PKCS1-v1_5-SHA256"
ECDSA_SHA256: Final = "ECDSA-SHA256"

#: RSA below 2048 bits is no basis of a signature (MIC ordinance, article 2); above 4096 only costs us.
_RSA_BITS: Final = (2048, 4096)


def signature_algorithm(presented: PresentedCertificate) -> str:
    """The name of the algorithm that this certificate's key signs digests with."""
    key = presented.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        return RSA_SHA256
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return ECDSA_SHA256
    raise InputRefused(
        "KEY_NOT_SUPPORTED",
        expected="an RSA key of 2048 to 4096 bits or an EC key on P-256 or P-384",
        got="another key",
        remedy="send the certificate of a My Number card or phone",
    )


def signature_valid(presented: PresentedCertificate, digest: bytes, signature: bytes) -> bool:
    """Did the holder's key sign this digest? Says nothing about the certificate itself."""
    if len(digest) != SHA256_OCTETS:
        raise InputRefused(
            "DIGEST_MALFORMED",
            expected=f"a SHA-256 digest of {SHA256_OCTETS} octets",
            got=f"{len(digest)} octets",
            remedy="hash the signed document with SHA-256 and send the digest in base64",
        )
    signature_algorithm(presented)
    if not presented.may_sign:  # RFC 5280 section 4.2.1.3: keyUsage without digitalSignature
        return False
    key = presented.certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
        else:
            return False
    except InvalidSignature:
        return False
    return True
