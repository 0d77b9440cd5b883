"""Who signed a list, and may he? RFC 5280 section 6.3.3 (f), (g): each way of being nobody's signer."""

from __future__ import annotations

import pytest

from revocation.checker.certificates import Certificate
from revocation.checker.paths import Paths
from revocation.checker.signers import Signers
from tests.checker.asked_findings import (
    LEAF,
    PATH,
    REVOKED,
    ROOT,
    SECOND_KEY,
    SUB,
    UNKNOWN,
    Findings,
    L,
    R,
    S,
    a_ca,
    only_for_lists,
    signers_of,
)
from tests.checker.material import (
    DAY,
    KEY_CERT_SIGN,
    NOW,
    SECOND,
    Entity,
    certificate,
    held,
    named,
    read,
    refusal,
)
from tests.der_writer import extension


@pytest.mark.parametrize(("signer", "of"), [(SUB, S), (ROOT, R)])
def test_a_certificate_of_the_path_signs(signer: Entity, of: Certificate) -> None:
    """RFC 5280 section 6.3.3 (f): the issuer's own list, or one above; nothing more is asked of it."""
    findings = Findings((S, REVOKED), (R, REVOKED))
    assert signers_of(findings).of(held(signer), PATH, own_only=False) == (of, None)
    assert findings.asked == []


def test_who_has_not_the_name_or_not_the_key_is_no_signer() -> None:
    """RFC 5280 section 6.3.3 (g): the signature is by a key that is certified for the list's issuer."""
    signers = signers_of(Findings(), only_for_lists())
    for one in (
        held(Entity("Nobody", 9)),  # no certificate with that name
        held(Entity("Sub", 9)),  # none with that key
        held(SUB, corrupt_signature=True),
        held(SUB, dn=named("Root")),  # a key of another name
    ):
        error = refusal(signers.of, one, PATH, own_only=False)
        assert error.code == "SIGNATURE_INVALID"
        assert error.expected == "a signature by a key that has the name of the list's issuer"
        assert error.got == "one that no certificate given verifies"
        assert error.remedy == "fetch the list again; give the certificate of the key that signed it"


def test_key_usage_must_allow_it() -> None:
    """RFC 5280 section 6.3.3 (f): cRLSign where there is a keyUsage; where there is none, anything goes."""
    issuer = a_ca(SUB, ROOT, usage=(KEY_CERT_SIGN,))
    leaf = read(certificate(LEAF, SUB))
    signers = Signers((), Paths([R], [issuer, leaf], NOW), NOW, Findings())
    error = refusal(signers.of, held(SUB), (leaf, issuer, R), own_only=False)
    assert (error.code, error.got) == (
        "SIGNER_NOT_ALLOWED",
        "a certificate with its name and key without it",
    )
    assert error.remedy == "give the certificate of the key that signs lists"
    free = a_ca(SUB, ROOT, usage=None)
    signers = Signers((), Paths([R], [free, leaf], NOW), NOW, Findings())
    assert signers.of(held(SUB), (leaf, free, R), own_only=False) == (free, None)


def test_another_key_of_the_name_is_asked_itself() -> None:
    """RFC 5280 section 6.3.3 (f): its own path, all of it good; that is found out once for all lists."""
    apart, findings = only_for_lists(), Findings()
    signers = signers_of(findings, apart)
    assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (apart, None)
    assert set(findings.asked) == {(apart, R)}
    before = len(findings.asked)
    assert signers.of(held(SECOND_KEY, number=2), PATH, own_only=False) == (apart, None)
    assert len(findings.asked) == before


def test_every_certificate_of_the_signers_path_is_asked() -> None:
    """RFC 5280 section 6.1.3 (a) (3): none of them is revoked; the anchor itself is not asked."""
    middle = Entity("Middle", 4)
    between, apart = a_ca(middle, ROOT), only_for_lists(middle)
    findings = Findings()
    assert signers_of(findings, between, apart).of(held(SECOND_KEY), PATH, own_only=False) == (apart, None)
    assert set(findings.asked) == {(apart, between, R), (between, R)}
    for bad in (apart, between):
        for found in (REVOKED, UNKNOWN):
            signers = signers_of(Findings((bad, found)), between, apart)
            signer, error = signers.of(held(SECOND_KEY), PATH, own_only=False)
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
    bad, good = a_ca(Entity("Middle", 4), ROOT), a_ca(Entity("Middle", 4), ROOT, serial=2)
    apart = only_for_lists(Entity("Middle", 4))
    for order in ((bad, good), (good, bad)):
        signers = signers_of(Findings((bad, REVOKED)), *order, apart)
        assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (apart, None)


