"""One scope at one moment: which complete list, which deltas on it, and what they say of a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from revocation.checker.deltas import Said, said, severity
from revocation.checker.lists import HeldList
from tests.checker.material import (
    DAY,
    HOLD,
    KEY_COMPROMISE,
    NOW,
    REMOVE,
    SECOND,
    SUPERSEDED,
    Entity,
    crl,
    held,
)
from tests.der_writer import T0, der_oid, seq
from tests.forged_lists import entry

_CA = Entity("CA")
_ABSENT = 0xFF
_LAPSED = {"this_update": T0 - 2 * DAY, "next_update": T0 - DAY}


def _list(number: int | None, *codes: int | None, base: int | None = None, **forged: Any) -> HeldList:
    """A list that names the certificate once for each code (None: without a reason), and a stranger."""
    entries = [entry(1, reason=code) for code in codes]
    return held(_CA, entry(2, reason=KEY_COMPROMISE), *entries, number=number, delta_base=base, **forged)


def _is(current: bool, reason: int | None, by: HeldList) -> Said:
    return Said(current, reason, by, None)


def _listed(one: HeldList) -> Sequence[int]:
    return list(one.reasons_of(_CA.subject, b"\x01"))


def _said(*lists: HeldList, at: Any = NOW) -> Said:
    found = said(lists, _listed, at)
    assert found is not None
    # In whatever order they were given.
    assert said(lists[::-1], _listed, at) is not None
    again = said(lists[::-1], _listed, at)
    assert again is not None
    assert (again.is_current, severity(again.reason)) == (found.is_current, severity(found.reason))
    return found


def test_a_complete_list_alone() -> None:
    """RFC 5280 section 6.3.3 (j): what it lists is revoked, all else is not; a reason that is absent too."""
    assert _said(clean := _list(1)) == _is(True, None, clean)
    for code in (KEY_COMPROMISE, HOLD, REMOVE, 0, None):
        one = _list(1, code)
        assert _said(one) == _is(True, _ABSENT if code is None else code, one)


def test_deltas_alone_say_nothing() -> None:
    """RFC 5280 sections 5.2.4, 6.3.3 (c): a delta without a complete list is not taken for one."""
    assert said([], _listed, NOW) is None
    assert said([_list(2, KEY_COMPROMISE, base=1)], _listed, NOW) is None


def test_a_serial_twice_has_its_severest_reason() -> None:
    """RFC 5280 section 5.1.2.6 gives each certificate one entry; of two, the one that tells more counts."""
    assert _said(_list(1, HOLD, KEY_COMPROMISE)).reason == KEY_COMPROMISE
    assert _said(_list(1, None, HOLD)).reason == _ABSENT
    assert _said(_list(1), _list(2, REMOVE, HOLD, base=1)).reason == HOLD


@pytest.mark.parametrize("code", [KEY_COMPROMISE, HOLD, None])
def test_a_delta_adds(code: int | None) -> None:
    """RFC 5280 section 6.3.3 (i): the delta's entry is asked first; its window is the combination's."""
    complete, delta = _list(1), _list(2, code, base=1)
    assert _said(complete, delta) == _is(True, _ABSENT if code is None else code, delta)


def test_a_delta_that_says_nothing_leaves_what_was() -> None:
    """RFC 5280 section 6.3.3 (j): what the delta does not list, the complete list decides."""
    delta = _list(2, base=1)
    assert _said(_list(1, SUPERSEDED), delta) == _is(True, SUPERSEDED, delta)
    assert _said(_list(1), delta) == _is(True, None, delta)


def test_a_delta_changes_the_reason() -> None:
    """RFC 5280 section 6.3.3 (i), (j): a hold that became a revocation; the delta's word is the newer one."""
    assert _said(_list(1, HOLD), _list(2, KEY_COMPROMISE, base=1)).reason == KEY_COMPROMISE
    assert _said(_list(1, KEY_COMPROMISE), _list(2, HOLD, base=1)).reason == HOLD


@pytest.mark.parametrize("before", [HOLD, 0, None])
def test_a_hold_is_released(before: int | None) -> None:
    """RFC 5280 sections 5.3.1, 6.3.3 (k): removeFromCRL in a delta lifts a hold, and what gave no reason."""
    assert _said(_list(1, before), _list(2, REMOVE, base=1)).reason is None


