"""What the lists say of one certificate: RFC 5280 section 6.3.3; good is said only by enough of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from revocation.checker import signers
from revocation.checker.certificates import Certificate
from revocation.checker.judging import Finding, Judge
from revocation.checker.lists import HeldList
from revocation.checker.paths import Paths
from tests.checker.material import (
    ATTRIBUTE,
    CA,
    CRL_SIGN,
    DAY,
    HOLD,
    INDIRECT,
    KEY_COMPROMISE,
    NOW,
    REMOVE,
    SUPERSEDED,
    USER,
    Entity,
    about,
    ca_certificate,
    certificate,
    crl,
    crl_issuer,
    full,
    held,
    read,
    relative,
    some_reasons,
    uri,
)
from tests.der_writer import T0, der_oid, extension, name, seq
from tests.forged_lists import entry

_ROOT, _LEAF, _OTHER = Entity("Root"), Entity("Leaf", 1), Entity("Other", 2)
_R = read(ca_certificate(_ROOT))
_URI, _URI2 = uri("http://crl.example/1.crl"), uri("http://crl.example/2.crl")
_LAPSED = {"this_update": T0 - 2 * DAY, "next_update": T0 - DAY}
_ISSUER = _ROOT


def _leaf(*points: bytes, **forged: Any) -> Certificate:
    return read(certificate(_LEAF, _ROOT, points=seq(*points) if points else None, **forged))


def _found(
    lists: Sequence[HeldList], leaf: Certificate | None = None, *others: Certificate, at: Any = NOW
) -> Finding:
    leaf = leaf or _leaf()
    paths = Paths([_R], [leaf, *others], at)
    found = Judge(lists, paths, at).finding((leaf, _R))
    # The order in which lists were given says nothing about them.
    again = Judge(lists[::-1], paths, at).finding((leaf, _R))
    assert (again.status, again.reason) == (found.status, found.reason)
    return found


def _code(*lists: HeldList, leaf: Certificate | None = None, at: Any = NOW) -> str:
    found = _found(lists, leaf, at=at)
    assert (found.status, found.reason) == ("unknown", None)
    return found.why.partition(" ")[0]


_LISTED = "LISTED (RFC 5280 section 6.3.3 (i), (j)): its issuer's list names it"


def test_a_list_that_holds_and_does_not_name_it() -> None:
    """RFC 5280 section 6.3.3 (j): the only way to be good."""
    why = "NOT_LISTED (RFC 5280 section 6.3.3): no list that holds names it, and they cover every reason"
    assert _found([held(_ROOT, entry(2))]) == Finding("good", None, why)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(KEY_COMPROMISE, "keyCompromise"), (None, "unspecified"), (0, "unspecified"), (77, "unspecified")],
)
def test_a_list_that_names_it(code: int | None, reason: str) -> None:
    """RFC 5280 sections 5.3.1, 6.3.3 (j): whatever the reason is, or none, or one unknown."""
    assert _found([held(_ROOT, entry(1, reason=code))]) == Finding("revoked", reason, _LISTED)


def test_a_hold_is_a_revocation() -> None:
    """RFC 5280 section 5.3.1: until it ends; said with its own word."""
    found = _found([held(_ROOT, entry(1, reason=HOLD))])
    assert (found.status, found.reason) == ("revoked", "certificateHold")
    assert found.why == _LISTED.replace("LISTED", "ON_HOLD")


def test_without_a_list_nothing_is_known() -> None:
    """RFC 5280 section 6.3.3: the initial status is UNREVOKED only for those who got every list."""
    assert _code() == "NO_LIST"


def test_points_that_cannot_be_read_leave_it_open() -> None:
    """RFC 5280 section 4.2.1.13: where its lists are is not known, so none of those given may be all."""
    unreadable = _leaf(extra=[extension("2.5.29.31", seq())])
    assert _code(held(_ROOT), leaf=unreadable) == "CERTIFICATE_POINTS_MALFORMED"


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (HeldList(b""), "LIST_IS_EMPTY"),
        (held(_OTHER), "ISSUER_UNKNOWN"),
        (held(_ROOT, idp=seq(full(_URI))), "SCOPE_MISMATCH"),
        (held(_ROOT, idp=seq(CA)), "SCOPE_NO_USER_CERTIFICATES"),
        (held(_ROOT, idp=seq(ATTRIBUTE)), "SCOPE_ATTRIBUTE_CERTIFICATES"),
        (held(_ROOT, number=2, delta_base=1), "DELTA_ALONE"),
        (held(_ROOT, number=None), "CRL_NUMBER_MISSING"),
        (held(_ROOT, corrupt_signature=True), "SIGNATURE_INVALID"),
        (held(_ROOT, this_update=NOW + DAY), "THIS_UPDATE_IN_FUTURE"),
        (held(_ROOT, next_update=None), "NEXT_UPDATE_MISSING"),
        (held(_ROOT, **_LAPSED), "NEXT_UPDATE_PASSED"),
        (held(_ROOT, entry(1, reason=KEY_COMPROMISE), **_LAPSED), "NEXT_UPDATE_PASSED"),
        (held(_ROOT, idp=seq(some_reasons(1, 2))), "REASONS_NOT_COVERED"),
    ],
)
def test_what_a_list_fails_at_is_told(one: HeldList, code: str) -> None:
    """RFC 5280 section 6.3.3, step by step: each makes the list count for nothing, and says why."""
    assert _code(one) == code
    assert _found([one, held(_ROOT, number=9)]).status == "good"
    assert _found([one, held(_ROOT, entry(1), number=9)]).status == "revoked"


def test_of_many_lists_the_one_that_came_furthest_is_told() -> None:
    """The steps have an order: somebody who gave lists of others too is told of the one that was meant."""
    steps = [
        HeldList(b""),
        held(_OTHER),
        held(_ROOT, idp=seq(full(_URI))),
        held(_ROOT, corrupt_signature=True),
        held(_ROOT, **_LAPSED),
    ]
    assert (
        _code(held(_ROOT, number=2, delta_base=1, **_LAPSED), held(_ROOT, **_LAPSED)) == "NEXT_UPDATE_PASSED"
    )
    told = [_code(*steps[: number + 1]) for number in range(len(steps))]
    assert told == [
        "LIST_IS_EMPTY",
        "ISSUER_UNKNOWN",
        "SCOPE_MISMATCH",
        "SIGNATURE_INVALID",
        "NEXT_UPDATE_PASSED",
    ]


def test_the_scope_comes_before_what_is_wrong_with_a_list() -> None:
    """RFC 5280 section 6.3.3 (b) before (f), (g): an unusable list of others is just one of others."""
    assert _code(held(_OTHER, number=None)) == "ISSUER_UNKNOWN"
    # The entries of what may not be used are not looked at.
    unusable = held(_ROOT, entry(1), extra_extensions=[extension("1.2.3", b"", critical=True)])
    assert _code(unusable) == "UNKNOWN_CRITICAL_EXTENSION"


def test_every_reason_must_be_covered() -> None:
    """RFC 5280 section 6.3.3 (d), (e), (l): lists of some reasons are enough when they are all of them."""
    some, rest = (
        held(_ROOT, idp=seq(some_reasons(1, 2, 3))),
        held(_ROOT, idp=seq(some_reasons(4, 5, 6, 7, 8))),
    )
    found = _found([some])
    assert found.why.startswith(
        "REASONS_NOT_COVERED (RFC 5280 section 6.3.3 (d), (e)): expected lists for every"
    )
    assert "got lists for 3 of 8" in found.why
    assert _found([some, rest]).status == "good"
    revoking = held(_ROOT, entry(1, reason=SUPERSEDED), idp=seq(some_reasons(4, 5, 6, 7, 8)))
    for lists in ([revoking], [some, revoking], [held(_ROOT), revoking]):
        assert _found(lists).reason == "superseded"


def test_a_list_for_no_reason_covers_none() -> None:
    """RFC 5280 section 6.3.3 (d): an empty intersection is no step towards good."""
    assert _code(held(_ROOT, idp=seq(some_reasons()))) == "REASONS_NOT_COVERED"


def test_of_several_scopes_the_severest_answer_stands() -> None:
    """RFC 5280 section 6.3.3 (l): one list that revokes is enough; a hold weighs less than a revocation."""
    of_users = held(_ROOT, entry(1, reason=HOLD), idp=seq(USER))
    of_all = held(_ROOT, entry(1, reason=KEY_COMPROMISE))
    assert _found([of_users, held(_ROOT)]).reason == "certificateHold"
    assert _found([of_users, of_all]).reason == "keyCompromise"


def test_deltas_are_combined_within_a_scope() -> None:
    """RFC 5280 section 6.3.3 (c), (h): the same point, issuer and key; a release then makes good."""
    holding = held(_ROOT, entry(1, reason=HOLD))
    release = [entry(1, reason=REMOVE)]
    assert _found([holding, held(_ROOT, *release, number=2, delta_base=1)]).status == "good"
    of_others = held(_ROOT, *release, number=2, delta_base=1, idp=seq(USER))
    assert _found([holding, of_others]).reason == "certificateHold"
    other_key = Entity("Root", 7)
    signer = read(ca_certificate(other_key, _ROOT))
    delta = held(other_key, *release, number=2, delta_base=1, aki=_ROOT.ski)
    lists = [holding, delta, held(_ROOT)]
    assert _found(lists, None, signer).reason == "certificateHold"
    spelled = held(_ROOT, *release, dn=name(("C", "JP"), ("CN", " ROOT")), number=2, delta_base=1)
    assert _found([holding, spelled]).status == "good"


def test_one_key_under_two_names_is_two_issuers() -> None:
    """RFC 5280 section 6.3.3 (c) (1): a delta of the other name adds nothing to the list."""
    other = Entity("Other", _ROOT.number)
    signer = read(ca_certificate(other, _ROOT))
    leaf = _leaf(seq(full(_URI)), seq(full(_URI), crl_issuer(other.subject)))
    point = seq(full(_URI), INDIRECT)
    holding = held(_ROOT, entry(1, reason=HOLD, extensions=[about(_ROOT.subject)]), idp=point)
    release = entry(1, reason=REMOVE, extensions=[about(_ROOT.subject)])
    delta = held(other, release, idp=point, number=2, delta_base=1)
    whole = held(other, entry(9), idp=point)
    assert _found([holding, delta, whole], leaf, signer).reason == "certificateHold"


def test_a_hold_by_what_has_lapsed_is_not_determined() -> None:
    """RFC 5280 section 6.3.3 (a): it may have ended since; a revocation cannot."""
    lapsed = held(_ROOT, entry(1, reason=HOLD), number=2, delta_base=1, **_LAPSED)
    assert _code(held(_ROOT), lapsed) == "HOLD_LAPSED"
    revoking = held(_ROOT, entry(1, reason=KEY_COMPROMISE), number=2, delta_base=1, **_LAPSED)
    assert _found([held(_ROOT), revoking]).reason == "keyCompromise"


_SHA1 = seq(der_oid("1.2.840.10045.4.1"))


def test_a_weak_signature_revokes_and_makes_nothing_good() -> None:
    """RFC 6151, RFC 9155: who can show a document that was not signed gains nothing by a revocation."""
    weak = {"inner_algorithm": _SHA1, "digest": hashes.SHA1()}  # noqa: S303
    leaf = _leaf()
    assert _code(held(_ROOT, **weak)) == "ALGORITHM_WEAK"
    assert _found([held(_ROOT, entry(1, reason=KEY_COMPROMISE), **weak)]).reason == "keyCompromise"
    assert _found([held(_ROOT, **weak), held(_ROOT, number=2)]).status == "good"
    # Its release of what a strong list has on hold is not believed either.
    release = held(_ROOT, entry(1, reason=REMOVE), number=2, delta_base=1, **weak)
    assert _found([held(_ROOT, entry(1, reason=HOLD)), release]).reason == "certificateHold"
    tolerated = HeldList(crl(_ROOT, **weak), {"weak_signature"})
    assert _found([tolerated], leaf).status == "good"


def test_a_signer_apart_whose_own_list_is_the_only_one() -> None:
    """PKITS 4.14.30: its CA has arranged it so; where the CA itself speaks, that decides."""
    key_for_lists = Entity("Root", 7)
    at = {"serial": 5, "usage": (CRL_SIGN,), "points": seq(seq(full(_URI)))}
    signer = read(certificate(key_for_lists, _ROOT, **at))
    by_itself, of_signers = held(key_for_lists, entry(2)), {"idp": seq(full(_URI))}
    assert _found([by_itself], None, signer).status == "good"
    assert _found([held(key_for_lists, entry(5))], None, signer).status == "unknown"
    # The CA's list for the signer's point is not about the leaf; it decides whether the other list counts.
    assert _found([by_itself, held(_ROOT, **of_signers)], None, signer).status == "good"
    for code in (HOLD, KEY_COMPROMISE):
        found = _found([by_itself, held(_ROOT, entry(5, reason=code), **of_signers)], None, signer)
        assert found.status == "unknown"
        assert found.why.startswith("SIGNER_NO_PATH ")


def test_what_was_found_once_is_not_found_again() -> None:
    """One CA stands above every leaf of a case: of each path the finding is remembered."""
    leaf = _leaf()
    judge = Judge([held(_ROOT)], Paths([_R], [leaf], NOW), NOW)
    first = judge.finding((leaf, _R))
    assert judge.finding((leaf, _R)) is first
    assert judge.finding((leaf, leaf, _R)) is not first


def test_a_list_that_nobody_could_decide_about_may_be_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of our own: whoever gives too many signers gets no good; a revocation is one all the same."""
    monkeypatch.setattr(signers, "_MOST_SIGNERS", 0)
    apart = Entity("Root", 7)
    signer = read(certificate(apart, _ROOT, usage=(CRL_SIGN,)))
    found = _found([held(_ROOT), held(apart)], None, signer)
    assert found.status == "unknown"
    assert found.why.startswith("TOO_COMPLEX (RFC 5280 section 6.1): ")
    assert _found([held(_ROOT, entry(1)), held(apart)], None, signer).status == "revoked"


def test_relative_names_are_those_of_their_own_issuer() -> None:
    """RFC 5280 sections 5.2.5, 6.3.3 (c) (2): of list and delta, in either form."""
    whole = name(("C", "JP"), ("CN", "Root"), ("CN", "P"))
    for of_list in (relative("P"), full(whole)):
        for of_delta in (relative("P"), full(whole)):
            holding = held(_ROOT, entry(1, reason=HOLD), idp=seq(of_list))
            delta = held(_ROOT, entry(1, reason=REMOVE), number=2, delta_base=1, idp=seq(of_delta))
            assert _found([holding, delta], _leaf(seq(relative("P")))).status == "good"
