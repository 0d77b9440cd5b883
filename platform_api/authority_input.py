"""From what an operator types and has in files to an act upon the authorities, checked for this mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from cryptography import x509

from platform_api.authority_rules import kinds_from, require_allowed
from platform_api.config import Settings
from platform_api.faults import SetupRefused, UsageRefused
from revocation.authorities import CA_ID, Authorities, CrlSigning, Partition, SignatureAlgorithm, Tolerance
from revocation.authority_acts import (
    Act,
    AddAuthority,
    AddGenerations,
    OpenPartitions,
    SetPolicy,
    SetTolerance,
    done,
    keys_added,
)
from revocation.authority_certificates import (
    algorithms_of,
    authority_from_certificates,
    generation_of,
    partitions_from_points,
)
from revocation.authority_rows import pem_of, row_of, row_of_partition
from revocation.certificate_files import Point, distribution_point, read_certificates, read_points
from revocation.errors import InputRefused
from revocation.identity import serial_from_hex


@dataclass(frozen=True, slots=True)
class CaOptions:
    """What ``jpki authority add`` is told; for a known CA only the certificates and algorithms."""

    files: Sequence[Path]
    fingerprints: Sequence[str] = ()
    algorithms: Sequence[str] = ()
    kinds: Sequence[str] = ()
    partition_files: Sequence[Path] = ()
    undivided: bool = False
    crl_signing: str | None = None
    hold_releasable: bool | None = None
    purpose_limited: bool | None = None
    serial_ceiling: str | None = None
    _ours: tuple[str, ...] = field(default=("files", "fingerprints", "algorithms"), repr=False)

    def for_new_only(self) -> list[str]:
        """Options given that only a new CA takes."""
        names = [name for name in self.__slots__ if name not in (*self._ours, "_ours")]
        return [name for name in names if getattr(self, name) not in ((), [], False, None)]


def authorities_missing(settings: Settings) -> SetupRefused:
    return SetupRefused(
        "AUTHORITIES_MISSING",
        expected=f"the accepted CAs in {settings.authorities_file.name}",
        got="no such file",
        remedy="add each CA from its certificates: jpki authority add CA FILE... --by NAME, then approve it",
    )


def addition(
    settings: Settings, present: Authorities, ca_id: str, options: CaOptions
) -> AddAuthority | AddGenerations:
    """A new CA, or new keys of one that is there; in live mode each fingerprint was compared."""
    if not CA_ID.match(ca_id):
        raise UsageRefused(
            "CA_ID_MALFORMED",
            expected="a CA named by 1 to 32 lower-case letters, digits and hyphens",
            got="another text as CA, the first argument",
            remedy="for example: jpki authority add card-sign FILE...",
        )
    _known_algorithms(options.algorithms)
    certificates = read_certificates(options.files)
    act: AddAuthority | AddGenerations
    if present.by_id(ca_id) is None:
        act = _new_authority(ca_id, certificates, options)
    else:
        if given := options.for_new_only():
            raise InputRefused(
                "OPTION_NOT_FOR_KNOWN_CA",
                expected="certificate files alone, because this CA is there already",
                got=", ".join(f"--{name.replace('_', '-')}" for name in given),
                remedy="leave it out; see jpki authority set, open-partition, close-partition",
            )
        keys = [generation_of(certificate, "new") for certificate in certificates]
        act = AddGenerations(
            ca_id=ca_id,
            certificates=[pem_of(certificate) for certificate in certificates],
            signature_algorithms=sorted(options.algorithms or algorithms_of(keys)),
        )
    check_allowed(settings, present, act, options.fingerprints)
    return act


def _new_authority(ca_id: str, certificates: list[x509.Certificate], options: CaOptions) -> AddAuthority:
    if bool(options.partition_files) is options.undivided:
        raise UsageRefused(
            "PARTITIONS_REQUIRED",
            expected="either --partitions FILE (the approved list) or --undivided (one list for all)",
            got="both" if options.undivided else "neither",
            remedy="name a CSV file with distribution_point and label, or the CA's lists themselves",
        )
    if not options.kinds:
        raise UsageRefused(
            "KIND_REQUIRED",
            expected="at least one --kind OID=KIND",
            got="none",
            remedy="the policy OID stands in the certificates: openssl x509 -text",
        )
    points = points_from(options.partition_files) if options.partition_files else [Point(b"", "all")]
    partitions = partitions_from_points([(point.distribution_point, point.label) for point in points])
    ceiling = options.serial_ceiling
    authority = authority_from_certificates(
        ca_id,
        certificates,
        partitions=[replace(p, opened=point.opened) for p, point in zip(partitions, points, strict=True)],
        crl_signing=_signing(options.crl_signing),
        kinds=kinds_from(options.kinds),
        signature_algorithms=options.algorithms or None,
        hold_releasable=bool(options.hold_releasable),
        purpose_limited=options.purpose_limited is not False,
        serial_ceiling=None if ceiling is None else int.from_bytes(_ceiling(ceiling), "big"),
    )
    return AddAuthority(authority=row_of(authority))


def _signing(given: str | None) -> CrlSigning:
    if given is None:
        return CrlSigning.EACH_GENERATION
    if given not in set(CrlSigning):
        raise _unknown("CRL_SIGNING_UNKNOWN", "--crl-signing", list(CrlSigning))
    return CrlSigning(given)


def points_from(files: Sequence[Path]) -> list[Point]:
    return [point for path in files for point in read_points(path)]


def opening(ca_id: str, points: Sequence[Point], *, day: date) -> OpenPartitions:
    """New partitions; each opens on its own day where its line names one."""
    rows = [Partition(0, p.distribution_point, p.label, opened=p.opened or day) for p in points]
    return OpenPartitions(ca_id=ca_id, partitions=[row_of_partition(row) for row in rows])


def named_point(name: str, label: str) -> Point:
    if not label.strip():
        raise UsageRefused(
            "LABEL_REQUIRED",
            expected="--label with --point: what people call it",
            got="none",
            remedy="the municipality's name, for example",
        )
    return Point(distribution_point(name), label.strip())


def tolerance(ca_id: str, name: str, switch: str) -> SetTolerance:
    if name not in set(Tolerance):
        raise _unknown("TOLERANCE_UNKNOWN", "a tolerance", list(Tolerance))
    if switch not in ("on", "off"):
        raise _unknown("SWITCH_UNKNOWN", "a switch", ["on", "off"])
    return SetTolerance(ca_id=ca_id, tolerance=Tolerance(name), on=switch == "on")


def policy(
    ca_id: str,
    *,
    serial_ceiling: str | None,
    hold_releasable: bool | None,
    purpose_limited: bool | None,
    algorithms: Sequence[str],
    kinds: Sequence[str],
) -> SetPolicy:
    _known_algorithms(algorithms)
    if serial_ceiling is not None:
        _ceiling(serial_ceiling)
    return SetPolicy(
        ca_id=ca_id,
        serial_ceiling=serial_ceiling,
        hold_releasable=hold_releasable,
        purpose_limited=purpose_limited,
        signature_algorithms=[SignatureAlgorithm(name) for name in algorithms] or None,
        kinds=dict(kinds_from(kinds)) or None,
    )


def _known_algorithms(given: Sequence[str]) -> None:
    if set(given) - set(SignatureAlgorithm):
        raise _unknown("ALGORITHM_UNKNOWN", "--algorithm", list(SignatureAlgorithm))


def _ceiling(given: str) -> bytes:
    try:
        return serial_from_hex(given)
    except InputRefused as refusal:
        raise UsageRefused(
            refusal.code,
            expected=f"--serial-ceiling: {refusal.expected}",
            got=refusal.got,
            remedy=refusal.remedy,
        ) from None


def check_allowed(settings: Settings, present: Authorities, act: Act, fingerprints: Sequence[str]) -> None:
    """The rules of the mode, on what the act would make of its CA."""
    authority = next(one for one in done(act, present) if one.ca_id == act.ca_id)
    require_allowed(settings.mode, authority, keys_added(act), fingerprints)


def _unknown(code: str, what: str, known: Sequence[str]) -> InputRefused:
    return UsageRefused(
        code, expected=f"{what} among {', '.join(known)}", got="another text", remedy="choose one of these"
    )