@pytest.mark.parametrize("before", [KEY_COMPROMISE, SUPERSEDED, REMOVE])
def test_what_is_no_hold_is_not_released(before: int) -> None:
    """RFC 5280 section 5.3.1: other reasons are for ever; removeFromCRL in a complete list is one of them."""
    assert _said(_list(1, before), _list(2, REMOVE, base=1)).reason == before


def test_a_release_of_what_was_not_listed_is_none() -> None:
    """RFC 5280 section 5.2.4: the entry may have been and gone between base and delta."""
    assert _said(_list(1), _list(2, REMOVE, base=1)).reason is None


def test_what_revokes_and_releases_at_once_revokes() -> None:
    """RFC 5280 section 5.3.1 knows no such delta; nothing becomes good by a contradiction."""
    assert _said(_list(1, HOLD), _list(2, REMOVE, SUPERSEDED, base=1)).reason == SUPERSEDED


def test_deltas_follow_each_other() -> None:
    """RFC 5280 section 5.2.4: each on what the one before made; the newest that speaks decides."""
    hold, release, key = _list(2, HOLD, base=1), _list(3, REMOVE, base=2), _list(4, KEY_COMPROMISE, base=3)
    assert _said(_list(1), hold).reason == HOLD
    assert _said(_list(1), hold, release).reason is None
    assert _said(_list(1), hold, release, key).reason == KEY_COMPROMISE
    late = _list(5, REMOVE, base=4)
    assert _said(_list(1), hold, release, key, late).reason == KEY_COMPROMISE


@pytest.mark.parametrize(
    ("number", "base", "own", "applies"),
    [
        (5, 5, 6, True),
        (5, 4, 6, True),  # a later complete list than its base
        (5, 0, 6, True),
        (5, 6, 7, False),  # its base is later than what is held
        (5, 5, 5, False),  # issued together
        (5, 4, 5, False),
        (5, 3, 4, False),  # older than the complete list
    ],
)
def test_which_complete_list_a_delta_fits(number: int, base: int, own: int, applies: bool) -> None:
    """RFC 5280 section 5.2.4: its base or later, and older than the delta; else it releases nothing."""
    complete, delta = _list(number, HOLD), _list(own, REMOVE, base=base)
    expected = _is(True, None, delta) if applies else _is(True, HOLD, complete)
    assert _said(complete, delta) == expected


def test_a_delta_that_was_issued_together_with_its_list_does_not_renew_it() -> None:
    """RFC 5280 section 5.2.4: a complete list is older than the delta by number; time alone is not enough."""
    assert not _said(_list(5, **_LAPSED), _list(5, base=4)).is_current


def test_a_gap_between_deltas_is_not_jumped() -> None:
    """RFC 5280 section 5.2.4: a later delta fits when its base is reached, and only adds when it is not."""
    complete = _list(1, HOLD)
    assert _said(complete, _list(4, REMOVE, base=2)).reason == HOLD
    assert _said(complete, _list(2, base=1), _list(4, REMOVE, base=2)).reason is None
    assert _said(complete, _list(4, KEY_COMPROMISE, base=2)).reason == KEY_COMPROMISE


def test_a_delta_of_another_authority_key_is_not_for_it() -> None:
    """RFC 5280 section 6.3.3 (c) (3): the same authority key identifier; another one's is not heard."""
    complete = _list(1)
    for code in (KEY_COMPROMISE, REMOVE):
        assert _said(complete, _list(2, code, base=1, aki=b"other")) == _is(True, None, complete)
    both = _list(1, aki=None)
    assert _said(both, _list(2, KEY_COMPROMISE, base=1, aki=None)).reason == KEY_COMPROMISE
    assert _said(both, _list(2, KEY_COMPROMISE, base=1)).reason is None


def test_a_delta_of_another_key_does_not_break_the_chain() -> None:
    """RFC 5280 section 6.3.3 (c) (3): those that fit are combined as if it were not there."""
    strange = _list(2, base=1, aki=b"other")
    assert _said(_list(1, HOLD), strange, _list(3, REMOVE, base=1)).reason is None
    # A complete list of any key identifier is a list of this scope: its word is heard.
    assert _said(_list(1), _list(2, KEY_COMPROMISE, aki=b"other", **_LAPSED)).reason == KEY_COMPROMISE


