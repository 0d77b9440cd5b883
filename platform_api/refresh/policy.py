"""What a service wants to be refreshed automatically, and within which bounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from platform_api.changes.model import SIGNING_KINDS, RegistrationState
from revocation.reasons import CRLReason


class RefreshCause(StrEnum):
    """Why a registration is refreshed: the causes of a revocation that may have a successor, and expiry."""

    CONTENT_CHANGED = "CONTENT_CHANGED"
    RENEWED = "RENEWED"
    UNSPECIFIED = "UNSPECIFIED"
    ENDED_CAUSE_UNKNOWN = "ENDED_CAUSE_UNKNOWN"
    EXPIRED = "EXPIRED"


#: The state in which a registration waits for a refresh of this cause.
STATE_OF_CAUSE: Final[Mapping[RefreshCause, RegistrationState]] = MappingProxyType(
    {
        RefreshCause.CONTENT_CHANGED: RegistrationState.CHANGED_AWAITING_REISSUE,
        RefreshCause.RENEWED: RegistrationState.RENEWED_UNLINKED,
        RefreshCause.UNSPECIFIED: RegistrationState.UNKNOWN,
        RefreshCause.ENDED_CAUSE_UNKNOWN: RegistrationState.ENDED,
        RefreshCause.EXPIRED: RegistrationState.EXPIRED_AWAITING_RENEWAL,
    }
)
_CAUSE_OF_STATE: Final = {state: cause for cause, state in STATE_OF_CAUSE.items()}


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one service."""

    enabled: bool
    items: tuple[str, ...]
    #: DATA answers, and questions whatever their answer, of one JST day.
    daily_cap: int
    daily_questions_cap: int
    keep: timedelta
    back_off: tuple[timedelta, ...]
    hand_over_after: timedelta
    refresh_on: frozenset[RefreshCause]
    #: May J-LIS be asked which certificate follows a renewed one, where the customer agreed?
    linkage: bool

    def wants(self, cause: RefreshCause, *, linkage_agreed: bool) -> bool:
        return cause in self.refresh_on or self.links(cause, linkage_agreed=linkage_agreed)

    def links(self, cause: RefreshCause, *, linkage_agreed: bool) -> bool:
        """May the successor be looked up without any item?"""
        return cause is RefreshCause.RENEWED and self.linkage and linkage_agreed


def cause_of(state: RegistrationState, kind: str, reason_code: int | None) -> RefreshCause | None:
    """Why this registration would be refreshed; None where nothing moved, or nothing can follow.

    Authentication certificates carry no items. Of the ended ones only code 5 (voluntary, returned, record
    deleted alike) may have a successor that we should ask for; a compromised key needs the customer.
    """
    cause = _CAUSE_OF_STATE.get(state)
    if kind not in SIGNING_KINDS:
        return None
    if cause is RefreshCause.ENDED_CAUSE_UNKNOWN and reason_code != CRLReason.cessation_of_operation:
        return None
    return cause
