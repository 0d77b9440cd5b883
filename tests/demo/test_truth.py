"""The report's arithmetic: it must see every miss, every false alarm and every wrong item."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from platform_api.demo.lifelog import CertificateKey, LifeLog
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


def customer(registration: str, resident: str, serial: str, consent: bool = True) -> dict[str, Any]:
    return {
        "registration_id": registration,
        "resident_id": resident,
        "issuer_key": KEY,
        "serial_number": serial,
        "set_seq": 1,
        "consented": ["name", "address", "date_of_birth", "gender"] if consent else [],
        "consent_valid_from": z(T0) if consent else None,
    }


CUSTOMERS = [customer("R1", "r-1", OLD), customer("R2", "r-2", HELD, consent=False)]


def event(registration: str, set_seq: int, transition: str) -> dict[str, Any]:
    return {"registration_id": registration, "set_seq": set_seq, "transition": transition}


EVENTS = [event("R1", 2, "REVOKED"), event("R2", 2, "ON_HOLD"), event("R2", 3, "REVOKED")]


def fetch(registration: str, outcome: str, items: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "registration_id": registration,
        "set_seq": 2,
        "at": z(T0 + DAY),
        "outcome": outcome,
        "items": items,
    }


FETCHES = [fetch("R1", "DATA", ITEMS), fetch("R2", "CONSENT_MISSING")]


def report(events: list[dict[str, Any]] = EVENTS, fetches: list[dict[str, Any]] = FETCHES) -> dict[str, Any]:
    return build(
        seed=1,
        life_log=LIFE,
        sets=SETS,
        nights=[],
        customers=CUSTOMERS,
        events=events,
        fetches=fetches,
        openssl={"asked": 1, "agreed": 1},
    )


def test_a_true_and_complete_feed_is_clean() -> None:
    """Three transitions (one move, a hold, a hold that became a revocation), all told: clean."""
    found = report()
    assert found["truth"] == {"changed": 3, "detected": 3, "missed": 0, "false_alarms": 0}
    assert found["four_information"]["due"] == found["four_information"]["delivered"] == 1
    assert clean(found)


def test_a_missing_event_is_missed() -> None:
    """Leaving out any one event is counted as missed and spoils the report."""
    for left_out in range(len(EVENTS)):
        found = report(events=EVENTS[:left_out] + EVENTS[left_out + 1 :])
        assert found["truth"]["missed"] == 1
        assert not clean(found)


def test_an_event_of_the_wrong_night_counts_both_ways() -> None:
    """The right change in the wrong set is one missed and one false alarm."""
    found = report(events=[event("R1", 3, "REVOKED"), *EVENTS[1:]])
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (1, 1)


def test_an_event_about_nothing_is_a_false_alarm() -> None:
    """A registration whose certificate did not change must not be announced."""
    found = report(events=[*EVENTS, event("R1", 3, "REVOKED")])
    assert found["truth"]["false_alarms"] == 1
    assert not clean(found)


def test_a_changed_letter_is_a_wrong_item() -> None:
    """Items are compared byte for byte: full-width and half-width digits differ."""
    other = {**ITEMS, "address": "東京都千代田区1－1"}
    assert report(fetches=[fetch("R1", "DATA", other), FETCHES[1]])["four_information"]["wrong_items"] == 1


def test_more_items_than_consented_are_wrong() -> None:
    """An item beside the consented ones is a wrong item, even when it is true."""
    less = [customer("R1", "r-1", OLD) | {"consented": ["name"]}, CUSTOMERS[1]]
    found = build(
        seed=1, life_log=LIFE, sets=SETS, nights=[], customers=less, events=EVENTS, fetches=FETCHES,
        openssl={"asked": 1, "agreed": 1},
    )  # fmt: skip
    assert found["four_information"]["wrong_items"] == 1


def test_data_without_consent_is_seen() -> None:
    """DATA for a customer who never consented is counted by name, and is a wrong item as well."""
    found = report(fetches=[FETCHES[0], fetch("R2", "DATA", ITEMS)])
    assert found["four_information"]["without_consent"] == 1
    assert not clean(found)


def test_data_due_but_not_delivered_is_seen() -> None:
    """NO_NEW_CERTIFICATE where a new certificate exists is a surprise and leaves due over delivered."""
    found = report(fetches=[fetch("R1", "NO_NEW_CERTIFICATE"), FETCHES[1]])
    assert found["four_information"]["due"] == 1
    assert found["four_information"]["delivered"] == 0
    assert not clean(found)


def test_the_successor_is_watched_from_its_delivery() -> None:
    """After DATA the registration stands for the new certificate: its later revocation must be told."""
    life = [*LIFE, entry(T0 + DAY * 3 / 2, "r-1", revoked=[revoked(NEW, T0 + DAY * 3 / 2, 4)])]
    found = build(
        seed=1, life_log=life, sets=SETS, nights=[], customers=CUSTOMERS, events=EVENTS, fetches=FETCHES,
        openssl={"asked": 1, "agreed": 1},
    )  # fmt: skip
    assert found["truth"]["missed"] == 1


def test_a_list_that_was_carried_over_tells_a_day_later() -> None:
    """What the missing list would have said is expected with the set that has it; before, it is false."""
    carried = {"issuer_key": KEY, "partition": 1, "this_update": z(T0)}
    sets = [SETS[0], SETS[1] | {"carried": [carried]}, SETS[2]]
    late = [event("R1", 3, "REVOKED"), event("R2", 3, "REVOKED")]
    for told, missed, false_alarms in ((late, 0, 0), (EVENTS, 1, 2)):
        found = build(
            seed=1, life_log=LIFE, sets=sets, nights=[], customers=CUSTOMERS, events=told, fetches=FETCHES,
            openssl={"asked": 1, "agreed": 1},
        )  # fmt: skip
        assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (missed, false_alarms)


def test_a_release_must_be_told() -> None:
    """A hold that was lifted is one more transition; where nobody is told of it, it is missed."""
    held = revoked(HELD, T0 + DAY / 2, 6)
    life = [
        entry(T0 + DAY / 2, "r-2", revoked=[held]),
        entry(T0 + DAY * 3 / 2, "r-2", released=[held]),
    ]
    told = [event("R2", 2, "ON_HOLD"), event("R2", 3, "RELEASED")]
    for events, missed in ((told, 0), (told[:1], 1)):
        found = build(
            seed=1, life_log=life, sets=SETS, nights=[], customers=CUSTOMERS, events=events, fetches=[],
            openssl={"asked": 1, "agreed": 1},
        )  # fmt: skip
        assert (found["truth"]["changed"], found["truth"]["missed"]) == (2, missed)


def test_the_log_knows_the_newest_valid_certificate() -> None:
    """Before the re-issue there is none, after it the new one, and after its end none again."""
    log = LifeLog(LIFE)
    assert log.newest_certificate("r-1", T0) is None
    assert log.newest_certificate("r-1", T0 + DAY) == CertificateKey(KEY, NEW)
    assert log.newest_certificate("r-1", T0 + 2000 * DAY) is None
