"""Certification paths as revocation needs them: RFC 5280 section 6.1, one rule broken at a time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from revocation.checker import paths
from revocation.checker.certificates import Certificate
from revocation.checker.paths import (
    Path,
    Paths,
    check_dates,
    check_issued,
    check_may_issue,
    check_no_unknown_critical,
    check_path_length,
    same_entity,
    signed_by,
)
from tests.checker.material import (
    CRL_SIGN,
    DAY,
    KEY_CERT_SIGN,
    NOW,
    SECOND,
    Entity,
    ca_certificate,
    certificate,
    named,
    read,
    refusal,
)
from tests.der_writer import T0, der_oid, extension, name, seq
from tests.forged_lists import ALGORITHMS

_ROOT, _SUB, _LEAF = Entity("Root"), Entity("Sub", 1), Entity("Leaf", 2)
_STRANGE = extension("1.2.3.4", b"", critical=True)


def _ca(subject: Entity, issuer: Entity | None = None, **forged: Any) -> Certificate:
    return read(ca_certificate(subject, issuer, **forged))


def _leaf(issuer: Entity = _SUB, **forged: Any) -> Certificate:
    return read(certificate(_LEAF, issuer, **forged))


def _paths(anchors: list[Certificate], others: list[Certificate], leaf: Certificate) -> list[Path]:
    return Paths(anchors, [*others, leaf], NOW).of(leaf)


_R, _S, _L = _ca(_ROOT), _ca(_SUB, _ROOT), _leaf()


def test_a_path_goes_from_the_certificate_to_the_anchor() -> None:
    """RFC 5280 section 6.1: issuer by issuer; both ends are in it, and it may be as short as two."""
    assert _paths([_R], [_S], _L) == [(_L, _S, _R)]
    direct = _leaf(_ROOT)
    assert _paths([_R], [_S], direct) == [(direct, _R)]
    assert _paths([_S], [], _L) == [(_L, _S)]  # an anchor need not be self-signed


def test_names_are_compared_as_section_7_1_wants() -> None:
    """RFC 5280 section 7.1: another string type, case and spacing is the same issuer."""
    odd = _leaf(issuer_name=name(("C", "JP"), ("CN", " SUB "), string_tag=0x13))
    assert _paths([_S], [], odd) == [(odd, _S)]


def test_who_is_named_and_who_is_trusted() -> None:
    """RFC 5280 section 6.1.1 (d): anchors are those that were given as such, and come first."""
    other = _ca(Entity("Root", 7))
    known = Paths([_R], [other, _S, _R], NOW)
    assert known.named(named("ROOT")) == [_R, other]
    assert known.named(named("nobody")) == ()
    assert known.is_anchor(_R)
    assert not known.is_anchor(other)
    assert not known.is_anchor(_S)


def test_a_trusted_certificate_has_a_path_too() -> None:
    """RFC 5280 section 6.1: a self-signed anchor that is asked itself is issued by itself."""
    assert _paths([_R], [], _R) == [(_R, _R)]


def test_every_way_is_found() -> None:
    """RFC 5280 section 6.1: two anchors over one intermediate's key are two paths, the shorter first."""
    cross = _ca(_ROOT, Entity("Cross", 3))
    top = _ca(Entity("Cross", 3))
    assert _paths([_R, top], [_S, cross], _L) == [(_L, _S, _R), (_L, _S, cross, top)]


def test_an_anchor_ends_the_path() -> None:
    """RFC 5280 section 6.1: what is trusted of itself is not looked behind."""
    assert _paths([_S, _R], [], _L) == [(_L, _S)]


def test_certificates_that_lead_in_a_ring_end() -> None:
    """RFC 5280 section 6.1: once in a path; two that certify each other lead nowhere."""
    a, b = Entity("A", 3), Entity("B", 4)
    ring = [_ca(a, b), _ca(b, a)]
    leaf = _leaf(a)
    error = refusal(_paths, [_R], ring, leaf)
    assert error.code == "PATH_NO_ISSUER"
    out = _ca(a, _ROOT)
    assert _paths([_R], [*ring, out], leaf) == [(leaf, out, _R)]


def test_a_name_does_not_come_back_with_its_key() -> None:
    """RFC 5280 section 6.1: the same name and key is the same entity, and no way on."""
    again = _ca(_SUB, _ROOT, serial=9)
    by_itself = _ca(_SUB, _SUB, serial=10)
    found = _paths([_R], [_S, again, by_itself], _L)
    assert sorted(len(one) for one in found) == [3, 3]
    # The same name with another key is another entity, whatever was passed over before it.
    old, new = _ca(Entity("Sub", 5), _ROOT, identified=False), _ca(_SUB, Entity("Sub", 5), identified=False)
    for others in ([new, old], [old, new]):
        assert _paths([_R], others, _L) == [(_L, new, old, _R)]


