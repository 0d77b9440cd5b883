"""One scope at one moment: which deltas are combined with a complete list, and what they then say."""

from __future__ import annotations

import pytest

from revocation.checker.deltas import said
from tests.checker.material import DAY, HOLD, KEY_COMPROMISE, NOW, REMOVE, SECOND, SUPERSEDED
from tests.checker.one_scope import ABSENT, EARLY, LAPSED, answer, is_said, listed, of_scope
from tests.der_writer import T0


def test_a_complete_list_alone() -> None:
    """RFC 5280 section 6.3.3 (j): what it lists is revoked, all else is not; a reason that is absent too."""
    assert answer(clean := of_scope(1)) == is_said(True, None, clean)
    for code in (KEY_COMPROMISE, HOLD, REMOVE, 0, None):
        one = of_scope(1, code)
        assert answer(one) == is_said(True, ABSENT if code is None else code, one)


def test_deltas_alone_say_nothing() -> None:
    """RFC 5280 sections 5.2.4, 6.3.3 (c): a delta without a complete list is not taken for one."""
    assert said([], listed, NOW) is None
    assert said([of_scope(2, KEY_COMPROMISE, base=1)], listed, NOW) is None


def test_a_serial_twice_has_its_severest_reason() -> None:
    """RFC 5280 section 5.1.2.6 gives each certificate one entry; of two, the one that tells more counts."""
    assert answer(of_scope(1, HOLD, KEY_COMPROMISE)).reason == KEY_COMPROMISE
    assert answer(of_scope(1, None, HOLD)).reason == ABSENT
    assert answer(of_scope(1), of_scope(2, REMOVE, HOLD, base=1)).reason == HOLD


@pytest.mark.parametrize("code", [KEY_COMPROMISE, HOLD, None])
def test_a_delta_adds(code: int | None) -> None:
    """RFC 5280 section 6.3.3 (i): the delta's entry is asked first; its window is the combination's."""
    complete, delta = of_scope(1), of_scope(2, code, base=1)
    assert answer(complete, delta) == is_said(True, ABSENT if code is None else code, delta)


def test_a_delta_that_says_nothing_leaves_what_was() -> None:
    """RFC 5280 section 6.3.3 (j): what the delta does not list, the complete list decides."""
    delta = of_scope(2, base=1)
    assert answer(of_scope(1, SUPERSEDED), delta) == is_said(True, SUPERSEDED, delta)
    assert answer(of_scope(1), delta) == is_said(True, None, delta)


def test_a_delta_changes_the_reason() -> None:
    """RFC 5280 section 6.3.3 (i), (j): a hold that became a revocation; the delta's word is the newer one."""
    assert answer(of_scope(1, HOLD), of_scope(2, KEY_COMPROMISE, base=1)).reason == KEY_COMPROMISE
    assert answer(of_scope(1, KEY_COMPROMISE), of_scope(2, HOLD, base=1)).reason == HOLD


@pytest.mark.parametrize("before", [HOLD, 0, None])
def test_a_hold_is_released(before: int | None) -> None:
    """RFC 5280 sections 5.3.1, 6.3.3 (k): removeFromCRL in a delta lifts a hold, and what gave no reason."""
    assert answer(of_scope(1, before), of_scope(2, REMOVE, base=1)).reason is None


@pytest.mark.parametrize("before", [KEY_COMPROMISE, SUPERSEDED, REMOVE])
def test_what_is_no_hold_is_not_released(before: int) -> None:
    """RFC 5280 section 5.3.1: other reasons are for ever; removeFromCRL in a complete list is one of them."""
    assert answer(of_scope(1, before), of_scope(2, REMOVE, base=1)).reason == before


def test_a_release_of_what_was_not_listed_is_none() -> None:
    """RFC 5280 section 5.2.4: the entry may have been and gone between base and delta."""
    assert answer(of_scope(1), of_scope(2, REMOVE, base=1)).reason is None


def test_what_revokes_and_releases_at_once_revokes() -> None:
    """RFC 5280 section 5.3.1 knows no such delta; nothing becomes good by a contradiction."""
    assert answer(of_scope(1, HOLD), of_scope(2, REMOVE, SUPERSEDED, base=1)).reason == SUPERSEDED


def test_deltas_follow_each_other() -> None:
    """RFC 5280 section 5.2.4: each on what the one before made; the newest that speaks decides."""
    hold, release, key = (
        of_scope(2, HOLD, base=1),
        of_scope(3, REMOVE, base=2),
        of_scope(4, KEY_COMPROMISE, base=3),
    )
    assert answer(of_scope(1), hold).reason == HOLD
    assert answer(of_scope(1), hold, release).reason is None
    assert answer(of_scope(1), hold, release, key).reason == KEY_COMPROMISE
    late = of_scope(5, REMOVE, base=4)
    assert answer(of_scope(1), hold, release, key, late).reason == KEY_COMPROMISE


