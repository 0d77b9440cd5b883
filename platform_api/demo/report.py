"""The report: what was received through the public API against the life log, and how it is shown.

``build`` is pure: life log and records in, one JSON object out. ``--export`` writes the same inputs,
so that anyone can recompute it with a program of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from platform_api.demo.cast import IS_DELIVERED_TO
from platform_api.demo.lifelog import CertificateKey, LifeLog, moment
from platform_api.demo.occurrences import must_occur, occurred
from platform_api.demo.truth import (
    RELEASED,
    CarriedList,
    Fetch,
    GivenConsent,
    PublishedSet,
    Transition,
    Watch,
    expected_transitions,
    judge_fetches,
    refused,
)
from revocation.reasons import CRLReason


def published_sets(records: Iterable[dict[str, Any]]) -> list[PublishedSet]:
    return sorted(
        (
            PublishedSet(
                r["set_seq"],
                moment(r["this_update"]),
                tuple(
                    CarriedList(c["issuer_key"], c["partition"], moment(c["this_update"]))
                    for c in r.get("carried", ())
                ),
            )
            for r in records
        ),
        key=lambda s: s.set_seq,
    )


def follow(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    fetches: Iterable[dict[str, Any]],
    consents: Iterable[dict[str, Any]],
    links: Iterable[dict[str, Any]],
) -> tuple[list[Watch], list[Fetch]]:
    """Walk each registration through its fetches and links: which certificate it stood for, and when."""
    people = {c["registration_id"]: c for c in customers}
    given = {(c["registration_id"]): _consent(c) for c in consents}
    current = {i: CertificateKey(c["issuer_key"], c["serial_number"]) for i, c in people.items()}
    watches = [Watch(i, key, people[i]["set_seq"]) for i, key in current.items()]
    judged: list[Fetch] = []
    steps = [(str(f["at"]), f, True) for f in fetches] + [(str(one["at"]), one, False) for one in links]
    for _, record, asked in sorted(steps, key=lambda step: step[0]):
        registration_id, at = record["registration_id"], moment(record["at"])
        resident_id = people[registration_id]["resident_id"]
        if asked:
            judged.append(
                Fetch(
                    registration_id=registration_id,
                    resident_id=resident_id,
                    asked_for=current[registration_id],
                    at=at,
                    consent=given.get(registration_id),
                    outcome=record["outcome"],
                    items=record["items"],
                )
            )
        if not asked or record["outcome"] == "DATA":
            newest = log.newest_certificate(resident_id, at)
            if newest is not None and newest != current[registration_id]:
                current[registration_id] = newest
                watches.append(Watch(registration_id, newest, record["set_seq"]))
    return watches, judged


def _consent(record: dict[str, Any]) -> GivenConsent:
    def at(name: str) -> datetime | None:
        return None if record[name] is None else moment(record[name])

    return GivenConsent(frozenset(record["items"]), at("valid_from"), at("valid_until"), at("withdrawn_at"))


def detected_transitions(events: Iterable[dict[str, Any]], first_set: int) -> set[Transition]:
    """What the feeds said, in the played days (sets after the first)."""
    return {
        (e["registration_id"], e["set_seq"], e["transition"])
        for e in events
        if e["transition"] in {"REVOKED", "ON_HOLD", RELEASED} and e["set_seq"] > first_set
    }


def build(
    *,
    seed: int,
    life_log: list[dict[str, Any]],
    sets: list[dict[str, Any]],
    nights: list[dict[str, Any]],
    customers: list[dict[str, Any]],
    consents: list[dict[str, Any]],
    events: list[dict[str, Any]],
    fetches: list[dict[str, Any]],
    links: list[dict[str, Any]],
    openssl: dict[str, int],
    retention: dict[str, Any],
) -> dict[str, Any]:
    """The report as one object; its names are fixed, outside programs read them."""
    log = LifeLog(life_log)
    published = published_sets(sets)
    watches, judged = follow(log, customers, fetches, consents, links)
    expected = expected_transitions(log, watches, published)
    detected = detected_transitions(events, published[0].set_seq)
    four = judge_fetches(log, judged)
    never_asked = automatic_but_never_asked(log, customers, consents, fetches, nights, watches, expected)
    if never_asked:
        four.surprises["expected DATA, never asked"] += never_asked
    return {
        "seed": seed,
        "days": nights,
        "truth": {
            "changed": len(expected),
            "detected": len(detected),
            "missed": len(expected - detected),
            "false_alarms": len(detected - expected),
        },
        "four_information": {
            "due": four.due + never_asked,
            "delivered": four.delivered,
            "wrong_items": four.wrong_items,
            "without_consent": four.without_consent,
            "retained_after_delivery": retention["hits"],
            "by_outcome": dict(sorted(four.by_outcome.items())),
            "by_way": ways(fetches),
            "surprises": dict(sorted(four.surprises.items())),
        },
        "occurred": occurred(log, customers, published, watches, expected, fetches),
        "openssl": openssl,
        "retention": retention,
    }


def ways(fetches: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How what was delivered came: in the response of a call, or encrypted through the queue."""
    return dict(sorted(Counter(f["way"] for f in fetches if f["outcome"] == "DATA").items()))


def automatic_but_never_asked(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    consents: Iterable[dict[str, Any]],
    fetches: Iterable[dict[str, Any]],
    nights: Iterable[dict[str, Any]],
    watches: list[Watch],
    expected: set[Transition],
) -> int:
    """Customers of the institution that never asks itself, whose new items were to be had in the night in
    which their move was published, and about whom nobody asked that night."""
    given = {c["registration_id"]: _consent(c) for c in consents}
    asked = {(f["registration_id"], f["set_seq"]) for f in fetches}
    refreshed = {n["set_seq"]: moment(n["refreshed_at"]) for n in nights}
    people = {c["registration_id"]: c for c in customers if c["institution"] == IS_DELIVERED_TO}
    missed = 0
    for registration_id, set_seq, transition in expected:
        if registration_id not in people or transition != "REVOKED" or set_seq not in refreshed:
            continue
        at = refreshed[set_seq]
        resident_id = people[registration_id]["resident_id"]
        stood_for = [w for w in watches if w.registration_id == registration_id and w.from_set < set_seq]
        # Of the certificate that it stood for by then: a mere renewal is not refreshed by the demo's policy.
        key = max(stood_for, key=lambda w: w.from_set).key
        moved = log.reason(key, at) == CRLReason.affiliation_changed
        there = log.newest_certificate(resident_id, at) is not None
        allowed = refused(given.get(registration_id), at) is None
        missed += moved and there and allowed and (registration_id, set_seq) not in asked
    return missed


def clean(report: dict[str, Any]) -> bool:
    """Everything received was true, nothing true was missing, and everything that must be seen was seen."""
    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    retention = report["retention"]
    return (
        truth["missed"] == truth["false_alarms"] == 0
        and truth["changed"] == truth["detected"]
        and four["wrong_items"] == four["without_consent"] == four["retained_after_delivery"] == 0
        and four["due"] == four["delivered"]
        and not four["surprises"]
        and openssl["asked"] == openssl["agreed"] > 0
        and retention["controls_found"] == retention["controls"] > 0
        and not missing(report)
    )


def missing(report: dict[str, Any]) -> list[str]:
    """What did not occur though it must, in a run of so many days."""
    return [name for name in must_occur(len(report["days"])) if not report["occurred"].get(name)]


#: The last simulated night lies so far before the start; each earlier one a day before the next.
LAST_NIGHT_BEFORE_START = timedelta(minutes=5)
DAY = timedelta(days=1)
