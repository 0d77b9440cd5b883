"""Who signed a list, and may he? RFC 5280 section 6.3.3 (f), (g): each way of being nobody's signer."""

from __future__ import annotations

from typing import Any

import pytest

from revocation.checker import paths
from revocation.checker.certificates import Certificate
from revocation.checker.judging import Finding
from revocation.checker.paths import Path, Paths
from revocation.checker.signers import Signers
from revocation.errors import InputRefused
from tests.checker.material import (
    CRL_SIGN,
    DAY,
    KEY_CERT_SIGN,
    NOW,
    SECOND,
    Entity,
    ca_certificate,
    certificate,
    held,
    named,
    read,
    refusal,
)
from tests.der_writer import extension, seq

_ROOT, _SUB, _LEAF = Entity("Root"), Entity("Sub", 1), Entity("Leaf", 2)
#: A second key under the name of the issuer, as after a change of keys, or for lists only.
_SECOND_KEY = Entity("Sub", 3)


def _ca(subject: Entity, issuer: Entity | None = None, **forged: Any) -> Certificate:
    return read(ca_certificate(subject, issuer, **forged))


_R, _S, _L = _ca(_ROOT), _ca(_SUB, _ROOT), read(certificate(_LEAF, _SUB))
_PATH = (_L, _S, _R)
_GOOD, _REVOKED = Finding("good", None, ""), Finding("revoked", None, "")
_UNKNOWN = Finding("unknown", None, "")


class _Findings:
    """Of certificates by fingerprint; good where nothing else is said. Keeps of which paths it was asked."""

    def __init__(self, *said: tuple[Certificate, Finding], by_own: tuple[Certificate, ...] = ()) -> None:
        self._said = {one.fingerprint: finding for one, finding in said}
        #: Revoked by lists of their path's own signers.
        self._by_own = {one.fingerprint for one in by_own}
        self.asked: list[Path] = []

    def __call__(self, path: Path, own_only: bool) -> Finding:
        self.asked.append(path)
        if own_only:
            return _REVOKED if path[0].fingerprint in self._by_own else _UNKNOWN
        return self._said.get(path[0].fingerprint, _GOOD)


def _signers(
    findings: _Findings, *others: Certificate, anchors: tuple[Certificate, ...] = (_R,), lists: Any = ()
) -> Signers:
    return Signers(lists, Paths(anchors, [_S, _L, *others], NOW), NOW, findings)


def _only_for_lists(issuer: Entity = _ROOT, **forged: Any) -> Certificate:
    """A certificate of the second key; CA or not does not matter for lists."""
    return read(certificate(_SECOND_KEY, issuer, **{"usage": (CRL_SIGN,), **forged}))


@pytest.mark.parametrize(("signer", "of"), [(_SUB, _S), (_ROOT, _R)])
def test_a_certificate_of_the_path_signs(signer: Entity, of: Certificate) -> None:
    """RFC 5280 section 6.3.3 (f): the issuer's own list, or one above; nothing more is asked of it."""
    findings = _Findings((_S, _REVOKED), (_R, _REVOKED))
    assert _signers(findings).of(held(signer), _PATH, own_only=False) == (of, None)
    assert findings.asked == []


def test_who_has_not_the_name_or_not_the_key_is_no_signer() -> None:
    """RFC 5280 section 6.3.3 (g): the signature is by a key that is certified for the list's issuer."""
    signers = _signers(_Findings(), _only_for_lists())
    for one in (
        held(Entity("Nobody", 9)),  # no certificate with that name
        held(Entity("Sub", 9)),  # none with that key
        held(_SUB, corrupt_signature=True),
        held(_SUB, dn=named("Root")),  # a key of another name
    ):
        error = refusal(signers.of, one, _PATH, own_only=False)
        assert error.code == "SIGNATURE_INVALID"
        assert error.expected == "a signature by a key that has the name of the list's issuer"
        assert error.got == "one that no certificate given verifies"
        assert error.remedy == "fetch the list again; give the certificate of the key that signed it"


def test_key_usage_must_allow_it() -> None:
    """RFC 5280 section 6.3.3 (f): cRLSign where there is a keyUsage; where there is none, anything goes."""
    issuer = _ca(_SUB, _ROOT, usage=(KEY_CERT_SIGN,))
    leaf = read(certificate(_LEAF, _SUB))
    signers = Signers((), Paths([_R], [issuer, leaf], NOW), NOW, _Findings())
    error = refusal(signers.of, held(_SUB), (leaf, issuer, _R), own_only=False)
    assert (error.code, error.got) == (
        "SIGNER_NOT_ALLOWED",
        "a certificate with its name and key without it",
    )
    assert error.remedy == "give the certificate of the key that signs lists"
    free = _ca(_SUB, _ROOT, usage=None)
    signers = Signers((), Paths([_R], [free, leaf], NOW), NOW, _Findings())
    assert signers.of(held(_SUB), (leaf, free, _R), own_only=False) == (free, None)


