"""Outcomes of a fetch, and the decisions around it: may we ask, may the answer still be used. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from platform_api.certificates.four_items import FourInformation
from platform_api.changes.model import RegistrationState
from platform_api.consents.model import Consent, ConsentState
from platform_api.registrations.model import Watched


class Outcome(StrEnum):
    """Design section 9. J-LIS's own (``QueryOutcome``) have the same names; TEMPORARY is ours alone."""

    DATA = "DATA"
    NO_NEWER_INFORMATION = "NO_NEWER_INFORMATION"
    NO_NEW_CERTIFICATE = "NO_NEW_CERTIFICATE"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_NOT_YET_EFFECTIVE = "CONSENT_NOT_YET_EFFECTIVE"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    ITEM_NOT_CONSENTED = "ITEM_NOT_CONSENTED"
    CERTIFICATE_UNKNOWN = "CERTIFICATE_UNKNOWN"
    TEMPORARY = "TEMPORARY"


@dataclass(frozen=True, slots=True)
class Permission:
    """May we ask? With a consent and the items that it covers, or a refusal."""

    consent: Consent | None
    items: tuple[str, ...]
    refusal: Outcome | None


_REFUSALS = {
    ConsentState.RECEIVED: Outcome.CONSENT_NOT_YET_EFFECTIVE,
    ConsentState.SENT: Outcome.CONSENT_NOT_YET_EFFECTIVE,
    ConsentState.REFLECTED: Outcome.CONSENT_NOT_YET_EFFECTIVE,
    ConsentState.REFUSED: Outcome.CONSENT_MISSING,
    ConsentState.EXPIRED: Outcome.CONSENT_EXPIRED,
    ConsentState.WITHDRAWN: Outcome.CONSENT_WITHDRAWN,
    ConsentState.STOPPED: Outcome.CONSENT_WITHDRAWN,
}


def permission(
    consents: Sequence[Consent], asked: Sequence[str], now: datetime, holder_id: UUID
) -> Permission:
    """From the newest of this holder's consents to the oldest: the first effective one decides, and its
    items limit.

    With none effective, the newest one says why. What is asked beyond the consented items is not sent
    to J-LIS; is nothing left, nothing is asked. What a former holder of the registration consented to is
    as if it were not there.
    """
    consents = [consent for consent in consents if consent.holder_id == holder_id]
    for consent in consents:
        if consent.effective(now):
            items = tuple(item for item in asked if item in consent.items)
            return Permission(consent, items, None if items else Outcome.ITEM_NOT_CONSENTED)
    if not consents:
        return Permission(None, (), Outcome.CONSENT_MISSING)
    newest = consents[0]
    return Permission(newest, (), _REFUSALS[newest.state_at(now)])


def overtaken(
    consent: Consent,
    items: Sequence[str],
    now: datetime,
    *,
    asked_with: Watched,
    current_id: UUID | None,
) -> tuple[Outcome, str] | None:
    """Why an answer may no longer be used: what changed between question and answer, as outcome and code.

    ``current_id`` is the registration's current certificate by now. Another one than was asked with may
    be another person's, or the very successor that the answer names.
    """
    if current_id != asked_with.certificate_id:
        return Outcome.TEMPORARY, "REGISTRATION_MOVED_ON"
    may = permission([consent], items, now, asked_with.holder_id)
    if may.refusal is not None:
        return may.refusal, "ANSWER_AFTER_CONSENT_ENDED"
    if may.items != tuple(items):
        return Outcome.TEMPORARY, "ANSWER_AFTER_CONSENT_NARROWED"
    return None


def restricted(items: FourInformation, allowed: Sequence[str]) -> FourInformation:
    """Only what the consent covers, whatever J-LIS sent; furigana goes with the name, departure with
    the address."""
    return FourInformation(
        **{item: getattr(items, item) for item in allowed},
        name_furigana=items.name_furigana if "name" in allowed else None,
        moved_abroad_on=items.moved_abroad_on if "address" in allowed else None,
    )


def state_after(outcome: Outcome, before: RegistrationState) -> RegistrationState:
    """What an outcome other than DATA teaches about the registration: mostly nothing."""
    if outcome is Outcome.NO_NEW_CERTIFICATE and before is RegistrationState.UNKNOWN:
        return RegistrationState.CHANGED_AWAITING_REISSUE
    return before
