"""Who signs for which CA: the responder's certificates and keys from files (RFC 6960 section 4.2.2.2).

A certificate with id-kp-OCSPSigning that a CA's key issued is its delegate; the CA's own certificate is the
CA itself; any other is locally trusted, and right only for clients that are configured with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from platform_api.responder.given import Given, check_file
from platform_api.signing.token_keys import SUFFIX, token_key
from revocation.authorities import Authority, Generation
from revocation.certificate_files import read_certificates
from revocation.errors import InputRefused, OutsideFailed
from revocation.identity import issuer_key_of
from revocation.ocsp.responder_certificates import check_local
from revocation.ocsp.signer_expiry import Expiry, expiry
from revocation.ocsp.signing import ResponderIdentity, in_force
from revocation.ocsp.signing_keys import ResponderKey, SigningKey

_MOST_KEY_OCTETS: Final = 64 * 1024


class Trust(StrEnum):
    """Why clients would trust a responder's certificate for a CA."""

    DELEGATED = "delegated"
    CA_ITSELF = "the CA itself"
    LOCAL = "locally trusted"


class FileSigners:
    """For each generation the certificates that may sign; of those valid now the newest does.

    So a new one can be given before it begins, and the old one goes on until then.
    """

    def __init__(self, identities: Sequence[ResponderIdentity]) -> None:
        self.identities: Final = tuple(identities)
        self._known: Final[dict[bytes, tuple[Trust, tuple[ResponderIdentity, ...]]]] = {}

    def identity_for(self, generation: Generation, now: datetime) -> ResponderIdentity | None:
        """None: nobody may sign for it. One that is not valid now signs nothing, which the responder sees."""
        _, found = self.of(generation)
        return in_force(found, now) if found else None

    def check(self, generation: Generation, now: datetime) -> None:
        """Nothing: ``check_signers`` has looked, with the names of the CAs."""

    def expiries(self, now: datetime) -> list[Expiry]:
        """Of each key that somebody signs for: when the last of them ends."""
        return [
            expiry(
                "delegated" if trust is Trust.DELEGATED else "local",
                max(one.not_after for one in found),
                now,
                key_id=key_id,
            )
            for key_id, (trust, found) in self._known.items()
            if found
        ]

    def same_as(self, other: FileSigners) -> bool:
        """The same certificates in the same order, so the same keys."""
        return [one.certificate for one in self.identities] == [one.certificate for one in other.identities]

    def of(self, generation: Generation) -> tuple[Trust, tuple[ResponderIdentity, ...]]:
        """Why they may, and who: delegates before the CA itself, and others only where there is neither."""
        known = self._known.get(generation.key_id)
        if known is None:
            known = self._known[generation.key_id] = self._found(generation)
        return known

    def _found(self, generation: Generation) -> tuple[Trust, tuple[ResponderIdentity, ...]]:
        by_trust: dict[Trust, list[ResponderIdentity]] = {trust: [] for trust in Trust}
        for identity in self.identities:
            trust = _trust(identity.certificate, generation)
            if trust is not Trust.CA_ITSELF:
                check_local(identity.certificate)
            by_trust[trust].append(identity)
        for trust in (Trust.DELEGATED, Trust.CA_ITSELF):
            if by_trust[trust]:
                return trust, tuple(by_trust[trust])
        return Trust.LOCAL, tuple(by_trust[Trust.LOCAL])


def check_signers(signers: FileSigners, authorities: Iterable[Authority], now: datetime) -> None:
    """Is there somebody for every key of every CA, with a certificate that is valid?"""
    for authority in authorities:
        for generation in authority.generations:
            identity = signers.identity_for(generation, now)
            if identity is None:
                raise InputRefused(
                    "SIGNER_MISSING",
                    expected=f"a --signer for every CA, also for {authority.ca_id}",
                    got="none that may sign for it",
                    remedy="give a certificate that this CA issued for OCSP signing, or leave the CA out",
                )
            if not identity.valid_at(now):
                raise InputRefused(
                    "SIGNER_NOT_VALID",
                    expected=f"a --signer for {authority.ca_id} whose certificate is valid now",
                    got=f"one from {identity.not_before:%Y-%m-%dT%H:%M:%SZ}"
                    f" to {identity.not_after:%Y-%m-%dT%H:%M:%SZ}",
                    remedy="check this host's clock, or give a newer certificate with another --signer",
                )


def _trust(certificate: x509.Certificate, generation: Generation) -> Trust:
    if issuer_key_of(certificate.public_key()) == generation.key_id:
        return Trust.CA_ITSELF
    if has_ocsp_signing(certificate) and _issued_by(certificate, generation):
        return Trust.DELEGATED
    return Trust.LOCAL


def has_ocsp_signing(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _issued_by(certificate: x509.Certificate, generation: Generation) -> bool:
    """RFC 6960 section 4.2.2.2: directly, by the key that issued the certificates in question."""
    try:
        certificate.verify_directly_issued_by(generation.certificate)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def read_identities(given: Given) -> tuple[ResponderIdentity, ...]:
    """Each certificate with its key; the first of a bundle is the responder's."""
    return tuple(_identity(certificate, key) for certificate, key in given.signers)


def _identity(certificate_path: Path, key_path: Path) -> ResponderIdentity:
    check_file(certificate_path)
    certificate = read_certificates([certificate_path])[0]
    try:
        certificate.extensions  # noqa: B018 - read once here, so that a malformed one is refused by its file
        return ResponderIdentity(certificate, _key_for(certificate, key_path))
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        raise InputRefused(
            "RESPONDER_CERTIFICATE_REFUSED",
            expected=f"a certificate whose key and extensions can be read in {certificate_path.name}",
            got="another one",
            remedy="openssl x509 -in FILE -noout -text must read it",
        ) from None


def _key_for(certificate: x509.Certificate, path: Path) -> SigningKey | ResponderKey:
    if path.suffix != SUFFIX:
        return _key(path)
    check_file(path)
    key = token_key(path, certificate)
    key.prove()  # nothing where that was done before: a token that is away keeps no new list from being taken
    return key


def _key(path: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    check_file(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_KEY_OCTETS)
    except OSError as error:
        raise OutsideFailed(
            "FILE_UNREADABLE",
            expected=f"a file that can be read at {path}",
            got=error.strerror or type(error).__name__,
            remedy="check the path and its permissions",
        ) from None
    try:
        load = load_pem_private_key if b"-----BEGIN " in content else load_der_private_key
        key = load(content, None)
    except TypeError:
        raise _key_refused(path, "an encrypted one", "openssl pkey -in FILE -out PLAIN") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _key_refused(path, "something else", "openssl pkey -in FILE -noout must read it") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise _key_refused(path, "another kind of key", "make a P-256 key: openssl genpkey -algorithm EC")
    return key


def _key_refused(path: Path, got: str, remedy: str) -> InputRefused:
    return InputRefused(
        "KEY_FILE_MALFORMED",
        expected=f"a plain RSA, ECDSA or Ed25519 private key in {path.name}, in PEM or DER",
        got=got,
        remedy=remedy,
    )