def test_another_key_of_the_name_is_asked_itself() -> None:
    """RFC 5280 section 6.3.3 (f): its own path, all of it good; that is found out once for all lists."""
    apart, findings = _only_for_lists(), _Findings()
    signers = _signers(findings, apart)
    assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (apart, None)
    assert set(findings.asked) == {(apart, _R)}
    before = len(findings.asked)
    assert signers.of(held(_SECOND_KEY, number=2), _PATH, own_only=False) == (apart, None)
    assert len(findings.asked) == before


def test_every_certificate_of_the_signers_path_is_asked() -> None:
    """RFC 5280 section 6.1.3 (a) (3): none of them is revoked; the anchor itself is not asked."""
    middle = Entity("Middle", 4)
    between, apart = _ca(middle, _ROOT), _only_for_lists(middle)
    findings = _Findings()
    assert _signers(findings, between, apart).of(held(_SECOND_KEY), _PATH, own_only=False) == (apart, None)
    assert set(findings.asked) == {(apart, between, _R), (between, _R)}
    for bad in (apart, between):
        for found in (_REVOKED, _UNKNOWN):
            signers = _signers(_Findings((bad, found)), between, apart)
            signer, error = signers.of(held(_SECOND_KEY), _PATH, own_only=False)
            # What such a list revokes counts all the same, so it is a doubt and no refusal.
            assert signer is apart
            assert error is not None
            assert error.code == "SIGNER_NOT_GOOD"
            assert error.expected == "a signer that is itself good by the lists given, without its own"
            assert error.got == "one that is revoked, or of which that is not determined"
            assert error.remedy == (
                "give the lists for the signer's certificate, or get a list by another signer"
            )


def test_one_good_path_of_several_is_enough() -> None:
    """RFC 5280 section 6.1: a signer with a revoked issuer and another, good one is still a signer."""
    bad, good = _ca(Entity("Middle", 4), _ROOT), _ca(Entity("Middle", 4), _ROOT, serial=2)
    apart = _only_for_lists(Entity("Middle", 4))
    for order in ((bad, good), (good, bad)):
        signers = _signers(_Findings((bad, _REVOKED)), *order, apart)
        assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (apart, None)


@pytest.mark.parametrize(
    "apart",
    [
        _only_for_lists(Entity("Root", 8)),  # nobody certified it
        _only_for_lists(corrupt_signature=True),
        _only_for_lists(start=NOW + SECOND, end=NOW + DAY),
        _only_for_lists(start=NOW - DAY, end=NOW - SECOND),
        _only_for_lists(extra=[extension("1.2.3.4", b"", critical=True)]),
        _only_for_lists(Entity("Other", 5)),  # under another anchor
    ],
)
def test_a_signer_needs_a_path_to_the_same_anchor(apart: Certificate) -> None:
    """RFC 5280 section 6.3.3 (f): valid, no unknown critical extension, to the same anchor."""
    other = _ca(Entity("Other", 5))
    findings = _Findings()
    signers = _signers(findings, apart, anchors=(_R, other))
    error = refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False)
    assert error.code == "SIGNER_NO_PATH"
    assert error.expected == (
        "a signer with a valid path to the certificate's trust anchor, with nobody revoked on it"
    )
    assert (error.got, error.remedy) == (
        "one without it",
        "give the certificates between the signer and the trust anchor",
    )
    assert findings.asked == []


@pytest.mark.parametrize(
    ("anchor", "serial", "same"),
    [
        (_ROOT, 2, True),  # another certificate of the same name and key
        (Entity("Root", 6), 1, False),  # another key
        (Entity("Other", 0), 1, False),  # another name
    ],
)
def test_an_anchor_is_a_name_and_a_key(anchor: Entity, serial: int, same: bool) -> None:
    """RFC 5280 sections 6.1.1 (d), 6.3.3 (f): whatever certificate carries them."""
    apart = _only_for_lists(anchor)
    signers = Signers((), Paths([_ca(anchor, serial=serial)], [_S, _L, apart], NOW), NOW, _Findings())
    if same:
        assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (apart, None)
    else:
        assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False).code == "SIGNER_NO_PATH"


