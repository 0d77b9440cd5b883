"""What the checker needs of a certificate (RFC 5280 section 4.1), read from its DER.

Read here and not by a library, because the serial number's octets are the identity (a negative one too),
names are compared as section 7.1 wants, and one extension that a library dislikes must not hide the others.
Keys and signatures are the library's.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from revocation.checker.signatures import SigningKey
from revocation.crl.distribution_points import DistributionPoint, read_distribution_points
from revocation.crl.extensions import read_authority_key_identifier, read_signature_value
from revocation.der import BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, DerReader, refused
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused

_SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
_KEY_USAGE: Final = "2.5.29.15"
_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_NAME_CONSTRAINTS: Final = "2.5.29.30"
_DISTRIBUTION_POINTS: Final = "2.5.29.31"
_AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
#: Critical ones that stop no path: those above, and those whose rules are said to be left to others.
_RECOGNISED: Final = frozenset(
    (
        *(_SUBJECT_KEY_IDENTIFIER, _KEY_USAGE, _BASIC_CONSTRAINTS, _DISTRIBUTION_POINTS),
        _AUTHORITY_KEY_IDENTIFIER,
        "2.5.29.17",  # subjectAltName
        "2.5.29.18",  # issuerAltName
        _NAME_CONSTRAINTS,
        "2.5.29.32",  # certificatePolicies
        "2.5.29.33",  # policyMappings
        "2.5.29.36",  # policyConstraints
        "2.5.29.37",  # extKeyUsage
        "2.5.29.46",  # freshestCRL
        "2.5.29.54",  # inhibitAnyPolicy
        "2.5.29.9",  # subjectDirectoryAttributes
    )
)
#: RFC 5280 section 4.2.1.3: bit 5 of nine, counted from the left, and bit 6.
_KEY_CERT_SIGN: Final = 5
_CRL_SIGN: Final = 6
_MAX_EXTENSIONS: Final = 64
_MAX_SERIAL: Final = 64
_LAST_VERSION: Final = 3
#: What is remembered comes from outside; this bounds what it can cost us.
KEPT_OCTETS: Final = 8192


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Certificate:
    """One certificate."""

    #: SHA-256 of the whole DER: which certificate this is.
    fingerprint: bytes
    #: Content octets of the DER INTEGER, as they stand.
    serial: bytes
    #: DER Names.
    issuer: bytes
    subject: bytes
    #: Both inclusive (section 4.1.2.5).
    not_before: datetime
    not_after: datetime
    #: DER of subjectPublicKeyInfo, and the key; None where the library cannot read it.
    key_info: bytes
    key: SigningKey | None
    #: The signed octets, the AlgorithmIdentifiers (DER) inside and outside them, the signature.
    tbs: bytes
    inner_algorithm: bytes
    outer_algorithm: bytes
    signature: bytes
    #: 1, 2 or 3.
    version: int
    #: basicConstraints: None where absent.
    is_ca: bool | None
    path_length: int | None
    #: keyUsage: None where absent.
    may_sign_certificates: bool | None
    may_sign_lists: bool | None
    subject_key_identifier: bytes | None
    authority_key_identifier: bytes | None
    #: None where the extension is there and cannot be read.
    distribution_points: tuple[DistributionPoint, ...] | None
    #: nameConstraints, of which only this is known.
    has_name_constraints: bool
    unknown_critical: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint.hex()[:16]}...)"

    @property
    def is_self_issued(self) -> bool:
        """RFC 5280 section 6.1: the same DN in subject and issuer."""
        return canonical_name(self.subject) == canonical_name(self.issuer)


def read_certificate(der: bytes) -> Certificate:
    """The certificate, or ``InputRefused`` with a code DER_..."""
    return _known(der) if len(der) <= KEPT_OCTETS else _read(der)


@lru_cache(maxsize=4096)
def _known(der: bytes) -> Certificate:
    """One that was read before is not read again: the same CAs come with every leaf."""
    return _read(der)


def _read(der: bytes) -> Certificate:
    outer = DerReader(der)
    whole = outer.enter(SEQUENCE, "Certificate")
    outer.finish("Certificate")
    tbs_at = whole.at
    tbs = whole.enter(SEQUENCE, "tbsCertificate")
    signed = der[tbs_at : whole.at]
    outer_algorithm = whole.raw(SEQUENCE, "signatureAlgorithm")
    signature = read_signature_value(whole)
    whole.finish("Certificate")

    version = 1
    if tbs.peek() == 0xA0:
        explicit = tbs.enter(0xA0, "version")
        version = explicit.integer("version") + 1
        explicit.finish("version")
        if not 1 <= version <= _LAST_VERSION:
            raise refused("DER_VERSION", "version", 0, "v1, v2 or v3", f"v{version}")
    serial = _serial(tbs)
    inner_algorithm = tbs.raw(SEQUENCE, "signature")
    issuer = tbs.raw(SEQUENCE, "issuer")
    dates = tbs.enter(SEQUENCE, "validity")
    # Dates before 2050 in GeneralizedTime are the issuer's fault, and say clearly what they mean.
    not_before = dates.time("notBefore", generalized_before_2050=True)
    not_after = dates.time("notAfter", generalized_before_2050=True)
    dates.finish("validity")
    subject = tbs.raw(SEQUENCE, "subject")
    for name in (issuer, subject):
        # What is no Name is refused here, and not when somebody compares it.
        canonical_name(name)
    key_info = tbs.raw(SEQUENCE, "subjectPublicKeyInfo")
    for tag, what in ((0x81, "issuerUniqueID"), (0x82, "subjectUniqueID")):
        if tbs.peek() == tag and version > 1:
            tbs.header(what)
    extensions: dict[str, tuple[bool, bytes]] = {}
    # Sections 4.1.2.8 and 4.1.2.9: unique identifiers from v2 on, extensions in v3 only. What an older one
    # has all the same is left over, and so refused: its basicConstraints must not make a CA of it.
    if tbs.peek() == 0xA3 and version == _LAST_VERSION:
        explicit = tbs.enter(0xA3, "extensions")
        extensions = _extensions(explicit.enter(SEQUENCE, "extensions"))
        explicit.finish("extensions")
    tbs.finish("tbsCertificate")
    is_ca, path_length = _basic_constraints(extensions)
    usage = _key_usage(extensions)
    return Certificate(
        fingerprint=hashlib.sha256(der).digest(),
        serial=serial,
        issuer=issuer,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        key_info=key_info,
        key=_key(key_info),
        tbs=signed,
        inner_algorithm=inner_algorithm,
        outer_algorithm=outer_algorithm,
        signature=signature,
        version=version,
        is_ca=is_ca,
        path_length=path_length,
        may_sign_certificates=None if usage is None else _KEY_CERT_SIGN in usage,
        may_sign_lists=None if usage is None else _CRL_SIGN in usage,
        subject_key_identifier=_subject_key_identifier(extensions),
        authority_key_identifier=_authority_key_identifier(extensions),
        distribution_points=_points(extensions),
        has_name_constraints=_NAME_CONSTRAINTS in extensions,
        unknown_critical=tuple(
            oid for oid, (critical, _) in extensions.items() if critical and oid not in _RECOGNISED
        ),
    )


def _serial(tbs: DerReader) -> bytes:
    at = tbs.at
    # Only the form is asked of it here: a negative one is a number like any other.
    tbs.integer("serialNumber", max_octets=_MAX_SERIAL)
    start, end = DerReader(tbs.data, at, tbs.at).element(INTEGER, "serialNumber")
    return bytes(tbs.data[start:end])


def _extensions(extensions: DerReader) -> dict[str, tuple[bool, bytes]]:
    """By OID: whether critical, and the octets of the value; each once (section 4.2)."""
    found: dict[str, tuple[bool, bytes]] = {}
    while extensions.peek() != -1:
        at = extensions.at
        extension = extensions.enter(SEQUENCE, "Extension")
        oid = extension.oid("extnID")
        if oid in found or len(found) == _MAX_EXTENSIONS:
            raise refused(
                "DER_DUPLICATE_EXTENSION", "extensions", at, "each extension once, at most 64", "more"
            )
        # An explicit FALSE is the issuer's fault too, and changes nothing.
        critical = extension.boolean("critical") if extension.peek() == BOOLEAN else False
        start, end = extension.element(OCTET_STRING, "extnValue")
        extension.finish("Extension")
        found[oid] = critical, bytes(extension.data[start:end])
    return found


def _basic_constraints(extensions: Mapping[str, tuple[bool, bytes]]) -> tuple[bool | None, int | None]:
    if _BASIC_CONSTRAINTS not in extensions:
        return None, None
    value = DerReader(extensions[_BASIC_CONSTRAINTS][1])
    fields = value.enter(SEQUENCE, "BasicConstraints")
    value.finish("BasicConstraints")
    is_ca = fields.boolean("cA") if fields.peek() == BOOLEAN else False
    length = fields.integer("pathLenConstraint") if fields.peek() == INTEGER else None
    fields.finish("BasicConstraints")
    return is_ca, length


def _key_usage(extensions: Mapping[str, tuple[bool, bytes]]) -> frozenset[int] | None:
    """The bits that are set; those that are said to be unused are none."""
    if _KEY_USAGE not in extensions:
        return None
    content = _whole(extensions[_KEY_USAGE][1], BIT_STRING, "KeyUsage")
    unused = content[0] if content else 8
    if unused > 7 or (unused and len(content) == 1):
        raise refused("DER_TAG", "KeyUsage", 0, "a BIT STRING", "one with more unused bits than it has")
    width = 8 * len(content[1:]) - unused
    return frozenset(bit for bit in range(width) if content[1 + bit // 8] >> (7 - bit % 8) & 1)


def _whole(value: bytes, tag: int, what: str) -> bytes:
    """The content of the one element of these octets."""
    reader = DerReader(value)
    start, end = reader.element(tag, what)
    reader.finish(what)
    return value[start:end]


def _subject_key_identifier(extensions: Mapping[str, tuple[bool, bytes]]) -> bytes | None:
    if _SUBJECT_KEY_IDENTIFIER not in extensions:
        return None
    return _whole(extensions[_SUBJECT_KEY_IDENTIFIER][1], OCTET_STRING, "SubjectKeyIdentifier")


def _authority_key_identifier(extensions: Mapping[str, tuple[bool, bytes]]) -> bytes | None:
    if _AUTHORITY_KEY_IDENTIFIER not in extensions:
        return None
    value = DerReader(extensions[_AUTHORITY_KEY_IDENTIFIER][1])
    found = read_authority_key_identifier(value)
    value.finish("AuthorityKeyIdentifier")
    return found


def _points(extensions: Mapping[str, tuple[bool, bytes]]) -> tuple[DistributionPoint, ...] | None:
    if _DISTRIBUTION_POINTS not in extensions:
        return ()
    try:
        return read_distribution_points(
            DerReader(extensions[_DISTRIBUTION_POINTS][1]), "cRLDistributionPoints"
        )
    except InputRefused:
        return None


def _key(key_info: bytes) -> SigningKey | None:
    with warnings.catch_warnings():
        # Of old kinds of keys the library warns; what is verified with them is decided elsewhere.
        warnings.simplefilter("ignore")
        try:
            key = load_der_public_key(key_info)
        except (ValueError, UnsupportedAlgorithm, TypeError):
            return None
    # One that signs nothing is as good as none.
    return key if isinstance(key, SigningKey) else None