@pytest.mark.parametrize(
    ("number", "base", "own", "applies"),
    [
        (5, 5, 6, True),
        (5, 4, 6, True),  # a later complete list than its base
        (5, 0, 6, True),
        (0, 0, 1, True),  # numbers begin where their issuer likes
        (5, 6, 7, False),  # its base is later than what is held
        (5, 5, 5, False),  # issued together
        (5, 4, 5, False),
        (5, 3, 4, False),  # older than the complete list
    ],
)
def test_which_complete_list_a_delta_fits(number: int, base: int, own: int, applies: bool) -> None:
    """RFC 5280 section 5.2.4: its base or later, and older than the delta; else it releases nothing."""
    complete, delta = of_scope(number, HOLD), of_scope(own, REMOVE, base=base)
    expected = is_said(True, None, delta) if applies else is_said(True, HOLD, complete)
    assert answer(complete, delta) == expected


def test_a_delta_that_was_issued_together_with_its_list_does_not_renew_it() -> None:
    """RFC 5280 section 5.2.4: a complete list is older than the delta by number; time alone is not enough."""
    assert not answer(of_scope(5, **LAPSED), of_scope(5, base=4)).is_current


def test_a_gap_between_deltas_is_not_jumped() -> None:
    """RFC 5280 section 5.2.4: a later delta fits when its base is reached, and only adds when it is not."""
    complete = of_scope(1, HOLD)
    assert answer(complete, of_scope(4, REMOVE, base=2)).reason == HOLD
    assert answer(complete, of_scope(2, base=1), of_scope(4, REMOVE, base=2)).reason is None
    assert answer(complete, of_scope(4, KEY_COMPROMISE, base=2)).reason == KEY_COMPROMISE


def test_a_delta_of_another_authority_key_is_not_for_it() -> None:
    """RFC 5280 section 6.3.3 (c) (3): the same authority key identifier; another one's is only heard."""
    for complete in (of_scope(1), of_scope(1, HOLD)):
        assert answer(complete, of_scope(2, REMOVE, base=1, aki=b"other")).by is complete
    other = of_scope(2, KEY_COMPROMISE, base=1, aki=b"other")
    assert answer(of_scope(1), other) == is_said(True, KEY_COMPROMISE, other)
    assert answer(of_scope(1, HOLD, aki=None), of_scope(2, REMOVE, base=1, aki=None)).reason is None
    assert answer(of_scope(1, HOLD, aki=None), of_scope(2, REMOVE, base=1)).reason == HOLD


def test_a_delta_of_another_key_does_not_break_the_chain() -> None:
    """RFC 5280 section 6.3.3 (c) (3): those that fit are combined as if it were not there."""
    strange = of_scope(2, base=1, aki=b"other")
    assert answer(of_scope(1, HOLD), strange, of_scope(3, REMOVE, base=1)).reason is None
    assert answer(of_scope(1, HOLD), strange, of_scope(3, REMOVE, base=2)).reason == HOLD
    # A complete list of any key identifier is a list of this scope: its word is heard.
    assert answer(of_scope(1), of_scope(2, KEY_COMPROMISE, aki=b"other", **LAPSED)).reason == KEY_COMPROMISE


def test_a_current_delta_brings_a_lapsed_list_up_to_date() -> None:
    """RFC 5280 sections 5.2.4, 6.3.3 (a): the combination holds as long as the delta does."""
    complete, delta = of_scope(1, HOLD, **LAPSED), of_scope(2, base=1)
    assert answer(complete, delta) == is_said(True, HOLD, delta)
    assert answer(complete) == is_said(False, HOLD, complete)
    assert not answer(complete, delta, at=T0 + 2 * DAY).is_current
    assert answer(complete, delta, at=T0 + 2 * DAY - SECOND).is_current


def test_a_lapsed_delta_releases_nothing() -> None:
    """RFC 5280 section 6.3.3 (a): what has lapsed makes nothing good; what it added is not good either."""
    complete = of_scope(1, HOLD, **EARLY)
    assert answer(complete, of_scope(2, REMOVE, base=1, **LAPSED)) == is_said(True, HOLD, complete)
    clean = of_scope(1, **EARLY)
    assert answer(clean, added := of_scope(2, HOLD, base=1, **LAPSED)) == is_said(True, HOLD, added)
    assert answer(clean, of_scope(2, KEY_COMPROMISE, base=1, **LAPSED)).reason == KEY_COMPROMISE


def test_a_lapsed_delta_may_stand_between() -> None:
    """RFC 5280 section 5.2.4: as it did while it held; the one after it was made on it."""
    complete = of_scope(1, **EARLY)
    between, newest = of_scope(2, HOLD, base=1, **LAPSED), of_scope(3, base=2)
    assert answer(complete, between, newest) == is_said(True, HOLD, newest)
    assert answer(complete, between, release := of_scope(3, REMOVE, base=2)) == is_said(True, None, release)
    assert answer(of_scope(1, HOLD, **EARLY), of_scope(2, REMOVE, base=1, **LAPSED), newest).reason is None


