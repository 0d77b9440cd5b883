"""A caller of OCSP as data, and the server's rules that are the same for all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from platform_api.institutions.model import Entitlement, Mode, OcspPurpose, Principal, Scope

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.institutions.store import KeyRecord

#: Which scope a purpose goes with, as for the JSON operations of the same purpose.
_SCOPES: Final = {
    OcspPurpose.CURRENT_STATUS_CHECK: Scope.STATUS_CHECK,
    OcspPurpose.SIGNATURE_VERIFICATION: Scope.SIGNATURES_VERIFY,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, proven; as long as nothing about the key changes it is one and the same object."""

    principal: Principal
    #: The one purpose of everything that this credential asks.
    ocsp_purpose: str
    #: Requests a second that it may go on making, and how many at once.
    ocsp_rate_per_s: int
    ocsp_burst: int
    #: Small numbers from 0, of the institution and of the API key; stable while the process lives.
    slot: int
    key_slot: int
    #: Scope, purpose and entitlement allow OCSP at all; kinds and registrations are the certificate's matter.
    may_ask: bool
    #: Entitlement ``any``: about every certificate. Otherwise its own registrations decide.
    of_any: bool
    #: ``principal.institution_id`` as octets.
    institution_octets: bytes
    #: When the key or the contract ends by its own date.
    ends_at: datetime | None

    def usable_s(self, now: datetime) -> float:
        """Seconds that are left of it by its own dates."""
        return math.inf if self.ends_at is None else (self.ends_at - now).total_seconds()


class Slots:
    """Numbers for institutions and for keys, given in the order in which they are met."""

    def __init__(self) -> None:
        self._institutions: dict[UUID, int] = {}
        self._keys: dict[UUID, int] = {}

    def institution(self, institution_id: UUID) -> int:
        return self._institutions.setdefault(institution_id, len(self._institutions))

    def key(self, key_id: UUID) -> int:
        return self._keys.setdefault(key_id, len(self._keys))


@dataclass(frozen=True, slots=True)
class CallerRules:
    """What the settings say about callers."""

    #: ``test`` or ``live``: keys of the other kind are nobody's here.
    key_mode: str
    ttl_s: float = 5.0
    grace_s: float = 300.0
    #: May a listed network stand for a key? Addresses are weak: whoever shares one, is the caller.
    networks: bool = False
    rate_per_s: int = 2000
    burst: int = 4000
    #: Look-ups at a time of each kind; four kinds of them and one more share the pool with everything else.
    asking: int = 2

    @classmethod
    def of(cls, settings: Settings) -> CallerRules:
        return cls(
            key_mode=(Mode.LIVE if settings.mode == "live" else Mode.TEST).value,
            ttl_s=settings.caller_ttl_s,
            grace_s=settings.caller_grace_s,
            networks=settings.ocsp_networks,
            rate_per_s=settings.ocsp_rate_per_s,
            burst=settings.ocsp_burst,
            asking=max(1, settings.pool_size // 5),
        )

    def caller(self, record: KeyRecord, slots: Slots) -> Caller:
        """The caller that this key is; a key with a rate and no burst may spend one second's at once."""
        principal = record.principal
        rate, burst = self.rate_per_s, self.burst
        if record.ocsp_rate_per_s is not None:
            rate = burst = record.ocsp_rate_per_s
        return Caller(
            principal,
            record.ocsp_purpose,
            ocsp_rate_per_s=rate,
            ocsp_burst=burst if record.ocsp_burst is None else record.ocsp_burst,
            slot=slots.institution(principal.institution_id),
            key_slot=slots.key(principal.key_id),
            may_ask=(
                record.ocsp_purpose in principal.purposes
                and _SCOPES[OcspPurpose(record.ocsp_purpose)] in principal.scopes
                and principal.entitlement != Entitlement.PRESENTED
            ),
            of_any=principal.entitlement == Entitlement.ANY,
            institution_octets=principal.institution_id.bytes,
            ends_at=record.ends_at,
        )
