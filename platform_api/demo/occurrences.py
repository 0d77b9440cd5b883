"""What was seen in a run, by name and count: a demo in which nothing befalls anybody proves nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from platform_api.demo.lifelog import CertificateKey, LifeLog
from platform_api.demo.truth import RELEASED, PublishedSet, Transition, Watch

#: Codes of RFC 5280 section 5.3.1 that JPKI uses for people.
REASONS: Final = (1, 3, 4, 5, 6)
_FROM_THE_FIRST_DAY: Final = (
    *(f"reason_{code}" for code in REASONS),
    "two_moves_between_lists",
    "moved_without_reissue",
    "consent_missing",
    "consent_withdrawn",
    "consent_not_yet_effective",
    "customer_of_both_institutions",
    "customer_with_two_services",
    "phone_held",
)
#: These take a second day: first it must be held, and a list can be missing only where one was before.
_FROM_THE_SECOND_DAY: Final = ("phone_released", "partial_set")


def must_occur(days: int) -> tuple[str, ...]:
    """What a run of so many days must show."""
    return _FROM_THE_FIRST_DAY + (_FROM_THE_SECOND_DAY if days > 1 else ())


def occurred(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    sets: list[PublishedSet],
    watches: Iterable[Watch],
    expected: set[Transition],
    fetches: Iterable[dict[str, Any]],
) -> dict[str, int]:
    """Counts of what befell registered customers, from the life log and what was answered."""
    people = {c["registration_id"]: c for c in customers}
    residents = {c["resident_id"] for c in people.values()}
    found: Counter[str] = Counter()
    keys: dict[str, list[CertificateKey]] = {}
    for watch in watches:
        keys.setdefault(watch.registration_id, []).append(watch.key)
    by_number = {one.set_seq: one for one in sets}
    for registration_id, set_seq, transition in expected:
        if people[registration_id]["kind"] == "mobile-sign":
            found["phone_released"] += transition == RELEASED
            found["phone_held"] += transition == "ON_HOLD"
        for key in keys[registration_id]:
            reason = log.reason(key, by_number[set_seq].spoken_at(log, key))
            if reason in REASONS and transition != RELEASED:
                found[f"reason_{reason}"] += 1
    for before, after in itertools.pairwise(sets):
        for resident_id in residents:
            moves = [
                e for e in log.entries_of(resident_id, before.this_update, after.this_update)
                if e["event"] == "move"
            ]  # fmt: skip
            found["two_moves_between_lists"] += len(moves) > 1
            found["moved_without_reissue"] += any(e["issued"] is None for e in moves)
        found["partial_set"] += bool(after.carried)
    for fetch in fetches:
        if fetch["outcome"].startswith("CONSENT_"):
            found[fetch["outcome"].lower()] += 1
    places = {(c["resident_id"], c["institution"], c["service"]) for c in people.values()}
    found["customer_of_both_institutions"] += sum(
        len({institution for r, institution, _ in places if r == resident}) > 1 for resident in residents
    )
    found["customer_with_two_services"] += sum(
        len({(i, s) for r, i, s in places if r == resident and i == 0}) > 1 for resident in residents
    )
    return dict(sorted(found.items()))
