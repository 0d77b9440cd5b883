"""Who signs our OCSP answers, and with which certificate (RFC 6960 section 4.2.2.2).

Locally trusted: one responder certificate for all CAs, which each client pins. Delegated: a certificate
from the very key that issued the certificate in question, with id-kp-OCSPSigning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from revocation.authorities import Generation
from revocation.errors import InputRefused

ResponderKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True, repr=False)
class ResponderIdentity:
    """A certificate and its private key, checked to belong together."""

    certificate: x509.Certificate
    key: ResponderKey

    def __post_init__(self) -> None:
        if _public_octets(self.certificate.public_key()) != _public_octets(self.key.public_key()):
            raise _refused("a responder certificate for its private key", "one for another key")

    @property
    def hash_algorithm(self) -> hashes.SHA256 | hashes.SHA384 | None:
        """Our policy; a client's PreferredSignatureAlgorithms never weakens it (RFC 6960 section 4.4.7)."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return None
        if isinstance(self.key, ec.EllipticCurvePrivateKey) and self.key.key_size >= 384:
            return hashes.SHA384()
        return hashes.SHA256()

    def valid_at(self, now: datetime) -> bool:
        return self.certificate.not_valid_before_utc <= now <= self.certificate.not_valid_after_utc


class Signer(Protocol):
    """Finds who may sign for certificates of a generation."""

    def identity_for(self, generation: Generation) -> ResponderIdentity | None:
        """None: nobody; then nothing is signed for it."""
        ...


class LocallyTrustedSigner:
    """One responder for every CA; right only for clients that pin its certificate."""

    def __init__(self, certificate: x509.Certificate, key: ResponderKey) -> None:
        self._identity: Final = ResponderIdentity(certificate, key)

    def identity_for(self, generation: Generation) -> ResponderIdentity | None:  # noqa: ARG002 - the same for all
        return self._identity


class DelegatedSigners:
    """A responder certificate for each generation, by ``Generation.key_id``."""

    def __init__(self, identities: Mapping[bytes, tuple[x509.Certificate, ResponderKey]]) -> None:
        self._identities: Final = {
            key_id: ResponderIdentity(certificate, key) for key_id, (certificate, key) in identities.items()
        }
        for identity in self._identities.values():
            _check_purpose(identity.certificate)
        self._checked: dict[bytes, bytes] = {}

    def identity_for(self, generation: Generation) -> ResponderIdentity | None:
        identity = self._identities.get(generation.key_id)
        if identity is not None and self._checked.get(generation.key_id) != generation.certificate_sha256:
            _check_issuer(identity.certificate, generation)
            self._checked[generation.key_id] = generation.certificate_sha256
        return identity


def _check_purpose(certificate: x509.Certificate) -> None:
    """RFC 6960 section 4.2.2.2: a delegate must carry id-kp-OCSPSigning."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise _refused("a delegated responder certificate with id-kp-OCSPSigning", "one without")


def _check_issuer(certificate: x509.Certificate, generation: Generation) -> None:
    """RFC 6960 section 4.2.2.2: issued directly by the key that issued the certificates in question."""
    try:
        certificate.verify_directly_issued_by(generation.certificate)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise _refused("a responder certificate issued by the generation itself", "another issuer") from error


def _public_octets(key: object) -> bytes:
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise _refused("an RSA, ECDSA or Ed25519 responder key", "another kind")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "RESPONDER_CERTIFICATE_REFUSED",
        expected=expected,
        got=got,
        remedy="configure the responder's certificate and key anew",
    )
