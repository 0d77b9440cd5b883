"""What the service must ask by itself: of a move at once, of a late card again, of a renewal by linkage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.demo.small_world import (
    CUSTOMERS,
    DAY,
    EVENTS,
    FETCHES,
    ITEMS,
    LIFE,
    NEW,
    OLD,
    SETS,
    T0,
    consent,
    customer,
    entry,
    event,
    fetch,
    issued,
    report,
    revoked,
    true,
    z,
)

SERVED = [customer("R1", "r-1", OLD, institution=1), CUSTOMERS[1]]


def test_who_is_served_automatically_must_be_asked_about() -> None:
    """A move whose new items were to be had, and nobody asked in that night: due, and not delivered."""
    served = [customer("R1", "r-1", OLD, institution=1), CUSTOMERS[1]]
    assert true(report(customers=served))
    found = report(customers=served, fetches=[FETCHES[1]])
    assert (found["four_information"]["due"], found["four_information"]["delivered"]) == (1, 0)
    assert not true(found)
    assert true(report(customers=served, consents=[], fetches=[FETCHES[1]])), "without consent nobody asks"


def test_a_renewal_after_a_move_is_nobodys_question() -> None:
    """Delivered after the move; that the next card is then renewed calls for no automatic question."""
    life = [
        *LIFE,
        entry(
            T0 + DAY * 3 / 2,
            "r-1",
            revoked=[revoked(NEW, T0 + DAY * 3 / 2, 4)],
            issued=issued("0d"),
            items=ITEMS,
        ),
    ]
    served = [customer("R1", "r-1", OLD, institution=1), CUSTOMERS[1]]
    renewed = event("R1", 3, "REVOKED", cause="RENEWED", type="certificate.renewed")
    assert true(report([*EVENTS, renewed], life_log=life, customers=served))
    moved = [*life[:-1], life[-1] | {"revoked": [revoked(NEW, T0 + DAY * 3 / 2, 3)]}]
    found = report([*EVENTS, event("R1", 3, "REVOKED")], life_log=moved, customers=served)
    assert (found["four_information"]["due"], found["four_information"]["delivered"]) == (2, 1)


#: r-1 moves on the first day and has the new card on the second only.
LATE = [
    entry(T0 + DAY / 2, "r-1", revoked=[revoked(OLD, T0 + DAY / 2, 3)]),
    entry(T0 + DAY * 3 / 2, "r-1", issued=issued(NEW), items=ITEMS),
]
THREE_DAYS: dict[str, Any] = {
    "life_log": LATE,
    "customers": SERVED[:1],
    "sets": [*SETS, {"day": 3, "set_seq": 4, "this_update": z(T0 + 3 * DAY)}],
    "nights": [
        {"set_seq": n, "refreshed_at": z(T0 + (n - 1) * DAY + timedelta(seconds=2))} for n in (2, 3, 4)
    ],
    "events": [event("R1", 2, "REVOKED")],
}


def asked(set_seq: int, outcome: str, items: dict[str, Any] | None = None) -> dict[str, Any]:
    at = z(T0 + (set_seq - 1) * DAY + timedelta(seconds=1))
    return fetch("R1", outcome, items) | {"set_seq": set_seq, "at": at, "way": "delivery"}


def test_who_waits_must_be_asked_about_again() -> None:
    """The card came a day later: a service that asked in vain and never again has missed what was due."""
    in_vain = asked(2, "NO_NEW_CERTIFICATE")
    for night in (3, 4):  # a night that runs earlier in its day than the one before it may leave one out
        found = report(**THREE_DAYS, fetches=[in_vain, asked(night, "DATA", ITEMS)])
        assert found["occurred"]["delivered_later"] == 1
        assert true(found), night
    found = report(**THREE_DAYS, fetches=[in_vain])
    assert found["four_information"]["surprises"] == {"expected DATA, never asked": 1}
    assert (found["four_information"]["due"], found["four_information"]["delivered"]) == (1, 0)
    assert found["occurred"]["delivered_later"] == 0
    assert not true(found)


def test_what_the_next_day_brings_was_not_to_be_had_in_the_night() -> None:
    """A card dated seconds after the lists is lived with the next day: a night that ran on past that moment
    asked in vain and rightly, and the next one gets it.
    """
    soon = T0 + DAY + timedelta(milliseconds=500)
    life = [LATE[0], LATE[1] | {"at": z(soon)}]
    asked_twice = [asked(2, "NO_NEW_CERTIFICATE"), asked(3, "DATA", ITEMS)]
    found = report(**THREE_DAYS | {"life_log": life}, fetches=asked_twice)
    assert found["occurred"]["delivered_later"] == 1
    assert true(found)


def test_who_may_not_be_asked_about_is_not_missed() -> None:
    """No card yet, or a consent that was withdrawn meanwhile: nobody asks again, and that is right."""
    in_vain = asked(2, "NO_NEW_CERTIFICATE")
    assert true(report(**THREE_DAYS | {"life_log": LATE[:1]}, fetches=[in_vain]))
    withdrawn = [consent("R1", withdrawn_at=z(T0 + DAY * 3 / 2))]
    assert true(report(**THREE_DAYS, consents=withdrawn, fetches=[in_vain]))


#: r-1 renews on the first day and moves on the second; J-LIS names the successor to whom the customer let it.
RENEWED = [
    entry(T0 + DAY / 2, "r-1", revoked=[revoked(OLD, T0 + DAY / 2, 4)], issued=issued(NEW), items=ITEMS),
    entry(
        T0 + DAY * 3 / 2,
        "r-1",
        revoked=[revoked(NEW, T0 + DAY * 3 / 2, 3)],
        issued=issued("0d"),
        items=ITEMS,
    ),
]
LINKED: dict[str, Any] = {
    "life_log": RENEWED,
    "customers": [SERVED[0] | {"linkage_agreed": True}],
    "links": [{"registration_id": "R1", "set_seq": 2, "at": z(T0 + DAY)}],
    "fetches": [asked(3, "DATA", ITEMS)],
    "nights": THREE_DAYS["nights"][:2],
    "events": [
        event("R1", 2, "REVOKED", cause="RENEWED", type="certificate.renewed"),
        event("R1", 3, "REVOKED"),
    ],
}


def test_a_renewed_certificate_is_linked_to_its_successor() -> None:
    """J-LIS named the successor: it is watched from that night on, and its revocation was told."""
    found = report(**LINKED)
    assert found["occurred"]["linked"] == 1
    assert true(found)


def test_a_linkage_that_never_works_is_seen() -> None:
    """Nothing linked, so nothing told of the successor: both are missed, though no record names a link."""
    found = report(**LINKED | {"links": [], "fetches": [], "events": LINKED["events"][:1]})
    assert found["truth"]["missed"] == 1
    assert found["four_information"]["surprises"]["expected a successor by linkage, got none"] == 1
    assert not true(found)


def test_a_link_of_whom_nobody_agreed_is_seen() -> None:
    """Without the customer's agreement nobody may have asked for the successor."""
    one_day = LINKED | {"life_log": RENEWED[:1], "fetches": [], "events": LINKED["events"][:1]}
    assert true(report(**one_day | {"customers": SERVED[:1], "links": []}))
    found = report(**one_day | {"customers": SERVED[:1]})
    assert found["four_information"]["surprises"] == {"expected no successor by linkage, got one": 1}
    assert not true(found)