def test_a_lapsed_delta_that_is_not_needed_is_passed_over() -> None:
    """RFC 5280 section 5.2.4: a delta has each change since its base; what it lacks is heard."""
    complete, held_then = of_scope(1, HOLD, **EARLY), {"base": 1, **LAPSED}
    lapsed = of_scope(2, REMOVE, **held_then)
    assert answer(complete, lapsed, newest := of_scope(3, base=1)) == is_said(True, HOLD, newest)
    clean, revoking = of_scope(1, **EARLY), of_scope(2, KEY_COMPROMISE, **held_then)
    assert answer(clean, revoking, of_scope(3, base=1)) == is_said(True, KEY_COMPROMISE, revoking)
    # A complete list has answered it, and need not say anything.
    assert answer(clean, revoking, of_scope(3)).reason is None


def test_only_a_later_delta_answers_one_that_was_passed_over() -> None:
    """RFC 5280 section 5.2.4: what an earlier one said of the certificate was before."""
    clean, release = of_scope(1, **EARLY), of_scope(2, REMOVE, base=1, **LAPSED)
    revoking = of_scope(3, HOLD, base=2, **LAPSED)
    assert answer(clean, release, revoking, of_scope(4, base=2)).reason == HOLD
    assert answer(clean, release, revoking, of_scope(4, REMOVE, base=2)).reason is None


@pytest.mark.parametrize("passed_over", [HOLD, 0, None, KEY_COMPROMISE, SUPERSEDED])
def test_a_release_answers_only_what_may_be_released(passed_over: int | None) -> None:
    """RFC 5280 section 5.3.1: a later delta that speaks of the certificate ends a hold, and nothing else."""
    clean, first = of_scope(1, **EARLY), of_scope(2, passed_over, base=1, **LAPSED)
    released = passed_over in {HOLD, 0, None}
    expected = ABSENT if passed_over is None else passed_over
    assert answer(clean, first, of_scope(3, REMOVE, base=1)).reason == (None if released else expected)
    assert answer(clean, first, of_scope(3, HOLD, base=1)).reason == (HOLD if released else expected)
    assert answer(clean, first, of_scope(3, base=1)).reason == expected


def test_a_delta_that_is_older_than_its_list_is_out_of_order() -> None:
    """RFC 5280 section 5.2.3: number and thisUpdate grow together; such a delta releases nothing."""
    complete, older = of_scope(1, HOLD), {"base": 1, "this_update": T0 - SECOND}
    assert answer(complete, of_scope(2, REMOVE, **older)) == is_said(True, HOLD, complete)
    assert answer(of_scope(1), of_scope(2, KEY_COMPROMISE, **older)).reason == KEY_COMPROMISE
    assert not answer(of_scope(1, **LAPSED), of_scope(2, base=1, this_update=T0 - 3 * DAY)).is_current
    assert answer(complete, of_scope(2, REMOVE, base=1, this_update=T0)).reason is None


def test_of_two_that_say_the_same_the_one_that_holds_says_it() -> None:
    """RFC 5280 section 6.3.3 (a): a hold that a current list tells of is one, whoever told of it before."""
    lapsed = of_scope(2, HOLD, base=1, **LAPSED)
    current = of_scope(5, HOLD, base=4)
    assert answer(of_scope(1, **EARLY), lapsed, current) == is_said(True, HOLD, current)
    assert answer(current, lapsed, of_scope(1, **EARLY)) == is_said(True, HOLD, current)


def test_deltas_of_one_number_speak_together() -> None:
    """RFC 5280 section 5.2.3: there are no two; if so, what one revokes or does not release stays."""
    clean, holding = of_scope(1), of_scope(1, HOLD)
    silent, release, key = (of_scope(2, *codes, base=1) for codes in ((), (REMOVE,), (KEY_COMPROMISE,)))
    last = of_scope(3, base=2)
    for after in ((), (last,)):
        assert answer(clean, silent, key, *after).reason == KEY_COMPROMISE
        assert answer(holding, release, key, *after).reason == KEY_COMPROMISE
        assert answer(holding, silent, release, *after).reason == HOLD
        assert answer(holding, release, of_scope(2, REMOVE, base=0), *after).reason is None
    # One that does not fit, or does not hold, keeps its number from being used.
    assert answer(holding, release, of_scope(2, REMOVE, base=2)).reason == HOLD
    early, lapsed = of_scope(1, HOLD, **EARLY), of_scope(2, REMOVE, base=1, **LAPSED)
    assert answer(early, release, lapsed).reason == HOLD
    assert answer(early, release, lapsed, last).reason is None
