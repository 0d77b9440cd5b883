"""What waits for an institution, and for how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

#: How long a delivery waits where nobody says otherwise, and at most (design section 9; checked in 0006 too).
DEFAULT_KEEP: Final = timedelta(hours=24)
MOST_KEEP: Final = timedelta(hours=72)

#: Keys in use at once: enough for a rotation in several places, few enough to read.
MOST_KEYS: Final = 16


class DeliveryPurpose(StrEnum):
    """What is inside."""

    #: The items of a DATA answer.
    FOUR_INFORMATION = "four_information"
    #: Who signed an invitation by letter, for the institution to compare with its customer.
    CONSENT_SIGNER = "consent_signer"


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """An institution's public key; it never changes under its name."""

    kid: str
    #: The public members of a JWK (RFC 7517), in the canonical form of RFC 7638.
    jwk: str
    #: The key management algorithm of RFC 7518 that we use with it.
    algorithm: str
    created_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery without its ciphertext: ids and times."""

    delivery_id: UUID
    purpose: DeliveryPurpose
    registration_id: UUID | None
    registration_ref: str | None
    invitation_id: UUID | None
    #: The query whose DATA answer it is.
    query_id: UUID | None
    kid: str
    created_at: datetime
    expires_at: datetime
