"""A certificate revocation list from its octets (RFC 5280 section 5.1): whole, in one pass, or refused.

Nothing is skipped, guessed or repaired: an entry lost here would later be answered as "good".
Decoding decides nothing: whom the list speaks for is for verify.py, whether to believe it for accept.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mmap import mmap
from typing import Final, NamedTuple

from revocation.authorities import Tolerance
from revocation.crl.extensions import (
    IssuingDistributionPoint,
    ListExtensions,
    read_list_extensions,
    read_signature_value,
)
from revocation.crl.refusals import walk_refused
from revocation.crl.sniff import check_inner_tag, check_is_list, check_outer_tag
from revocation.der import GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME, DerReader, refused
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused

try:
    from revocation.crl._walk import walk_revoked_certificates
except ImportError as error:  # pragma: no cover - the build makes it
    raise ImportError(
        "the compiled core revocation.crl._walk is missing; build it: python setup.py build_ext --inplace"
    ) from error

#: One entry: [0] serial length, [1:21] serial octets, [21] reason, [22] flags, [23] zero, [24:32] date.
RECORD_SIZE: Final = 32
#: Flag bit: the entry carries an invalidityDate.
FLAG_INVALIDITY_DATE: Final = 1
#: A list larger than this is refused before anything of it is read.
MAX_LIST_OCTETS: Final = 4 * 1024 * 1024 * 1024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class RevokedCertificate(NamedTuple):
    """One entry, for people and tests; the index works on the packed records."""

    serial: bytes
    revocation_date: datetime
    #: Raw reason code; 0xFF where the list gives none.
    reason: int
    has_invalidity_date: bool


@dataclass(frozen=True, slots=True, repr=False)
class Entries:
    """revokedCertificates, packed: ``count`` records of ``RECORD_SIZE`` octets, in the list's order."""

    count: int
    records: bytes

    def __repr__(self) -> str:
        return f"Entries(count={self.count})"

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[RevokedCertificate]:
        for at in range(0, self.count * RECORD_SIZE, RECORD_SIZE):
            record = self.records[at : at + RECORD_SIZE]
            seconds = int.from_bytes(record[24:32], "little", signed=True)
            yield RevokedCertificate(
                record[1 : 1 + record[0]],
                _EPOCH + timedelta(seconds=seconds),
                record[21],
                bool(record[22] & FLAG_INVALIDITY_DATE),
            )


@dataclass(frozen=True, slots=True)
class CertificateList:
    """RFC 5280 section 5.1, decoded."""

    #: 1 or 2, as people count.
    version: int
    #: DER of the AlgorithmIdentifier inside the signed part, and of the one outside it.
    tbs_signature_algorithm: bytes
    outer_signature_algorithm: bytes
    #: DER Name.
    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    authority_key_identifier: bytes | None
    crl_number: int | None
    issuing_distribution_point: IssuingDistributionPoint | None
    #: BaseCRLNumber of a delta list.
    delta_base: int | None
    #: OIDs of the list's extensions that are marked critical, and those of them that we do not process.
    critical_extensions: frozenset[str]
    unknown_critical_extensions: tuple[str, ...]
    entries: Entries
    #: The signed octets; a view into the buffer that was decoded.
    tbs: memoryview
    signature: bytes
    #: Of the whole file.
    sha256: bytes
    #: Octets of the whole file.
    size: int


def decode_certificate_list(
    der: bytes | bytearray | memoryview | mmap,
    *,
    tolerances: AbstractSet[str] = frozenset(),
    max_octets: int = MAX_LIST_OCTETS,
) -> CertificateList:
    """The list, or ``InputRefused`` with a code, the byte offset, what was expected and what was got.

    Takes one octet string that does not change while it is read; a mapped file must never be rewritten
    in place. ``tolerances`` are the CA's named ones; only those about encoding matter here.
    """
    data = memoryview(der).cast("B").toreadonly()
    _check_envelope(data, max_octets)
    explicit_default = Tolerance.EXPLICIT_DEFAULT in tolerances
    generalized = Tolerance.GENERALIZED_TIME_BEFORE_2050 in tolerances
    whole = DerReader(data)
    certificate_list = whole.enter(SEQUENCE, "CertificateList")
    whole.finish("CertificateList")

    check_outer_tag(certificate_list.peek())
    tbs_at = certificate_list.at
    tbs = certificate_list.enter(SEQUENCE, "tbsCertList")
    check_inner_tag(tbs.peek())
    outer_algorithm = certificate_list.raw(SEQUENCE, "signatureAlgorithm")
    signature = read_signature_value(certificate_list)
    certificate_list.finish("CertificateList")

    version = _read_version(tbs)
    inner_algorithm = tbs.raw(SEQUENCE, "signature")
    issuer = tbs.raw(SEQUENCE, "issuer")
    canonical_name(issuer)
    this_update = tbs.time("thisUpdate", generalized_before_2050=generalized)
    next_update = None
    if tbs.peek() in {UTC_TIME, GENERALIZED_TIME}:
        next_update = tbs.time("nextUpdate", generalized_before_2050=generalized)
    revoked = (0, 0)
    if tbs.peek() == SEQUENCE:
        # Section 5.1.2.6: absent when there are no entries. An empty one can mean nothing else, so it is
        # taken: refusing it would keep an older list in force, and change no answer.
        revoked = tbs.element(SEQUENCE, "revokedCertificates")
    extensions = ListExtensions()
    if tbs.peek() == 0xA0:
        at = tbs.at
        if version == 1:
            raise refused("DER_VERSION", "crlExtensions", at, "version v2", "extensions in a v1 list")
        explicit = tbs.enter(0xA0, "crlExtensions")
        extensions = read_list_extensions(
            explicit.enter(SEQUENCE, "crlExtensions"), explicit_default=explicit_default
        )
        explicit.finish("crlExtensions")
    tbs.finish("tbsCertList")

    records, refusal, offset, got, length = walk_revoked_certificates(
        data, *revoked, version == 2, explicit_default, generalized
    )
    if refusal:
        raise walk_refused(data, refusal, offset, got, length)
    return CertificateList(
        version=version,
        tbs_signature_algorithm=inner_algorithm,
        outer_signature_algorithm=outer_algorithm,
        issuer=issuer,
        this_update=this_update,
        next_update=next_update,
        authority_key_identifier=extensions.authority_key_identifier,
        crl_number=extensions.crl_number,
        issuing_distribution_point=extensions.issuing_distribution_point,
        delta_base=extensions.delta_base,
        critical_extensions=extensions.critical,
        unknown_critical_extensions=extensions.unknown_critical,
        entries=Entries(len(records) // RECORD_SIZE, records),
        tbs=data[tbs_at : tbs.end],
        signature=signature,
        sha256=hashlib.sha256(data).digest(),
        size=len(data),
    )


def _read_version(tbs: DerReader) -> int:
    """Section 5.1.2.1: v1 is written by leaving the version out; if present it must be v2 (1)."""
    if tbs.peek() != INTEGER:
        return 1
    at = tbs.at
    version = tbs.integer("version")
    if version != 1:
        raise refused("DER_VERSION", "version", at, "v2 (1), or none for v1", f"v{version + 1}")
    return 2


def _check_envelope(data: memoryview, max_octets: int) -> None:
    size = len(data)
    if size > max_octets:
        raise InputRefused(
            "TOO_LARGE",
            expected=f"a list of at most {max_octets} octets",
            got=f"{size} octets",
            remedy="check that this is the right list, then raise the limit",
        )
    check_is_list(data)
