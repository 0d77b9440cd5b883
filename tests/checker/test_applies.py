"""Whom a list is about: RFC 5280 section 6.3.3 (b) and (d), one step after the other."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.applies import (
    check_kind,
    check_same_point,
    check_speaks_for_issuer,
    issuing_names,
    names_point,
    point_names,
    reasons_covered,
    scope_of,
)
from revocation.crl.distribution_points import ALL_REASONS, DistributionPoint, IssuingDistributionPoint
from tests.checker.material import issuing, named, rdn, refusal, uri
from tests.der_writer import name

_CA, _OTHER, _INDIRECT = named("CA"), named("Other"), named("Indirect CA")
_URI, _URI2 = uri("http://crl.example/1.crl"), uri("http://crl.example/2.crl")
_REMEDY = "give the list that the certificate's cRLDistributionPoints name"


_IS_INDIRECT = issuing(indirect_crl=True)


@pytest.mark.parametrize(
    ("point", "list_issuer", "of_list"),
    [
        (DistributionPoint(full_names=(_URI,)), _CA, None),
        (DistributionPoint(full_names=(_URI,)), named(" ca "), None),  # section 7.1
        (DistributionPoint(full_names=(_URI,)), _CA, _IS_INDIRECT),
        (DistributionPoint(crl_issuers=(_INDIRECT,)), _INDIRECT, _IS_INDIRECT),
        (DistributionPoint(crl_issuers=(_URI, _OTHER, _INDIRECT)), _INDIRECT, _IS_INDIRECT),
        (DistributionPoint(crl_issuers=(_CA,)), _CA, _IS_INDIRECT),
    ],
)
def test_the_issuer_or_whom_the_point_names_may_speak(
    point: DistributionPoint, list_issuer: bytes, of_list: IssuingDistributionPoint | None
) -> None:
    """RFC 5280 section 6.3.3 (b) (1): cRLIssuer where there is one, and then the list is indirect."""
    check_speaks_for_issuer(point, _CA, list_issuer, of_list)


@pytest.mark.parametrize(
    ("point", "list_issuer", "of_list"),
    [
        (DistributionPoint(full_names=(_URI,)), _OTHER, None),
        (DistributionPoint(full_names=(_URI,)), _OTHER, _IS_INDIRECT),
        (DistributionPoint(crl_issuers=(_INDIRECT,)), _OTHER, _IS_INDIRECT),
        # Whom the point leaves it to speaks alone: the CA's own list is not for this point.
        (DistributionPoint(crl_issuers=(_INDIRECT,)), _CA, _IS_INDIRECT),
        # A list's issuer is a directory name; a cRLIssuer in another form is nobody who could be it.
        (DistributionPoint(full_names=(_URI,), crl_issuers=(_URI,)), _CA, _IS_INDIRECT),
    ],
)
def test_nobody_else_speaks(
    point: DistributionPoint, list_issuer: bytes, of_list: IssuingDistributionPoint | None
) -> None:
    """RFC 5280 section 6.3.3 (b) (1): a list of another issuer says nothing of this certificate."""
    error = refusal(check_speaks_for_issuer, point, _CA, list_issuer, of_list)
    assert error.code == "ISSUER_UNKNOWN"
    assert (
        error.expected == "a list by the certificate's issuer, or by the cRLIssuer that the certificate names"
    )
    assert (error.got, error.remedy) == ("a list of another issuer", _REMEDY)


@pytest.mark.parametrize("of_list", [None, issuing(full_names=(_URI,))])
@pytest.mark.parametrize("crl_issuer", [_INDIRECT, _CA])
def test_a_crl_issuers_list_is_indirect(crl_issuer: bytes, of_list: IssuingDistributionPoint | None) -> None:
    """RFC 5280 section 6.3.3 (b) (1): without indirectCRL it is about its issuer's own certificates."""
    point = DistributionPoint(crl_issuers=(crl_issuer,))
    error = refusal(check_speaks_for_issuer, point, _CA, crl_issuer, of_list)
    assert error.code == "ISSUER_NOT_INDIRECT"
    assert error.expected == "indirectCRL in the issuingDistributionPoint of a cRLIssuer's list"
    assert (error.got, error.remedy) == ("a list of its issuer's own certificates", _REMEDY)


@pytest.mark.parametrize(
    ("point", "of_list"),
    [
        (DistributionPoint(full_names=(_URI,)), None),
        (DistributionPoint(full_names=(_URI,)), _IS_INDIRECT),  # it names no point
        (DistributionPoint(full_names=(_URI,)), issuing(full_names=(_URI2, _URI))),
        (DistributionPoint(full_names=(_URI2, _URI)), issuing(full_names=(_URI,))),
        (DistributionPoint(full_names=(_CA,)), issuing(full_names=(named("ca"),))),
        # Without a name the point stands for its cRLIssuer.
        (DistributionPoint(crl_issuers=(_INDIRECT,)), issuing(full_names=(_INDIRECT,))),
        # A relative name is one after the issuer's, in either place.
        (DistributionPoint(relative_name=rdn("P")), issuing(relative_name=rdn("P"))),
        (
            DistributionPoint(full_names=(name(("C", "JP"), ("CN", "CA"), ("CN", "P")),)),
            issuing(relative_name=rdn("p")),
        ),
        (
            DistributionPoint(relative_name=rdn("P")),
            issuing(full_names=(name(("C", "JP"), ("CN", "CA"), ("CN", "P")),)),
        ),
    ],
)
def test_a_list_of_one_of_the_certificates_points(
    point: DistributionPoint, of_list: IssuingDistributionPoint | None
) -> None:
    """RFC 5280 section 6.3.3 (b) (2) (i): one name of the list is one name of the point, in any form."""
    check_same_point(point, _CA, _CA, of_list)