def test_a_signer_that_is_judged_itself_counts_meanwhile() -> None:
    """PKITS 4.14.30: where a signer's own list is the only one that speaks of it, its CA arranged it so."""
    apart = _only_for_lists()
    findings = _Findings((apart, _REVOKED))
    assert _signers(findings, apart).of(held(_SECOND_KEY), (apart, _R), own_only=False) == (apart, None)
    assert findings.asked == []
    # Its path is the one that is judged, but for its own dates.
    late = _only_for_lists(start=NOW - DAY, end=NOW - SECOND)
    error = refusal(_signers(findings, late).of, held(_SECOND_KEY), (late, _R), own_only=False)
    assert error.code == "PATH_DATES"


def test_a_signer_is_judged_under_each_anchor() -> None:
    """RFC 5280 section 6.3.3 (f): good under one trust anchor says nothing of another."""
    other = _ca(Entity("Other", 5))
    twice = [_only_for_lists(), _only_for_lists(Entity("Other", 5))]
    leaf = read(certificate(_LEAF, Entity("Other", 5)))
    signers = _signers(_Findings((twice[1], _REVOKED)), *twice, leaf, anchors=(_R, other))
    for _ in range(2):
        assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (twice[0], None)
        signer, doubt = signers.of(held(_SECOND_KEY), (leaf, other), own_only=False)
        assert signer is twice[1]
        assert doubt is not None
        assert doubt.code == "SIGNER_NOT_GOOD"


def test_one_certificate_may_be_good_under_one_anchor_only() -> None:
    """RFC 5280 section 6.3.3 (f): over which of two ways it is reached is part of the answer."""
    other, middle = _ca(Entity("Other", 5)), Entity("Middle", 4)
    ways = (_ca(middle, _ROOT), _ca(middle, Entity("Other", 5)))
    apart, leaf = _only_for_lists(middle), read(certificate(_LEAF, Entity("Other", 5)))
    for bad, paths_in_order in ((ways[1], (_PATH, (leaf, other))), (ways[0], ((leaf, other), _PATH))):
        signers = _signers(_Findings((bad, _UNKNOWN)), apart, *ways, leaf, anchors=(_R, other))
        doubts = [signers.of(held(_SECOND_KEY), path, own_only=False)[1] for path in paths_in_order]
        assert [doubt is None for doubt in doubts] == [True, False]


def test_the_paths_own_certificate_comes_first() -> None:
    """RFC 5280 section 6.3.3 (f): of two certificates of one key that of the path needs no second path."""
    twin = _ca(_SUB, _ROOT, serial=2)
    for order in ((_S, twin), (twin, _S)):
        findings = _Findings()
        signers = Signers((), Paths([_R], [*order, _L], NOW), NOW, findings)
        assert signers.of(held(_SUB), _PATH, own_only=False) == (_S, None)
        assert findings.asked == []


def test_a_twin_may_do_what_the_paths_own_may_not() -> None:
    """RFC 5280 section 6.3.3 (f): another certificate of the key has cRLSign; then that one is the signer."""
    bare = _ca(_SUB, _ROOT, usage=(KEY_CERT_SIGN,))
    twin = _ca(_SUB, _ROOT, serial=2)
    findings = _Findings()
    signers = Signers((), Paths([_R], [bare, twin, _L], NOW), NOW, findings)
    assert signers.of(held(_SUB), (_L, bare, _R), own_only=False) == (twin, None)
    assert set(findings.asked) == {(twin, _R)}


def test_of_several_refusals_the_furthest_is_told() -> None:
    """The order of the rules: allowed (f), path (f); and whoever may sign comes before all refused."""
    nameless = _only_for_lists(usage=(KEY_CERT_SIGN,))
    pathless = _only_for_lists(Entity("Root", 8))
    doubtful, good = _only_for_lists(serial=3), _only_for_lists(serial=4)
    findings = _Findings((doubtful, _REVOKED))

    def told(*others: Certificate) -> object:
        try:
            return _signers(findings, *others).of(held(_SECOND_KEY), _PATH, own_only=False)[0]
        except InputRefused as error:
            return error.code

    assert told(nameless) == "SIGNER_NOT_ALLOWED"
    assert told(nameless, pathless) == told(pathless, nameless) == "SIGNER_NO_PATH"
    assert told(doubtful, nameless, pathless) is told(pathless, doubtful) is doubtful
    assert told(doubtful, pathless, good) is told(good, doubtful) is good
    again = _only_for_lists(serial=5)
    findings = _Findings((doubtful, _REVOKED), (again, _REVOKED))
    assert told(doubtful, again) is doubtful