@pytest.mark.parametrize(
    "apart",
    [
        only_for_lists(Entity("Root", 8)),  # nobody certified it
        only_for_lists(corrupt_signature=True),
        only_for_lists(start=NOW + SECOND, end=NOW + DAY),
        only_for_lists(start=NOW - DAY, end=NOW - SECOND),
        only_for_lists(extra=[extension("1.2.3.4", b"", critical=True)]),
        only_for_lists(Entity("Other", 5)),  # under another anchor
    ],
)
def test_a_signer_needs_a_path_to_the_same_anchor(apart: Certificate) -> None:
    """RFC 5280 section 6.3.3 (f): valid, no unknown critical extension, to the same anchor."""
    other = a_ca(Entity("Other", 5))
    findings = Findings()
    signers = signers_of(findings, apart, anchors=(R, other))
    error = refusal(signers.of, held(SECOND_KEY), PATH, own_only=False)
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
        (ROOT, 2, True),  # another certificate of the same name and key
        (Entity("Root", 6), 1, False),  # another key
        (Entity("Other", 0), 1, False),  # another name
    ],
)
def test_an_anchor_is_a_name_and_a_key(anchor: Entity, serial: int, same: bool) -> None:
    """RFC 5280 sections 6.1.1 (d), 6.3.3 (f): whatever certificate carries them."""
    apart = only_for_lists(anchor)
    signers = Signers((), Paths([a_ca(anchor, serial=serial)], [S, L, apart], NOW), NOW, Findings())
    if same:
        assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (apart, None)
    else:
        assert refusal(signers.of, held(SECOND_KEY), PATH, own_only=False).code == "SIGNER_NO_PATH"


def test_a_signer_that_is_judged_itself_counts_meanwhile() -> None:
    """PKITS 4.14.30: where a signer's own list is the only one that speaks of it, its CA arranged it so."""
    apart = only_for_lists()
    findings = Findings((apart, REVOKED))
    assert signers_of(findings, apart).of(held(SECOND_KEY), (apart, R), own_only=False) == (apart, None)
    assert findings.asked == []
    # Its path is the one that is judged, but for its own dates.
    late = only_for_lists(start=NOW - DAY, end=NOW - SECOND)
    error = refusal(signers_of(findings, late).of, held(SECOND_KEY), (late, R), own_only=False)
    assert error.code == "PATH_DATES"


def test_a_signer_is_judged_under_each_anchor() -> None:
    """RFC 5280 section 6.3.3 (f): good under one trust anchor says nothing of another."""
    other = a_ca(Entity("Other", 5))
    twice = [only_for_lists(), only_for_lists(Entity("Other", 5))]
    leaf = read(certificate(LEAF, Entity("Other", 5)))
    signers = signers_of(Findings((twice[1], REVOKED)), *twice, leaf, anchors=(R, other))
    for _ in range(2):
        assert signers.of(held(SECOND_KEY), PATH, own_only=False) == (twice[0], None)
        signer, doubt = signers.of(held(SECOND_KEY), (leaf, other), own_only=False)
        assert signer is twice[1]
        assert doubt is not None
        assert doubt.code == "SIGNER_NOT_GOOD"


def test_one_certificate_may_be_good_under_one_anchor_only() -> None:
    """RFC 5280 section 6.3.3 (f): over which of two ways it is reached is part of the answer."""
    other, middle = a_ca(Entity("Other", 5)), Entity("Middle", 4)
    ways = (a_ca(middle, ROOT), a_ca(middle, Entity("Other", 5)))
    apart, leaf = only_for_lists(middle), read(certificate(LEAF, Entity("Other", 5)))
    for bad, paths_in_order in ((ways[1], (PATH, (leaf, other))), (ways[0], ((leaf, other), PATH))):
        signers = signers_of(Findings((bad, UNKNOWN)), apart, *ways, leaf, anchors=(R, other))
        doubts = [signers.of(held(SECOND_KEY), path, own_only=False)[1] for path in paths_in_order]
        assert [doubt is None for doubt in doubts] == [True, False]
