"""What the institutions must have received, worked out from the life log alone; compared both ways.

Nothing here asks the service. A *watch* says which certificate a registration stood for, from which
set on; it begins at on-boarding and again when a fetch handed over the successor.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from platform_api.demo.lifelog import GOOD, ON_HOLD, CertificateKey, LifeLog


@dataclass(frozen=True, slots=True)
class CarriedList:
    """A list that could not be had: the set carries the one before it."""

    issuer_key: str
    partition: int
    this_update: datetime


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """One published set of the played days: its number and the thisUpdate of its lists."""

    set_seq: int
    this_update: datetime
    carried: tuple[CarriedList, ...] = ()

    def spoken_at(self, log: LifeLog, key: CertificateKey) -> datetime:
        """The thisUpdate of the list that speaks of this certificate."""
        for one in self.carried:
            if (one.issuer_key, one.partition) == (key.issuer_key, log.partition(key)):
                return one.this_update
        return self.this_update

    def state(self, log: LifeLog, key: CertificateKey) -> str:
        """What this set says of it: a carried list does not know yet what befell the certificate since."""
        return log.state(key, self.spoken_at(log, key))


@dataclass(frozen=True, slots=True)
class Watch:
    """A registration stood for this certificate in every set after ``from_set``."""

    registration_id: str
    key: CertificateKey
    from_set: int


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent as J-LIS has it; times are None as long as they have not come."""

    items: frozenset[str]
    valid_from: datetime | None
    valid_until: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fetch:
    """One question for four items, the institution's own or an automatic one, and what came back."""

    registration_id: str
    resident_id: str
    asked_for: CertificateKey
    at: datetime
    #: Up to here people had lived by then: the thisUpdate of the day. What the log dates later came later,
    #: even where the night ran on past that moment.
    lived_until: datetime
    consent: GivenConsent | None
    outcome: str
    items: dict[str, Any] | None


RELEASED: Final = "RELEASED"
#: What an outcome is called where items came that nobody had asked for.
UNASKED: Final = "UNASKED"


@dataclass(frozen=True, slots=True)
class Change:
    """A registration's certificate enters REVOKED or ON_HOLD in this set, or is released, under this code."""

    registration_id: str
    key: CertificateKey
    set_seq: int
    transition: str
    reason: int | None


def expected_changes(log: LifeLog, watches: list[Watch], sets: list[PublishedSet]) -> set[Change]:
    """Everything that a registration must be told of.

    The first set is day 0. What has once been revoked is never told of again, whatever its list says later.
    """
    found: set[Change] = set()
    for before, after in itertools.pairwise(sets):
        for watch in watches:
            if after.set_seq <= watch.from_set:
                continue
            was, now = before.state(log, watch.key), after.state(log, watch.key)
            if now == was or (now == GOOD and was != ON_HOLD):
                continue
            transition = RELEASED if now == GOOD else now
            reason = log.reason(watch.key, after.spoken_at(log, watch.key))
            found.add(Change(watch.registration_id, watch.key, after.set_seq, transition, reason))
    return found


def expected_outcome(log: LifeLog, fetch: Fetch) -> tuple[str, dict[str, Any] | None]:
    """What must come of this question: outcome and, for DATA, the consented items."""
    refusal = refused(fetch.consent, fetch.at)
    if refusal is not None or fetch.consent is None:
        return refusal or "CONSENT_MISSING", None
    newest = log.newest_certificate(fetch.resident_id, fetch.lived_until)
    if newest is None:
        return "NO_NEW_CERTIFICATE", None
    if newest == fetch.asked_for:
        return "NO_NEWER_INFORMATION", None
    items = log.items(fetch.resident_id, fetch.lived_until) or {}
    return "DATA", {name: items[name] for name in sorted(with_companions(fetch.consent.items, items))}


def refused(consent: GivenConsent | None, at: datetime) -> str | None:
    """Why the consent does not allow a question at that moment; None where it does."""
    if consent is None:
        return "CONSENT_MISSING"
    if consent.withdrawn_at is not None and at >= consent.withdrawn_at:
        return "CONSENT_WITHDRAWN"
    if consent.valid_from is None or at < consent.valid_from:
        return "CONSENT_NOT_YET_EFFECTIVE"
    if consent.valid_until is not None and at > consent.valid_until:
        return "CONSENT_EXPIRED"
    return None


#: What travels with an item, where the register has it (design section 9).
_COMPANIONS: Final = {
    "name": ("name_substitute_characters", "name_furigana"),
    "address": ("address_substitute_characters", "moved_abroad_on"),
}


def with_companions(consented: frozenset[str], items: dict[str, Any]) -> frozenset[str]:
    """The consented items and what goes with them."""
    found = set(consented)
    for item in consented:
        found.update(name for name in _COMPANIONS.get(item, ()) if items.get(name) is not None)
    return frozenset(found)


@dataclass(slots=True)
class FourInformationResult:
    """Counts for the report; ``surprises`` names outcome pairs only, never a person."""

    due: int = 0
    delivered: int = 0
    wrong_items: int = 0
    without_consent: int = 0
    by_outcome: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)


def judge_fetches(log: LifeLog, fetches: list[Fetch]) -> FourInformationResult:
    """Each fetch against the truth of its moment. A right outcome with other items is a wrong item.

    Items that came are judged whatever they were called: a refusal that hands them over is a delivery.
    """
    result = FourInformationResult()
    for fetch in fetches:
        outcome, items = expected_outcome(log, fetch)
        result.by_outcome[fetch.outcome] += 1
        result.due += outcome == "DATA" and fetch.outcome != UNASKED
        if fetch.outcome == "DATA" or fetch.items is not None:
            result.delivered += 1
            result.without_consent += outcome.startswith("CONSENT_")
            result.wrong_items += outcome != "DATA" or fetch.items != items
        if fetch.outcome != outcome:
            result.surprises[f"expected {outcome}, got {fetch.outcome}"] += 1
    return result
