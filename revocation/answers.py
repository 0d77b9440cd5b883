"""The one table from a status to its answers: what the JSON API says, and what OCSP says. Data, no decisions.

Both faces read it (``platform_api/status/wire.py``, ``ocsp/responder.py``), and ``STATUS.md`` prints it, so
that no reason can be answered one way here and another way there. Texts are fixed sentences: nothing of a
certificate is put into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from revocation.status import CertificateStatus, Status, UnknownReason


class OcspWord(StrEnum):
    """CertStatus or OCSPResponseStatus (RFC 6960 section 4.2.1), by its ASN.1 name."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    TRY_LATER = "tryLater"
    UNAUTHORIZED = "unauthorized"
    #: No list that could speak is in force: one of the two errors, by the responder's setting.
    NOT_IN_FORCE = "tryLater, or unauthorized by setting"


#: Said in a signed response, with a thisUpdate and nextUpdate: only while the lists behind it are in force.
SIGNED: Final = frozenset({OcspWord.GOOD, OcspWord.REVOKED, OcspWord.UNKNOWN})


class AfterNextUpdate(StrEnum):
    """What ``NOT_IN_FORCE`` means for one responder (design 5)."""

    #: RFC 6960 section 2.3: operational, cannot answer now.
    TRY_LATER = "try_later"
    #: Strict RFC 9919: without authoritative records a responder must say so.
    UNAUTHORIZED = "unauthorized"


AFTER_NEXT_UPDATE: Final[Mapping[AfterNextUpdate, OcspWord]] = {
    AfterNextUpdate.TRY_LATER: OcspWord.TRY_LATER,
    AfterNextUpdate.UNAUTHORIZED: OcspWord.UNAUTHORIZED,
}


class When(StrEnum):
    """What tells two rows of one status apart."""

    ALWAYS = ""
    DATES_CHECKED = "dates checked"
    PREVIOUSLY_REVOKED = "previously REVOKED"


@dataclass(frozen=True, slots=True)
class Answer:
    """One row."""

    status: Status
    unknown_reason: UnknownReason | None
    ocsp: OcspWord
    en: str
    ja: str
    when: When = When.ALWAYS
    #: Of the JSON API: an answer is 200 also where it is UNKNOWN; 503 is for a service that cannot answer.
    http_status: int = 200
    #: Is the evidence shown, where there is any? Not where no list of ours speaks.
    evidence: bool = True
    #: Is ``last_known`` shown, where there is any?
    last_known: bool = False


ANSWERS: Final[tuple[Answer, ...]] = (
    Answer(
        Status.GOOD,
        None,
        OcspWord.GOOD,
        en="Not revoked. The certificate's own dates were not checked.",
        ja="失効していません。証明書の期間は確認していません。",
    ),
    Answer(
        Status.GOOD,
        None,
        OcspWord.GOOD,
        when=When.DATES_CHECKED,
        en="Valid: not revoked, and within its own dates.",
        ja="有効です。失効しておらず、有効期間内です。",
    ),
    Answer(Status.REVOKED, None, OcspWord.REVOKED, en="Revoked.", ja="失効しています。"),
    Answer(
        Status.ON_HOLD,
        None,
        # RFC 6960 section 2.2: revoked, with the reason certificateHold.
        OcspWord.REVOKED,
        en="On hold: not usable now, not finally revoked.",
        ja="一時保留中です。現在は利用できませんが、失効は確定していません。",
    ),
    Answer(
        Status.EXPIRED,
        None,
        # RFC 9919 lets a responder drop what has expired; "good" would be read as valid.
        OcspWord.UNAUTHORIZED,
        last_known=True,
        en="Expired by its own dates.",
        ja="有効期間が満了しています。",
    ),
    Answer(
        Status.EXPIRED,
        None,
        OcspWord.REVOKED,
        when=When.PREVIOUSLY_REVOKED,
        en="Expired by its own dates, and had been revoked before.",
        ja="有効期間が満了しています。満了前に失効していました。",
    ),
    Answer(
        Status.NOT_YET_VALID,
        None,
        OcspWord.UNAUTHORIZED,
        en="Its own dates have not begun.",
        ja="有効期間が始まっていません。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.ISSUER_UNKNOWN,
        OcspWord.UNAUTHORIZED,
        evidence=False,
        en="Not determined: no configured CA issued this certificate.",
        ja="確認できません。登録されたCAの証明書ではありません。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.NO_CRL,
        OcspWord.NOT_IN_FORCE,
        en="Not determined: a revocation list that is needed was never taken in.",
        ja="確認できません。必要な失効リストがまだ取り込まれていません。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.STALE,
        OcspWord.NOT_IN_FORCE,
        last_known=True,
        en="Not determined: the revocation list is past its nextUpdate, superseded, or older than asked for.",
        ja="確認できません。失効リストが次回更新日時を過ぎたか、新しいセットに置き換えられたか、指定より古い状態です。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.PARTITION_STALE,
        OcspWord.NOT_IN_FORCE,
        last_known=True,
        en="Not determined: the partition is not known, and some list of the CA is not in force.",
        ja="確認できません。証明書の区分が不明で、このCAの失効リストの一部が効力を失っています。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.PARTITION_UNDETERMINED,
        OcspWord.UNAUTHORIZED,
        evidence=False,
        en="Not determined: the certificate names a distribution point that is not on the approved list.",
        ja="確認できません。証明書のCRL配布点が承認済みの一覧にありません。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.OUT_OF_SCOPE,
        OcspWord.UNAUTHORIZED,
        evidence=False,
        en="Not determined: the CA's revocation lists do not speak for certificates of this kind.",
        ja="確認できません。この種別の証明書はCAの失効リストの対象外です。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.QUARANTINED,
        OcspWord.TRY_LATER,
        last_known=True,
        en="Not determined: the newest revocation list is held in quarantine until it is examined.",
        ja="確認できません。最新の失効リストがCRL隔離中です。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.NOT_ISSUED,
        # RFC 6960 section 2.2: we speak for the issuer, and know of no such certificate.
        OcspWord.UNKNOWN,
        en="Not determined: the CA has not issued a certificate with this serial number.",
        ja="確認できません。この発行の番号の証明書は発行されていません。",
    ),
    Answer(
        Status.UNKNOWN,
        UnknownReason.UPSTREAM_ERROR,
        OcspWord.TRY_LATER,
        last_known=True,
        en="Not determined: the service that was asked gave no usable answer.",
        ja="確認できません。照会先から利用できる応答がありません。",
    ),
)

_BY_KEY: Final[Mapping[tuple[Status, UnknownReason | None, When], Answer]] = {
    (row.status, row.unknown_reason, row.when): row for row in ANSWERS
}


def answer_for(found: CertificateStatus) -> Answer:
    """The row of a status."""
    when = When.ALWAYS
    if found.status is Status.GOOD and found.validity_checked:
        when = When.DATES_CHECKED
    elif found.previously_revoked:
        when = When.PREVIOUSLY_REVOKED
    return _BY_KEY[found.status, found.unknown_reason, when]
