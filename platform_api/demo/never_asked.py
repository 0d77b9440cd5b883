"""Questions that nobody asked: new items were to be had for a customer who is served automatically.

Judged from the life log. Of its content a certificate must have changed: after a mere renewal, the policy of
the demo asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from platform_api.demo.cast import IS_DELIVERED_TO
from platform_api.demo.lifelog import REVOKED, CertificateKey, LifeLog, moment
from platform_api.demo.truth import Change, GivenConsent, PublishedSet, Watch, refused
from revocation.reasons import CRLReason

_Missed = tuple[str, CertificateKey]


def never_asked(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    given: Mapping[str, GivenConsent],
    fetches: Iterable[dict[str, Any]],
    nights: Iterable[dict[str, Any]],
    sets: list[PublishedSet],
    watches: list[Watch],
    changes: Iterable[Change],
) -> int:
    """In the night of the change, and in the last night once more for those who had waited."""
    asked = list(fetches)
    refreshed = {n["set_seq"]: moment(n["refreshed_at"]) for n in nights}
    people = {c["registration_id"]: c for c in customers if c["institution"] == IS_DELIVERED_TO}
    played = [one for one in sets if one.set_seq in refreshed]
    at_once = _at_once(log, people, given, asked, refreshed, played, changes)
    return len(at_once | _again(log, people, given, asked, refreshed, played, watches))


def _at_once(
    log: LifeLog,
    people: Mapping[str, dict[str, Any]],
    given: Mapping[str, GivenConsent],
    fetches: list[dict[str, Any]],
    refreshed: Mapping[int, datetime],
    played: list[PublishedSet],
    changes: Iterable[Change],
) -> set[_Missed]:
    """Whose new items were to be had in the very night of the change."""
    asked = {(f["registration_id"], f["set_seq"]) for f in fetches}
    missed: set[_Missed] = set()
    by_number = {one.set_seq: one for one in played}
    for change in changes:
        published = by_number.get(change.set_seq)
        named = (change.registration_id, change.set_seq)
        if published is None or change.registration_id not in people or named in asked:
            continue
        moved = change.transition == REVOKED and change.reason == CRLReason.affiliation_changed
        at = refreshed[change.set_seq]
        if moved and _to_be_had(log, people, given, change.registration_id, published, at):
            missed.add((change.registration_id, change.key))
    return missed


def _again(
    log: LifeLog,
    people: Mapping[str, dict[str, Any]],
    given: Mapping[str, GivenConsent],
    fetches: list[dict[str, Any]],
    refreshed: Mapping[int, datetime],
    played: list[PublishedSet],
    watches: list[Watch],
) -> set[_Missed]:
    """Who waits since an earlier night, is not asked about in the last one, and was not in the one before.

    The back-off is one day from the answer: a night that runs some seconds earlier in its day than the one
    before it comes too soon for whom that one asked about, and only for those.
    """
    if len(played) < 2:
        return set()
    before, last = played[-2], played[-1]
    stands_for: dict[str, CertificateKey] = {w.registration_id: w.key for w in watches}
    newest_question = {f["registration_id"]: moment(f["at"]) for f in sorted(fetches, key=_time_of)}
    missed: set[_Missed] = set()
    for registration_id in people:
        key = stands_for[registration_id]
        waits = before.state(log, key) == REVOKED
        moved = log.reason(key, before.spoken_at(log, key)) == CRLReason.affiliation_changed
        asked = newest_question.get(registration_id)
        if not waits or not moved or (asked is not None and asked > before.this_update):
            continue
        moments = (last.this_update, refreshed[last.set_seq])
        if all(_to_be_had(log, people, given, registration_id, last, at) for at in moments):
            missed.add((registration_id, key))
    return missed


def _time_of(record: dict[str, Any]) -> datetime:
    return moment(record["at"])


def _to_be_had(
    log: LifeLog,
    people: Mapping[str, dict[str, Any]],
    given: Mapping[str, GivenConsent],
    registration_id: str,
    published: PublishedSet,
    at: datetime,
) -> bool:
    """A new certificate is there, and the consent allows the question."""
    resident_id = people[registration_id]["resident_id"]
    there = log.newest_certificate(resident_id, published.this_update) is not None
    return there and refused(given.get(registration_id), at) is None
