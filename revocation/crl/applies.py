"""Is this certificate one that the list is about? RFC 5280 section 6.3.3 (b) and (d), one function a step.

``point`` is one of the certificate's distribution points, or the one that section 6.3.3 assumes at its end:
with the certificate issuer's name, and no reasons and no cRLIssuer.
"""

from __future__ import annotations

from revocation.crl.distribution_points import (
    ALL_REASONS,
    DistributionPoint,
    IssuingDistributionPoint,
    full_name,
)
from revocation.crl.general_names import comparable, is_directory_name, same_general_name
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused

_OTHER_LIST = "give the list that the certificate's cRLDistributionPoints name"


def check_speaks_for_issuer(
    point: DistributionPoint,
    certificate_issuer: bytes,
    list_issuer: bytes,
    issuing: IssuingDistributionPoint | None,
) -> None:
    """(b) (1): the certificate's issuer made the list, or whom the point names, and then it is indirect."""
    expected = point.crl_issuers or (certificate_issuer,)
    if not any(is_directory_name(name) and same_name(list_issuer, name) for name in expected):
        raise InputRefused(
            "ISSUER_UNKNOWN",
            expected="a list by the certificate's issuer, or by the cRLIssuer that the certificate names",
            got="a list of another issuer",
            remedy=_OTHER_LIST,
        )
    if point.crl_issuers and (issuing is None or not issuing.indirect_crl):
        raise InputRefused(
            "ISSUER_NOT_INDIRECT",
            expected="indirectCRL in the issuingDistributionPoint of a cRLIssuer's list",
            got="a list of its issuer's own certificates",
            remedy=_OTHER_LIST,
        )


def check_same_point(
    point: DistributionPoint,
    certificate_issuer: bytes,
    list_issuer: bytes,
    issuing: IssuingDistributionPoint | None,
) -> None:
    """(b) (2) (i): a list that names its distribution point names one of the certificate's.

    A point without a name stands for its cRLIssuer.
    """
    if issuing is None or not issuing.is_named:
        return
    wanted = point_names(point, certificate_issuer) if point.is_named else point.crl_issuers
    if set(map(comparable, wanted)).isdisjoint(map(comparable, issuing_names(issuing, list_issuer))):
        raise InputRefused(
            "SCOPE_MISMATCH",
            expected="a list whose distribution point is one of the certificate's",
            got="one of another distribution point",
            remedy=_OTHER_LIST,
        )


def point_names(point: DistributionPoint, certificate_issuer: bytes) -> tuple[bytes, ...]:
    """Section 4.2.1.13: the full names, or the relative one after the cRLIssuer's, else the issuer's name."""
    if point.relative_name is None:
        return point.full_names
    bases = [name for name in point.crl_issuers or (certificate_issuer,) if is_directory_name(name)]
    # "MUST NOT" be relative to several: then nobody can tell to which.
    return (full_name(bases[0], point.relative_name),) if len(bases) == 1 else ()


def names_point(issuing: IssuingDistributionPoint, name: bytes, list_issuer: bytes) -> bool:
    """Section 5.2.5: one of the list's names is this one."""
    return any(same_general_name(one, name) for one in issuing_names(issuing, list_issuer))


def issuing_names(issuing: IssuingDistributionPoint, list_issuer: bytes) -> tuple[bytes, ...]:
    """Section 5.2.5: the full names, or the relative one after the list issuer's name."""
    if issuing.relative_name is not None:
        return (full_name(list_issuer, issuing.relative_name),)
    return issuing.full_names


def check_kind(issuing: IssuingDistributionPoint | None, *, is_ca: bool) -> None:
    """(b) (2) (ii) to (iv): the list is for certificates of this kind."""
    if issuing is None:
        return
    if issuing.only_contains_attribute_certs:
        raise _other_kind("SCOPE_ATTRIBUTE_CERTIFICATES", "attribute certificates only")
    if issuing.only_contains_user_certs and is_ca:
        raise _other_kind("SCOPE_NO_CA_CERTIFICATES", "user certificates only")
    if issuing.only_contains_ca_certs and not is_ca:
        raise _other_kind("SCOPE_NO_USER_CERTIFICATES", "CA certificates only")


def _other_kind(code: str, got: str) -> InputRefused:
    return InputRefused(
        code, expected="a list for certificates of this kind", got=f"one for {got}", remedy=_OTHER_LIST
    )


def reasons_covered(point: DistributionPoint, issuing: IssuingDistributionPoint | None) -> int:
    """(d): the bits of ALL_REASONS for which this list, found at this point, speaks."""
    of_list = None if issuing is None else issuing.only_some_reasons
    reasons = ALL_REASONS
    # Some issuers set bit 0 too, which means nothing: the mask takes it away.
    for limited in (point.reasons, of_list):
        if limited is not None:
            reasons &= limited
    return reasons


def scope_of(issuing: IssuingDistributionPoint | None, list_issuer: bytes) -> object:
    """(c) (2): equal for lists of one scope: no point, or one alike in every field, names in any order."""
    if issuing is None:
        return None
    return (
        frozenset(map(comparable, issuing_names(issuing, list_issuer))),
        issuing.only_contains_user_certs,
        issuing.only_contains_ca_certs,
        issuing.only_some_reasons,
        issuing.indirect_crl,
        issuing.only_contains_attribute_certs,
    )
