"""Which of certificates of one name or key signed a list: RFC 5280 section 6.3.3 (f), within bounds."""

from __future__ import annotations

import pytest

from revocation.checker import paths
from revocation.checker.certificates import Certificate
from revocation.checker.paths import Paths
from revocation.checker.signers import Signers
from revocation.errors import InputRefused
from tests.checker.asked_findings import (
    LEAF,
    PATH,
    REVOKED,
    ROOT,
    SECOND_KEY,
    SUB,
    Findings,
    L,
    R,
    S,
    a_ca,
    only_for_lists,
    signers_of,
)
from tests.checker.material import (
    CRL_SIGN,
    KEY_CERT_SIGN,
    NOW,
    Entity,
    certificate,
    held,
    read,
    refusal,
)
from tests.der_writer import extension, seq


def test_the_paths_own_certificate_comes_first() -> None:
    """RFC 5280 section 6.3.3 (f): of two certificates of one key that of the path needs no second path."""
    twin = a_ca(SUB, ROOT, serial=2)
    for order in ((S, twin), (twin, S)):
        findings = Findings()
        signers = Signers((), Paths([R], [*order, L], NOW), NOW, findings)
        assert signers.of(held(SUB), PATH, own_only=False) == (S, None)
        assert findings.asked == []


def test_a_twin_may_do_what_the_paths_own_may_not() -> None:
    """RFC 5280 section 6.3.3 (f): another certificate of the key has cRLSign; then that one is the signer."""
    bare = a_ca(SUB, ROOT, usage=(KEY_CERT_SIGN,))
    twin = a_ca(SUB, ROOT, serial=2)
    findings = Findings()
    signers = Signers((), Paths([R], [bare, twin, L], NOW), NOW, findings)
    assert signers.of(held(SUB), (L, bare, R), own_only=False) == (twin, None)
    assert set(findings.asked) == {(twin, R)}


def test_of_several_refusals_the_furthest_is_told() -> None:
    """The order of the rules: allowed (f), path (f); and whoever may sign comes before all refused."""
    nameless = only_for_lists(usage=(KEY_CERT_SIGN,))
    pathless = only_for_lists(Entity("Root", 8))
    doubtful, good = only_for_lists(serial=3), only_for_lists(serial=4)
    findings = Findings((doubtful, REVOKED))

    def told(*others: Certificate) -> object:
        try:
            return signers_of(findings, *others).of(held(SECOND_KEY), PATH, own_only=False)[0]
        except InputRefused as error:
            return error.code

    assert told(nameless) == "SIGNER_NOT_ALLOWED"
    assert told(nameless, pathless) == told(pathless, nameless) == "SIGNER_NO_PATH"
    assert told(doubtful, nameless, pathless) is told(pathless, doubtful) is doubtful
    assert told(doubtful, pathless, good) is told(good, doubtful) is good
    again = only_for_lists(serial=5)
    findings = Findings((doubtful, REVOKED), (again, REVOKED))
    assert told(doubtful, again) is doubtful


def test_only_the_paths_own_where_nobody_else_is_wanted() -> None:
    """RFC 5280 section 6.3.3 (f): to find out who is revoked, by nobody who may be asked about."""
    apart, findings = only_for_lists(), Findings()
    signers = signers_of(findings, apart)
    assert signers.of(held(SUB), PATH, own_only=True) == (S, None)
    assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=True).code == "SIGNER_NOT_GOOD"
    assert signers.of(held(SECOND_KEY), (apart, R), own_only=True) == (apart, None)
    assert findings.asked == []


def test_a_path_over_somebody_revoked_is_none() -> None:
    """RFC 5280 section 6.1.3 (a) (3): by the path's own signers, the signer or one above it."""
    bad, good = a_ca(Entity("Middle", 4), ROOT), a_ca(Entity("Middle", 4), ROOT, serial=2)
    apart = only_for_lists(Entity("Middle", 4))
    for revoked in ((apart,), (bad, good)):
        signers = signers_of(Findings(by_own=revoked), bad, good, apart)
        assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=False).code == "SIGNER_NO_PATH"
    signers = signers_of(Findings(by_own=(bad,)), bad, good, apart)
    assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (apart, None)


