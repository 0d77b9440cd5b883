"""Each registration walked through the play: which certificate it stood for, from which set on.

It moves on when items came (with them the new certificate is known), and when a renewed card's successor was
to be had by J-LIS's linkage. The second is worked out from the life log: a service that never asks must not
thereby be free of watching what it would have been told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from platform_api.demo.cast import IS_DELIVERED_TO
from platform_api.demo.lifelog import REVOKED, CertificateKey, LifeLog, moment
from platform_api.demo.truth import Fetch, GivenConsent, PublishedSet, Watch
from revocation.reasons import CRLReason

#: A registration, and the set after whose night it watches the successor.
Link = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of the walk."""

    watches: list[Watch]
    fetches: list[Fetch]
    links: set[Link]


def consents_of(records: Iterable[dict[str, Any]]) -> dict[str, GivenConsent]:
    """By registration."""

    def at(text: str | None) -> datetime | None:
        return None if text is None else moment(text)

    return {
        r["registration_id"]: GivenConsent(
            frozenset(r["items"]), at(r["valid_from"]), at(r["valid_until"]), at(r["withdrawn_at"])
        )
        for r in records
    }


def follow(
    log: LifeLog,
    customers: Iterable[dict[str, Any]],
    fetches: Iterable[dict[str, Any]],
    consents: Iterable[dict[str, Any]],
    nights: Iterable[dict[str, Any]],
    sets: list[PublishedSet],
) -> Followed:
    """Fetches and nights in order of time."""
    people = {c["registration_id"]: c for c in customers}
    given = consents_of(consents)
    by_number = {one.set_seq: one for one in sets}
    current = {i: CertificateKey(c["issuer_key"], c["serial_number"]) for i, c in people.items()}
    found = Followed([Watch(i, key, people[i]["set_seq"]) for i, key in current.items()], [], set())
    agreed = [i for i, c in people.items() if c["linkage_agreed"] and c["institution"] == IS_DELIVERED_TO]

    def moves_on(registration_id: str, key: CertificateKey, set_seq: int) -> None:
        current[registration_id] = key
        found.watches.append(Watch(registration_id, key, set_seq))

    steps = [(moment(f["at"]), f, True) for f in fetches]
    steps += [(moment(n["refreshed_at"]), n, False) for n in nights]
    for at, record, asked in sorted(steps, key=lambda step: step[0]):
        set_seq = record["set_seq"]
        published = by_number[set_seq]
        if not asked:
            for registration_id in agreed:
                key = _linked(log, people[registration_id], current[registration_id], published)
                if key is not None:
                    found.links.add((registration_id, set_seq))
                    moves_on(registration_id, key, set_seq)
            continue
        registration_id = record["registration_id"]
        resident_id = people[registration_id]["resident_id"]
        found.fetches.append(
            Fetch(
                registration_id=registration_id,
                resident_id=resident_id,
                asked_for=current[registration_id],
                at=at,
                lived_until=published.this_update,
                consent=given.get(registration_id),
                outcome=record["outcome"],
                items=record["items"],
            )
        )
        if record["outcome"] == "DATA":
            newest = log.newest_certificate(resident_id, published.this_update)
            if newest is not None and newest != current[registration_id]:
                moves_on(registration_id, newest, set_seq)
    return found


def _linked(
    log: LifeLog, customer: dict[str, Any], key: CertificateKey, published: PublishedSet
) -> CertificateKey | None:
    """The successor that J-LIS names, where the list says "renewed" and it is still the newest."""
    renewed = log.reason(key, published.spoken_at(log, key)) == CRLReason.superseded
    if not renewed or published.state(log, key) != REVOKED:
        return None
    successor = log.successor(key)
    newest = log.newest_certificate(customer["resident_id"], published.this_update)
    return successor if successor == newest else None
