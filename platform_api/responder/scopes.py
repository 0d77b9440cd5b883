"""Do these lists together speak for every certificate of their CA? (RFC 5280 sections 5.2.5, 6.3.3 (b), (d))

A CertID has a serial number and nothing else: not the certificate's distribution point, not whether it is a
CA's. So a certificate that no list names is good only if no list that could name it is missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from revocation.crl.applies import issuing_names
from revocation.crl.distribution_points import ALL_REASONS, IssuingDistributionPoint
from revocation.crl.general_names import comparable

Scope = IssuingDistributionPoint | None
_KINDS: Final = ("user", "ca")


class Needed(NamedTuple):
    """Which scopes must be in force before a certificate that none of them names is good."""

    #: Places in the sequence that was given.
    places: frozenset[int]
    #: Do these together speak for every certificate, for every reason?
    whole: bool


def needed(scopes: Sequence[Scope], list_issuer: bytes, *, all_lists: bool) -> Needed:
    """One list without any limit is enough, whatever others are given; else all of them.

    ``all_lists``: the owner says that no certificate lies outside every point and kind given. Reasons nobody
    has to believe: they are counted, for each point and kind (section 6.3.3 (l)).
    """
    for place, scope in enumerate(scopes):
        if scope is None or not (scope.is_named or scope.is_limited):
            return Needed(frozenset((place,)), whole=True)
    covered: dict[tuple[object, str], int] = defaultdict(int)
    for scope in scopes:
        if scope is None or scope.only_contains_attribute_certs:
            continue
        names = frozenset(map(comparable, issuing_names(scope, list_issuer))) if scope.is_named else None
        reasons = ALL_REASONS if scope.only_some_reasons is None else ALL_REASONS & scope.only_some_reasons
        for kind in _kinds(scope):
            covered[names, kind] |= reasons
    places = frozenset(range(len(scopes)))
    if all(covered.get((None, kind)) == ALL_REASONS for kind in _KINDS):
        return Needed(places, whole=True)
    every_reason = bool(covered) and all(reasons == ALL_REASONS for reasons in covered.values())
    return Needed(places, whole=all_lists and every_reason)


def _kinds(scope: IssuingDistributionPoint) -> tuple[str, ...]:
    """None for a list that says it is only for the one and only for the other."""
    users, cas = not scope.only_contains_ca_certs, not scope.only_contains_user_certs
    return tuple(kind for kind, is_meant in zip(_KINDS, (users, cas), strict=True) if is_meant)
