"""The extensions of a list (RFC 5280 section 5.2) that decide whether and for whom it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from revocation.crl.distribution_points import (
    IssuingDistributionPoint,
    explicit_boolean,
    read_issuing_distribution_point,
)
from revocation.der import BIT_STRING, BOOLEAN, OCTET_STRING, SEQUENCE, DerReader, refused

AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
CRL_NUMBER: Final = "2.5.29.20"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"

_PROCESSED: Final = {AUTHORITY_KEY_IDENTIFIER, CRL_NUMBER, DELTA_CRL_INDICATOR, ISSUING_DISTRIBUTION_POINT}

#: Enough for any list; bounds the work that a hostile one can ask for.
_MAX_EXTENSIONS: Final = 64


@dataclass(frozen=True, slots=True)
class ListExtensions:
    """What the extensions say; absent ones are None."""

    authority_key_identifier: bytes | None = None
    crl_number: int | None = None
    delta_base: int | None = None
    issuing_distribution_point: IssuingDistributionPoint | None = None
    #: OIDs of all of them, and of those that are marked critical.
    present: frozenset[str] = frozenset()
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
            critical = explicit_boolean(extension, "critical", explicit_default=explicit_default)
        if critical:
            marked.add(oid)
        value = extension.enter(OCTET_STRING, "extnValue")
        extension.finish("Extension")
        if oid == AUTHORITY_KEY_IDENTIFIER:
            key_identifier = read_authority_key_identifier(value)
        elif oid == CRL_NUMBER:
            crl_number = _read_number(value, "cRLNumber")
        elif oid == DELTA_CRL_INDICATOR:
            delta_base = _read_number(value, "BaseCRLNumber")
        elif oid == ISSUING_DISTRIBUTION_POINT:
            point = read_issuing_distribution_point(
                value, critical=critical, explicit_default=explicit_default
            )
        elif critical:
            unknown.append(oid)
        if oid in _PROCESSED and value.at != value.end:
            value.finish(f"extnValue of {oid}")
    return ListExtensions(
        key_identifier, crl_number, delta_base, point, frozenset(seen), frozenset(marked), tuple(unknown)
    )


def _read_number(value: DerReader, what: str) -> int:
    """RFC 5280 sections 5.2.3 and 5.2.4: INTEGER (0..MAX) of at most 20 octets."""
    at = value.at
    number = value.integer(what)
    if number < 0:
        raise refused("DER_CRL_NUMBER", what, at, "0 or more (RFC 5280 section 5.2.3)", "a negative number")
    return number


def read_authority_key_identifier(value: DerReader) -> bytes | None:
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


def read_signature_value(reader: DerReader) -> bytes:
    """signatureValue: a BIT STRING of whole octets (RFC 5280 section 5.1.1.3)."""
    start, end = reader.element(BIT_STRING, "signatureValue")
    if end - start < 2 or reader.data[start] != 0:
        raise refused(
            "DER_SIGNATURE", "signatureValue", start, "whole octets, no unused bits", "another BIT STRING"
        )
    return bytes(reader.data[start + 1 : end])