def test_a_current_delta_brings_a_lapsed_list_up_to_date() -> None:
    """RFC 5280 sections 5.2.4, 6.3.3 (a): the combination holds as long as the delta does."""
    complete, delta = _list(1, HOLD, **_LAPSED), _list(2, base=1)
    assert _said(complete, delta) == _is(True, HOLD, delta)
    assert _said(complete) == _is(False, HOLD, complete)
    assert not _said(complete, delta, at=T0 + 2 * DAY).is_current
    assert _said(complete, delta, at=T0 + 2 * DAY - SECOND).is_current


def test_a_lapsed_delta_releases_nothing() -> None:
    """RFC 5280 section 6.3.3 (a): what has lapsed makes nothing good; what it added is not good either."""
    assert _said(complete := _list(1, HOLD), _list(2, REMOVE, base=1, **_LAPSED)) == _is(True, HOLD, complete)
    complete, added = _list(1), _list(2, HOLD, base=1, **_LAPSED)
    assert _said(complete, added) == _is(True, HOLD, added)
    assert _said(complete, _list(2, KEY_COMPROMISE, base=1, **_LAPSED)).reason == KEY_COMPROMISE


def test_a_lapsed_delta_may_stand_between() -> None:
    """RFC 5280 section 5.2.4: as it did while it held; the one after it was made on it."""
    between, newest = _list(2, HOLD, base=1, **_LAPSED), _list(3, base=2)
    assert _said(_list(1), between, newest) == _is(True, HOLD, newest)
    assert _said(_list(1), between, _list(3, REMOVE, base=2)).reason is None


def test_the_freshest_complete_list_decides() -> None:
    """RFC 5280 sections 5.2.3, 6.3.3 (a): by number; what the older one said is past, revoked or not."""
    newer = {"this_update": T0 + SECOND}
    assert _said(_list(1, KEY_COMPROMISE), clean := _list(2, **newer)) == _is(True, None, clean)
    assert _said(_list(1), _list(2, HOLD, **newer)).reason == HOLD
    assert _said(_list(1, HOLD), _list(2)).reason is None  # at the same moment


def test_number_and_moment_that_disagree_both_count() -> None:
    """RFC 5280 section 5.2.3: numbers grow with time; where they do not, the severer of the two decides."""
    earlier = {"this_update": T0 - SECOND}
    for one, other in ((None, KEY_COMPROMISE), (KEY_COMPROMISE, None)):
        lists = [
            _list(1, *([one] if one else [])),
            _list(2, *([other] if other else []), **earlier),
        ]
        assert _said(*lists).reason == KEY_COMPROMISE


def test_two_lists_under_one_number_both_count() -> None:
    """RFC 5280 section 5.2.3: no two have one number; complete ones, deltas, or one of each."""
    later = {"this_update": T0 + SECOND}
    for forged in ({}, later):
        assert _said(_list(1), _list(1, HOLD, **forged)).reason == HOLD
        assert _said(_list(1, HOLD), _list(1, **forged)).reason == HOLD
        assert _said(_list(1), _list(2, base=1), _list(2, KEY_COMPROMISE, base=1, **forged)).reason == 1
        assert _said(_list(1), _list(2, KEY_COMPROMISE, base=1), _list(2, base=1, **forged)).reason == 1
    assert _said(_list(2), _list(2, HOLD, base=1)).reason == HOLD


def test_a_list_that_holds_comes_before_a_fresher_one_that_has_lapsed() -> None:
    """RFC 5280 section 6.3.3 (a): the lapsed one makes nothing good; what it revoked is not good either."""
    holds, lapsed = _list(1), _list(2, **_LAPSED)
    assert _said(holds, lapsed) == _is(True, None, holds)
    assert _said(_list(1, HOLD), lapsed).reason == HOLD
    assert _said(holds, revoking := _list(2, HOLD, **_LAPSED)) == _is(True, HOLD, revoking)
    assert _said(holds, _list(0, KEY_COMPROMISE, **_LAPSED)).reason is None


def test_of_lapsed_lists_the_freshest_was_heard_last() -> None:
    """RFC 5280 section 6.3.3 (a): without one that holds, the answer says so, and what was said last."""
    assert _said(_list(1, KEY_COMPROMISE, **_LAPSED), last := _list(2, **_LAPSED)) == _is(False, None, last)