@pytest.mark.parametrize(
    ("point", "of_list"),
    [
        (DistributionPoint(full_names=(_URI,)), issuing(full_names=(_URI2,))),
        (DistributionPoint(full_names=(_URI,)), issuing(relative_name=rdn("P"))),
        (DistributionPoint(full_names=(named("P"),)), issuing(relative_name=rdn("P"))),
        (DistributionPoint(relative_name=rdn("P")), issuing(relative_name=rdn("Q"))),
        (DistributionPoint(relative_name=rdn("P")), issuing(full_names=(named("P"),))),
        (DistributionPoint(crl_issuers=(_INDIRECT,)), issuing(full_names=(_CA,))),
        # What has a name of its own does not stand for its cRLIssuer too.
        (DistributionPoint(full_names=(_URI,), crl_issuers=(_INDIRECT,)), issuing(full_names=(_INDIRECT,))),
        (DistributionPoint(relative_name=rdn("P"), crl_issuers=(_CA,)), issuing(full_names=(_CA,))),
    ],
)
def test_a_list_of_another_point(point: DistributionPoint, of_list: IssuingDistributionPoint) -> None:
    """RFC 5280 section 6.3.3 (b) (2) (i): a partition's list decides nothing about another's certificates."""
    error = refusal(check_same_point, point, _CA, _CA, of_list)
    assert error.code == "SCOPE_MISMATCH"
    assert error.expected == "a list whose distribution point is one of the certificate's"
    assert (error.got, error.remedy) == ("one of another distribution point", _REMEDY)


def test_a_relative_name_stands_after_whom_it_is_relative_to() -> None:
    """RFC 5280 section 4.2.1.13: after the cRLIssuer's name, else the issuer's; of two, neither."""
    after_issuer = name(("C", "JP"), ("CN", "CA"), ("CN", "P"))
    after_other = name(("C", "JP"), ("CN", "Other"), ("CN", "P"))
    assert point_names(DistributionPoint(relative_name=rdn("P")), _CA) == (after_issuer,)
    of_other = DistributionPoint(relative_name=rdn("P"), crl_issuers=(_OTHER,))
    assert point_names(of_other, _CA) == (after_other,)
    of_two = DistributionPoint(relative_name=rdn("P"), crl_issuers=(_OTHER, _INDIRECT))
    assert point_names(of_two, _CA) == ()
    of_form = DistributionPoint(relative_name=rdn("P"), crl_issuers=(_URI,))
    assert point_names(of_form, _CA) == ()
    one_of_form = DistributionPoint(relative_name=rdn("P"), crl_issuers=(_URI, _OTHER))
    assert point_names(one_of_form, _CA) == (after_other,)
    assert point_names(DistributionPoint(full_names=(_URI, _CA)), _OTHER) == (_URI, _CA)


def test_a_lists_relative_name_stands_after_its_issuers() -> None:
    """RFC 5280 section 5.2.5: nameRelativeToCRLIssuer; another form of name is none of its."""
    whole = name(("C", "JP"), ("CN", "CA"), ("CN", "P"))
    assert names_point(issuing(relative_name=rdn("P")), whole, _CA)
    assert not names_point(issuing(relative_name=rdn("P")), whole, _OTHER)
    assert not names_point(issuing(relative_name=rdn("P")), _URI, _CA)
    assert not names_point(issuing(relative_name=rdn("P")), rdn("P"), _CA)
    assert not names_point(issuing(), whole, _CA)
    assert issuing_names(issuing(relative_name=rdn("P")), _CA) == (whole,)
    assert issuing_names(issuing(full_names=(_URI, _CA)), _OTHER) == (_URI, _CA)
    assert issuing_names(issuing(), _CA) == ()


_KINDS = {
    "SCOPE_ATTRIBUTE_CERTIFICATES": "one for attribute certificates only",
    "SCOPE_NO_CA_CERTIFICATES": "one for user certificates only",
    "SCOPE_NO_USER_CERTIFICATES": "one for CA certificates only",
}


