"""One scope at one moment: which of several complete lists decides, and what is heard of the others."""

from __future__ import annotations

from revocation.checker.deltas import Said, severity
from revocation.checker.lists import HeldList
from tests.checker.material import HOLD, KEY_COMPROMISE, REMOVE, SECOND, SUPERSEDED, Entity, crl
from tests.checker.one_scope import ABSENT, LAPSED, WEAK, answer, is_said, of_scope
from tests.der_writer import T0, extension
from tests.forged_lists import entry

_CA = Entity("CA")


def test_the_freshest_complete_list_decides() -> None:
    """RFC 5280 sections 5.2.3, 6.3.3 (a): by number; what the older one said is past, revoked or not."""
    newer = {"this_update": T0 + SECOND}
    assert answer(of_scope(1, KEY_COMPROMISE), clean := of_scope(2, **newer)) == is_said(True, None, clean)
    assert answer(of_scope(1), of_scope(2, HOLD, **newer)).reason == HOLD
    assert answer(of_scope(1, HOLD), of_scope(2)).reason is None  # at the same moment


def test_number_and_moment_that_disagree_both_count() -> None:
    """RFC 5280 section 5.2.3: numbers grow with time; where they do not, the severer of the two decides."""
    earlier = {"this_update": T0 - SECOND}
    for one, other in ((None, KEY_COMPROMISE), (KEY_COMPROMISE, None)):
        lists = [
            of_scope(1, *([one] if one else [])),
            of_scope(2, *([other] if other else []), **earlier),
        ]
        assert answer(*lists).reason == KEY_COMPROMISE


def test_two_lists_under_one_number_both_count() -> None:
    """RFC 5280 section 5.2.3: no two have one number; complete ones, deltas, or one of each."""
    later = {"this_update": T0 + SECOND}
    for forged in ({}, later):
        assert answer(of_scope(1), of_scope(1, HOLD, **forged)).reason == HOLD
        assert answer(of_scope(1, HOLD), of_scope(1, **forged)).reason == HOLD
        assert (
            answer(of_scope(1), of_scope(2, base=1), of_scope(2, KEY_COMPROMISE, base=1, **forged)).reason
            == 1
        )
        assert (
            answer(of_scope(1), of_scope(2, KEY_COMPROMISE, base=1), of_scope(2, base=1, **forged)).reason
            == 1
        )
    assert answer(of_scope(2), of_scope(2, HOLD, base=1)).reason == HOLD


def test_a_list_that_holds_comes_before_a_fresher_one_that_has_lapsed() -> None:
    """RFC 5280 section 6.3.3 (a): the lapsed one makes nothing good; what it revoked is not good either."""
    holds, lapsed = of_scope(1), of_scope(2, **LAPSED)
    assert answer(holds, lapsed) == is_said(True, None, holds)
    assert answer(of_scope(1, HOLD), lapsed).reason == HOLD
    assert answer(holds, revoking := of_scope(2, HOLD, **LAPSED)) == is_said(True, HOLD, revoking)
    assert answer(holds, of_scope(0, KEY_COMPROMISE, **LAPSED)).reason is None


def test_of_lapsed_lists_the_freshest_was_heard_last() -> None:
    """RFC 5280 section 6.3.3 (a): without one that holds, the answer says so, and what was said last."""
    assert answer(of_scope(1, KEY_COMPROMISE, **LAPSED), last := of_scope(2, **LAPSED)) == is_said(
        False, None, last
    )


def test_lists_without_a_number_are_ordered_by_their_moment() -> None:
    """RFC 5280 section 5.1.2.1: a v1 list has no number; no delta fits; thisUpdate says what is newer."""
    old, new = of_scope(None, HOLD, extensions=()), of_scope(None, extensions=(), this_update=T0 + SECOND)
    assert answer(old, new) == is_said(True, None, new)
    assert answer(old, of_scope(7, this_update=T0 + SECOND)).reason is None
    assert answer(old, of_scope(7, this_update=T0 - SECOND)).reason == HOLD
    delta = of_scope(2, REMOVE, base=0, aki=None, this_update=T0 + SECOND)
    assert answer(old, delta) == is_said(True, HOLD, old)
    assert answer(new, of_scope(2, HOLD, base=0, aki=None, this_update=T0 + 2 * SECOND)).reason == HOLD


