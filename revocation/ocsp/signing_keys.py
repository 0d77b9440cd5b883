"""Private keys that sign OCSP answers: what a responder needs of one, and keys in the memory of this process.

The algorithm follows from the key alone: a client's PreferredSignatureAlgorithms never weakens it
(RFC 6960 section 4.4.7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from revocation.errors import InputRefused

ResponderKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
ResponderPublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

#: Shorter RSA keys sign nothing that anybody should believe (NIST SP 800-131A, BR 6.1.5).
LEAST_RSA_BITS: Final = 2048

# AlgorithmIdentifiers, whole (RFC 5758 section 3.2, RFC 4055 section 5, RFC 8410 section 3).
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_ECDSA_SHA384: Final = bytes.fromhex("300a06082a8648ce3d040303")
_RSA_SHA256: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_ED25519: Final = bytes.fromhex("300506032b6570")


class SigningKey(Protocol):
    """One private key, wherever it lives."""

    @property
    def algorithm(self) -> bytes:
        """The AlgorithmIdentifier of its signatures, DER."""
        ...

    @property
    def slow(self) -> bool:
        """Does a signature take 100 us or more? Then it is made in a thread, beside an event loop."""
        ...

    def public_key(self) -> ResponderPublicKey:
        """The public half, as it stands in the responder's certificate."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over these octets, as a BIT STRING carries it. Safe to call from several threads.

        Raises ``OutsideFailed`` where the key cannot be reached now (a token that is gone).
        """
        ...


def algorithm_of(key: ResponderPublicKey) -> bytes:
    """The AlgorithmIdentifier that this key signs with; refused where it should not sign at all."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            raise refused_key(f"an RSA key of at least {LEAST_RSA_BITS} bits", f"{key.key_size} bits")
        return _RSA_SHA256
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _ED25519
    if isinstance(key.curve, ec.SECP256R1):
        return _ECDSA_SHA256
    if isinstance(key.curve, ec.SECP384R1):
        return _ECDSA_SHA384
    raise refused_key("a P-256 or P-384 key", "another curve")


def is_slow(key: ResponderPublicKey) -> bool:
    """In software: P-256 takes 18 us and Ed25519 23; P-384 170 and RSA-2048 240."""
    return isinstance(key, rsa.RSAPublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size > 256
    )


class FileKey:
    """A key in memory, as it was read from a file. Shows nothing of itself."""

    __slots__ = ("_public", "_sign", "algorithm", "slow")

    def __init__(self, key: ResponderKey) -> None:
        self._public: Final[ResponderPublicKey] = key.public_key()
        self.algorithm: Final = algorithm_of(self._public)
        self.slow: Final = is_slow(self._public)
        self._sign: Final = _signature_by(key)

    @classmethod
    def from_pem(cls, octets: bytes) -> FileKey:
        """From PKCS #8 or a traditional form, not encrypted."""
        try:
            key = load_pem_private_key(octets, password=None)
        except (ValueError, TypeError):
            # The parser's own words may quote what it read.
            raise refused_key("one private key in PEM, without a password", "something else") from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise refused_key("an RSA, ECDSA or Ed25519 key", "another kind")
        return cls(key)

    def public_key(self) -> ResponderPublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:
        return self._sign(data)


def _signature_by(key: ResponderKey) -> Callable[[bytes], bytes]:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, _PKCS1, _SHA256)
    scheme = ec.ECDSA(_SHA256 if key.key_size <= 256 else hashes.SHA384())
    return lambda data: key.sign(data, scheme)


_PKCS1: Final = padding.PKCS1v15()
_SHA256: Final = hashes.SHA256()


def signing_key(key: ResponderKey | SigningKey) -> SigningKey:
    """A key of cryptography's as a ``SigningKey``; one that is a ``SigningKey`` already as it is."""
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return FileKey(key)
    return key


def refused_key(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "RESPONDER_KEY_REFUSED",
        expected=expected,
        got=got,
        remedy="configure another key for the responder, and a certificate for it",
    )
