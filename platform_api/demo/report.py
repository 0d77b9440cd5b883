"""The report: what was received through the public API against the life log, and how it is shown.

``build`` is pure: life log and records in, one JSON object out. ``--export`` writes the same inputs,
so that anyone can recompute it with a program of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from platform_api.demo.lifelog import CertificateKey, LifeLog, moment
from platform_api.demo.truth import (
    RELEASED,
    CarriedList,
    Fetch,
    PublishedSet,
    Transition,
    Watch,
    expected_transitions,
    judge_fetches,
)


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
    log: LifeLog, customers: Iterable[dict[str, Any]], fetches: Iterable[dict[str, Any]]
) -> tuple[list[Watch], list[Fetch]]:
    """Walk each registration through its fetches: which certificate it stood for, and when."""
    people = {c["registration_id"]: c for c in customers}
    current = {i: CertificateKey(c["issuer_key"], c["serial_number"]) for i, c in people.items()}
    watches = [Watch(i, key, people[i]["set_seq"]) for i, key in current.items()]
    judged: list[Fetch] = []
    for record in sorted(fetches, key=lambda f: str(f["at"])):
        registration_id = record["registration_id"]
        person = people[registration_id]
        effective = person["consent_valid_from"]
        judged.append(
            Fetch(
                registration_id=registration_id,
                resident_id=person["resident_id"],
                asked_for=current[registration_id],
                at=moment(record["at"]),
                consented=_with_flags(person["consented"]),
                consent_effective_from=moment(effective) if effective else None,
                outcome=record["outcome"],
                items=record["items"],
            )
        )
        if record["outcome"] == "DATA":
            newest = log.newest_certificate(person["resident_id"], moment(record["at"]))
            if newest is not None and newest != current[registration_id]:
                current[registration_id] = newest
                watches.append(Watch(registration_id, newest, record["set_seq"]))
    return watches, judged


def _with_flags(consented: list[str]) -> frozenset[str]:
    """Name and address travel with their substitute-character flags (design section 9)."""
    flags = {f"{name}_substitute_characters" for name in consented if name in {"name", "address"}}
    return frozenset(consented) | flags


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
    events: list[dict[str, Any]],
    fetches: list[dict[str, Any]],
    openssl: dict[str, int],
) -> dict[str, Any]:
    """The report as one object; its names are fixed, outside programs read them."""
    log = LifeLog(life_log)
    published = published_sets(sets)
    watches, judged = follow(log, customers, fetches)
    expected = expected_transitions(log, watches, published)
    detected = detected_transitions(events, published[0].set_seq)
    four = judge_fetches(log, judged)
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
            "due": four.due,
            "delivered": four.delivered,
            "wrong_items": four.wrong_items,
            "without_consent": four.without_consent,
            "by_outcome": dict(sorted(four.by_outcome.items())),
            "surprises": dict(sorted(four.surprises.items())),
        },
        "openssl": openssl,
    }


def clean(report: dict[str, Any]) -> bool:
    """Everything received was true, and nothing true was missing."""
    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    return (
        truth["missed"] == truth["false_alarms"] == 0
        and truth["changed"] == truth["detected"]
        and four["wrong_items"] == four["without_consent"] == 0
        and four["due"] == four["delivered"]
        and not four["surprises"]
        and openssl["asked"] == openssl["agreed"] > 0
    )


#: The last simulated night lies so far before the start; each earlier one a day before the next.
LAST_NIGHT_BEFORE_START = timedelta(minutes=5)
DAY = timedelta(days=1)
