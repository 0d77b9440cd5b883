"""The report: what was received through the public API against the life log, and how it is shown.

``build`` is pure: life log and records in, one JSON object out. ``--export`` writes the same inputs,
so that anyone can recompute it with a program of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from platform_api.demo.following import consents_of, follow
from platform_api.demo.lifelog import LifeLog, moment
from platform_api.demo.never_asked import never_asked
from platform_api.demo.occurrences import must_occur, occurred
from platform_api.demo.told import compare
from platform_api.demo.truth import CarriedList, PublishedSet, expected_changes, judge_fetches


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


def build(
    *,
    seed: int,
    life_log: list[dict[str, Any]],
    sets: list[dict[str, Any]],
    nights: list[dict[str, Any]],
    customers: list[dict[str, Any]],
    consents: list[dict[str, Any]],
    feeds: list[list[dict[str, Any]]],
    fetches: list[dict[str, Any]],
    links: list[dict[str, Any]],
    openssl: dict[str, int],
    retention: dict[str, Any],
) -> dict[str, Any]:
    """The report as one object; its names are fixed, outside programs read them."""
    log = LifeLog(life_log)
    published = published_sets(sets)
    walk = follow(log, customers, fetches, consents, nights, published)
    changes = expected_changes(log, walk.watches, published)
    told = compare(changes, {c["registration_id"]: c["institution"] for c in customers}, feeds)
    four = judge_fetches(log, walk.fetches)
    unasked = never_asked(
        log, customers, consents_of(consents), fetches, nights, published, walk.watches, changes
    )
    linked = {(one["registration_id"], one["set_seq"]) for one in links}
    for surprise, count in (
        ("expected DATA, never asked", unasked),
        ("expected a successor by linkage, got none", len(walk.links - linked)),
        ("expected no successor by linkage, got one", len(linked - walk.links)),
    ):
        if count:
            four.surprises[surprise] += count
    return {
        "seed": seed,
        "days": nights,
        "truth": {
            "changed": told.changed,
            "detected": told.detected,
            "missed": told.missed,
            "false_alarms": told.false_alarms,
            "gaps": told.gaps,
            "misplaced": told.misplaced,
        },
        "four_information": {
            "due": four.due + unasked,
            "delivered": four.delivered,
            "wrong_items": four.wrong_items,
            "without_consent": four.without_consent,
            "retained_after_delivery": retention["hits"],
            "by_outcome": dict(sorted(four.by_outcome.items())),
            "by_way": ways(fetches),
            "surprises": dict(sorted(four.surprises.items())),
        },
        "occurred": occurred(log, customers, published, changes, walk.links, fetches),
        "openssl": openssl,
        "retention": retention,
    }


def ways(fetches: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How what was delivered came: in the response of a call, or encrypted through the queue."""
    return dict(sorted(Counter(f["way"] for f in fetches if f["outcome"] == "DATA").items()))


def clean(report: dict[str, Any]) -> bool:
    """Everything received was true, nothing true was missing, and everything that must be seen was seen."""
    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    retention = report["retention"]
    return (
        truth["missed"] == truth["false_alarms"] == truth["gaps"] == truth["misplaced"] == 0
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
