"""``authorities.json`` and its parts as validated rows; every field is checked before anything is built."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final, Literal

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field

from revocation.authorities import (
    Authorities,
    Authority,
    CrlSigning,
    Partition,
    SignatureAlgorithm,
    Tolerance,
)
from revocation.authority_certificates import authority_from_certificates
from revocation.errors import InputRefused
from revocation.identity import serial_from_hex, serial_from_int, serial_to_hex
from revocation.recorded_acts import RecordedAct

FORMAT: Final = "jpki-authorities/1"

Text = Annotated[str, Field(max_length=1000)]


class Row(BaseModel):
    """No unknown field, no echo of what was given."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class PartitionRow(Row):
    """A ``Partition``."""

    number: int
    #: base64 of the DER.
    distribution_point: str
    label: str
    opened: date | None = None
    closed: date | None = None
    successor: int | None = None


class AuthorityRow(Row):
    """An ``Authority``."""

    ca_id: str
    crl_signing: CrlSigning
    #: PEM, oldest first.
    certificates: list[str] = Field(min_length=1)
    kinds: dict[str, str]
    signature_algorithms: list[SignatureAlgorithm]
    hold_releasable: bool
    purpose_limited: bool
    #: Hexadecimal like every serial number in JSON: a number would lose digits in other people's parsers.
    serial_ceiling: str | None
    tolerances: list[Tolerance]
    partitions: list[PartitionRow]


class ActRow(Row):
    """A ``RecordedAct``."""

    version: int
    kind: Text
    ca_id: Text
    summary: Text
    reason: Text
    proposal_id: Text
    proposed_by: Text
    proposed_at: datetime
    approved_by: Text
    approved_at: datetime
    before_sha256: Text
    after_sha256: Text


class FileRow(Row):
    """The whole file. One from before the acts were recorded has neither version nor acts: version 0."""

    format: Literal["jpki-authorities/1"]
    version: Annotated[int, Field(ge=0)] = 0
    authorities: list[AuthorityRow]
    acts: list[ActRow] = []


def authorities_from(row: FileRow) -> Authorities:
    acts = [RecordedAct(**dict(act)) for act in row.acts]
    return Authorities(map(authority_from, row.authorities), version=row.version, acts=acts)


def row_of_file(authorities: Authorities) -> FileRow:
    return FileRow(
        format=FORMAT,
        version=authorities.version,
        authorities=[row_of(authority) for authority in authorities],
        acts=[
            ActRow.model_validate({name: getattr(act, name) for name in ActRow.model_fields})
            for act in authorities.acts
        ],
    )


def authority_from(row: AuthorityRow) -> Authority:
    ceiling = row.serial_ceiling
    return authority_from_certificates(
        row.ca_id,
        certificates_from(row.certificates),
        partitions=[partition_from(partition) for partition in row.partitions],
        crl_signing=row.crl_signing,
        kinds=row.kinds,
        signature_algorithms=row.signature_algorithms,
        hold_releasable=row.hold_releasable,
        purpose_limited=row.purpose_limited,
        serial_ceiling=None if ceiling is None else int.from_bytes(serial_from_hex(ceiling), "big"),
        tolerances=row.tolerances,
    )


def row_of(authority: Authority) -> AuthorityRow:
    ceiling = authority.serial_ceiling
    return AuthorityRow(
        ca_id=authority.ca_id,
        crl_signing=authority.crl_signing,
        certificates=[pem_of(generation.certificate) for generation in authority.generations],
        kinds=dict(sorted(authority.kinds.items())),
        signature_algorithms=sorted(map(SignatureAlgorithm, authority.signature_algorithms)),
        hold_releasable=authority.hold_releasable,
        purpose_limited=authority.purpose_limited,
        serial_ceiling=None if ceiling is None else serial_to_hex(serial_from_int(ceiling)),
        tolerances=sorted(map(Tolerance, authority.tolerances)),
        partitions=[row_of_partition(partition) for partition in authority.partitions],
    )


def certificates_from(pems: Iterable[str]) -> list[x509.Certificate]:
    try:
        return [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
    except ValueError:
        raise malformed("PEM certificates", "something else") from None


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def partition_from(row: PartitionRow) -> Partition:
    try:
        point = base64.b64decode(row.distribution_point, validate=True)
    except (ValueError, binascii.Error):
        raise malformed("distribution points in base64", "something else") from None
    return Partition(row.number, point, row.label, row.opened, row.closed, row.successor)


def row_of_partition(partition: Partition) -> PartitionRow:
    return PartitionRow(
        number=partition.number,
        distribution_point=base64.b64encode(partition.distribution_point).decode(),
        label=partition.label,
        opened=partition.opened,
        closed=partition.closed,
        successor=partition.successor,
    )


def authorities_sha256(authorities: Iterable[Authority]) -> str:
    """Hex SHA-256 of what the authorities say, without version and acts: each act signs off its result."""
    rows = [row_of(authority).model_dump(mode="json", exclude_none=True) for authority in authorities]
    return hashlib.sha256(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)).hexdigest()


def malformed(
    expected: str, got: str, remedy: str = "correct the authorities file or the CA certificate"
) -> InputRefused:
    return InputRefused("AUTHORITY_MALFORMED", expected=expected, got=got, remedy=remedy)
