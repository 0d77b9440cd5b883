"""The status of one certificate: certificate x snapshot x clock -> CertificateStatus. Pure, no I/O.

This is the only place in the product that says GOOD: the last line of ``certificate_status``. Everything
that could not be determined has left the function before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from revocation.authorities import Authorities, Authority
from revocation.coverage import Coverage, CoverageKind, Gap, coverage_of, coverage_of_entry
from revocation.identity import CertificateIdentity
from revocation.index.search import Entry
from revocation.reasons import CRLReason
from revocation.snapshot.current import Snapshot


class Status(StrEnum):
    """What can be said. UNKNOWN is the answer wherever nothing else is proved."""

    GOOD = "GOOD"
    REVOKED = "REVOKED"
    ON_HOLD = "ON_HOLD"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    UNKNOWN = "UNKNOWN"


class UnknownReason(StrEnum):
    """Why nothing could be said; a closed set."""

    #: No CA of ours has this id with this key.
    ISSUER_UNKNOWN = "ISSUER_UNKNOWN"
    #: No set, or a list that is needed was never accepted.
    NO_CRL = "NO_CRL"
    #: The list (or every list of the CA) is past its nextUpdate, or older than the caller allows; or the
    #: set is superseded by a published one that cannot be read.
    STALE = "STALE"
    #: The partition is not known and some list of the CA, though not all, is past its nextUpdate.
    PARTITION_STALE = "PARTITION_STALE"
    #: The certificate names a distribution point that is not on the approved list.
    PARTITION_UNDETERMINED = "PARTITION_UNDETERMINED"
    #: Presented, and issued by a CA of ours, but of no kind that its lists speak for: a CA certificate, or
    #: one whose policy is none of the CA's kinds.
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    #: Not said by this function yet: only ``answers.py`` knows it, for the anomaly gate to come.
    QUARANTINED = "QUARANTINED"
    #: A serial that the CA cannot have issued: above the operator's ceiling, zero or negative.
    NOT_ISSUED = "NOT_ISSUED"
    #: Not said by this function: the caller wanted another OCSP responder's word as well, and there is none
    #: that says "not revoked" (``newer_evidence.py``).
    UPSTREAM_ERROR = "UPSTREAM_ERROR"


@dataclass(frozen=True, slots=True)
class Validity:
    """The certificate's own dates, both inclusive (RFC 5280 section 4.1.2.5)."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Which set and which list spoke, or beside which set another OCSP responder did; and how old it is."""

    #: None: another responder spoke while we had no set.
    snapshot_id: str | None
    set_seq: int | None
    #: Where one list spoke; None where all lists of a CA had to.
    crl_number: int | None
    #: The list's; of several the oldest.
    this_update: datetime
    #: The list's; of several the earliest. None: the list gave none.
    next_update: datetime | None
    ingested_at: datetime
    age_s: int
    #: "certificate": another responder spoke, of this one alone.
    coverage: CoverageKind | Literal["certificate"]
    #: The CA's tolerances that are switched on: a list may have been accepted because of them.
    tolerances: tuple[str, ...] = ()
    method: Literal["crl", "ocsp"] = "crl"


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """One answer, with what it rests on."""

    status: Status
    evidence: Evidence | None
    unknown_reason: UnknownReason | None = None
    #: Raw CRLReason octet, 0xFF where the list gave none; None where nothing is listed.
    reason: int | None = None
    revoked_at: datetime | None = None
    #: EXPIRED or NOT_YET_VALID never hides that it had been revoked before.
    previously_revoked: bool = False
    #: With UNKNOWN: what the same evidence said while it was fresh.
    last_known: Status | None = None
    #: Were the certificate's own dates looked at?
    validity_checked: bool = False


