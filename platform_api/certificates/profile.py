"""A presented certificate, read once in memory: kind, partition, dates, items. Nothing of it is stored here.

One tier: JPKI's end-entity certificates are issued directly by a CA of our ``authorities``. Reading
and trusting are two steps: ``read_certificate`` decodes, ``chain.issued_by`` says whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from platform_api.certificates.four_items import FourInformation, items_of_names
from revocation.errors import InputRefused

#: A card certificate is about 2 kB; four items in full length stay far below this.
MAX_CERTIFICATE_OCTETS: Final = 16_384

#: RFC 5280 section 4.2: a critical extension that is not processed must make us reject the certificate.
_PROCESSED: Final = frozenset(
    (
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.ISSUER_ALTERNATIVE_NAME,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    )
)


@dataclass(frozen=True, slots=True, repr=False)
class PresentedCertificate:
    """What an end-entity certificate says, unverified."""

    certificate: x509.Certificate
    #: RFC 5280 section 4.2.1.1; all generations of a JPKI CA share one DN, so this chooses the key.
    authority_key_identifier: bytes | None
    #: RFC 5280 section 4.2.1.4
    policies: tuple[str, ...]
    #: DER of the directoryName of each cRLDistributionPoint (RFC 5280 section 4.2.1.13).
    distribution_points: tuple[bytes, ...]
    #: RFC 5280 section 4.2.1.3: digitalSignature, and for signing certificates nonRepudiation.
    may_sign: bool
    #: RFC 5280 section 4.2.1.9: a CA's certificate. It is of no kind, whatever its policies say.
    is_authority: bool
    four_information: FourInformation | None

    @property
    def not_before(self) -> datetime:
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc

    def __repr__(self) -> str:
        return "PresentedCertificate(hidden)"


def read_certificate(der: bytes) -> PresentedCertificate:
    """Decode, or refuse whole; the texts of the refusal carry nothing of the certificate."""
    if not 1 <= len(der) <= MAX_CERTIFICATE_OCTETS:
        raise _malformed(f"1 to {MAX_CERTIFICATE_OCTETS} octets", f"{len(der)} octets")
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise _malformed("one X.509 certificate in strict DER", "something else") from None
    if certificate.version is not x509.Version.v3:
        raise _malformed("a version 3 certificate", "another version")
    for extension in extensions:
        if extension.critical and extension.oid not in _PROCESSED:
            raise _malformed("no critical extension that is unknown (RFC 5280 section 4.2)", "one")
    return PresentedCertificate(
        certificate=certificate,
        authority_key_identifier=_authority_key_identifier(extensions),
        policies=_policies(extensions),
        distribution_points=_distribution_points(extensions),
        may_sign=_may_sign(extensions),
        is_authority=_is_authority(extensions),
        four_information=_four_information(extensions),
    )


def _is_authority(extensions: x509.Extensions) -> bool:
    """RFC 5280 section 4.2.1.9: a CA's own certificate is nobody's card."""
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _authority_key_identifier(extensions: x509.Extensions) -> bytes | None:
    try:
        return extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None


def _policies(extensions: x509.Extensions) -> tuple[str, ...]:
    try:
        policies = extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(policy.policy_identifier.dotted_string for policy in policies)


def _distribution_points(extensions: x509.Extensions) -> tuple[bytes, ...]:
    try:
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    names = (name for point in points for name in point.full_name or ())
    return tuple(name.value.public_bytes() for name in names if isinstance(name, x509.DirectoryName))


def _may_sign(extensions: x509.Extensions) -> bool:
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.digital_signature


def _four_information(extensions: x509.Extensions) -> FourInformation | None:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return items_of_names(names.get_values_for_type(x509.OtherName))


def _malformed(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "CERTIFICATE_MALFORMED",
        expected=expected,
        got=got,
        remedy="send the certificate exactly as the card gave it, DER in base64",
    )
