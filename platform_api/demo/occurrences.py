"""What was seen in a run, by name and count: a demo in which nothing befalls anybody proves nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from platform_api.demo.cast import IS_DELIVERED_TO
from platform_api.demo.following import Link
from platform_api.demo.lifelog import REVOKED, LifeLog
from platform_api.demo.truth import RELEASED, Change, PublishedSet
from revocation.reasons import CRLReason

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
    "linked",
)
#: These take a second day: first it must be held, and a list can be missing only where one was before.
_FROM_THE_SECOND_DAY: Final = ("phone_released", "partial_set")
#: By then the back-off of a day is over for whom the first night asked about in vain, whenever a night runs.
_FROM_THE_THIRD_DAY: Final = ("delivered_later",)


def must_occur(days: int) -> tuple[str, ...]:
    """What a run of so many days must show."""
    second = _FROM_THE_SECOND_DAY if days > 1 else ()
    return _FROM_THE_FIRST_DAY + second + (_FROM_THE_THIRD_DAY if days > 2 else ())


def occurred(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    sets: list[PublishedSet],
    changes: set[Change],
    links: set[Link],
    fetches: Iterable[dict[str, Any]],
) -> dict[str, int]:
    """Counts of what befell registered customers, from the life log and what was answered."""
    asked = list(fetches)
    by_number = {one.set_seq: one for one in sets}
    people = {c["registration_id"]: c for c in customers}
    residents = {c["resident_id"] for c in people.values()}
    found: Counter[str] = Counter()
    for change in changes:
        if people[change.registration_id]["kind"] == "mobile-sign":
            found["phone_released"] += change.transition == RELEASED
            found["phone_held"] += change.transition == "ON_HOLD"
        if change.reason in REASONS and change.transition != RELEASED:
            found[f"reason_{change.reason}"] += 1
    found["linked"] = len(links)
    found["delivered_later"] = delivered_later(log, people, by_number, changes, asked)
    for before, after in itertools.pairwise(sets):
        for resident_id in residents:
            moves = [
                e for e in log.entries_of(resident_id, before.this_update, after.this_update)
                if e["event"] == "move"
            ]  # fmt: skip
            found["two_moves_between_lists"] += len(moves) > 1
            found["moved_without_reissue"] += any(e["issued"] is None for e in moves)
        found["partial_set"] += bool(after.carried)
    for fetch in asked:
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


def delivered_later(
    log: LifeLog,
    people: Mapping[str, dict[str, Any]],
    sets: Mapping[int, PublishedSet],
    changes: Iterable[Change],
    fetches: Iterable[dict[str, Any]],
) -> int:
    """Whose new card was not there yet in the night of the change, and who was asked about once more."""
    data = {(f["registration_id"], f["set_seq"]) for f in fetches if f["outcome"] == "DATA"}
    waited = {
        (c.registration_id, c.set_seq)
        for c in changes
        if (c.transition, c.reason) == (REVOKED, CRLReason.affiliation_changed)
        and people[c.registration_id]["institution"] == IS_DELIVERED_TO
        and not log.newest_certificate(people[c.registration_id]["resident_id"], sets[c.set_seq].this_update)
    }
    return sum(any(one == other and later > at for other, later in data) for one, at in waited)
