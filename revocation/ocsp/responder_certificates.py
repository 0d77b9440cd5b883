"""What a responder's certificate must say before it may sign (RFC 6960 section 4.2.2.2).

Looked at once, when the responder is made, and again when a CA changes. Dates are not looked at here: they
pass, and are compared with the clock each time (``signing.py``).
"""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from revocation.errors import InputRefused
from revocation.ocsp.signing_keys import SigningKey

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def check_key(certificate: x509.Certificate, key: SigningKey) -> None:
    """The certificate is for this very key; otherwise every client would refuse every answer."""
    try:
        certified = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        certified = None
    if not isinstance(certified, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise refused_certificate("an RSA, ECDSA or Ed25519 responder key", "another kind")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certified.public_bytes(*form) != key.public_key().public_bytes(*form):
        raise refused_certificate("a responder certificate for its private key", "one for another key")


def check_local(certificate: x509.Certificate) -> None:
    """A certificate that clients pin: only what it says itself may not speak against signing."""
    usage = _extension(certificate, x509.KeyUsage)
    # RFC 5280 section 4.2.1.3: where the extension is, it bounds what the key is for.
    if usage is not None and not usage.digital_signature:
        raise refused_certificate("digitalSignature in its keyUsage", "a keyUsage without")


def check_delegated(certificate: x509.Certificate) -> None:
    """A delegate: what clients demand of it when they know nothing but the CA."""
    check_local(certificate)
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    # RFC 6960 section 4.2.2.2; anyExtendedKeyUsage does not stand for it.
    if usage is None or ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise refused_certificate("a delegated responder certificate with id-kp-OCSPSigning", "one without")
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise refused_certificate("a delegate that is no CA", "a CA certificate")
    # RFC 6960 section 4.2.2.2.1 leaves the CA a choice, and without this clients would ask about the
    # delegate, here, and be answered by the delegate itself. The Baseline Requirements, 4.9.9, demand it.
    if _extension(certificate, x509.OCSPNoCheck) is None:
        raise refused_certificate(
            "id-pkix-ocsp-nocheck in a delegate's certificate", "one whose revocation clients would ask about"
        )


def check_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """RFC 6960 section 4.2.2.2: issued directly by the key that issued the certificates in question."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        raise refused_certificate(
            "a responder certificate issued by the generation itself", "another issuer"
        ) from None


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension):
        raise refused_certificate("extensions in DER, each once", "others") from None


def refused_certificate(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "RESPONDER_CERTIFICATE_REFUSED",
        expected=expected,
        got=got,
        remedy="configure the responder's certificate and key anew",
    )