def test_the_asked_certificate_is_none_of_its_own_issuers() -> None:
    """RFC 5280 section 6.1: a self-issued CA that nobody trusts has no path."""
    assert refusal(_paths, [_R], [], _ca(_SUB)).code == "PATH_NO_ISSUER"
    asked, above = _ca(_SUB, Entity("A", 3)), _ca(Entity("A", 3), _SUB)
    assert refusal(_paths, [_R], [above], asked).code == "PATH_NO_ISSUER"


@pytest.mark.parametrize(
    ("anchors", "others", "leaf", "code"),
    [
        ([_R], [], _L, "PATH_NO_ISSUER"),
        ([], [_S], _L, "PATH_NO_ISSUER"),
        ([_R], [_S], _leaf(corrupt_signature=True), "PATH_SIGNATURE"),
        ([_R], [_S], _leaf(Entity("Sub", 9)), "PATH_SIGNATURE"),
        ([_R], [_ca(_SUB, _ROOT, corrupt_signature=True)], _L, "PATH_SIGNATURE"),
        ([_R], [_S], _leaf(outer_algorithm=ALGORITHMS["ecdsa-with-SHA384"]), "PATH_ALGORITHM_MISMATCH"),
        ([_R], [_ca(_SUB, _ROOT, extra=[_STRANGE])], _L, "PATH_CRITICAL_EXTENSION"),
        ([_ca(_ROOT, extra=[_STRANGE])], [_S], _L, "PATH_CRITICAL_EXTENSION"),
        ([_R], [_ca(_SUB, _ROOT, ca=None)], _L, "PATH_NOT_A_CA"),
        ([_R], [_ca(_SUB, _ROOT, ca=False)], _L, "PATH_NOT_A_CA"),
        ([_ca(_ROOT, ca=False)], [_S], _L, "PATH_NOT_A_CA"),
        ([_R], [_ca(_SUB, _ROOT, usage=(CRL_SIGN,))], _L, "PATH_NO_KEY_CERT_SIGN"),
        ([_ca(_ROOT, usage=(CRL_SIGN,))], [_S], _L, "PATH_NO_KEY_CERT_SIGN"),
        ([_R], [_ca(_SUB, _ROOT, end=NOW - SECOND)], _L, "PATH_DATES"),
        ([_R], [_ca(_SUB, _ROOT, start=NOW + SECOND)], _L, "PATH_DATES"),
        ([_ca(_ROOT, end=NOW - SECOND)], [_S], _L, "PATH_DATES"),
        ([_ca(_ROOT, path_length=0)], [_S], _L, "PATH_LENGTH"),
    ],
)
def test_each_rule_alone_breaks_the_path(
    anchors: list[Certificate], others: list[Certificate], leaf: Certificate, code: str
) -> None:
    """RFC 5280 sections 6.1.3 (a) and 6.1.4 (k) to (o), of intermediates and of the anchor."""
    assert refusal(_paths, anchors, others, leaf).code == code


@pytest.mark.parametrize(
    ("anchor", "others", "leaf"),
    [
        (_ca(_ROOT, ca=None, usage=None), [_S], _L),  # a v1 anchor says nothing of itself
        (_ca(_ROOT, usage=(KEY_CERT_SIGN,)), [_ca(_SUB, _ROOT, usage=None)], _L),
        (_ca(_ROOT, end=NOW), [_ca(_SUB, _ROOT, start=NOW)], _L),
        (_ca(_ROOT, path_length=1), [_ca(_SUB, _ROOT, path_length=0)], _L),
        (_R, [_S], _leaf(start=NOW + DAY, end=NOW + 2 * DAY)),  # its own dates are not the path's
        (_R, [_S], _leaf(extra=[_STRANGE])),  # whoever asks looks at that
    ],
)
def test_what_does_not_break_it(anchor: Certificate, others: list[Certificate], leaf: Certificate) -> None:
    """RFC 5280 sections 6.1.1 (d), 6.1.3 (a) (2): no keyUsage, dates inclusive, the leaf asked apart."""
    assert _paths([anchor], others, leaf) == [(leaf, others[0], anchor)]


