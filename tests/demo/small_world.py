"""A small world of two people and its report, for the tests that falsify one record or another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from platform_api.demo.occurrences import must_occur
from platform_api.demo.report import build, clean

T0 = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW, HELD = "0a", "0b", "0c"
KEY = "aa"
ITEMS = {
    "name": "山田　花子",
    "name_substitute_characters": "00000",
    "address": "東京都千代田区１－１",
    "address_substitute_characters": "0000000000",
    "date_of_birth": "419900101",
    "gender": "2",
}


def z(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def entry(at: datetime, resident: str, **given: Any) -> dict[str, Any]:
    return {
        "seq": 1, "at": z(at), "day": 0, "resident_id": resident, "event": "x",
        "revoked": [], "issued": None, "items": None, **given,
    }  # fmt: skip


def revoked(serial: str, at: datetime, reason: int) -> dict[str, Any]:
    return {
        "ca_id": "card-sign", "issuer_key": KEY, "serial_number": serial, "partition": "1",
        "reason_code": reason, "revoked_at": z(at),
    }  # fmt: skip


def issued(serial: str) -> dict[str, Any]:
    return {
        "ca_id": "card-sign", "issuer_key": KEY, "serial_number": serial, "partition": "1",
        "not_before": z(T0), "not_after": z(T0 + 1000 * DAY),
    }  # fmt: skip


LIFE = [
    entry(
        T0 + DAY / 2,
        "r-1",
        revoked=[revoked(OLD, T0 + DAY / 2, 3)],
        issued=issued(NEW),
        items=ITEMS,
    ),
    entry(T0 + DAY / 2, "r-2", revoked=[revoked(HELD, T0 + DAY / 2, 6)]),
    entry(T0 + DAY * 3 / 2, "r-2", revoked=[revoked(HELD, T0 + DAY * 3 / 2, 1)]),
]
SETS = [{"day": d, "set_seq": d + 1, "this_update": z(T0 + d * DAY)} for d in range(3)]


def customer(registration: str, resident: str, serial: str, institution: int = 0) -> dict[str, Any]:
    return {
        "institution": institution,
        "service": 0,
        "kind": "card-sign",
        "registration_id": registration,
        "resident_id": resident,
        "issuer_key": KEY,
        "serial_number": serial,
        "set_seq": 1,
        "linkage_agreed": False,
    }


def consent(registration: str, **given: Any) -> dict[str, Any]:
    return {
        "registration_id": registration,
        "items": ["name", "address", "date_of_birth", "gender"],
        "valid_from": z(T0),
        "valid_until": z(T0 + 3650 * DAY),
        "withdrawn_at": None,
    } | given


CUSTOMERS = [customer("R1", "r-1", OLD), customer("R2", "r-2", HELD)]
CONSENTS = [consent("R1")]
NIGHTS = [{"set_seq": n, "refreshed_at": z(T0 + (n - 1) * DAY)} for n in (2, 3)]
RETENTION = {"hits": 0, "controls": 20, "controls_found": 20}


def event(registration: str, set_seq: int, transition: str, **given: Any) -> dict[str, Any]:
    """Of a move, a hold or its end, unless another cause and type are given."""
    cause = "CONTENT_CHANGED" if transition == "REVOKED" else "HOLD"
    kind = {"REVOKED": "revoked", "ON_HOLD": "on_hold", "RELEASED": "hold_released"}[transition]
    return {
        "registration_id": registration, "set_seq": set_seq, "transition": transition, "cause": cause,
        "type": f"certificate.{kind}",
    } | given  # fmt: skip


EVENTS = [
    event("R1", 2, "REVOKED"),
    event("R2", 2, "ON_HOLD"),
    event("R2", 3, "REVOKED", cause="KEY_COMPROMISED"),
]


def fetch(registration: str, outcome: str, items: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "registration_id": registration,
        "set_seq": 2,
        "at": z(T0 + DAY),
        "outcome": outcome,
        "items": items,
        "way": "response",
    }


FETCHES = [fetch("R1", "DATA", ITEMS), fetch("R2", "CONSENT_MISSING")]


def feeds_of(events: list[dict[str, Any]], customers: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Each event in the feed of the registration's institution, numbered."""
    whose = {c["registration_id"]: c["institution"] for c in customers}
    feeds: list[list[dict[str, Any]]] = [[], []]
    for one in events:
        feed = feeds[whose[one["registration_id"]]]
        feed.append({"seq": len(feed) + 1} | one)
    return feeds


def report(events: list[dict[str, Any]] = EVENTS, **given: Any) -> dict[str, Any]:
    """Of the small world above, with some of it changed."""
    return build(
        **{
            "seed": 1,
            "life_log": LIFE,
            "sets": SETS,
            "nights": NIGHTS,
            "customers": CUSTOMERS,
            "consents": CONSENTS,
            "feeds": feeds_of(events, given.get("customers", CUSTOMERS)),
            "fetches": FETCHES,
            "links": [],
            "openssl": {"asked": 1, "agreed": 1},
            "retention": RETENTION,
        }
        | given
    )


def true(found: dict[str, Any]) -> bool:
    """Clean, but for what a world of two people cannot show."""
    return clean(found | {"days": [{}], "occurred": dict.fromkeys(must_occur(1), 1)})
