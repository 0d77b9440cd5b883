"""A registration: which certificate stands for a customer of a service, and in which state it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import orjson

from platform_api.changes.model import (
    Condition,
    Decision,
    RegistrationState,
    condition_after,
    decision_for,
)
from revocation.errors import OwnFault
from revocation.identity import CertificateIdentity
from revocation.status import CertificateStatus, Status, Validity


@dataclass(frozen=True, slots=True)
class WatchedIdentity:
    """What is sealed of a certificate: enough to ask about it later, and nothing of its holder."""

    identity: CertificateIdentity
    validity: Validity
    partition: int | None

    def sealed_form(self) -> bytes:
        """The plaintext of the sealed column."""
        return orjson.dumps(
            {
                "ca_id": self.identity.ca_id,
                "issuer_key": self.identity.issuer_key.hex(),
                "serial": self.identity.serial.hex(),
                "not_before": int(self.validity.not_before.timestamp()),
                "not_after": int(self.validity.not_after.timestamp()),
                "partition": self.partition,
            }
        )

    @classmethod
    def from_sealed_form(cls, plaintext: bytes) -> WatchedIdentity:
        try:
            found = orjson.loads(plaintext)
            return cls(
                CertificateIdentity(
                    found["ca_id"], bytes.fromhex(found["issuer_key"]), bytes.fromhex(found["serial"])
                ),
                Validity(
                    datetime.fromtimestamp(found["not_before"], UTC),
                    datetime.fromtimestamp(found["not_after"], UTC),
                ),
                found["partition"],
            )
        except (KeyError, TypeError, ValueError):
            raise OwnFault(
                "SEALED_IDENTITY_UNREADABLE",
                expected="a sealed certificate identity of ours",
                got="another plaintext",
                remedy="restore database and keys/ of the same backup",
            ) from None

    @property
    def expiry_month(self) -> date:
        """The only thing readable: not_after to the day is a birthday."""
        return self.validity.not_after.date().replace(day=1)

    def __repr__(self) -> str:
        return "WatchedIdentity(hidden)"


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration without its certificate."""

    registration_id: UUID
    service_id: UUID
    registration_ref: str
    customer_ref: str
    state: RegistrationState
    created_at: datetime
    changed_at: datetime
    #: The customer agreed that J-LIS may be asked which certificate follows a renewed one.
    linkage_agreed: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """A certificate in one of a registration's two slots."""

    certificate_id: UUID
    registration_id: UUID
    #: Whose: equal in a certificate and its proven successors, and what a consent is bound to.
    holder_id: UUID
    slot: str
    kind: str
    condition: Condition
    reason_code: int | None
    identity: WatchedIdentity
    checked_set_seq: int
    query_id: UUID | None


CURRENT = "current"
PENDING = "pending_successor"


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What the set says of a certificate at the moment it begins to be watched."""

    condition: Condition
    reason_code: int | None
    state: RegistrationState
    #: An already revoked or held certificate yields its event at once.
    decision: Decision | None


def first_look(status: CertificateStatus, kind: str) -> FirstLook:
    """Condition, state and perhaps an event from a status, whatever the lists' age.

    A status carries a reason exactly where the set has an entry, also after nextUpdate (UNKNOWN) and
    after the certificate's end (EXPIRED): and the set's content is what detection compares with.
    """
    expired = status.status is Status.EXPIRED
    if status.reason is None:
        state = RegistrationState.EXPIRED_AWAITING_RENEWAL if expired else RegistrationState.WATCHED
        return FirstLook(Condition.NOT_LISTED, None, state, None)
    decision = decision_for(status.reason, kind)
    state = RegistrationState.EXPIRED_AWAITING_RENEWAL if expired else decision.state
    return FirstLook(condition_after(decision.transition), status.reason, state, decision)


def state_of(condition: Condition, reason_code: int | None, kind: str) -> RegistrationState:
    """The state that a certificate's condition means for its registration."""
    if condition is Condition.NOT_LISTED:
        return RegistrationState.WATCHED
    return decision_for(0xFF if reason_code is None else reason_code, kind).state