def test_only_the_paths_own_where_nobody_else_is_wanted() -> None:
    """RFC 5280 section 6.3.3 (f): to find out who is revoked, by nobody who may be asked about."""
    apart, findings = _only_for_lists(), _Findings()
    signers = _signers(findings, apart)
    assert signers.of(held(_SUB), _PATH, own_only=True) == (_S, None)
    assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=True).code == "SIGNER_NOT_GOOD"
    assert signers.of(held(_SECOND_KEY), (apart, _R), own_only=True) == (apart, None)
    assert findings.asked == []


def test_a_path_over_somebody_revoked_is_none() -> None:
    """RFC 5280 section 6.1.3 (a) (3): by the path's own signers, the signer or one above it."""
    bad, good = _ca(Entity("Middle", 4), _ROOT), _ca(Entity("Middle", 4), _ROOT, serial=2)
    apart = _only_for_lists(Entity("Middle", 4))
    for revoked in ((apart,), (bad, good)):
        signers = _signers(_Findings(by_own=revoked), bad, good, apart)
        assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False).code == "SIGNER_NO_PATH"
    signers = _signers(_Findings(by_own=(bad,)), bad, good, apart)
    assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (apart, None)


def test_nobody_below_a_name_constraint_signs_for_others() -> None:
    """RFC 5280 section 4.2.1.10: what it permits is not computed here; the signer's own is no hindrance."""
    constrained = extension("2.5.29.30", seq(), critical=True)
    middle = Entity("Middle", 4)
    apart = _only_for_lists(middle)
    signers = _signers(_Findings(), _ca(middle, _ROOT, extra=[constrained]), apart)
    assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False).code == "SIGNER_NO_PATH"
    own = _only_for_lists(extra=[constrained])
    assert _signers(_Findings(), own).of(held(_SECOND_KEY), _PATH, own_only=False) == (own, None)


def test_the_key_that_a_list_names_is_tried_first() -> None:
    """RFC 5280 section 5.2.1: a hint; of two certificates of one key that with its identifier."""
    bare, named_so = _only_for_lists(identified=False), _only_for_lists(serial=2)
    for order in ((bare, named_so), (named_so, bare)):
        signers = _signers(_Findings(), *order)
        assert signers.of(held(_SECOND_KEY), _PATH, own_only=False) == (named_so, None)


def test_too_many_of_one_name_are_undecided() -> None:
    """A bound of our own: each of them may have to be tried for each list."""
    many = [_only_for_lists(serial=number) for number in range(1, 129)]
    assert len({one.fingerprint for one in many}) == 128
    signers = _signers(_Findings(), *many[:127])  # and the path's own issuer
    assert signers.of(held(_SUB), _PATH, own_only=False) == (_S, None)
    assert refusal(_signers(_Findings(), *many).of, held(_SUB), _PATH, own_only=False).code == "TOO_COMPLEX"


def test_the_asked_certificate_may_sign_the_list_about_itself() -> None:
    """RFC 5280 section 6.1: after a change of keys the new key's certificate is in the new key's list."""
    new = _ca(_SECOND_KEY, _SUB)
    findings = _Findings()
    assert _signers(findings, new).of(held(_SECOND_KEY), (new, _S, _R), own_only=False) == (new, None)
    assert findings.asked == []


def test_at_most_64_signers_are_settled() -> None:
    """A bound of our own: of more nothing is decided, and that is found out once."""
    lists = [held(_SECOND_KEY, dn=_ROOT.subject)]
    twins = [
        read(certificate(_SECOND_KEY, _ROOT, subject_name=_ROOT.subject, serial=number, usage=(CRL_SIGN,)))
        for number in range(1, 66)
    ]
    path = (read(certificate(_LEAF, _ROOT)), _R)
    enough = _signers(_Findings(), *twins[:64], lists=lists)
    assert enough.of(lists[0], path, own_only=False) == (twins[0], None)
    findings = _Findings()
    signers = _signers(findings, *twins, lists=lists)
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
    far, near = _only_for_lists(middle), _only_for_lists(serial=2)
    signers = _signers(_Findings(), _ca(middle, _ROOT), far, near)
    monkeypatch.setattr(paths, "_MOST_STEPS", 1)
    assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False).code == "TOO_COMPLEX"
    apart = _only_for_lists()
    signers = _signers(_Findings(), apart)
    monkeypatch.setattr(paths, "_MOST_STEPS", 0)
    assert refusal(signers.of, held(_SECOND_KEY), _PATH, own_only=False).code == "TOO_COMPLEX"