def test_lists_without_a_number_are_ordered_by_their_moment() -> None:
    """RFC 5280 section 5.1.2.1: a v1 list has no number; no delta fits; thisUpdate says what is newer."""
    old, new = _list(None, HOLD, extensions=()), _list(None, extensions=(), this_update=T0 + SECOND)
    assert _said(old, new) == _is(True, None, new)
    assert _said(old, _list(7, this_update=T0 + SECOND)).reason is None
    assert _said(old, _list(7, this_update=T0 - SECOND)).reason == HOLD
    delta = _list(2, REMOVE, base=0, aki=None, this_update=T0 + SECOND)
    assert _said(old, delta) == _is(True, HOLD, old)
    assert _said(new, _list(2, HOLD, base=0, aki=None, this_update=T0 + 2 * SECOND)).reason == HOLD


def test_a_delta_without_a_number_is_never_combined() -> None:
    """RFC 5280 section 5.2.4: it shares the numbering; without one, only its additions are heard."""
    nameless = HeldList(_octets(HOLD), {"missing_crl_number"})
    complete = _list(1)
    assert nameless.doubt is None
    assert _said(complete, nameless) == _is(True, HOLD, nameless)
    releasing = HeldList(_octets(REMOVE), {"missing_crl_number"})
    assert _said(_list(1, HOLD), releasing).reason == HOLD


def _octets(code: int) -> bytes:
    return crl(_CA, entry(1, reason=code), number=None, delta_base=0, this_update=T0 + SECOND)


_WEAK = {"inner_algorithm": seq(der_oid("1.2.840.10045.4.1"))}


def test_a_list_in_doubt_revokes_and_makes_nothing_good() -> None:
    """RFC 5280 section 5: what an issuer whose duties are not done leaves out proves nothing."""
    one = _list(1, **_WEAK)
    assert _said(one) == Said(True, None, one, one.doubt)
    assert one.doubt is not None
    revoking = _list(1, KEY_COMPROMISE, **_WEAK)
    assert _said(revoking) == Said(True, KEY_COMPROMISE, revoking, revoking.doubt)
    lapsed = _list(1, **_WEAK, **_LAPSED)
    assert not _said(lapsed).is_current


def test_a_list_beyond_doubt_comes_before_one_in_doubt() -> None:
    """RFC 5280 section 6.3.3 (a): however fresh that is; but what it revokes is heard."""
    sure = _list(1)
    assert _said(sure, _list(2, **_WEAK)) == _is(True, None, sure)
    assert _said(_list(1, HOLD), _list(2, **_WEAK)).reason == HOLD
    assert _said(sure, newer := _list(2, HOLD, **_WEAK)) == _is(True, HOLD, newer)
    assert _said(_list(2), _list(1, KEY_COMPROMISE, **_WEAK)).reason is None
    # One that has lapsed is not used before it.
    doubtful = _list(1, **_WEAK)
    assert _said(_list(2, **_LAPSED), doubtful) == Said(True, None, doubtful, doubtful.doubt)
    assert _said(_list(2, HOLD, **_LAPSED), doubtful).reason == HOLD


def test_a_delta_in_doubt_changes_nothing() -> None:
    """RFC 5280 section 5.2.4: its releases are not believed, nothing follows it; what it adds is heard."""
    holding = _list(1, HOLD)
    assert _said(holding, _list(2, REMOVE, base=1, **_WEAK)) == _is(True, HOLD, holding)
    assert _said(holding, _list(2, base=1, **_WEAK), _list(3, REMOVE, base=2)).reason == HOLD
    assert _said(_list(1), _list(2, SUPERSEDED, base=1, **_WEAK)).reason == SUPERSEDED
    assert not _said(_list(1, **_LAPSED), _list(2, base=1, **_WEAK)).is_current


def test_deltas_do_not_lift_a_doubt() -> None:
    """RFC 5280 section 5.2.4: what is added to a list in doubt is still not known to be all; it is heard."""
    doubtful = _list(1, HOLD, **_WEAK)
    assert _said(doubtful, _list(2, REMOVE, base=1)) == Said(True, HOLD, doubtful, doubtful.doubt)
    assert _said(doubtful, _list(2, KEY_COMPROMISE, base=1)).reason == KEY_COMPROMISE
    assert not _said(_list(1, **_WEAK, **_LAPSED), _list(2, base=1)).is_current


def test_severity() -> None:
    """RFC 5280 section 5.3.1: nothing, a hold, revoked without a reason, revoked with one."""
    order = [[None], [HOLD], [0, _ABSENT], [KEY_COMPROMISE, 2, 3, SUPERSEDED, 5, REMOVE, 9, 10]]
    assert [[severity(code) for code in codes] for codes in order] == [[0], [1], [2, 2], [3] * 8]
