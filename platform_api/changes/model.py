"""What a revocation means for a customer: code → cause → action, as data with a version. Pure.

The causes are a closed set without death: code 5 covers voluntary revocation, a returned card and a
deleted record alike, and nothing here tells them apart (jpki.md section 2; design section 12, rule 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from revocation.reasons import CRLReason

#: Goes up with every change of the table below; stored with each event.
DECISIONS_VERSION: Final = 1


class Cause(StrEnum):
    """Why, as far as J-LIS's code tells."""

    CONTENT_CHANGED = "CONTENT_CHANGED"
    RENEWED = "RENEWED"
    ENDED_CAUSE_UNKNOWN = "ENDED_CAUSE_UNKNOWN"
    KEY_COMPROMISED = "KEY_COMPROMISED"
    CA_INCIDENT = "CA_INCIDENT"
    HOLD = "HOLD"
    UNSPECIFIED = "UNSPECIFIED"


class Action(StrEnum):
    """What we suggest to the institution; it decides."""

    FETCH_FOUR_INFORMATION = "FETCH_FOUR_INFORMATION"
    OBTAIN_CERTIFICATE_AT_NEXT_LOGIN = "OBTAIN_CERTIFICATE_AT_NEXT_LOGIN"
    CONTACT_CUSTOMER = "CONTACT_CUSTOMER"
    BLOCK_AND_REVIEW = "BLOCK_AND_REVIEW"
    STOP_AND_REVERIFY = "STOP_AND_REVERIFY"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    INVESTIGATE = "INVESTIGATE"
    TAKE_DELIVERY = "TAKE_DELIVERY"
    CONFIRM_SIGNER = "CONFIRM_SIGNER"
    REMIND_CUSTOMER = "REMIND_CUSTOMER"
    RENEW_CONSENT = "RENEW_CONSENT"


class Condition(StrEnum):
    """What the newest examined list says of a watched certificate."""

    NOT_LISTED = "NOT_LISTED"
    ON_HOLD = "ON_HOLD"
    REVOKED = "REVOKED"


class Transition(StrEnum):
    """A change of condition that an institution is told of."""

    REVOKED = "REVOKED"
    ON_HOLD = "ON_HOLD"
    RELEASED = "RELEASED"


class EventType(StrEnum):
    """Types that this table can emit; the feed carries more."""

    REVOKED = "certificate.revoked"
    RENEWED = "certificate.renewed"
    ON_HOLD = "certificate.on_hold"
    HOLD_RELEASED = "certificate.hold_released"
    DAY_COMPLETED = "day.completed"


class NoticeType(StrEnum):
    """Types of events that no list causes (design section 8); the consent's own states are their names."""

    CONSENT_PENDING_CONFIRMATION = "consent.pending_confirmation"
    #: Who signed a letter was not taken in time, or lost in a crash; the letter is open again.
    CONSENT_SIGNER_LOST = "consent.signer_lost"
    CONSENT_EFFECTIVE = "consent.effective"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_REMINDER_DUE = "consent.reminder_due"
    CONSENT_EXPIRING = "consent.expiring"
    CONSENT_EXPIRED = "consent.expired"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CONSENT_STOPPED = "consent.stopped"
    INVITATION_DECLINED = "consent.declined"
    INVITATION_EXPIRED = "consent.invitation_expired"
    #: Items are waiting in the queue, encrypted to the institution's key.
    FOUR_INFORMATION_AVAILABLE = "four_information.available"
    #: Nothing came in the configured time, or what came was not taken in time: the institution's turn.
    FOUR_INFORMATION_UNAVAILABLE = "four_information.unavailable"


class RegistrationState(StrEnum):
    """Design section 9. UNKNOWN: revoked, and the code says nothing that we could act upon."""

    AWAITING_CERTIFICATE = "AWAITING_CERTIFICATE"
    WATCHED = "WATCHED"
    RENEWED_UNLINKED = "RENEWED_UNLINKED"
    CHANGED_AWAITING_REISSUE = "CHANGED_AWAITING_REISSUE"
    CHANGED_DATA_AVAILABLE = "CHANGED_DATA_AVAILABLE"
    ON_HOLD = "ON_HOLD"
    ENDED = "ENDED"
    EXPIRED_AWAITING_RENEWAL = "EXPIRED_AWAITING_RENEWAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of the table: what the event says, and the state the registration enters."""

    cause: Cause
    action: Action
    event_type: EventType
    transition: Transition
    state: RegistrationState


