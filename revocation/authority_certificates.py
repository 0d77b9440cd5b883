"""Making an ``Authority`` from CA certificates: which certificates may be one, and what they say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.authorities import Authority, CrlSigning, Generation, Partition, SignatureAlgorithm
from revocation.der import SEQUENCE, DerReader
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.identity import issuer_key_of

_RSA_ALGORITHMS: Final = frozenset(
    {SignatureAlgorithm.RSA_SHA256, SignatureAlgorithm.RSA_SHA384, SignatureAlgorithm.RSA_SHA512}
)


def authority_from_certificates(
    ca_id: str,
    certificates: Iterable[x509.Certificate],
    *,
    partitions: Sequence[Partition],
    crl_signing: CrlSigning = CrlSigning.EACH_GENERATION,
    kinds: Mapping[str, str] | None = None,
    signature_algorithms: Iterable[str] | None = None,
    hold_releasable: bool = False,
    purpose_limited: bool = True,
    serial_ceiling: int | None = None,
    tolerances: Iterable[str] = (),
) -> Authority:
    """An authority whose generations are these certificates, oldest key first ("g1").

    Without ``signature_algorithms`` the allow-list is what the keys themselves can do.
    """
    ordered = sorted(certificates, key=lambda c: (c.not_valid_before_utc, c.public_bytes(Encoding.DER)))
    generations = tuple(generation_of(certificate, f"g{n}") for n, certificate in enumerate(ordered, 1))
    allowed = algorithms_of(generations) if signature_algorithms is None else frozenset(signature_algorithms)
    return Authority(
        ca_id=ca_id,
        generations=generations,
        crl_signing=crl_signing,
        kinds=dict(kinds or {}),
        partitions=tuple(partitions),
        signature_algorithms=allowed,
        hold_releasable=hold_releasable,
        purpose_limited=purpose_limited,
        serial_ceiling=serial_ceiling,
        tolerances=frozenset(tolerances),
    )


def partitions_from_points(points: Iterable[tuple[bytes, str]]) -> tuple[Partition, ...]:
    """Partitions numbered from 1 in the order of the approved list of (distribution point, label)."""
    return tuple(Partition(number, point, label) for number, (point, label) in enumerate(points, 1))


def generation_of(certificate: x509.Certificate, name: str) -> Generation:
    """One key of a CA; refuses a certificate that is no CA's."""
    try:
        check_ca_certificate(certificate)
        public_key = certificate.public_key()
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        raise _refused("a certificate whose key and extensions can be read", "another one") from None
    der = certificate.public_bytes(Encoding.DER)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        key_identifier = extension.value.digest
    except x509.ExtensionNotFound:
        # RFC 5280 section 4.2.1.2, method (1).
        key_identifier = x509.SubjectKeyIdentifier.from_public_key(public_key).digest
    return Generation(
        key_id=issuer_key_of(public_key),
        name=name,
        subject_key_identifier=key_identifier,
        certificate=certificate,
        certificate_sha256=hashlib.sha256(der).digest(),
        subject=subject_of(certificate),
    )


def subject_of(certificate: x509.Certificate) -> bytes:
    """DER of the subject exactly as it stands: an OCSP client hashes these octets, not an equal name."""
    tbs = DerReader(certificate.tbs_certificate_bytes).enter(SEQUENCE, "TBSCertificate")
    # version [0], serialNumber, signature, issuer, validity come before subject (RFC 5280 section 4.1).
    before = 5 if tbs.peek() == 0xA0 else 4
    for _ in range(before):
        tbs.header("TBSCertificate")
    return tbs.raw(SEQUENCE, "subject")


def check_ca_certificate(certificate: x509.Certificate) -> None:
    """RFC 5280 sections 4.2.1.3 and 4.2.1.9: may this certificate's key sign certificates and lists?"""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise _refused("basicConstraints with CA:TRUE", "none") from None
    if not constraints.ca:
        raise _refused("basicConstraints with CA:TRUE", "CA:FALSE")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not (usage.key_cert_sign and usage.crl_sign):
        raise _refused("keyUsage with keyCertSign and cRLSign", "another keyUsage")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if not 2048 <= key.key_size <= 8192:
            raise _refused("an RSA key of 2048 to 8192 bits", f"{key.key_size} bits")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            raise _refused("an EC key on P-256 or P-384", f"curve {key.curve.name}")
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        raise _refused("an RSA, EC or Ed25519 key", "another kind of key")


def check_self_signature(certificate: x509.Certificate) -> None:
    """A self-issued certificate stands under its own signature. Damage shows here; trust comes from the
    compared fingerprint alone. One that another CA issued is an anchor as it is (RFC 5280 section 6.1.1 (d)).
    """
    if self_issued(certificate) and not _signs_itself(certificate):
        raise _refused("a self-issued certificate that stands under its own signature", "another signature")


def self_issued(certificate: x509.Certificate) -> bool:
    return same_name(certificate.issuer.public_bytes(), certificate.subject.public_bytes())


def _signs_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def algorithms_of(generations: Iterable[Generation]) -> frozenset[str]:
    """What these keys can sign with; RSASSA-PSS only where somebody names it."""
    allowed: set[str] = set()
    for generation in generations:
        key = generation.certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            allowed |= _RSA_ALGORITHMS
        elif isinstance(key, ec.EllipticCurvePublicKey):
            p256 = isinstance(key.curve, ec.SECP256R1)
            allowed.add(SignatureAlgorithm.ECDSA_SHA256 if p256 else SignatureAlgorithm.ECDSA_SHA384)
        else:
            allowed.add(SignatureAlgorithm.ED25519)
    return frozenset(allowed)


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "CA_CERTIFICATE_REFUSED",
        expected=expected,
        got=got,
        remedy="give the certificate of the CA itself, as the CA publishes it",
    )
