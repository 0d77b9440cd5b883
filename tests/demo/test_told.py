"""The feeds, event by event: told twice, for another reason, too early or to another is never clean."""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.small_world import (
    CUSTOMERS,
    DAY,
    EVENTS,
    HELD,
    T0,
    entry,
    event,
    feeds_of,
    report,
    revoked,
    true,
)


def changed(number: int, **given: Any) -> list[dict[str, Any]]:
    """The true events, one of them otherwise."""
    return [*EVENTS[:number], EVENTS[number] | given, *EVENTS[number + 1 :]]


def test_an_event_told_twice_is_a_false_alarm() -> None:
    """The same change once more, with a number of its own."""
    found = report([*EVENTS, EVENTS[0]])
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (0, 1)
    assert not true(found)


@pytest.mark.parametrize(
    "given",
    [
        {"cause": "RENEWED"},
        {"cause": None},
        {"type": "certificate.renewed"},
        {"type": "certificate.on_hold"},
        {"transition": None},
        {"transition": "ON_HOLD"},
    ],
)
def test_a_wrong_word_in_an_event_counts_both_ways(given: dict[str, Any]) -> None:
    """Cause, type and transition each send the institution another way: what was due is missed."""
    found = report(changed(0, **given))
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (1, 1)
    assert not true(found)


def test_nothing_is_true_of_the_first_set() -> None:
    """Registered against the first set, in force then: an event stamped with it is false."""
    found = report([event("R1", 1, "REVOKED"), *EVENTS])
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (0, 1)
    assert not true(found)


def test_an_event_in_another_institutions_feed_is_misplaced() -> None:
    """What is another's is seen in either way: moved there, or told there as well."""
    feeds = feeds_of(EVENTS, CUSTOMERS)
    elsewhere = [[e | {"seq": n} for n, e in enumerate(feeds[0][1:], start=1)], [feeds[0][0]]]
    found = report(feeds=elsewhere)
    assert [found["truth"][name] for name in ("missed", "false_alarms", "misplaced")] == [1, 1, 1]
    assert not true(found)
    notice = {"registration_id": "R1", "set_seq": 2, "transition": None, "cause": None, "seq": 1}
    found = report(feeds=[feeds[0], [notice | {"type": "consent.effective"}]])
    assert [found["truth"][name] for name in ("missed", "false_alarms", "misplaced")] == [0, 0, 1]
    assert not true(found)


@pytest.mark.parametrize(
    ("numbers", "gaps"), [((1, 2, 4), 1), ((2, 3, 4), 1), ((1, 2, 2), 1), ((1, 5, 5), 4)]
)
def test_numbers_of_a_feed_are_without_gap(numbers: tuple[int, ...], gaps: int) -> None:
    """A number that is left out, or given twice, is counted and spoils the report."""
    found = report(feeds=[[e | {"seq": n} for e, n in zip(EVENTS, numbers, strict=True)], []])
    assert found["truth"]["gaps"] == gaps
    assert (found["truth"]["missed"], found["truth"]["false_alarms"]) == (0, 0)
    assert not true(found)


def test_each_change_is_due_once_with_its_own_reason() -> None:
    """Revoked under every code that a list may give: the cause by the judge's own table."""
    causes = {
        0: "UNSPECIFIED", 1: "KEY_COMPROMISED", 2: "CA_INCIDENT", 3: "CONTENT_CHANGED", 4: "RENEWED",
        5: "ENDED_CAUSE_UNKNOWN", 9: "UNSPECIFIED",
    }  # fmt: skip
    for code, cause in causes.items():
        life = [entry(T0 + DAY / 2, "r-2", revoked=[revoked(HELD, T0 + DAY / 2, code)])]
        kind = "certificate.renewed" if code == 4 else "certificate.revoked"
        told = [event("R2", 2, "REVOKED", cause=cause, type=kind)]
        assert true(report(told, life_log=life, fetches=[])), code
