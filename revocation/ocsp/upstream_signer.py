"""Who may sign another responder's answer about certificates of one CA key (RFC 6960 section 4.2.2.2).

The CA's key itself; or a certificate that this very key issued for signing OCSP answers; or, where the
operator pinned one, that certificate and nobody else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from revocation.authorities import Generation
from revocation.identity import subject_public_key_bits
from revocation.ocsp.upstream_word import UpstreamRefused, upstream_refused

#: An answer carries the delegate and what is above it; each further one would be looked at for nothing.
MOST_CERTIFICATES: Final = 8

_LEAST_RSA_BITS: Final = 2048

#: What a responder's certificate may mark critical: all that is looked at here, and what restricts nobody.
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.OCSP_NO_CHECK,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


def signing_keys(
    response: ocsp.OCSPResponse,
    issuer: Generation,
    *,
    pinned: x509.Certificate | None,
    accept_without_nocheck: bool,
    now: datetime,
) -> list[CertificatePublicKeyTypes]:
    """The keys that the responderID names and that may sign, most often one; refuses where there is none.

    Whether a signature stands under the answer is for the caller: a name may fit several keys.
    """
    if pinned is not None:
        if not _named(response, pinned):
            raise upstream_refused("SIGNER", "the responder whose certificate is pinned", "another responder")
        _require_dates(pinned, now)
        return [_key_of(pinned)]
    found: list[CertificatePublicKeyTypes] = []
    if _named(response, issuer.certificate):
        found.append(_key_of(issuer.certificate))
    first: UpstreamRefused | None = None
    for certificate in _candidates(response):
        try:
            _require_delegate(certificate, issuer, accept_without_nocheck=accept_without_nocheck, now=now)
            found.append(_key_of(certificate))
        except UpstreamRefused as error:  # another of the certificates may do
            first = first or error
    if not found and first is not None:
        raise first
    if not found:
        raise upstream_refused(
            "SIGNER", "the CA's key, or a certificate of its own for OCSP, by the responderID", "neither"
        )
    return found


def _candidates(response: ocsp.OCSPResponse) -> Iterable[x509.Certificate]:
    certificates = response.certificates
    if len(certificates) > MOST_CERTIFICATES:
        raise upstream_refused("SIGNER", f"at most {MOST_CERTIFICATES} certificates", "more")
    return (certificate for certificate in certificates if _named(response, certificate))


def _named(response: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    """Does the responderID name it: by subject, or by the SHA-1 of its key (RFC 6960 section 4.2.1)?"""
    if response.responder_key_hash is not None:
        bits = subject_public_key_bits(certificate.public_key())
        return hashlib.sha1(bits, usedforsecurity=False).digest() == response.responder_key_hash
    return response.responder_name == certificate.subject


def _require_delegate(
    certificate: x509.Certificate, issuer: Generation, *, accept_without_nocheck: bool, now: datetime
) -> None:
    # RFC 6960 section 4.2.2.2: issued directly by the CA that is identified in the request, by the same key.
    if isinstance(certificate.signature_hash_algorithm, SHA1 | MD5):
        raise upstream_refused("SIGNER", "a responder certificate signed with SHA-2", "one with less")
    try:
        certificate.verify_directly_issued_by(issuer.certificate)
    except (InvalidSignature, ValueError, TypeError):
        raise upstream_refused("SIGNER", "a responder certificate of this CA key", "another's") from None
    _require_dates(certificate, now)
    extensions = _extensions_of(certificate)
    # RFC 6960 section 4.2.2.2: id-kp-OCSPSigning, said outright; anyExtendedKeyUsage does not say it.
    usage = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if not isinstance(usage, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise upstream_refused("SIGNER", "a responder certificate with id-kp-OCSPSigning", "one without")
    # RFC 5280 section 4.2.1.3: where keyUsage is there, it must allow what the key does.
    key_usage = extensions.get(ExtensionOID.KEY_USAGE)
    if isinstance(key_usage, x509.KeyUsage) and not (
        key_usage.digital_signature or key_usage.content_commitment
    ):
        raise upstream_refused("SIGNER", "a responder certificate whose keyUsage lets it sign", "another")
    # RFC 6960 section 4.2.2.2.1: without nocheck its own revocation would have to be looked up.
    if ExtensionOID.OCSP_NO_CHECK not in extensions and not accept_without_nocheck:
        raise upstream_refused(
            "SIGNER",
            "a responder certificate with id-pkix-ocsp-nocheck",
            "one without",
            "ask the CA; or accept it by the setting, where the CA replaces responder keys in other ways",
        )


def _extensions_of(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, x509.ExtensionType]:
    """By OID; RFC 5280 section 4.2: a critical one that is not understood makes the certificate useless."""
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension):
        raise upstream_refused("SIGNER", "a responder certificate with whole extensions", "others") from None
    if any(each.critical and each.oid not in _UNDERSTOOD for each in extensions):
        raise upstream_refused("SIGNER", "no unknown critical extension in the responder certificate", "one")
    return {each.oid: each.value for each in extensions}


def _require_dates(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise upstream_refused(
            "SIGNER_DATES", "a responder certificate within its dates", "one that is not valid now"
        )


def _key_of(certificate: x509.Certificate) -> CertificatePublicKeyTypes:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        raise upstream_refused("SIGNER", f"RSA keys of at least {_LEAST_RSA_BITS} bits", "a shorter one")
    return key
