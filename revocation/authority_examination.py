"""``jpki authority check``: what is wrong with the authorities, what will be, and what is worth knowing.

What makes a file unusable is refused when it is loaded. Here stands what loads and may still be a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from revocation.authorities import Authorities, Authority, Generation, SignatureAlgorithm
from revocation.authority_certificates import check_self_signature, self_issued
from revocation.authority_rows import authorities_sha256
from revocation.clock import jst_day
from revocation.errors import InputRefused
from revocation.mergers import open_partition

#: A CA publishes its next key long before the old one ends.
SOON: Final = timedelta(days=180)


class Severity(StrEnum):
    """ERROR: it does not work. WARNING: it will not, or is likely wrong. NOTE: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; ``ca_id`` is empty where it is about the whole file."""

    severity: Severity
    code: str
    ca_id: str
    found: str
    remedy: str


def examine(authorities: Authorities, now: datetime) -> list[Finding]:
    """Everything worth saying, the worst first."""
    findings = [*_file(authorities)]
    for authority in authorities:
        for check in (_keys, _algorithms, _kinds, _partitions, _policy):
            findings.extend(check(authority, now))
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _file(authorities: Authorities) -> Iterator[Finding]:
    if not len(authorities):
        yield Finding(Severity.ERROR, "NO_AUTHORITY", "", "no CA at all", "add one: jpki authority add")
    if authorities.acts and authorities.acts[-1].after_sha256 != authorities_sha256(authorities):
        yield Finding(
            Severity.ERROR,
            "CHANGED_PAST_THE_ACTS",
            "",
            f"another content than the last recorded act (version {authorities.version}) made",
            "find out who changed the file, and restore it from its backup",
        )


def _keys(authority: Authority, now: datetime) -> Iterator[Finding]:
    def finding(severity: Severity, code: str, found: str, remedy: str) -> Finding:
        return Finding(severity, code, authority.ca_id, f"{generation.name}: {found}", remedy)

    day = jst_day(now)
    if all(generation.expired_on(day) for generation in authority.generations):
        yield Finding(
            Severity.ERROR,
            "EVERY_KEY_EXPIRED",
            authority.ca_id,
            "the certificates of all keys are over: no list is expected any more",
            "add the CA's newest certificate: jpki authority add",
        )
    for generation in authority.generations:
        certificate = generation.certificate
        ends = certificate.not_valid_after_utc
        if generation.expired_on(day):
            yield finding(
                Severity.NOTE,
                "KEY_EXPIRED",
                "expired; no list of it is expected",
                "none: keep it for old signatures",
            )
        elif ends - now < SOON:
            yield finding(
                Severity.WARNING,
                "KEY_EXPIRES_SOON",
                f"expires in {(ends - now).days} days",
                "ask the CA for its next certificate and add it: jpki authority add",
            )
        if certificate.not_valid_before_utc > now:
            yield finding(
                Severity.WARNING,
                "KEY_NOT_YET_VALID",
                f"not valid before {jst_day(certificate.not_valid_before_utc)}: no list of it is expected",
                "none, if it is the CA's next key; else check this machine's clock and the file",
            )
        if not _has_key_usage(certificate):
            yield finding(
                Severity.WARNING,
                "NO_KEY_USAGE",
                "no keyUsage extension (RFC 5280 section 4.2.1.3 wants one in a CA certificate)",
                "make sure that it is the CA's certificate",
            )
        if not self_issued(certificate):
            yield finding(
                Severity.NOTE,
                "NOT_SELF_ISSUED",
                "issued by another CA, whom nobody asks: an anchor as it is (RFC 5280 section 6.1.1 (d))",
                "none, if its fingerprint was compared",
            )
        elif not _stands(certificate):
            yield finding(
                Severity.ERROR,
                "SELF_SIGNATURE_WRONG",
                "its own signature does not stand under it",
                "get the certificate anew from the CA and compare its fingerprint",
            )


def _stands(certificate: x509.Certificate) -> bool:
    try:
        check_self_signature(certificate)
    except InputRefused:
        return False
    return True


def _has_key_usage(certificate: x509.Certificate) -> bool:
    return any(extension.oid == x509.KeyUsage.oid for extension in certificate.extensions)


def _usable(generation: Generation) -> frozenset[str]:
    key = generation.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return frozenset(name for name in SignatureAlgorithm if name.name.startswith("RSA"))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return frozenset({SignatureAlgorithm.ECDSA_SHA256, SignatureAlgorithm.ECDSA_SHA384})
    return frozenset({SignatureAlgorithm.ED25519})


def _algorithms(authority: Authority, _: datetime) -> Iterator[Finding]:
    for generation in authority.generations:
        if not _usable(generation) & authority.signature_algorithms:
            yield Finding(
                Severity.ERROR,
                "KEY_WITHOUT_ALGORITHM",
                authority.ca_id,
                f"{generation.name}: no allowed algorithm fits its key; every list of it is refused",
                "allow one of " + ", ".join(sorted(_usable(generation))),
            )
    idle = authority.signature_algorithms - frozenset().union(*map(_usable, authority.generations))
    if idle:
        yield Finding(
            Severity.NOTE,
            "ALGORITHM_WITHOUT_KEY",
            authority.ca_id,
            f"allowed, but no key signs with it: {', '.join(sorted(idle))}",
            "none",
        )


def _kinds(authority: Authority, _: datetime) -> Iterator[Finding]:
    if not authority.kinds:
        yield Finding(
            Severity.WARNING,
            "NO_KINDS",
            authority.ca_id,
            "no policy OID has a kind: no certificate of it can be presented or registered",
            "add the CA with --kind OID=KIND",
        )


def _partitions(authority: Authority, now: datetime) -> Iterator[Finding]:
    def finding(severity: Severity, code: str, found: str, remedy: str) -> Finding:
        return Finding(severity, code, authority.ca_id, found, remedy)

    day = jst_day(now)
    today = authority.on(day)
    if today is None or all(partition.closed is not None for partition in today.partitions):
        yield finding(
            Severity.WARNING,
            "NO_OPEN_PARTITION",
            "no partition is open today: no list is expected",
            "open one: jpki authority open-partition",
        )
    later = sum(partition.on(day) is not partition for partition in authority.partitions)
    if later:
        yield finding(
            Severity.NOTE, "PARTITIONS_LATER", f"{later} partitions open or close on a later day", "none"
        )
    lost = [p for p in authority.partitions if p.closed is not None and _speaks_nobody(today, p.number)]
    if lost:
        yield finding(
            Severity.WARNING,
            "CLOSED_WITHOUT_SUCCESSOR",
            f"{len(lost)} closed partitions lead to no open one: their unlisted certificates are UNKNOWN",
            "none, if nobody took them over; else open again and close with --successor",
        )
    if len(authority.partitions) > 1 and any(not p.distribution_point for p in authority.partitions):
        yield finding(
            Severity.WARNING,
            "UNDIVIDED_AND_DIVIDED",
            "one list for all beside lists of distribution points",
            "ask the CA which of them cover its certificates",
        )


def _speaks_nobody(today: Authority | None, number: int) -> bool:
    return today is None or open_partition(today, number) is None


def _policy(authority: Authority, _: datetime) -> Iterator[Finding]:
    def note(code: str, found: str) -> Finding:
        return Finding(Severity.NOTE, code, authority.ca_id, found, "none, if it is meant")

    if authority.tolerances:
        yield note("TOLERANCES_ON", f"lets pass: {', '.join(sorted(authority.tolerances))}")
    if not authority.purpose_limited:
        yield note("PURPOSE_NOT_LIMITED", "its revocation data may be given to anybody")
    if authority.serial_ceiling is None:
        yield note("NO_SERIAL_CEILING", "serial numbers never issued cannot be told from good ones")
