"""The report's arithmetic: it must see every miss, every false alarm and every wrong item."""

from __future__ import annotations

from platform_api.demo.lifelog import CertificateKey, LifeLog
from platform_api.demo.occurrences import must_occur
from platform_api.demo.report import clean, missing
from tests.demo.small_world import (
    DAY,
    EVENTS,
    FETCHES,
    HELD,
    ITEMS,
    KEY,
    LIFE,
    NEW,
    OLD,
    RETENTION,
    SETS,
    T0,
    consent,
    entry,
    event,
    fetch,
    issued,
    report,
    revoked,
    true,
    z,
)


def test_a_true_and_complete_feed_is_clean() -> None:
    """Three transitions (one move, a hold, a hold that became a revocation), all told: clean."""
    found = report()
    assert found["truth"] == {
        "changed": 3,
        "detected": 3,
        "missed": 0,
        "false_alarms": 0,
        "gaps": 0,
        "misplaced": 0,
    }
    assert found["four_information"]["due"] == found["four_information"]["delivered"] == 1
    assert true(found)


def test_a_missing_event_is_missed() -> None:
    """Leaving out any one event is counted as missed and spoils the report."""
    for left_out in range(len(EVENTS)):
        found = report(events=EVENTS[:left_out] + EVENTS[left_out + 1 :])
        assert found["truth"]["missed"] == 1
        assert not true(found)


def test_an_event_of_the_wrong_night_counts_both_ways() -> None:
    """The right change in the wrong set is one missed and one false alarm."""
    found = report(events=[event("R1", 3, "REVOKED"), *EVENTS[1:]])
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (1, 1)


def test_an_event_about_nothing_is_a_false_alarm() -> None:
    """A registration whose certificate did not change must not be announced."""
    found = report(events=[*EVENTS, event("R1", 3, "REVOKED")])
    assert found["truth"]["false_alarms"] == 1
    assert not true(found)


def test_a_changed_letter_is_a_wrong_item() -> None:
    """Items are compared byte for byte: full-width and half-width digits differ."""
    other = {**ITEMS, "address": "東京都千代田区1－1"}
    assert report(fetches=[fetch("R1", "DATA", other), FETCHES[1]])["four_information"]["wrong_items"] == 1


def test_more_items_than_consented_are_wrong() -> None:
    """An item beside the consented ones is a wrong item, even when it is true."""
    less = [consent("R1", items=["name"])]
    found = report(consents=less)
    assert found["four_information"]["wrong_items"] == 1


def test_data_without_consent_is_seen() -> None:
    """DATA for a customer who never consented is counted by name, and is a wrong item as well."""
    found = report(fetches=[FETCHES[0], fetch("R2", "DATA", ITEMS)])
    assert found["four_information"]["without_consent"] == 1
    assert not true(found)


def test_data_due_but_not_delivered_is_seen() -> None:
    """NO_NEW_CERTIFICATE where a new certificate exists is a surprise and leaves due over delivered."""
    found = report(fetches=[fetch("R1", "NO_NEW_CERTIFICATE"), FETCHES[1]])
    assert found["four_information"]["due"] == 1
    assert found["four_information"]["delivered"] == 0
    assert not true(found)


def test_the_successor_is_watched_from_its_delivery() -> None:
    """After DATA the registration stands for the new certificate: its later revocation must be told."""
    life = [*LIFE, entry(T0 + DAY * 3 / 2, "r-1", revoked=[revoked(NEW, T0 + DAY * 3 / 2, 4)])]
    found = report(life_log=life)
    assert found["truth"]["missed"] == 1


def test_a_list_that_was_carried_over_tells_a_day_later() -> None:
    """What the missing list would have said is expected with the set that has it; before, it is false."""
    carried = {"issuer_key": KEY, "partition": 1, "this_update": z(T0)}
    sets = [SETS[0], SETS[1] | {"carried": [carried]}, SETS[2]]
    late = [event("R1", 3, "REVOKED"), event("R2", 3, "REVOKED", cause="KEY_COMPROMISED")]
    for told, missed, false_alarms in ((late, 0, 0), (EVENTS, 1, 2)):
        found = report(sets=sets, events=told)
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
        found = report(life_log=life, events=events, fetches=[])
        assert (found["truth"]["changed"], found["truth"]["missed"]) == (2, missed)


