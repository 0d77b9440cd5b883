"""The status object of the JSON API: three kinds of answer, with the evidence in each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from platform_api.operations import ResponseModel
from revocation.answers import answer_for
from revocation.reasons import REASON_ABSENT, reason_name
from revocation.status import CertificateStatus, Evidence, Status, UnknownReason


class ValidityBody(ResponseModel):
    """Were the certificate's own dates known and checked?"""

    checked: bool


class EvidenceBody(ResponseModel):
    """Which published set, and in it which list, the answer rests on; with method ``ocsp`` it is the word of
    the CA's responder, and the set is the one that it stands beside.
    """

    snapshot_id: str | None
    set_seq: int | None
    crl_number: str | None
    this_update: datetime
    next_update: datetime | None
    ingested_at: datetime
    age_s: int
    method: str
    coverage: str
    tolerances: list[str]


class StatusBody(ResponseModel):
    """One certificate's status; GOOD means "not revoked", and within its dates only where checked."""

    status: str
    unknown_reason: str | None
    reason_code: int | None
    reason: str | None
    revoked_at: datetime | None
    previously_revoked: bool
    last_known: str | None
    validity: ValidityBody
    evidence: EvidenceBody | None
    message: str


def status_body(found: CertificateStatus, language: str) -> StatusBody:
    """As the table of answers says (``revocation/STATUS.md``); ``language`` is ``ja`` or ``en``."""
    answer = answer_for(found)
    last_known = found.last_known if answer.last_known else None
    evidence = found.evidence if answer.evidence else None
    return StatusBody(
        status=found.status.value,
        unknown_reason=None if found.unknown_reason is None else found.unknown_reason.value,
        reason_code=None if found.reason == REASON_ABSENT else found.reason,
        # RFC 5280 section 5.3.1: an absent reasonCode reads as unspecified.
        reason=None if found.reason is None else reason_name(found.reason),
        revoked_at=found.revoked_at,
        previously_revoked=found.previously_revoked,
        last_known=None if last_known is None else last_known.value,
        validity=ValidityBody(checked=found.validity_checked),
        evidence=None if evidence is None else _evidence(evidence),
        message=answer.ja if language == "ja" else answer.en,
    )


#: No CA of ours issued it: nothing is known of it, least of all that it is good.
FOREIGN: Final = CertificateStatus(Status.UNKNOWN, None, unknown_reason=UnknownReason.ISSUER_UNKNOWN)


def _evidence(evidence: Evidence) -> EvidenceBody:
    return EvidenceBody(
        snapshot_id=evidence.snapshot_id,
        set_seq=evidence.set_seq,
        # A decimal string: list numbers have up to 20 octets, JSON numbers do not.
        crl_number=None if evidence.crl_number is None else str(evidence.crl_number),
        this_update=evidence.this_update.astimezone(UTC),
        next_update=None if evidence.next_update is None else evidence.next_update.astimezone(UTC),
        ingested_at=evidence.ingested_at.astimezone(UTC),
        age_s=int(evidence.age_s),
        method=evidence.method,
        coverage=evidence.coverage,
        tolerances=list(evidence.tolerances),
    )
