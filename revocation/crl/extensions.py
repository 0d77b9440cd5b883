"""The extensions of a list (RFC 5280 section 5.2) that decide whether and for whom it speaks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from revocation.der import BIT_STRING, BOOLEAN, OCTET_STRING, SEQUENCE, DerReader, refused
from revocation.errors import InputRefused

AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
CRL_NUMBER: Final = "2.5.29.20"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"

_PROCESSED: Final = {AUTHORITY_KEY_IDENTIFIER, CRL_NUMBER, DELTA_CRL_INDICATOR, ISSUING_DISTRIBUTION_POINT}

#: Enough for any list; bounds the work that a hostile one can ask for.
_MAX_EXTENSIONS: Final = 64
_MAX_NAMES: Final = 64
_POINT: Final = "issuingDistributionPoint"
#: Lists that nobody has verified yet are remembered too; this bounds what they can cost us.
_KEPT_OCTETS: Final = 512


@dataclass(frozen=True, slots=True)
class IssuingDistributionPoint:
    """RFC 5280 section 5.2.5."""

    critical: bool
    #: fullName: the DER Name of a directoryName; any other GeneralName whole.
    full_names: tuple[bytes, ...]
    #: nameRelativeToCRLIssuer is present.
    relative_name: bool
    only_contains_user_certs: bool
    only_contains_ca_certs: bool
    only_some_reasons: bool
    indirect_crl: bool
    only_contains_attribute_certs: bool


@dataclass(frozen=True, slots=True)
class ListExtensions:
    """What the extensions say; absent ones are None."""

    authority_key_identifier: bytes | None = None
    crl_number: int | None = None
    delta_base: int | None = None
    issuing_distribution_point: IssuingDistributionPoint | None = None
    critical: frozenset[str] = frozenset()
    unknown_critical: tuple[str, ...] = ()


def read_list_extensions(extensions: DerReader, *, explicit_default: bool) -> ListExtensions:
    """crlExtensions, content of the SEQUENCE: each at most once, at least one, values strictly read."""
    if extensions.peek() == -1:
        raise refused("DER_EXTENSIONS", "crlExtensions", extensions.at, "at least one extension", "none")
    key_identifier: bytes | None = None
    crl_number: int | None = None
    delta_base: int | None = None
    point: IssuingDistributionPoint | None = None
    marked: set[str] = set()
    unknown: list[str] = []
    seen: set[str] = set()
    while extensions.peek() != -1:
        at = extensions.at
        extension = extensions.enter(SEQUENCE, "Extension")
        oid = extension.oid("extnID")
        if oid in seen:
            # RFC 5280 section 4.2: not more than one instance of an extension.
            raise refused(
                "DER_DUPLICATE_EXTENSION", "crlExtensions", at, "each extension once", f"{oid} twice"
            )
        seen.add(oid)
        if len(seen) > _MAX_EXTENSIONS:
            raise refused("DER_EXTENSIONS", "crlExtensions", at, f"at most {_MAX_EXTENSIONS}", "more")
        critical = False
        if extension.peek() == BOOLEAN:
            critical = _explicit_boolean(extension, "critical", BOOLEAN, explicit_default=explicit_default)
        if critical:
            marked.add(oid)
        value = extension.enter(OCTET_STRING, "extnValue")
        extension.finish("Extension")
        if oid == AUTHORITY_KEY_IDENTIFIER:
            key_identifier = _read_authority_key_identifier(value)
        elif oid == CRL_NUMBER:
            crl_number = _read_number(value, "cRLNumber")
        elif oid == DELTA_CRL_INDICATOR:
            delta_base = _read_number(value, "BaseCRLNumber")
        elif oid == ISSUING_DISTRIBUTION_POINT:
            point = _distribution_point(value, critical=critical, explicit_default=explicit_default)
        elif critical:
            unknown.append(oid)
        if oid in _PROCESSED and value.at != value.end:
            value.finish(f"extnValue of {oid}")
    return ListExtensions(key_identifier, crl_number, delta_base, point, frozenset(marked), tuple(unknown))


def _explicit_boolean(reader: DerReader, what: str, tag: int, *, explicit_default: bool) -> bool:
    """X.690 section 11.5: a value equal to its DEFAULT (FALSE) is left out in DER."""
    at = reader.at
    value = reader.boolean(what, tag)
    if not value and not explicit_default:
        raise refused(
            "DER_EXPLICIT_DEFAULT",
            what,
            at,
            "FALSE left out, as DER wants a DEFAULT",
            "an explicit FALSE",
            remedy="fetch it again, or switch on the tolerance explicit_default for this CA",
        )
    return value


def _read_number(value: DerReader, what: str) -> int:
    """RFC 5280 sections 5.2.3 and 5.2.4: INTEGER (0..MAX) of at most 20 octets."""
    at = value.at
    number = value.integer(what)
    if number < 0:
        raise refused("DER_CRL_NUMBER", what, at, "0 or more (RFC 5280 section 5.2.3)", "a negative number")
    return number


def _read_authority_key_identifier(value: DerReader) -> bytes | None:
    """RFC 5280 section 4.2.1.1: keyIdentifier [0], authorityCertIssuer [1], authorityCertSerialNumber [2]."""
    fields = value.enter(SEQUENCE, "AuthorityKeyIdentifier")
    key_identifier = None
    if fields.peek() == 0x80:
        start, end = fields.element(0x80, "keyIdentifier")
        key_identifier = bytes(fields.data[start:end])
    if fields.peek() == 0xA1:
        fields.header("authorityCertIssuer")
    if fields.peek() == 0x82:
        fields.header("authorityCertSerialNumber")
    fields.finish("AuthorityKeyIdentifier")
    return key_identifier


def _distribution_point(
    value: DerReader, *, critical: bool, explicit_default: bool
) -> IssuingDistributionPoint:
    """One that was read before is not read again: a partition's is the same every night."""
    if value.end - value.at <= _KEPT_OCTETS:
        with suppress(InputRefused):
            octets = bytes(value.data[value.at : value.end])
            found = _known_distribution_point(octets, critical, explicit_default)
            value.header(_POINT)
            return found
    # Of a refusal the offset is that in the list.
    return _read_distribution_point(value, critical=critical, explicit_default=explicit_default)