def test_a_delta_without_a_number_is_never_combined() -> None:
    """RFC 5280 section 5.2.4: it shares the numbering; without one, only its additions are heard."""
    nameless = HeldList(_octets(HOLD), {"missing_crl_number"})
    complete = of_scope(1)
    assert nameless.doubt is None
    assert answer(complete, nameless) == is_said(True, HOLD, nameless)
    releasing = HeldList(_octets(REMOVE), {"missing_crl_number"})
    assert answer(of_scope(1, HOLD), releasing).reason == HOLD


def _octets(code: int) -> bytes:
    return crl(_CA, entry(1, reason=code), number=None, delta_base=0, this_update=T0 + SECOND)


def test_a_list_in_doubt_revokes_and_makes_nothing_good() -> None:
    """RFC 5280 section 5: what an issuer whose duties are not done leaves out proves nothing."""
    one = of_scope(1, **WEAK)
    assert answer(one) == Said(True, None, one, one.doubt)
    assert one.doubt is not None
    revoking = of_scope(1, KEY_COMPROMISE, **WEAK)
    assert answer(revoking) == Said(True, KEY_COMPROMISE, revoking, revoking.doubt)
    lapsed = of_scope(1, **WEAK, **LAPSED)
    assert not answer(lapsed).is_current


def test_a_list_beyond_doubt_comes_before_one_in_doubt() -> None:
    """RFC 5280 section 6.3.3 (a): however fresh that is; but what it revokes is heard."""
    sure = of_scope(1)
    assert answer(sure, of_scope(2, **WEAK)) == is_said(True, None, sure)
    assert answer(of_scope(1, HOLD), of_scope(2, **WEAK)).reason == HOLD
    assert answer(sure, newer := of_scope(2, HOLD, **WEAK)) == is_said(True, HOLD, newer)
    assert answer(of_scope(2), of_scope(1, KEY_COMPROMISE, **WEAK)).reason is None
    # One that has lapsed is not used before it.
    doubtful = of_scope(1, **WEAK)
    assert answer(of_scope(2, **LAPSED), doubtful) == Said(True, None, doubtful, doubtful.doubt)
    assert answer(of_scope(2, HOLD, **LAPSED), doubtful).reason == HOLD


def test_a_delta_in_doubt_changes_nothing() -> None:
    """RFC 5280 section 5.2.4: its releases are not believed, nothing follows it; what it adds is heard."""
    holding = of_scope(1, HOLD)
    assert answer(holding, of_scope(2, REMOVE, base=1, **WEAK)) == is_said(True, HOLD, holding)
    assert answer(holding, of_scope(2, base=1, **WEAK), of_scope(3, REMOVE, base=2)).reason == HOLD
    assert answer(of_scope(1), of_scope(2, SUPERSEDED, base=1, **WEAK)).reason == SUPERSEDED
    assert not answer(of_scope(1, **LAPSED), of_scope(2, base=1, **WEAK)).is_current


def test_deltas_do_not_lift_a_doubt() -> None:
    """RFC 5280 section 5.2.4: what is added to a list in doubt is still not known to be all; it is heard."""
    doubtful = of_scope(1, HOLD, **WEAK)
    assert answer(doubtful, of_scope(2, REMOVE, base=1)) == Said(True, HOLD, doubtful, doubtful.doubt)
    assert answer(doubtful, of_scope(2, KEY_COMPROMISE, base=1)).reason == KEY_COMPROMISE
    assert not answer(of_scope(1, **WEAK, **LAPSED), of_scope(2, base=1)).is_current


def test_a_list_that_must_not_decide_is_heard_last() -> None:
    """RFC 5280 section 5.2: where another says anything that is what was said, however much less it is."""

    def forged(*codes: int) -> HeldList:
        return of_scope(2, *codes, extra_extensions=[extension("1.2.3", b"", critical=True)])

    silent, holding, key = of_scope(1), of_scope(1, HOLD), forged(KEY_COMPROMISE)
    assert answer(silent, key).by is key
    assert answer(holding, key) == is_said(True, HOLD, holding)
    assert answer(silent, forged()).reason is None
    assert answer(key) == Said(True, KEY_COMPROMISE, key, key.doubt)


def test_severity() -> None:
    """RFC 5280 section 5.3.1: nothing, a hold, revoked without a reason, revoked with one."""
    order = [[None], [HOLD], [0, ABSENT], [KEY_COMPROMISE, 2, 3, SUPERSEDED, 5, REMOVE, 9, 10]]
    assert [[severity(code) for code in codes] for codes in order] == [[0], [1], [2, 2], [3] * 8]