_UNSPECIFIED: Final = Decision(
    Cause.UNSPECIFIED, Action.INVESTIGATE, EventType.REVOKED, Transition.REVOKED, RegistrationState.UNKNOWN
)

#: CPS 4.9.9 as quoted in jpki.md section 2. Every code that is not here is UNSPECIFIED.
DECISIONS: Final[Mapping[int, Decision]] = MappingProxyType(
    {
        CRLReason.key_compromise: Decision(
            Cause.KEY_COMPROMISED,
            Action.BLOCK_AND_REVIEW,
            EventType.REVOKED,
            Transition.REVOKED,
            RegistrationState.ENDED,
        ),
        CRLReason.ca_compromise: Decision(
            Cause.CA_INCIDENT,
            Action.STOP_AND_REVERIFY,
            EventType.REVOKED,
            Transition.REVOKED,
            RegistrationState.ENDED,
        ),
        CRLReason.affiliation_changed: Decision(
            Cause.CONTENT_CHANGED,
            Action.FETCH_FOUR_INFORMATION,
            EventType.REVOKED,
            Transition.REVOKED,
            RegistrationState.CHANGED_AWAITING_REISSUE,
        ),
        CRLReason.superseded: Decision(
            Cause.RENEWED,
            Action.OBTAIN_CERTIFICATE_AT_NEXT_LOGIN,
            EventType.RENEWED,
            Transition.REVOKED,
            RegistrationState.RENEWED_UNLINKED,
        ),
        CRLReason.cessation_of_operation: Decision(
            Cause.ENDED_CAUSE_UNKNOWN,
            Action.CONTACT_CUSTOMER,
            EventType.REVOKED,
            Transition.REVOKED,
            RegistrationState.ENDED,
        ),
        CRLReason.certificate_hold: Decision(
            Cause.HOLD, Action.SUSPEND, EventType.ON_HOLD, Transition.ON_HOLD, RegistrationState.ON_HOLD
        ),
    }
)

RELEASED: Final = Decision(
    Cause.HOLD, Action.RESUME, EventType.HOLD_RELEASED, Transition.RELEASED, RegistrationState.WATCHED
)

#: Kinds whose certificates carry the four items, so that a move revokes them (jpki.md section 1.3).
SIGNING_KINDS: Final = frozenset(("card-sign", "mobile-sign"))


def decision_for(raw_reason: int, kind: str) -> Decision:
    """The row for this code. An authentication certificate never reports a move, whatever its list says."""
    if raw_reason == CRLReason.affiliation_changed and kind not in SIGNING_KINDS:
        return _UNSPECIFIED
    return DECISIONS.get(raw_reason, _UNSPECIFIED)


def detects(kind: str) -> tuple[Cause, ...]:
    """The causes that a registration of this kind can report."""
    return tuple(c for c in Cause if c is not Cause.CONTENT_CHANGED or kind in SIGNING_KINDS)


def condition_after(transition: Transition) -> Condition:
    return {
        Transition.REVOKED: Condition.REVOKED,
        Transition.ON_HOLD: Condition.ON_HOLD,
        Transition.RELEASED: Condition.NOT_LISTED,
    }[transition]


def decide(before: Condition, change: str, reason_after: int | None, kind: str) -> Decision | None:
    """The decision that a change of the lists calls for, or None where nothing is new.

    What is REVOKED stays so: a later hold, another reason or a release are anomalies of the list and
    never bring a certificate back. ``gone`` (expiry, retention at J-LIS) says nothing about anybody.
    """
    if before is Condition.REVOKED or change == "gone":
        return None
    if change == "released":
        return RELEASED if before is Condition.ON_HOLD else None
    if reason_after is None:
        return None
    decision = decision_for(reason_after, kind)
    return None if condition_after(decision.transition) is before else decision