def test_nobody_below_a_name_constraint_signs_for_others() -> None:
    """RFC 5280 section 4.2.1.10: what it permits is not computed here; the signer's own is no hindrance."""
    constrained = extension("2.5.29.30", seq(), critical=True)
    middle = Entity("Middle", 4)
    apart = only_for_lists(middle)
    signers = signers_of(Findings(), a_ca(middle, ROOT, extra=[constrained]), apart)
    assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=False).code == "SIGNER_NO_PATH"
    own = only_for_lists(extra=[constrained])
    assert signers_of(Findings(), own).of(held(SECOND_KEY), PATH, own_only=False) == (own, None)


def test_the_key_that_a_list_names_is_tried_first() -> None:
    """RFC 5280 section 5.2.1: a hint; of two certificates of one key that with its identifier."""
    bare, named_so = only_for_lists(identified=False), only_for_lists(serial=2)
    for order in ((bare, named_so), (named_so, bare)):
        signers = signers_of(Findings(), *order)
        assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (named_so, None)


def test_too_many_of_one_name_are_undecided() -> None:
    """A bound of our own: each of them may have to be tried for each list."""
    many = [only_for_lists(serial=number) for number in range(1, 129)]
    assert len({one.fingerprint for one in many}) == 128
    signers = signers_of(Findings(), *many[:127])  # and the path's own issuer
    assert signers.of(held(SUB), PATH, own_only=False) == (S, None)
    assert refusal(signers_of(Findings(), *many).of, held(SUB), PATH, own_only=False).code == "TOO_COMPLEX"


def test_the_asked_certificate_may_sign_the_list_about_itself() -> None:
    """RFC 5280 section 6.1: after a change of keys the new key's certificate is in the new key's list."""
    new = a_ca(SECOND_KEY, SUB)
    findings = Findings()
    assert signers_of(findings, new).of(held(SECOND_KEY), (new, S, R), own_only=False) == (new, None)
    assert findings.asked == []


def test_at_most_64_signers_are_settled() -> None:
    """A bound of our own: of more nothing is decided, and that is found out once."""
    lists = [held(SECOND_KEY, dn=ROOT.subject)]
    twins = [
        read(certificate(SECOND_KEY, ROOT, subject_name=ROOT.subject, serial=number, usage=(CRL_SIGN,)))
        for number in range(1, 66)
    ]
    path = (read(certificate(LEAF, ROOT)), R)
    enough = signers_of(Findings(), *twins[:64], lists=lists)
    assert enough.of(lists[0], path, own_only=False) == (twins[0], None)
    findings = Findings()
    signers = signers_of(findings, *twins, lists=lists)
    for _ in range(2):
        error = refusal(signers.of, lists[0], path, own_only=False)
        assert str(error) == (
            "TOO_COMPLEX: expected fewer certificates and signers of lists; "
            "got too many; give only what is needed"
        )
        asked, findings.asked = len(findings.asked), []
    assert asked == 0


def test_a_path_that_nobody_can_find_in_time_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of our own: a signer whose path was not found is not one that has none."""
    middle = Entity("Middle", 4)
    far, near = only_for_lists(middle), only_for_lists(serial=2)
    signers = signers_of(Findings(), a_ca(middle, ROOT), far, near)
    monkeypatch.setattr(paths, "_MOST_STEPS", 1)
    assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=False).code == "TOO_COMPLEX"
    apart = only_for_lists()
    signers = signers_of(Findings(), apart)
    monkeypatch.setattr(paths, "_MOST_STEPS", 0)
    assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=False).code == "TOO_COMPLEX"
