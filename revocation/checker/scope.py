"""Is this list about this certificate, and for which reasons? RFC 5280 section 6.3.3 (b), (d)."""

from __future__ import annotations

from revocation.checker.certificates import Certificate
from revocation.checker.lists import HeldList
from revocation.checker.refusing import rank, refusal
from revocation.crl.applies import check_kind, check_same_point, check_speaks_for_issuer, reasons_covered
from revocation.crl.distribution_points import DistributionPoint
from revocation.errors import InputRefused


def reasons_for(certificate: Certificate, held: HeldList) -> int:
    """Section 6.3.3 (b), (d) for every distribution point, and at the end for the one that is assumed.

    The bits of ALL_REASONS; ``InputRefused`` where the list is about this certificate at none of them. The
    assumed point has the issuer's name. That is for certificates that name no point: one that does would
    otherwise be good by a list of which it says itself that it is another's.
    """
    issuing, list_issuer = held.issuing, held.list.issuer
    points = certificate.distribution_points or ()
    assumed = DistributionPoint(full_names=() if points else (certificate.issuer,))
    refused: list[InputRefused] = []
    reasons: int | None = None
    for point in (*points, assumed):
        try:
            check_speaks_for_issuer(point, certificate.issuer, list_issuer, issuing)
            check_same_point(point, certificate.issuer, list_issuer, issuing)
            check_kind(issuing, is_ca=certificate.is_ca is True)
        except InputRefused as error:
            refused.append(error)
            continue
        reasons = (reasons or 0) | reasons_covered(point, issuing)
    if reasons is None:
        raise max(refused, key=lambda error: rank(error.code))
    if not reasons:
        # (e): a list that is for no reason for which the point names it is not looked at.
        raise refusal(
            "REASONS_NOT_COVERED",
            "a list for a reason that its distribution point names",
            "one for other reasons",
            "give the lists for these reasons",
        )
    return reasons
