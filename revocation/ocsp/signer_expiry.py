"""When a responder's certificates end: what alarms are made of (faults.md, T09).

A responder whose certificate ends goes silent from one second to the next, for every client, so it is told
in time: 30, 14 and 3 days before, each louder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class ExpiryLevel(StrEnum):
    """How near the end is."""

    FINE = "fine"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"
    ENDED = "ended"


#: Time left, at most, and the level from then on; the shortest first.
EXPIRY_LEVELS: Final[tuple[tuple[timedelta, ExpiryLevel], ...]] = (
    (timedelta(0), ExpiryLevel.ENDED),
    (timedelta(days=3), ExpiryLevel.CRITICAL),
    (timedelta(days=14), ExpiryLevel.WARNING),
    (timedelta(days=30), ExpiryLevel.NOTICE),
)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of the last certificate of one signer; the one after which nobody signs."""

    #: "local" or "delegated".
    mode: str
    #: The delegating generation's ``key_id``, and its name once it is known; None for all of them.
    key_id: bytes | None
    generation: str | None
    not_after: datetime
    #: Negative once it has ended.
    seconds_left: float
    level: ExpiryLevel


def expiry(
    mode: str,
    not_after: datetime,
    now: datetime,
    *,
    key_id: bytes | None = None,
    generation: str | None = None,
) -> Expiry:
    """What is left of a signer now."""
    left = not_after - now
    level = next((level for most, level in EXPIRY_LEVELS if left <= most), ExpiryLevel.FINE)
    return Expiry(mode, key_id, generation, not_after, left.total_seconds(), level)