def certificate_status(
    identity: CertificateIdentity,
    *,
    authorities: Authorities,
    snapshot: Snapshot | None,
    now: datetime,
    partition: int | None = None,
    validity: Validity | None = None,
    max_age_s: int | None = None,
    in_scope: bool = True,
) -> CertificateStatus:
    """What may be said of this certificate now (design 5).

    ``partition``: of a presented certificate or a registration; None when only the serial is known, and
    then every list of the CA must be fresh; ``PARTITION_NOT_APPROVED`` when the certificate names another.
    ``in_scope``: False for a presented certificate of no kind that the CA's lists speak for.
    """
    checked = validity is not None
    authority = authorities.by_id(identity.ca_id)
    lineage = None if authority is None else authority.lineage_of(identity.issuer_key)
    if authority is None or lineage is None:
        return _unknown(UnknownReason.ISSUER_UNKNOWN, None, validity_checked=checked)

    # Listed, or listed once: the list that lists a serial speaks for it, in whatever partition it is.
    entry = None if snapshot is None else snapshot.lookup(lineage, identity.serial)
    if entry is not None and snapshot is not None:
        coverage = coverage_of_entry(authority, lineage, snapshot, entry)
        return _listed(authority, entry, snapshot, coverage, now, validity, max_age_s)

    if not in_scope:
        # RFC 5280 section 6.3.3 (b): that no list of another scope names it says nothing.
        return _unknown(UnknownReason.OUT_OF_SCOPE, None, validity_checked=checked)

    # Its own dates, where known, hold whether or not we have a list. Both ends are inclusive.
    coverage = coverage_of(authority, lineage, snapshot, partition)
    evidence = _evidence(authority, snapshot, coverage, now)
    if validity is not None and now > validity.not_after:
        return CertificateStatus(Status.EXPIRED, evidence, validity_checked=True)
    if validity is not None and now < validity.not_before:
        return CertificateStatus(Status.NOT_YET_VALID, evidence, validity_checked=True)

    if coverage.gap is not None or evidence is None or snapshot is None:
        return _unknown(UnknownReason(coverage.gap or Gap.NO_CRL), evidence, validity_checked=checked)
    # What these lists said of it while they were in force.
    then = Status.GOOD if _could_be_issued(authority, identity.serial) else None
    if snapshot.superseded:
        # Whom the published set revoked this one does not know: by it nobody is good, never.
        return _unknown(UnknownReason.STALE, evidence, last_known=then, validity_checked=checked)
    if not coverage.in_force(now):
        partly = coverage.partly_in_force(now)
        reason = UnknownReason.PARTITION_STALE if partly else UnknownReason.STALE
        return _unknown(reason, evidence, last_known=then, validity_checked=checked)
    if then is None:
        return _unknown(UnknownReason.NOT_ISSUED, evidence, validity_checked=checked)
    if _too_old(evidence, max_age_s):
        return _unknown(UnknownReason.STALE, evidence, last_known=then, validity_checked=checked)
    # The only place that answers GOOD: no published set lies above this one, every list that could name
    # this certificate was accepted, is in force, is as young as the caller asked, and does not name it; its
    # dates, where known, include now.
    return CertificateStatus(Status.GOOD, evidence, validity_checked=checked)


def _listed(
    authority: Authority,
    entry: Entry,
    snapshot: Snapshot,
    coverage: Coverage,
    now: datetime,
    validity: Validity | None,
    max_age_s: int | None,
) -> CertificateStatus:
    evidence = _evidence(authority, snapshot, coverage, now)
    held = entry.reason == CRLReason.certificate_hold
    expired = validity is not None and now > validity.not_after
    current = coverage.in_force(now) and not snapshot.superseded and not _too_old(evidence, max_age_s)
    if held and not expired and not current:
        # A hold may have been released meanwhile; only a final revocation outlives its list.
        status = Status.UNKNOWN
    elif expired:
        status = Status.EXPIRED
    else:
        # RFC 5280 section 5.3.1: every other code, also one that it does not know, is a revocation.
        status = Status.ON_HOLD if held else Status.REVOKED
    return CertificateStatus(
        status,
        evidence,
        unknown_reason=UnknownReason.STALE if status is Status.UNKNOWN else None,
        reason=entry.reason,
        revoked_at=entry.revocation_date,
        previously_revoked=expired and not held,
        last_known=Status.ON_HOLD if held and status is not Status.ON_HOLD else None,
        validity_checked=validity is not None,
    )


def _unknown(
    reason: UnknownReason,
    evidence: Evidence | None,
    *,
    validity_checked: bool,
    last_known: Status | None = None,
) -> CertificateStatus:
    return CertificateStatus(
        Status.UNKNOWN,
        evidence,
        unknown_reason=reason,
        last_known=last_known,
        validity_checked=validity_checked,
    )


def _could_be_issued(authority: Authority, serial: bytes) -> bool:
    """RFC 5280 section 4.1.2.2: positive (and an identity has at most 20 octets); nor above the ceiling."""
    value = int.from_bytes(serial, "big", signed=True)
    return value > 0 and (authority.serial_ceiling is None or value <= authority.serial_ceiling)


def _too_old(evidence: Evidence | None, max_age_s: int | None) -> bool:
    return max_age_s is not None and (evidence is None or evidence.age_s > max_age_s)


def _evidence(
    authority: Authority, snapshot: Snapshot | None, coverage: Coverage, now: datetime
) -> Evidence | None:
    oldest, ingested_at = coverage.oldest_this_update, coverage.oldest_ingested_at
    if snapshot is None or oldest is None or ingested_at is None:
        return None
    return Evidence(
        snapshot_id=snapshot.snapshot_id,
        set_seq=snapshot.seq,
        crl_number=coverage.crl_number,
        this_update=oldest,
        next_update=coverage.earliest_next_update,
        ingested_at=ingested_at,
        age_s=max(0, int((now - oldest).total_seconds())),
        coverage=coverage.kind,
        tolerances=tuple(sorted(authority.tolerances)),
    )