def test_two_moves_in_one_second_leave_the_second_card() -> None:
    """What stands later in the log happened later, also where the clock says the same second."""
    life = [
        entry(T0 + DAY, "r-1", revoked=[revoked(OLD, T0 + DAY, 3)], issued=issued(NEW), items=ITEMS),
        entry(
            T0 + DAY,
            "r-1",
            revoked=[revoked(NEW, T0 + DAY, 3)],
            issued=issued("0d"),
            items=ITEMS | {"gender": "1"},
        ),
    ]
    log = LifeLog(life)
    assert log.newest_certificate("r-1", T0 + DAY) == CertificateKey(KEY, "0d")
    assert (log.items("r-1", T0 + DAY) or {})["gender"] == "1"


def test_the_log_knows_the_newest_valid_certificate() -> None:
    """Before the re-issue there is none, after it the new one, and after its end none again."""
    log = LifeLog(LIFE)
    assert log.newest_certificate("r-1", T0) is None
    assert log.newest_certificate("r-1", T0 + DAY) == CertificateKey(KEY, NEW)
    assert log.newest_certificate("r-1", T0 + 2000 * DAY) is None


def test_consents_are_judged_as_j_lis_has_them() -> None:
    """Not yet effective, withdrawn and expired are their own outcomes; DATA in spite of one is seen."""
    for given, outcome in (
        ({"valid_from": None, "valid_until": None}, "CONSENT_NOT_YET_EFFECTIVE"),
        ({"valid_from": z(T0 + 2 * DAY)}, "CONSENT_NOT_YET_EFFECTIVE"),
        ({"withdrawn_at": z(T0 + DAY)}, "CONSENT_WITHDRAWN"),
        ({"valid_until": z(T0 + DAY / 2)}, "CONSENT_EXPIRED"),
    ):
        consents = [consent("R1", **given)]
        found = report(consents=consents, fetches=[fetch("R1", outcome), FETCHES[1]])
        assert true(found), outcome
        found = report(consents=consents)
        assert found["four_information"]["without_consent"] == 1
        assert not true(found)
    late = [consent("R1", withdrawn_at=z(T0 + DAY * 3 / 2))]
    assert true(report(consents=late)), "withdrawn after the answer"


def test_items_under_a_refusal_are_judged_too() -> None:
    """Items that came beside a refusal, or beside any other outcome, are a delivery: wrong, unconsented."""
    found = report(fetches=[FETCHES[0], fetch("R2", "CONSENT_MISSING", ITEMS)])
    four = found["four_information"]
    assert (four["delivered"], four["wrong_items"], four["without_consent"]) == (2, 1, 1)
    assert not four["surprises"]
    assert not true(found)
    withdrawn = [consent("R1", withdrawn_at=z(T0 + DAY))]
    found = report(consents=withdrawn, fetches=[fetch("R1", "CONSENT_WITHDRAWN", ITEMS), FETCHES[1]])
    assert found["four_information"]["without_consent"] == 1
    assert not true(found)
    found = report(fetches=[fetch("R1", "NO_NEW_CERTIFICATE", ITEMS), FETCHES[1]])
    assert not true(found), "the right items under a wrong name"


def test_items_that_nobody_asked_for_are_a_surprise() -> None:
    """A delivery without a question is not due, and never clean, be its items right or wrong."""
    again = fetch("R1", "UNASKED", ITEMS)
    found = report(fetches=[*FETCHES, again])
    assert (found["four_information"]["due"], found["four_information"]["delivered"]) == (1, 2)
    assert sum(found["four_information"]["surprises"].values()) == 1
    assert not true(found)


def test_what_lies_about_spoils_the_report() -> None:
    """One hit of the retention search, or a control that it did not find, and the run is not clean."""
    assert not true(report(retention=RETENTION | {"hits": 1}))
    assert not true(report(retention=RETENTION | {"controls_found": 19}))


def test_what_must_be_seen_must_be_seen() -> None:
    """Each occurrence that is missing makes the run unclean, and is named."""
    found = report() | {"days": [{}, {}, {}], "occurred": dict.fromkeys(must_occur(3), 1)}
    assert clean(found)
    for name in must_occur(3):
        less = found | {"occurred": found["occurred"] | {name: 0}}
        assert missing(less) == [name]
        assert not clean(less)
