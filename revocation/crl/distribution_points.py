"""Distribution points: what a list says it is for, and where a certificate says its lists are.

RFC 5280 section 5.2.5 (issuingDistributionPoint, of a list) and 4.2.1.13 (cRLDistributionPoints, of a
certificate) share the name and the reasons. Here they are read; whether they fit is for applies.py.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from revocation.crl.general_names import read_general_names
from revocation.der import BOOLEAN, SEQUENCE, SET, DerReader, encoded, refused
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused

_POINT: Final = "issuingDistributionPoint"
_MAX_POINTS: Final = 64
#: Lists that nobody has verified yet are remembered too; this bounds what they can cost us.
_KEPT_OCTETS: Final = 512

#: RFC 5280 section 4.2.1.13, ReasonFlags: bit n of this number is bit n there. Bit 0 is "unused".
ALL_REASONS: Final = 0b1_1111_1110
_AA_COMPROMISE: Final = 8


@dataclass(frozen=True, slots=True)
class IssuingDistributionPoint:
    """RFC 5280 section 5.2.5."""

    critical: bool
    #: fullName: the DER Name of a directoryName; any other GeneralName whole.
    full_names: tuple[bytes, ...]
    #: nameRelativeToCRLIssuer: the RDN (a SET, DER); None where there is none.
    relative_name: bytes | None
    only_contains_user_certs: bool
    only_contains_ca_certs: bool
    #: The bits of ALL_REASONS; None where the list is for every reason.
    only_some_reasons: int | None
    indirect_crl: bool
    only_contains_attribute_certs: bool

    @property
    def is_named(self) -> bool:
        """Whether it has a distributionPoint, in either form."""
        return bool(self.full_names) or self.relative_name is not None

    @property
    def is_limited(self) -> bool:
        """Whether it leaves some certificates or reasons of its point unspoken for."""
        return (
            self.only_contains_user_certs
            or self.only_contains_ca_certs
            or self.only_contains_attribute_certs
            or self.only_some_reasons is not None
        )


@dataclass(frozen=True, slots=True)
class DistributionPoint:
    """RFC 5280 section 4.2.1.13: one of a certificate's."""

    full_names: tuple[bytes, ...] = ()
    relative_name: bytes | None = None
    #: The bits of ALL_REASONS; None: every reason.
    reasons: int | None = None
    #: General names; only a directory name can be a list's issuer.
    crl_issuers: tuple[bytes, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether it has a distributionPoint, in either form."""
        return bool(self.full_names) or self.relative_name is not None


def full_name(name: bytes, relative: bytes) -> bytes:
    """The Name that a nameRelativeToCRLIssuer stands for: the RDN after those of this Name (both DER)."""
    start, end = DerReader(name).element(SEQUENCE, "Name")
    return encoded(SEQUENCE, name[start:end] + relative)


def explicit_boolean(reader: DerReader, what: str, tag: int = BOOLEAN, *, explicit_default: bool) -> bool:
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


def read_issuing_distribution_point(
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
    return _read_issuing(value, critical=critical, explicit_default=explicit_default)


@lru_cache(maxsize=4096)
def _known_distribution_point(
    octets: bytes, critical: bool, explicit_default: bool
) -> IssuingDistributionPoint:
    value = DerReader(octets)
    found = _read_issuing(value, critical=critical, explicit_default=explicit_default)
    value.finish(_POINT)
    return found


def _read_issuing(value: DerReader, *, critical: bool, explicit_default: bool) -> IssuingDistributionPoint:
    at = value.at
    fields = value.enter(SEQUENCE, "IssuingDistributionPoint")
    if fields.peek() == -1:
        # RFC 5280 section 5.2.5: one that says nothing is left out.
        raise refused("DER_EXTENSIONS", _POINT, at, "at least one field", "none")
    full_names, relative = _read_name(fields)

    def flag(tag: int, what: str) -> bool:
        if fields.peek() != tag:
            return False
        return explicit_boolean(fields, what, tag, explicit_default=explicit_default)

    only_user = flag(0x81, "onlyContainsUserCerts")
    only_ca = flag(0x82, "onlyContainsCACerts")
    reasons = _read_reasons(fields, 0x83, "onlySomeReasons")
    indirect = flag(0x84, "indirectCRL")
    only_attribute = flag(0x85, "onlyContainsAttributeCerts")
    fields.finish("IssuingDistributionPoint")
    return IssuingDistributionPoint(
        critical=critical,
        full_names=full_names,
        relative_name=relative,
        only_contains_user_certs=only_user,
        only_contains_ca_certs=only_ca,
        only_some_reasons=reasons,
        indirect_crl=indirect,
        only_contains_attribute_certs=only_attribute,
    )


def read_distribution_points(value: DerReader, what: str) -> tuple[DistributionPoint, ...]:
    """CRLDistributionPoints: SEQUENCE SIZE (1..MAX) OF DistributionPoint, and nothing after it."""
    points = value.enter(SEQUENCE, what)
    value.finish(what)
    found: list[DistributionPoint] = []
    while points.peek() != -1:
        at = points.at
        if len(found) == _MAX_POINTS:
            raise refused("DER_EXTENSIONS", what, at, f"at most {_MAX_POINTS} points", "more")
        fields = points.enter(SEQUENCE, "DistributionPoint")
        full_names, relative = _read_name(fields)
        reasons = _read_reasons(fields, 0x81, "reasons")
        issuers: tuple[bytes, ...] = ()
        if fields.peek() == 0xA2:
            issuers = read_general_names(fields.enter(0xA2, "cRLIssuer"), "cRLIssuer")
        fields.finish("DistributionPoint")
        if not full_names and relative is None and not issuers:
            # Section 4.2.1.13: never reasons alone.
            raise refused("DER_EXTENSIONS", "DistributionPoint", at, "a name or a cRLIssuer", "neither")
        found.append(DistributionPoint(full_names, relative, reasons, issuers))
    if not found:
        raise refused("DER_EXTENSIONS", what, points.at, "at least one DistributionPoint", "none")
    return tuple(found)


def _read_name(fields: DerReader) -> tuple[tuple[bytes, ...], bytes | None]:
    """distributionPoint [0]: full names, or the RDN of a relative one; neither where it is absent."""
    if fields.peek() != 0xA0:
        return (), None
    # DistributionPointName is a CHOICE, so its tag [0] is explicit (X.680 section 31.2.7).
    choice = fields.enter(0xA0, "distributionPoint")
    names: tuple[bytes, ...] = ()
    relative = None
    if choice.peek() == 0xA1:
        start, end = choice.element(0xA1, "nameRelativeToCRLIssuer")
        relative = encoded(SET, bytes(choice.data[start:end]))
        # Read as the one RDN of a Name: what is none is refused here, not when somebody compares it.
        canonical_name(encoded(SEQUENCE, relative))
    else:
        names = read_general_names(choice.enter(0xA0, "fullName"), "fullName")
    choice.finish("distributionPoint")
    return names, relative


def _read_reasons(fields: DerReader, tag: int, what: str) -> int | None:
    """ReasonFlags, a named bit list: in DER without trailing zero bits (X.690 section 11.2)."""
    if fields.peek() != tag:
        return None
    start, end = fields.element(tag, what)
    content = bytes(fields.data[start:end])
    unused = content[0] if content else 8
    bits = int.from_bytes(content[1:], "big")
    # The last bit that is there is a one; without any bit there is no octet for it either.
    if (
        unused > 7
        or (unused and not bits)
        or (bits and bits & -bits != 1 << unused)
        or (not bits and len(content) > 1)
    ):
        raise refused("DER_REASONS", what, start, "a BIT STRING without trailing zero bits", "another one")
    width = 8 * len(content[1:])
    return sum(1 << bit for bit in range(min(width, _AA_COMPROMISE + 1)) if bits >> (width - 1 - bit) & 1)
