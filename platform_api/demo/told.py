"""What the feeds said against what they had to say: event by event, each as often as it was told.

A feed is judged as its institution reads it: its own registrations alone, every number once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from platform_api.demo.lifelog import ON_HOLD
from platform_api.demo.truth import RELEASED, Change
from revocation.reasons import CRLReason

#: Feed, registration, set, transition, cause, type.
Told = tuple[int, str, int, str | None, str | None, str]

#: The judge's own table (jpki.md section 2): taken from the service, it would agree with every mistake in it.
_CAUSES: Final[Mapping[int, str]] = {
    CRLReason.key_compromise: "KEY_COMPROMISED",
    CRLReason.ca_compromise: "CA_INCIDENT",
    CRLReason.affiliation_changed: "CONTENT_CHANGED",
    CRLReason.superseded: "RENEWED",
    CRLReason.cessation_of_operation: "ENDED_CAUSE_UNKNOWN",
    CRLReason.certificate_hold: "HOLD",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts for the report."""

    changed: int
    detected: int
    missed: int
    false_alarms: int
    #: Numbers that are missing in a feed, or come twice.
    gaps: int
    #: Events about a registration of another institution.
    misplaced: int


def compare(
    changes: Iterable[Change], institutions: Mapping[str, int], feeds: Sequence[Sequence[dict[str, Any]]]
) -> Comparison:
    """``institutions``: whose each registration is; ``feeds`` by institution.

    Every set counts: before the second one nothing has happened, so what the first one tells is false.
    """
    expected = Counter(_expected(change, institutions[change.registration_id]) for change in changes)
    told: Counter[Told] = Counter(
        (number, e["registration_id"], e["set_seq"], e["transition"], e["cause"], e["type"])
        for number, feed in enumerate(feeds)
        for e in feed
        if e["transition"] is not None or e["type"].startswith("certificate.")
    )
    return Comparison(
        changed=expected.total(),
        detected=told.total(),
        missed=(expected - told).total(),
        false_alarms=(told - expected).total(),
        gaps=sum(_gaps([e["seq"] for e in feed]) for feed in feeds),
        misplaced=sum(
            e["registration_id"] is not None and institutions.get(e["registration_id"]) != number
            for number, feed in enumerate(feeds)
            for e in feed
        ),
    )


def _gaps(numbers: list[int]) -> int:
    """From 1 to the last one: how many are missing, and how many come once more."""
    there = set(numbers)
    return max(there, default=0) - len(there) + len(numbers) - len(there)


def _expected(change: Change, institution: int) -> Told:
    cause = None if change.reason is None else _CAUSES.get(change.reason, "UNSPECIFIED")
    kind = "certificate.revoked"
    if change.transition == RELEASED:
        kind = "certificate.hold_released"
    elif change.transition == ON_HOLD:
        kind = "certificate.on_hold"
    elif cause == "RENEWED":
        kind = "certificate.renewed"
    return (institution, change.registration_id, change.set_seq, change.transition, cause, kind)
