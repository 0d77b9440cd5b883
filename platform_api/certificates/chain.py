"""Whose certificate is it: issuer by AKI, then by signature; kind by policy OID; partition by CRLDP.

JPKI has one tier, so the chain is one step: holder's certificate, issued by a configured generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import SignatureAlgorithmOID as Oid

from platform_api.certificates.profile import PresentedCertificate
from revocation.authorities import Authorities, Authority, Generation, SignatureAlgorithm
from revocation.coverage import PARTITION_NOT_APPROVED
from revocation.identity import CertificateIdentity, serial_from_int
from revocation.status import Validity

#: Names of the authority's allow-list for the algorithms a certificate may be signed with.
_ALGORITHMS: Final = {
    Oid.RSA_WITH_SHA256: SignatureAlgorithm.RSA_SHA256,
    Oid.RSA_WITH_SHA384: SignatureAlgorithm.RSA_SHA384,
    Oid.RSA_WITH_SHA512: SignatureAlgorithm.RSA_SHA512,
    Oid.ECDSA_WITH_SHA256: SignatureAlgorithm.ECDSA_SHA256,
    Oid.ECDSA_WITH_SHA384: SignatureAlgorithm.ECDSA_SHA384,
    Oid.ED25519: SignatureAlgorithm.ED25519,
}


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate that a configured CA issued; the representation shows no serial and no dates."""

    identity: CertificateIdentity
    #: None: out of scope, of none of the CA's kinds (``UnknownReason.OUT_OF_SCOPE``).
    kind: str | None
    partition: int | None
    presented: PresentedCertificate

    @property
    def validity(self) -> Validity:
        return Validity(self.presented.not_before, self.presented.not_after)

    def __repr__(self) -> str:
        return f"KnownCertificate(kind={self.kind!r}, hidden)"


def issued_by(presented: PresentedCertificate, authorities: Authorities) -> KnownCertificate | None:
    """The certificate with its place in our world; None for a foreign or a forged one."""
    issuer_name = presented.certificate.issuer.public_bytes()
    for authority in authorities:
        if authority.subject != issuer_name:
            continue
        generation = _issuing_generation(presented, authority)
        if generation is not None:
            return _known(presented, authority, generation)
    return None


def _issuing_generation(presented: PresentedCertificate, authority: Authority) -> Generation | None:
    """All generations share one DN: the AKI proposes (RFC 5280 section 4.2.1.1), the signature decides."""
    wanted = presented.authority_key_identifier
    ordered = sorted(authority.generations, key=lambda g: g.subject_key_identifier != wanted)
    for generation in ordered:
        try:
            presented.certificate.verify_directly_issued_by(generation.certificate)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return generation
    return None


def _algorithm_allowed(presented: PresentedCertificate, authority: Authority) -> bool:
    name = _ALGORITHMS.get(presented.certificate.signature_algorithm_oid)
    return name is not None and name in authority.signature_algorithms


def _known(
    presented: PresentedCertificate, authority: Authority, generation: Generation
) -> KnownCertificate | None:
    if not _algorithm_allowed(presented, authority):
        return None
    kinds = {authority.kinds[oid] for oid in presented.policies if oid in authority.kinds}
    return KnownCertificate(
        identity=CertificateIdentity(
            authority.ca_id,
            generation.key_id,
            serial_from_int(presented.certificate.serial_number),
        ),
        # Two policies of two kinds in one certificate say nothing certain: no kind, nothing is allowed.
        kind=kinds.pop() if len(kinds) == 1 and not presented.is_authority else None,
        partition=_partition(presented, authority),
        presented=presented,
    )


def _partition(presented: PresentedCertificate, authority: Authority) -> int | None:
    """RFC 5280 section 4.2.1.13. A certificate that names a point not on the approved list is spoken for
    by no list of ours; one that names none is spoken for only by all of them."""
    found = {authority.partition_for(point) for point in presented.distribution_points}
    if not found:
        return None
    only = found.pop()
    return PARTITION_NOT_APPROVED if only is None or found else only.number
