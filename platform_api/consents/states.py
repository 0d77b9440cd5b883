"""The states of a consent, which may follow which, and what an institution is told of each. Pure.

RECEIVED → SENT → REFLECTED → EFFECTIVE → EXPIRING → EXPIRED is the plain life. REFUSED is J-LIS's no;
WITHDRAWN is the holder's act, STOPPED the institution's. A stopped consent still stands at J-LIS, so its
holder may withdraw it; nothing else leaves an ended state (re-consent makes a new record).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from platform_api.changes.model import Action, NoticeType


class ConsentState(StrEnum):
    """Design section 9, and REFUSED: J-LIS said no, which always wins."""

    RECEIVED = "RECEIVED"
    SENT = "SENT"
    REFUSED = "REFUSED"
    REFLECTED = "REFLECTED"
    EFFECTIVE = "EFFECTIVE"
    EXPIRING = "EXPIRING"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    STOPPED = "STOPPED"


class Who(StrEnum):
    """Whose act brought a state."""

    HOLDER = "holder"
    INSTITUTION = "institution"
    JLIS = "jlis"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Step:
    """A state entered: when it was so, by whom, and why where a code says it."""

    state: ConsentState
    at: datetime
    who: Who
    code: str | None = None


_S = ConsentState

#: Ended for good, with the one way on that a stopped consent has.
ENDED: Final = frozenset((_S.REFUSED, _S.EXPIRED, _S.WITHDRAWN, _S.STOPPED))

#: The states in which we may fetch.
FETCHING: Final = frozenset((_S.EFFECTIVE, _S.EXPIRING))

FOLLOWS: Final[Mapping[ConsentState, frozenset[ConsentState]]] = MappingProxyType(
    {
        _S.RECEIVED: frozenset((_S.SENT, _S.WITHDRAWN, _S.STOPPED)),
        _S.SENT: frozenset((_S.REFLECTED, _S.REFUSED, _S.WITHDRAWN, _S.STOPPED)),
        _S.REFLECTED: frozenset((_S.EFFECTIVE, _S.WITHDRAWN, _S.STOPPED)),
        _S.EFFECTIVE: frozenset((_S.EXPIRING, _S.WITHDRAWN, _S.STOPPED)),
        _S.EXPIRING: frozenset((_S.EXPIRED, _S.WITHDRAWN, _S.STOPPED)),
        _S.STOPPED: frozenset((_S.WITHDRAWN,)),
        _S.REFUSED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.WITHDRAWN: frozenset(),
    }
)


def may_follow(before: ConsentState, after: ConsentState) -> bool:
    return after in FOLLOWS[before]


#: What the feed carries when a state is entered; whoever handed a consent in knows of the states before.
TOLD: Final[Mapping[ConsentState, tuple[NoticeType, Action | None]]] = MappingProxyType(
    {
        _S.REFUSED: (NoticeType.CONSENT_REFUSED, Action.RENEW_CONSENT),
        _S.EFFECTIVE: (NoticeType.CONSENT_EFFECTIVE, None),
        _S.EXPIRING: (NoticeType.CONSENT_EXPIRING, Action.RENEW_CONSENT),
        _S.EXPIRED: (NoticeType.CONSENT_EXPIRED, Action.RENEW_CONSENT),
        _S.WITHDRAWN: (NoticeType.CONSENT_WITHDRAWN, None),
        _S.STOPPED: (NoticeType.CONSENT_STOPPED, None),
    }
)
