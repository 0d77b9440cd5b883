"""Is a list about a certificate, and for which reasons? RFC 5280 section 6.3.3 (b), (d), over every point."""

from __future__ import annotations

from typing import Any

from revocation.checker.certificates import Certificate
from revocation.checker.lists import HeldList
from revocation.checker.scope import reasons_for
from revocation.crl.distribution_points import ALL_REASONS
from tests.checker.material import (
    CA,
    INDIRECT,
    USER,
    Entity,
    ca_certificate,
    certificate,
    crl_issuer,
    full,
    held,
    named,
    read,
    reasons,
    refusal,
    relative,
    some_reasons,
    uri,
)
from tests.der_writer import name, seq

_ROOT, _LEAF, _OTHER = Entity("Root"), Entity("Leaf", 1), Entity("Other", 2)
_R = read(ca_certificate(_ROOT))
_URI, _URI2 = uri("http://crl.example/1.crl"), uri("http://crl.example/2.crl")


def _leaf(*points: bytes, **forged: Any) -> Certificate:
    return read(certificate(_LEAF, _ROOT, points=seq(*points) if points else None, **forged))


def test_reasons_of_the_points_come_together() -> None:
    """RFC 5280 section 6.3.3 (d): for each distribution point that the list is of; then they are added up."""
    both = _leaf(seq(full(_URI), reasons(1, 2)), seq(full(_URI2), reasons(4)))
    assert reasons_for(both, held(_ROOT, idp=seq(full(_URI)))) == 0b110
    assert reasons_for(both, held(_ROOT, idp=seq(full(_URI2)))) == 0b1_0000
    assert reasons_for(both, held(_ROOT, idp=seq(full(_URI, _URI2)))) == 0b1_0110
    # A list that names no point is of the assumed one too.
    assert reasons_for(both, held(_ROOT)) == ALL_REASONS


def test_a_list_for_none_of_the_reasons_is_not_looked_at() -> None:
    """RFC 5280 section 6.3.3 (e): the reasons of list and point have nothing in common."""
    none = _leaf(seq(full(_URI), reasons(1)))
    for of_list in (some_reasons(4), some_reasons()):
        error = refusal(reasons_for, none, held(_ROOT, idp=seq(full(_URI), of_list)))
        assert str(error) == (
            "REASONS_NOT_COVERED: expected a list for a reason that its distribution point names; "
            "got one for other reasons; give the lists for these reasons"
        )


def test_a_relative_name_is_relative_to_the_issuer() -> None:
    """RFC 5280 sections 4.2.1.13, 5.2.5: of the certificate, and of the list; in either form."""
    whole = name(("C", "JP"), ("CN", "Root"), ("CN", "P"))
    forms = (seq(relative("P")), seq(full(whole)))
    for point in forms:
        for of_list in forms:
            assert reasons_for(_leaf(point), held(_ROOT, idp=of_list)) == ALL_REASONS
            of_another = _leaf(seq(relative("Q")))
            assert refusal(reasons_for, of_another, held(_ROOT, idp=of_list)).code == "SCOPE_MISMATCH"


def test_the_assumed_point_has_the_issuers_name() -> None:
    """RFC 5280 section 6.3.3, its end: for a certificate that names no point; one that does has its own."""
    by_name = held(_ROOT, idp=seq(full(_ROOT.subject)))
    assert reasons_for(_leaf(), by_name) == ALL_REASONS
    assert refusal(reasons_for, _leaf(seq(full(_URI))), by_name).code == "SCOPE_MISMATCH"
    assert refusal(reasons_for, _leaf(), held(_ROOT, idp=seq(full(named("Other"))))).code == "SCOPE_MISMATCH"


def test_a_point_of_a_crl_issuer() -> None:
    """RFC 5280 section 6.3.3 (b) (1): its indirect list; the issuer's own, if it names no point."""
    left = _leaf(seq(full(_URI), crl_issuer(_OTHER.subject)))
    assert reasons_for(left, held(_OTHER, idp=seq(full(_URI), INDIRECT))) == ALL_REASONS
    assert reasons_for(left, held(_ROOT)) == ALL_REASONS
    assert refusal(reasons_for, left, held(_OTHER)).code == "ISSUER_NOT_INDIRECT"
    assert refusal(reasons_for, left, held(_ROOT, idp=seq(full(_URI)))).code == "SCOPE_MISMATCH"


def test_kinds_of_certificates_are_the_certificates() -> None:
    """RFC 5280 section 6.3.3 (b) (2) (ii), (iii): a CA is one whose basicConstraints say so."""
    users, cas = held(_ROOT, idp=seq(USER)), held(_ROOT, idp=seq(CA))
    assert (
        reasons_for(_R, cas)
        == reasons_for(_leaf(), users)
        == reasons_for(_leaf(ca=False), users)
        == ALL_REASONS
    )
    assert refusal(reasons_for, _R, users).code == "SCOPE_NO_CA_CERTIFICATES"
    assert refusal(reasons_for, _leaf(ca=False), cas).code == "SCOPE_NO_USER_CERTIFICATES"


def test_of_several_points_the_refusal_that_came_furthest_is_told() -> None:
    """RFC 5280 section 6.3.3 (b): the steps have an order; a list that cannot be parsed has no scope."""
    both = _leaf(seq(full(_URI), crl_issuer(_OTHER.subject)), seq(full(_URI2)))
    assert refusal(reasons_for, both, held(_ROOT, idp=seq(full(_URI)))).code == "SCOPE_MISMATCH"
    assert (
        refusal(reasons_for, both, held(_ROOT, idp=seq(full(_URI2), CA))).code == "SCOPE_NO_USER_CERTIFICATES"
    )
    assert refusal(reasons_for, both, held(Entity("Nobody", 3))).code == "ISSUER_UNKNOWN"
    assert refusal(reasons_for, both, HeldList(b"")).code == "LIST_IS_EMPTY"
