"""Making an ``Authority`` from certificates, and the one file ``authorities.json`` that keeps them all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, Literal

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revocation.authorities import (
    Authorities,
    Authority,
    CrlSigning,
    Generation,
    Partition,
    SignatureAlgorithm,
    Tolerance,
)
from revocation.der import SEQUENCE, DerReader
from revocation.errors import InputRefused, OutsideFailed
from revocation.identity import issuer_key_of, serial_from_hex, serial_from_int, serial_to_hex

_FORMAT: Final = "jpki-authorities/1"
_MAX_FILE: Final = 64 * 1024 * 1024

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
    generations = tuple(_generation(certificate, f"g{n}") for n, certificate in enumerate(ordered, 1))
    allowed = (
        _allowed_by_keys(generations) if signature_algorithms is None else frozenset(signature_algorithms)
    )
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


def _generation(certificate: x509.Certificate, name: str) -> Generation:
    _check_ca(certificate)
    der = certificate.public_bytes(Encoding.DER)
    public_key = certificate.public_key()
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


def _check_ca(certificate: x509.Certificate) -> None:
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


def _allowed_by_keys(generations: Iterable[Generation]) -> frozenset[str]:
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class _PartitionRow(_Strict):
    number: int
    #: base64 of the DER.
    distribution_point: str
    label: str
    opened: date | None = None
    closed: date | None = None
    successor: int | None = None


class _AuthorityRow(_Strict):
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
    partitions: list[_PartitionRow]


class _File(_Strict):
    format: Literal["jpki-authorities/1"]
    authorities: list[_AuthorityRow]


def read_authorities(path: Path) -> Authorities:
    """The file's authorities; every fault in it refuses it whole."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise OutsideFailed(
            "AUTHORITIES_UNREADABLE",
            expected="a readable authorities file",
            got=error.strerror or "an I/O error",
            remedy="check the data folder and its permissions",
        ) from error
    if len(text) > _MAX_FILE:
        raise _refused(f"an authorities file of at most {_MAX_FILE} octets", "a larger one")
    try:
        file_rows = _File.model_validate(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise _refused("an authorities file in JSON", "something else") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _refused(f"an authorities file of format {_FORMAT}", f"{first['type']} at {where}") from None
    return Authorities(_from_row(row) for row in file_rows.authorities)


def _from_row(row: _AuthorityRow) -> Authority:
    try:
        certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in row.certificates]
        partitions = tuple(
            Partition(
                number=partition.number,
                distribution_point=base64.b64decode(partition.distribution_point, validate=True),
                label=partition.label,
                opened=partition.opened,
                closed=partition.closed,
                successor=partition.successor,
            )
            for partition in row.partitions
        )
    except (ValueError, binascii.Error):
        raise _refused("PEM certificates and base64 distribution points", "something else") from None
    ceiling = row.serial_ceiling
    return authority_from_certificates(
        row.ca_id,
        certificates,
        partitions=partitions,
        crl_signing=row.crl_signing,
        kinds=row.kinds,
        signature_algorithms=row.signature_algorithms,
        hold_releasable=row.hold_releasable,
        purpose_limited=row.purpose_limited,
        serial_ceiling=None if ceiling is None else int.from_bytes(serial_from_hex(ceiling), "big"),
        tolerances=row.tolerances,
    )


def _to_row(authority: Authority) -> _AuthorityRow:
    ceiling = authority.serial_ceiling
    return _AuthorityRow(
        ca_id=authority.ca_id,
        crl_signing=authority.crl_signing,
        certificates=[g.certificate.public_bytes(Encoding.PEM).decode() for g in authority.generations],
        kinds=dict(authority.kinds),
        signature_algorithms=sorted(map(SignatureAlgorithm, authority.signature_algorithms)),
        hold_releasable=authority.hold_releasable,
        purpose_limited=authority.purpose_limited,
        serial_ceiling=None if ceiling is None else serial_to_hex(serial_from_int(ceiling)),
        tolerances=sorted(map(Tolerance, authority.tolerances)),
        partitions=[
            _PartitionRow(
                number=partition.number,
                distribution_point=base64.b64encode(partition.distribution_point).decode(),
                label=partition.label,
                opened=partition.opened,
                closed=partition.closed,
                successor=partition.successor,
            )
            for partition in authority.partitions
        ],
    )


def write_authorities(authorities: Authorities, path: Path) -> None:
    """Written beside the old file, made durable, then renamed over it: a crash leaves the old or the new."""
    rows = _File(format=_FORMAT, authorities=[_to_row(authority) for authority in authorities])
    text = orjson.dumps(rows.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutsideFailed(
            "AUTHORITIES_UNWRITABLE",
            expected="a writable authorities file",
            got=error.strerror or "an I/O error",
            remedy="check the data folder, its permissions and its free space",
        ) from error


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "AUTHORITY_MALFORMED",
        expected=expected,
        got=got,
        remedy="correct the authorities file or the CA certificate",
    )