@pytest.mark.parametrize(
    ("of_list", "of_user", "of_ca"),
    [
        (None, None, None),
        (issuing(full_names=(_URI,)), None, None),
        (issuing(only_contains_user_certs=True), None, "SCOPE_NO_CA_CERTIFICATES"),
        (issuing(only_contains_ca_certs=True), "SCOPE_NO_USER_CERTIFICATES", None),
        (issuing(only_contains_attribute_certs=True), *["SCOPE_ATTRIBUTE_CERTIFICATES"] * 2),
        (
            issuing(only_contains_user_certs=True, only_contains_ca_certs=True),
            *("SCOPE_NO_USER_CERTIFICATES", "SCOPE_NO_CA_CERTIFICATES"),
        ),
    ],
)
def test_kinds_of_certificates(
    of_list: IssuingDistributionPoint | None, of_user: str | None, of_ca: str | None
) -> None:
    """RFC 5280 section 6.3.3 (b) (2) (ii) to (iv): user, CA and attribute certificates."""
    for is_ca, code in ((False, of_user), (True, of_ca)):
        if code is None:
            check_kind(of_list, is_ca=is_ca)
            continue
        error = refusal(check_kind, of_list, is_ca=is_ca)
        assert (error.code, error.got) == (code, _KINDS[code])
        assert (error.expected, error.remedy) == ("a list for certificates of this kind", _REMEDY)


_MASKS = st.none() | st.integers(0, 0b1_1111_1111)


@given(_MASKS, _MASKS)
def test_reasons_are_those_that_point_and_list_share(of_point: int | None, of_list: int | None) -> None:
    """RFC 5280 section 6.3.3 (d) (1) to (4): the intersection; what says nothing is for all; never bit 0."""
    point = DistributionPoint(full_names=(_URI,), reasons=of_point)
    everything = set(range(1, 9))

    def set_of(mask: int | None) -> set[int]:
        return everything if mask is None else {bit for bit in everything if mask >> bit & 1}

    expected = set_of(of_point) & set_of(of_list)
    covered = reasons_covered(point, issuing(only_some_reasons=of_list))
    assert {bit for bit in range(16) if covered >> bit & 1} == expected


def test_a_list_without_a_point_is_for_every_reason_of_the_certificates() -> None:
    """RFC 5280 section 6.3.3 (d) (3), (4)."""
    assert reasons_covered(DistributionPoint(full_names=(_URI,)), None) == ALL_REASONS
    assert reasons_covered(DistributionPoint(full_names=(_URI,), reasons=0b110), None) == 0b110


_NAMES = (_URI, _URI2, _CA)
_SCOPES = [
    None,
    issuing(full_names=(_URI,)),
    issuing(full_names=(_URI2,)),
    issuing(full_names=(_URI, _URI2)),
    issuing(full_names=_NAMES),
    issuing(relative_name=rdn("P")),
    issuing(only_contains_user_certs=True),
    issuing(only_contains_ca_certs=True),
    issuing(only_contains_attribute_certs=True),
    issuing(indirect_crl=True),
    issuing(only_some_reasons=0b10),
    issuing(only_some_reasons=0b100),
]


def test_scopes_that_differ_in_one_field_are_two() -> None:
    """RFC 5280 section 6.3.3 (c) (2): a delta of another scope adds nothing; every field counts."""
    for at, one in enumerate(_SCOPES):
        for there, other in enumerate(_SCOPES):
            assert (scope_of(one, _CA) == scope_of(other, _CA)) == (at == there)


def test_scopes_that_are_written_another_way_are_one() -> None:
    """RFC 5280 section 6.3.3 (c) (2): names in any order, repeated or not; a relative name is a full one."""
    expected = scope_of(issuing(full_names=_NAMES), _CA)
    for order in permutations(_NAMES):
        assert scope_of(issuing(full_names=order, critical=False), _OTHER) == expected
    assert scope_of(issuing(full_names=(*_NAMES, named("ca"))), _CA) == expected
    whole = issuing(full_names=(name(("C", "JP"), ("CN", "CA"), ("CN", "P")),))
    of_relative = scope_of(issuing(relative_name=rdn("P")), _CA)
    assert of_relative == scope_of(whole, _OTHER)
    assert of_relative != scope_of(issuing(relative_name=rdn("P")), _OTHER)
    assert scope_of(None, _CA) == scope_of(None, _OTHER)


_POINTS = st.builds(
    lambda names, spelled, relative, user, reasons: issuing(
        full_names=() if relative else tuple(spelled if one == _CA else one for one in names),
        relative_name=rdn(relative) if relative else None,
        only_contains_user_certs=user,
        only_some_reasons=reasons,
    ),
    st.lists(st.sampled_from(_NAMES), max_size=3),
    st.sampled_from([_CA, named("ca")]),
    st.sampled_from(["", "", "P", "p"]),
    st.booleans(),
    st.sampled_from([None, 0b10]),
)


@given(_POINTS, _POINTS)
def test_naming_a_point_is_symmetric(one: IssuingDistributionPoint, other: IssuingDistributionPoint) -> None:
    """RFC 5280 sections 4.2.1.13 and 5.2.5: the same two names may stand in the list or the certificate."""
    if not (one.is_named and other.is_named):
        return

    def found(there: IssuingDistributionPoint, here: IssuingDistributionPoint) -> bool:
        point = DistributionPoint(full_names=there.full_names, relative_name=there.relative_name)
        return any(names_point(here, wanted, _CA) for wanted in point_names(point, _CA))

    assert found(one, other) == found(other, one)