def test_a_self_issued_certificate_does_not_count_for_the_length() -> None:
    """RFC 5280 sections 4.2.1.9, 6.1.4 (l): a change of keys makes no path longer; another CA does."""
    limited = _ca(_ROOT, path_length=0)
    rolled = Entity("Root", 3)
    step, leaf = _ca(rolled, _ROOT), _leaf(rolled)
    assert _paths([limited], [step], leaf) == [(leaf, step, limited)]
    below = _leaf(_SUB)
    assert refusal(_paths, [limited], [_ca(_SUB, rolled), step], below).code == "PATH_LENGTH"
    # The certificate that is asked about is itself none of the intermediates.
    check_path_length(_ca(_ROOT, path_length=0), (_ca(_SUB, _ROOT),))
    assert refusal(check_path_length, _ca(_ROOT, path_length=1), (_L, _S, _S)).got == "2"


def test_what_came_furthest_is_told() -> None:
    """Of several ways that fail, the one that fails last in the order of the rules names the fault."""
    others = [_ca(Entity("Sub", 9), _ROOT), _ca(_SUB, _ROOT, end=NOW - SECOND), _ca(_SUB, _ROOT, ca=False)]
    assert refusal(_paths, [_R], others, _L).code == "PATH_DATES"
    assert refusal(_paths, [_R], others[:1], _L).code == "PATH_SIGNATURE"
    assert refusal(_paths, [_R], others[::2], _L).code == "PATH_NOT_A_CA"


def test_the_issuer_that_the_certificate_points_at_comes_first() -> None:
    """RFC 5280 section 4.2.1.1: the key identifier says which of several of one name it was, or nearly."""
    other = _ca(_SUB, _ROOT, identified=False, serial=9)
    for others in ([other, _S], [_S, other]):
        assert _paths([_R], others, _L)[0] == (_L, _S, _R)
    # Without an identifier on either side nobody is pointed at; then the order is one of their own, and never
    # that in which they were given.
    bare = _leaf(identified=False)
    first = min((other, _S), key=lambda one: one.fingerprint)
    for others in ([other, _S], [_S, other]):
        assert _paths([_R], others, bare)[0][1] is first
    # An anchor comes before what is nobody's hint.
    anchored = _ca(_SUB, _ROOT, identified=False, serial=11)
    assert _paths([_R, anchored], [other], _L)[0] == (_L, anchored)


def _chain(length: int) -> list[Certificate]:
    """An anchor, and certificates below it, so that a path from the last has this length."""
    entities = [_ROOT, *(Entity(f"CA {number}", number % 8) for number in range(1, length))]
    below = [_ca(one, above) for above, one in itertools.pairwise(entities)]
    return [_R, *below]


def test_a_path_has_at_most_16_certificates() -> None:
    """A bound of our own, so that a search through hostile certificates ends; a longer one is no path."""
    whole = _chain(16)
    assert [len(one) for one in _paths(whole[:1], whole[1:-1], whole[-1])] == [16]
    longer = _chain(17)
    assert str(refusal(_paths, longer[:1], longer[1:-1], longer[-1])) == (
        "PATH_TOO_LONG: expected a path of at most 16 certificates; got a longer one; give a shorter path"
    )
    # Behind its last certificate is nothing that was not looked at.
    nowhere = _chain(17)[2:]
    assert refusal(_paths, [_R], nowhere[:-1], nowhere[-1]).code == "PATH_NO_ISSUER"
    # By decision no path is longer, so a short one beside it is not cut short.
    short = _ca(Entity("CA 15", 15 % 8), _ROOT)
    assert [len(one) for one in _paths(longer[:1], [*longer[1:-1], short], longer[-1])] == [3]


def test_all_paths_are_found_or_it_is_undecided() -> None:
    """A bound of our own: of more than 65 nobody knows what those say that were not looked at."""
    same = [_ca(_SUB, _ROOT, serial=number) for number in range(1, 67)]
    assert len(_paths([_R], same[:65], _L)) == 65
    error = refusal(_paths, [_R], same, _L)
    assert str(error) == (
        "TOO_COMPLEX: expected fewer certificates and signers of lists; "
        "got too many; give only what is needed"
    )
    many = [_ca(_SUB, _ROOT, serial=number, ca=False) for number in range(1, 129)]
    assert refusal(_paths, [_R], many, _L).code == "PATH_NOT_A_CA"
    more = [*many, _ca(_SUB, _ROOT, serial=200, ca=False)]
    assert refusal(_paths, [_R], more, _L).code == "PATH_TOO_COMPLEX"


