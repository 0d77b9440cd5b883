"""Our lists' status beside another OCSP responder's word: the newer evidence wins only towards "revoked".

Pure. Nothing here says GOOD: a status is handed through as ``status.certificate_status`` found it, or becomes
a worse one. So GOOD still means what that function means by it, and a responder's "good" takes back nothing:
neither a revocation, nor a hold, nor that our lists cannot tell. The table is in ``STATUS.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from revocation.ocsp.upstream_word import CertStatus, UpstreamWord
from revocation.status import CertificateStatus, Evidence, Status, UnknownReason

#: What a word may make worse. EXPIRED keeps its name and tells the revocation beside it; REVOKED is the end.
_BECOMES_REVOKED: Final = frozenset({Status.GOOD, Status.ON_HOLD, Status.NOT_YET_VALID, Status.UNKNOWN})
_BECOMES_HELD: Final = frozenset({Status.GOOD, Status.NOT_YET_VALID, Status.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Beside:
    """The status after both have spoken."""

    found: CertificateStatus
    #: The two contradict each other in a way that no time between them explains: somebody must look.
    incident: bool = False


def beside_upstream(
    own: CertificateStatus,
    word: UpstreamWord | None,
    *,
    now: datetime,
    max_age_s: int | None = None,
    both_must_speak: bool = False,
) -> Beside:
    """What may be said after another responder was asked; ``word`` None: it gave no usable answer.

    ``max_age_s``: what the caller wants of evidence; an older word counts as none, unless it is final.
    ``both_must_speak``: what is GOOD by our lists stays GOOD only where the responder says good as well.
    """
    if word is not None and max_age_s is not None and _age_s(word, now) > max_age_s and not _final(word):
        word = None
    beside = Beside(own) if word is None else _beside(own, word, now)
    confirmed = word is not None and word.status is CertStatus.good
    if both_must_speak and not confirmed and beside.found.status is Status.GOOD:
        unconfirmed = replace(
            own,
            status=Status.UNKNOWN,
            unknown_reason=UnknownReason.UPSTREAM_ERROR,
            last_known=own.status,
        )
        return Beside(unconfirmed, beside.incident)
    return beside


def _beside(own: CertificateStatus, word: UpstreamWord, now: datetime) -> Beside:
    newer = _newer(own, word)
    if own.status is Status.REVOKED or own.previously_revoked:
        # RFC 5280 section 5.3.1: a revocation that is not a hold does not end; good after it is an incident.
        return Beside(own, incident=newer and (word.status is CertStatus.good or word.held))
    if word.status is not CertStatus.revoked:
        return Beside(own)
    if not newer:
        # A hold may have been released since; a final revocation cannot have.
        return Beside(own, incident=not word.held)
    if own.status is Status.EXPIRED:
        return Beside(own if word.held else _by_word(own, word, now, Status.EXPIRED, previously_revoked=True))
    if word.held:
        return Beside(_by_word(own, word, now, Status.ON_HOLD) if own.status in _BECOMES_HELD else own)
    return Beside(_by_word(own, word, now, Status.REVOKED) if own.status in _BECOMES_REVOKED else own)


def _newer(own: CertificateStatus, word: UpstreamWord) -> bool:
    """By thisUpdate; of equal ones the worse wins. Lists that could not tell are older than any word.

    Nor can they tell of a certificate that is over: RFC 5280 section 3.3, it may have left its list.
    """
    cannot_tell = own.status in (Status.UNKNOWN, Status.EXPIRED) and not own.previously_revoked
    if cannot_tell or own.evidence is None:
        return True
    return word.this_update >= own.evidence.this_update


def _by_word(
    own: CertificateStatus,
    word: UpstreamWord,
    now: datetime,
    status: Status,
    *,
    previously_revoked: bool = False,
) -> CertificateStatus:
    return CertificateStatus(
        status,
        _evidence(own.evidence, word, now),
        reason=word.reason,
        revoked_at=word.revoked_at,
        previously_revoked=previously_revoked,
        validity_checked=own.validity_checked,
    )


def _evidence(own: Evidence | None, word: UpstreamWord, now: datetime) -> Evidence:
    """The word's, beside the set of ours that was looked at."""
    return Evidence(
        snapshot_id=None if own is None else own.snapshot_id,
        set_seq=None if own is None else own.set_seq,
        crl_number=None,
        this_update=word.this_update,
        next_update=word.next_update,
        ingested_at=word.received_at,
        age_s=_age_s(word, now),
        coverage="certificate",
        method="ocsp",
    )


def _final(word: UpstreamWord) -> bool:
    return word.status is CertStatus.revoked and not word.held


def _age_s(word: UpstreamWord, now: datetime) -> int:
    return max(0, int((now - word.this_update).total_seconds()))
