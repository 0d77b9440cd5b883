"""Does this list speak for the partition and the key that we asked for, and for all of it?

A list that passes here may later say "good" by not naming a certificate. So it must be complete, of the
right key, of exactly the right distribution point, and limited in nothing.
"""

from __future__ import annotations

from typing import Final

from revocation.authorities import Authority, Generation, ListScope, Tolerance
from revocation.crl.applies import names_point
from revocation.crl.decode import CertificateList
from revocation.crl.distribution_points import IssuingDistributionPoint
from revocation.errors import InputRefused

_CHECK_ADDRESS: Final = "check the address of the list; two partitions may have been exchanged"


def check_complete(certificate_list: CertificateList) -> None:
    """RFC 5280 section 5.2.4: a delta list alone says nothing about the certificates that it omits."""
    if certificate_list.delta_base is not None:
        raise InputRefused(
            "DELTA_NOT_EXPECTED",
            expected="a complete list",
            got="a delta list (RFC 5280 section 5.2.4)",
            remedy="fetch the complete list of this scope",
        )


def check_signing_key(scope: ListScope, generation: Generation) -> None:
    """RFC 5280 section 6.3.3 (f): under one DN with many keys, another key's list is another list."""
    if generation.key_id.hex() != scope.signing_key:
        raise InputRefused(
            "SCOPE_KEY_MISMATCH",
            expected="a list signed by the key of this scope",
            got=f"one signed by generation {generation.name}",
            remedy="check which address belongs to which generation, and the authority's crl_signing",
        )


def check_scope(certificate_list: CertificateList, authority: Authority, scope: ListScope) -> None:
    """RFC 5280 sections 5.2.5 and 6.3.3 (b): the IDP names exactly the partition that we asked for."""
    partition = authority.partition(scope.partition_number)
    if (
        partition is None
        or partition.point_sha256 != scope.point_sha256
        or authority.ca_id != scope.lineage.ca_id
    ):
        # A number alone is no partition: it may have been given to another distribution point since.
        raise InputRefused(
            "SCOPE_NOT_APPROVED",
            expected="a partition on this authority's approved list",
            got="another one",
            remedy="approve the partition for this authority, then fetch again",
        )
    point = certificate_list.issuing_distribution_point
    if point is None:
        if partition.distribution_point:
            raise InputRefused(
                "SCOPE_POINT_MISSING",
                expected="an issuingDistributionPoint that names the partition (RFC 5280 section 5.2.5)",
                got="none: the list speaks for the whole CA, or for nobody knows what",
                remedy=_CHECK_ADDRESS,
            )
        return
    check_limits(point)
    if not point.critical and Tolerance.NON_CRITICAL_IDP not in authority.tolerances:
        raise InputRefused(
            "SCOPE_NOT_CRITICAL",
            expected="a critical issuingDistributionPoint (RFC 5280 section 5.2.5)",
            got="one that is not critical",
            remedy=f"ask the CA, or switch on the tolerance {Tolerance.NON_CRITICAL_IDP} for it",
        )
    if not _names_partition(point, partition.distribution_point, certificate_list.issuer):
        raise InputRefused(
            "SCOPE_MISMATCH",
            expected="the distribution point of the partition that was asked for"
            if partition.distribution_point
            else "a list of the whole CA, which names no distribution point",
            got="another one",
            remedy=_CHECK_ADDRESS,
        )


def check_limits(point: IssuingDistributionPoint) -> None:
    """RFC 5280 section 5.2.5: limits that would leave certificates or reasons of the partition unspoken for.

    onlyContainsUserCerts is none of them: the certificates that are asked for are all user certificates.
    """
    if point.indirect_crl:
        raise InputRefused(
            "INDIRECT_NOT_SUPPORTED",
            expected="a list of the CA's own certificates",
            got="indirectCRL (RFC 5280 section 5.2.5)",
            remedy="fetch the list that the CA itself issues for this scope",
        )
    limits = {
        "onlyContainsCACerts": point.only_contains_ca_certs,
        "onlyContainsAttributeCerts": point.only_contains_attribute_certs,
        "onlySomeReasons": point.only_some_reasons is not None,
        "nameRelativeToCRLIssuer": point.relative_name is not None,
    }
    found = [name for name, present in limits.items() if present]
    if found:
        raise InputRefused(
            "SCOPE_LIMITED",
            expected="a list of all end-entity certificates of the partition, for all reasons",
            got=", ".join(found),
            remedy="fetch the list that covers the whole partition",
        )


def _names_partition(point: IssuingDistributionPoint, distribution_point: bytes, list_issuer: bytes) -> bool:
    """One of the point's names is the partition's; a CA that does not partition names none."""
    if not distribution_point:
        return not point.is_named
    return names_point(point, distribution_point, list_issuer)