def test_a_search_ends_after_so_many_steps() -> None:
    """A bound of our own: eight certificates in each of many generations are endless ways to nowhere."""
    generations = [
        [_ca(Entity(f"G{up}", up), Entity(f"G{up + 1}", up + 1), serial=number) for number in range(8)]
        for up in range(1, 9)
    ]
    everything = [one for generation in generations for one in generation]
    leaf = _leaf(Entity("G1", 1))
    assert refusal(_paths, [_R], everything, leaf).code == "PATH_TOO_COMPLEX"
    # What was found before that is not all, in whatever order it was given.
    short = _ca(Entity("G1", 1), _ROOT)
    codes = {
        refusal(_paths, [_R], others, leaf).code
        for others in ([short, *everything], [*everything, short], [*everything[::-1], short])
    }
    assert len(codes) == 1
    assert codes <= {"TOO_COMPLEX", "PATH_TOO_COMPLEX"}
    # Found before the search begins to wander: by whom the leaf was signed directly.
    direct = [_R, _ca(Entity("G1", 1), serial=99)]
    assert refusal(_paths, direct, everything, leaf).code == "TOO_COMPLEX"


def test_a_step_is_one_certificate_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of our own: two steps to an anchor behind one intermediate, and not one less."""
    monkeypatch.setattr(paths, "_MOST_STEPS", 2)
    assert _paths([_R], [_S], _L) == [(_L, _S, _R)]
    again = _ca(_SUB, _ROOT, serial=9)
    assert refusal(_paths, [_R], [_S, again], _L).code == "TOO_COMPLEX"
    monkeypatch.setattr(paths, "_MOST_STEPS", 1)
    assert refusal(_paths, [_R], [_S], _L).code == "PATH_TOO_COMPLEX"
    monkeypatch.setattr(paths, "_MOST_STEPS", 4)
    assert len(_paths([_R], [_S, again], _L)) == 2


def test_paths_to_one_anchor() -> None:
    """RFC 5280 section 6.3.3 (f): a name and a key, in whatever certificate; other anchors end a way too."""
    other = _ca(Entity("Other", 6))
    same, cross = _ca(_ROOT, serial=9), _ca(_SUB, Entity("Other", 6), serial=9)
    known = Paths([_R, other, same], [_S, cross], NOW)
    found = known.of(_L, _R)
    assert len(found) == 2
    assert set(found) == {(_L, _S, _R), (_L, _S, same)}
    assert known.of(_L, other) == [(_L, cross, other)]
    assert len(known.of(_L)) == 3
    assert refusal(known.of, _L, _ca(Entity("Nobody", 7))).code == "PATH_NO_ISSUER"
    spelled = _ca(_ROOT, subject_name=named(" rOOt"))
    assert same_entity(spelled, _R)
    assert not same_entity(_ca(Entity("Root", 7)), _R)
    assert not same_entity(_ca(Entity("Other", 0)), _R)


def test_signatures() -> None:
    """RFC 5280 section 6.1.3 (a) (1): by the issuer's key, and one algorithm inside and outside."""
    assert signed_by(_L, _S)
    assert not signed_by(_L, _R)
    assert not signed_by(_leaf(inner_algorithm=seq(der_oid("1.2.3.4"))), _S)
    assert not signed_by(_L, _ca(_SUB, _ROOT, key_info=seq()))
    for _ in range(2):
        large = _leaf(extra=[extension("1.2.3", bytes(9000))])
        assert signed_by(large, _S)
        assert not signed_by(large, _R)
        assert not signed_by(_L, _ca(_ROOT, extra=[extension("1.2.3", bytes(9000))]))
    check_issued(_L, _S)
    assert refusal(check_issued, _L, _R).code == "PATH_SIGNATURE"


def test_who_may_issue() -> None:
    """RFC 5280 section 6.1.4 (k), (n): CA:TRUE; of an anchor only a CA:FALSE is held against it."""
    silent = _ca(_SUB, _ROOT, ca=None)
    check_may_issue(_S, anchor=False)
    check_may_issue(silent, anchor=True)
    assert refusal(check_may_issue, silent, anchor=False).code == "PATH_NOT_A_CA"
    assert refusal(check_may_issue, _ca(_SUB, _ROOT, ca=False), anchor=True).code == "PATH_NOT_A_CA"


def test_dates_are_inclusive() -> None:
    """RFC 5280 section 4.1.2.5: valid from notBefore through notAfter."""
    one = _leaf(start=T0, end=NOW)
    check_dates(one, T0)
    check_dates(one, NOW)
    assert refusal(check_dates, one, T0 - SECOND).code == "PATH_DATES"
    assert refusal(check_dates, one, NOW + SECOND).code == "PATH_DATES"


def test_every_strange_extension_is_told() -> None:
    """RFC 5280 section 4.2: which they are, so that somebody can ask what they mean."""
    check_no_unknown_critical(_L)
    strange = _leaf(extra=[_STRANGE, extension("1.2.5", b"", critical=True)])
    assert refusal(check_no_unknown_critical, strange).got == "1.2.3.4, 1.2.5"
