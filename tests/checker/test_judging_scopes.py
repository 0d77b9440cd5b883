"""What lists of several scopes say together (RFC 5280 section 6.3.3 (l)): who is not made good by others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from revocation.checker import judging
from revocation.checker.certificates import Certificate
from revocation.checker.judging import Finding, Judge
from revocation.checker.lists import HeldList
from revocation.checker.paths import Paths
from revocation.crl.distribution_points import ALL_REASONS
from tests.checker.material import (
    CA,
    CRL_SIGN,
    DAY,
    HOLD,
    KEY_COMPROMISE,
    NOW,
    REMOVE,
    SECOND,
    SUPERSEDED,
    USER,
    Entity,
    ca_certificate,
    certificate,
    held,
    read,
    relative,
    some_reasons,
)
from tests.der_writer import T0, extension, name, seq
from tests.forged_lists import ALGORITHMS, entry

_ROOT, _LEAF = Entity("Root"), Entity("Leaf", 1)
_R, _L = read(ca_certificate(_ROOT)), read(certificate(_LEAF, _ROOT))
_LAPSED = {"this_update": T0 - 2 * DAY, "next_update": T0 - DAY}
#: Another scope, which speaks of the leaf too.
_USERS = {"idp": seq(USER)}


def _found(lists: Sequence[HeldList], *others: Certificate) -> Finding:
    """The same in any order."""
    paths = Paths([_R], [_L, *others], NOW)
    (found,) = {Judge(order, paths, NOW).finding((_L, _R)) for order in permutations(lists)}
    return found


def _code(*lists: HeldList) -> str:
    found = _found(lists)
    assert (found.status, found.reason) == ("unknown", None)
    return found.why.partition(" ")[0]


def _listing(*codes: int, **forged: Any) -> HeldList:
    return held(_ROOT, *(entry(1, reason=code) for code in codes), **forged)


def test_the_severest_of_those_that_hold() -> None:
    """RFC 5280 section 6.3.3 (l): one that revokes is enough; what is good elsewhere does not help."""
    assert _found([_listing(), _listing(HOLD, **_USERS)]).reason == "certificateHold"
    assert _found([_listing(KEY_COMPROMISE), _listing(HOLD, **_USERS)]).reason == "keyCompromise"
    assert _found([_listing(HOLD), _listing(KEY_COMPROMISE, **_USERS)]).reason == "keyCompromise"
    assert _found([_listing(), _listing(**_USERS)]).status == "good"


def test_what_a_lapsed_list_revoked_is_not_made_good_by_another_scope() -> None:
    """RFC 5280 sections 5.3.1, 6.3.3 (a): it is for ever, but no list that holds says so."""
    lapsed = _listing(KEY_COMPROMISE, **_USERS, **_LAPSED)
    assert _code(_listing(), lapsed) == "NEXT_UPDATE_PASSED"
    assert _found([_listing(SUPERSEDED), lapsed]).reason == "superseded"
    assert _found([_listing(), _listing(**_USERS, **_LAPSED)]).status == "good"


@pytest.mark.parametrize(
    ("made", "status"), [(T0 - 2 * DAY - SECOND, "unknown"), (T0 - 2 * DAY, "unknown"), (T0 - DAY, "good")]
)
def test_a_lapsed_hold_is_answered_by_what_was_made_later(made: Any, status: str) -> None:
    """RFC 5280 section 5.3.1: a hold may be released; a list made after it tells of that."""
    lapsed = _listing(HOLD, **_USERS, **_LAPSED)
    found = _found([_listing(this_update=made), lapsed])
    assert found.status == status
    assert status == "good" or found.why.startswith("NEXT_UPDATE_PASSED ")
    # Of several that are good the latest counts.
    assert _found([_listing(this_update=made), lapsed, _listing(idp=seq(some_reasons(1)))]).status == "good"
    assert _code(lapsed) == "NEXT_UPDATE_PASSED"


def test_a_lapsed_hold_of_a_delta_within_its_scope() -> None:
    """RFC 5280 section 6.3.3 (a): the complete list was made before it, and does not answer it."""
    early = _listing(this_update=T0 - 3 * DAY)
    lapsed = _listing(HOLD, number=2, delta_base=1, **_LAPSED)
    assert _code(early, lapsed) == "HOLD_LAPSED"
    assert _found([early, lapsed, _listing(**_USERS)]).status == "good"


def test_a_delta_without_its_list_is_heard_where_it_revokes() -> None:
    """RFC 5280 section 5.2.4: it makes nobody good; whom it revokes, no other list does."""
    alone = {"number": 2, "delta_base": 1, **_USERS}
    assert _found([_listing(), _listing(KEY_COMPROMISE, **alone)]).reason == "keyCompromise"
    assert _found([_listing(), _listing(HOLD, **alone)]).reason == "certificateHold"
    assert _found([_listing(), _listing(REMOVE, **alone)]).status == "good"
    assert _found([_listing(), _listing(REMOVE, SUPERSEDED, **alone)]).reason == "superseded"
    assert _found([_listing(), _listing(**alone)]).status == "good"


def test_a_delta_alone_decides_nothing() -> None:
    """RFC 5280 section 5.2.4: without complete lists for every reason it is no answer."""
    alone = {"number": 2, "delta_base": 1, **_USERS}
    assert _code(_listing(KEY_COMPROMISE, **alone)) == "DELTA_ALONE"
    some = _listing(idp=seq(some_reasons(1, 2)))
    assert _code(some, _listing(KEY_COMPROMISE, **alone)) == "REASONS_NOT_COVERED"


def test_a_lapsed_delta_without_its_list() -> None:
    """RFC 5280 section 6.3.3 (a): its revocations stand, its hold until a later list."""
    alone = {"number": 2, "delta_base": 1, **_USERS, **_LAPSED}
    assert _found([_listing(), _listing(KEY_COMPROMISE, **alone)]).reason == "keyCompromise"
    assert _found([_listing(), _listing(HOLD, **alone)]).status == "good"
    assert _code(_listing(this_update=T0 - 2 * DAY), _listing(HOLD, **alone)) == "HOLD_LAPSED"


def test_a_lapsed_list_and_a_delta_that_is_not_based_on_it() -> None:
    """RFC 5280 section 5.2.4: neither holds; the delta is told of only where it names the certificate."""
    lapsed = _listing(**_LAPSED)
    assert _code(lapsed, _listing(number=5, delta_base=4)) == "NEXT_UPDATE_PASSED"
    revoking = _listing(KEY_COMPROMISE, number=5, delta_base=4)
    found = _found([lapsed, revoking])
    assert found.status == "unknown"
    assert found.why == (
        "DELTA_ALONE (RFC 5280 section 6.3.3 (c)): expected a complete list of this scope that holds "
        "(RFC 5280 section 5.2.4); got only one that has lapsed, and a delta that is not based on it; "
        "give the newest complete list too"
    )
    assert _code(lapsed, revoking, _listing(**_USERS)) == "DELTA_ALONE"


def test_what_may_not_be_used_makes_nobody_good() -> None:
    """RFC 5280 section 5.2: a list with an unknown critical extension decides nothing, least of all good."""
    forbidden = {"extra_extensions": [extension("1.2.3.4", b"", critical=True)]}
    whole = _listing(number=9)
    for forged in ({"number": 10}, _USERS, {**_USERS, **_LAPSED}, {"number": 10, "delta_base": 9}):
        assert _code(whole, _listing(KEY_COMPROMISE, **forbidden, **forged)) == "UNKNOWN_CRITICAL_EXTENSION"
    assert _code(_listing(HOLD, **forbidden)) == "UNKNOWN_CRITICAL_EXTENSION"
    assert _found([whole, _listing(number=10, **forbidden)]).status == "good"
    assert _found([whole, _listing(KEY_COMPROMISE, number=8, **forbidden)]).status == "good"
    alone = {"number": 2, "delta_base": 1, **_USERS, **forbidden}
    assert _code(whole, _listing(KEY_COMPROMISE, **alone)) == "UNKNOWN_CRITICAL_EXTENSION"
    assert _found([_listing(HOLD), _listing(KEY_COMPROMISE, **forbidden)]).reason == "certificateHold"
    # By whom it is, and about whom, is asked of it as of every list.
    for other in (
        _listing(KEY_COMPROMISE, corrupt_signature=True, **forbidden),
        _listing(KEY_COMPROMISE, idp=seq(CA), **forbidden),
        held(Entity("Other", 3), entry(1), **forbidden),
        _listing(KEY_COMPROMISE, outer_algorithm=ALGORITHMS["ecdsa-with-SHA384"], **forbidden),
    ):
        assert _found([whole, other]).status == "good"


def test_of_several_that_stand_against_it_the_furthest_is_told() -> None:
    """RFC 5280 section 6.3.3: in the order of the steps, and not in that of the lists."""
    lapsed, some = _listing(KEY_COMPROMISE, **_USERS, **_LAPSED), {"idp": seq(some_reasons(1))}
    unfit = [_listing(**some, **_LAPSED), _listing(KEY_COMPROMISE, number=5, delta_base=4, **some)]
    assert _code(_listing(), *unfit) == "DELTA_ALONE"
    assert _code(_listing(), lapsed, *unfit) == "NEXT_UPDATE_PASSED"


def test_a_signer_in_doubt_is_a_scope_of_its_own() -> None:
    """RFC 5280 section 6.3.3 (c), (f): what he leaves out or releases proves nothing."""
    apart = Entity("Root", 7)
    doubtful = read(certificate(apart, _ROOT, serial=5, usage=(CRL_SIGN,), ca=True))
    of_users = {"idp": seq(USER), "aki": _ROOT.ski}
    by_him = held(apart, **of_users)
    assert _found([by_him], doubtful).why.startswith("SIGNER_NOT_GOOD ")
    assert _found([by_him, _listing()], doubtful).status == "good"
    revoking = held(apart, entry(1, reason=SUPERSEDED), **of_users)
    assert _found([revoking, _listing()], doubtful).reason == "superseded"
    release = held(apart, entry(1, reason=REMOVE), number=2, delta_base=1, **of_users)
    assert _found([_listing(HOLD, **_USERS), release], doubtful).reason == "certificateHold"


def test_a_point_that_nobody_can_compare_is_like_no_other() -> None:
    """RFC 5280 section 5.2.5: a relative name after a long issuer's is too long."""
    long = name(("C", "JP"), ("CN", "x" * 4000))
    one, other = (held(_ROOT, dn=long, number=number, idp=seq(relative("y" * 100))) for number in range(1, 3))
    short = [held(_ROOT, number=number, idp=seq(relative("y" * 100))) for number in range(1, 3)]

    def scopes(*lists: HeldList) -> list[int]:
        usable = [judging._Usable(held, _R, ALL_REASONS, None) for held in lists]
        return [len(scope) for scope in judging._by_scope(usable)]

    assert scopes(one, other) == [1, 1]
    assert scopes(*short) == [2]
