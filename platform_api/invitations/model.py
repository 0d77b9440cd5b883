"""An invitation to consent: its states and what may follow what. Pure.

    CREATED → OPENED → PENDING_INSTITUTION_CONFIRMATION → CONFIRMED | REJECTED
                     → SIGNED → CONFIRMED               (the registration watches this very certificate)
    CREATED, OPENED → DECLINED | CANCELLED | EXPIRED    (so may the two in the middle expire)
    SIGNED → DECLINED | CANCELLED                       (J-LIS has not answered: the consent stops with it)
    PENDING_INSTITUTION_CONFIRMATION → OPENED           (who signed was lost before the institution took it)

Opening again is fine until somebody has signed; a signature that can still count happens once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID


class InvitationState(StrEnum):
    """Kept in the row; EXPIRED turns up by the clock before it is written."""

    CREATED = "CREATED"
    OPENED = "OPENED"
    #: Signed by the registration's own holder; J-LIS has not answered yet, the same holder may sign again.
    SIGNED = "SIGNED"
    PENDING = "PENDING_INSTITUTION_CONFIRMATION"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class Act(StrEnum):
    """What can happen to an invitation."""

    OPEN = "OPEN"
    SIGN = "SIGN"
    SIGN_AS_HOLDER = "SIGN_AS_HOLDER"
    COMPLETE = "COMPLETE"
    CONFIRM = "CONFIRM"
    REJECT = "REJECT"
    DECLINE = "DECLINE"
    CANCEL = "CANCEL"
    #: Nobody can be told any more who signed: it is as if nobody had.
    LOSE_SIGNER = "LOSE_SIGNER"
    EXPIRE = "EXPIRE"


_S = InvitationState
#: Everything that is not here is refused.
TRANSITIONS: Final[Mapping[tuple[InvitationState, Act], InvitationState]] = MappingProxyType(
    {
        (_S.CREATED, Act.OPEN): _S.OPENED,
        (_S.OPENED, Act.OPEN): _S.OPENED,
        (_S.OPENED, Act.SIGN): _S.PENDING,
        (_S.OPENED, Act.SIGN_AS_HOLDER): _S.SIGNED,
        (_S.SIGNED, Act.SIGN_AS_HOLDER): _S.SIGNED,
        (_S.SIGNED, Act.COMPLETE): _S.CONFIRMED,
        (_S.PENDING, Act.CONFIRM): _S.CONFIRMED,
        # Again, where J-LIS did not answer the first time.
        (_S.CONFIRMED, Act.CONFIRM): _S.CONFIRMED,
        (_S.PENDING, Act.REJECT): _S.REJECTED,
        (_S.REJECTED, Act.REJECT): _S.REJECTED,
        (_S.CREATED, Act.DECLINE): _S.DECLINED,
        (_S.OPENED, Act.DECLINE): _S.DECLINED,
        (_S.SIGNED, Act.DECLINE): _S.DECLINED,
        (_S.CREATED, Act.CANCEL): _S.CANCELLED,
        (_S.OPENED, Act.CANCEL): _S.CANCELLED,
        (_S.SIGNED, Act.CANCEL): _S.CANCELLED,
        (_S.CANCELLED, Act.CANCEL): _S.CANCELLED,
        (_S.PENDING, Act.LOSE_SIGNER): _S.OPENED,
        (_S.CREATED, Act.EXPIRE): _S.EXPIRED,
        (_S.OPENED, Act.EXPIRE): _S.EXPIRED,
        (_S.SIGNED, Act.EXPIRE): _S.EXPIRED,
        (_S.PENDING, Act.EXPIRE): _S.EXPIRED,
    }
)

#: Nothing follows but the same act again.
FINAL: Final = frozenset((_S.CONFIRMED, _S.REJECTED, _S.DECLINED, _S.EXPIRED, _S.CANCELLED))
#: States in which somebody has signed and the signature still counts.
SIGNED_STATES: Final = frozenset((_S.SIGNED, _S.PENDING, _S.CONFIRMED))

MOST_DAYS: Final = 90
#: How long after the signature the institution may take to confirm who signed, once it has taken that.
CONFIRM_WITHIN: Final = timedelta(days=14)
#: The ciphertext of who signed waits this long in the queue, the most that the queue allows; so does the
#: letter until it is taken.
DELIVERY_KEEP: Final = timedelta(hours=72)


def after(state: InvitationState, act: Act) -> InvitationState | None:
    """The state that this act leads to; None where it may not happen."""
    return TRANSITIONS.get((state, act))


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """A row without what is sealed or hashed."""

    invitation_id: UUID
    institution_id: UUID
    service_id: UUID
    #: The API key that made it: whose kinds and purposes count when the holder signs.
    key_id: UUID
    registration_id: UUID | None
    registration_ref: str | None
    customer_ref: str | None
    application_number: UUID
    language: str
    state: InvitationState
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    signed_at: datetime | None
    confirm_by: datetime | None
    ended_at: datetime | None
    consent_id: UUID | None
    delivery_id: UUID | None
    #: Keyed hashes of the certificate, and of everything that the holder signed and with what.
    certificate_hash: bytes | None
    signed_hash: bytes | None
    #: When the institution first took the delivery of who signed.
    signer_taken_at: datetime | None

    def due(self, now: datetime) -> bool:
        """Has its time run out, whether or not that is written down yet?"""
        if (self.state, Act.EXPIRE) not in TRANSITIONS:
            return False
        end = self.confirm_by if self.state is _S.PENDING else self.expires_at
        return end is not None and now >= end

    def state_at(self, now: datetime) -> InvitationState:
        if not self.due(now):
            return self.state
        return _S.OPENED if self.untaken and now < self.expires_at else _S.EXPIRED

    @property
    def untaken(self) -> bool:
        """Is what was signed nowhere but in the queue?"""
        return self.state is _S.PENDING and self.signer_taken_at is None

    def after(self, act: Act, now: datetime) -> InvitationState | None:
        """What the act leads to as of now: nothing but expiring befalls what has expired."""
        return after(self.state_at(now), act)

    def __repr__(self) -> str:
        return f"Invitation(state={self.state.value}, hidden)"