@lru_cache(maxsize=4096)
def _known_distribution_point(
    octets: bytes, critical: bool, explicit_default: bool
) -> IssuingDistributionPoint:
    value = DerReader(octets)
    found = _read_distribution_point(value, critical=critical, explicit_default=explicit_default)
    value.finish(_POINT)
    return found


def _read_distribution_point(
    value: DerReader, *, critical: bool, explicit_default: bool
) -> IssuingDistributionPoint:
    at = value.at
    fields = value.enter(SEQUENCE, "IssuingDistributionPoint")
    if fields.peek() == -1:
        # RFC 5280 section 5.2.5: one that says nothing is left out.
        raise refused("DER_EXTENSIONS", "issuingDistributionPoint", at, "at least one field", "none")
    names: list[bytes] = []
    relative = False
    if fields.peek() == 0xA0:
        # DistributionPointName is a CHOICE, so its tag [0] is explicit (X.680 section 31.2.7).
        choice = fields.enter(0xA0, "distributionPoint")
        if choice.peek() == 0xA1:
            relative = True
            choice.header("nameRelativeToCRLIssuer")
        else:
            names = _read_general_names(choice.enter(0xA0, "fullName"))
        choice.finish("distributionPoint")

    def flag(tag: int, what: str) -> bool:
        if fields.peek() != tag:
            return False
        return _explicit_boolean(fields, what, tag, explicit_default=explicit_default)

    only_user = flag(0x81, "onlyContainsUserCerts")
    only_ca = flag(0x82, "onlyContainsCACerts")
    some_reasons = fields.peek() == 0x83
    if some_reasons:
        fields.element(0x83, "onlySomeReasons")
    indirect = flag(0x84, "indirectCRL")
    only_attribute = flag(0x85, "onlyContainsAttributeCerts")
    fields.finish("IssuingDistributionPoint")
    return IssuingDistributionPoint(
        critical=critical,
        full_names=tuple(names),
        relative_name=relative,
        only_contains_user_certs=only_user,
        only_contains_ca_certs=only_ca,
        only_some_reasons=some_reasons,
        indirect_crl=indirect,
        only_contains_attribute_certs=only_attribute,
    )


def _read_general_names(names: DerReader) -> list[bytes]:
    """GeneralNames: a directoryName [4] gives its Name, any other form stands whole."""
    found: list[bytes] = []
    while names.peek() != -1:
        at = names.at
        if len(found) == _MAX_NAMES:
            raise refused("DER_EXTENSIONS", "fullName", at, f"at most {_MAX_NAMES} names", "more")
        tag, start, end = names.header("GeneralName")
        if tag == 0xA4:
            choice = DerReader(names.data, start, end)
            found.append(choice.raw(SEQUENCE, "directoryName"))
            choice.finish("directoryName")
        else:
            found.append(bytes(names.data[at:end]))
    if not found:
        raise refused("DER_EXTENSIONS", "fullName", names.at, "at least one GeneralName", "none")
    return found


def read_signature_value(reader: DerReader) -> bytes:
    """signatureValue: a BIT STRING of whole octets (RFC 5280 section 5.1.1.3)."""
    start, end = reader.element(BIT_STRING, "signatureValue")
    if end - start < 2 or reader.data[start] != 0:
        raise refused(
            "DER_SIGNATURE", "signatureValue", start, "whole octets, no unused bits", "another BIT STRING"
        )
    return bytes(reader.data[start + 1 : end])
