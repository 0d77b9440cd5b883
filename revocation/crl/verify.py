"""Who signed this list? Issuer, algorithm and signature (RFC 5280 sections 5.1 and 6.3.3 (f), (g)).

All generations of a JPKI CA share one DN, so the DN only says which authority; the key is found by the
list's authorityKeyIdentifier, else by trying the signature. Each generation is its own trust anchor.

Nothing that the list says decides anything before its signature holds: until then it can only be refused,
and of its extensions only the keyIdentifier is looked at, to choose among keys that are ours anyway.
"""

from __future__ import annotations

from revocation.authorities import Authority, Generation
from revocation.crl.algorithms import algorithm_name, signature_verifies, unverifiable
from revocation.crl.decode import CertificateList
from revocation.crl.signer import check_algorithm_fits_key, signer_key
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused


def verify_list(certificate_list: CertificateList, authority: Authority) -> Generation:
    """The generation whose key signed the list; ``InputRefused`` where that is none of ours."""
    check_issuer(certificate_list, authority)
    check_algorithms_agree(certificate_list)
    check_algorithm_allowed(certificate_list, authority)
    generation = _signer(certificate_list, authority)
    check_algorithm_fits_key(generation, certificate_list.tbs_signature_algorithm)
    return generation


def check_issuer(certificate_list: CertificateList, authority: Authority) -> None:
    """RFC 5280 section 6.3.3 (b): the list's issuer is the CA, compared as section 7.1 wants."""
    if not same_name(certificate_list.issuer, authority.subject):
        raise InputRefused(
            "ISSUER_UNKNOWN",
            expected=f"a list whose issuer is the DN of authority {authority.ca_id}",
            got="another issuer",
            remedy="check the address of the list, or configure that CA with jpki authority add",
        )


def check_algorithms_agree(certificate_list: CertificateList) -> None:
    """RFC 5280 section 5.1.1.2: signatureAlgorithm equals the signature field of the signed part."""
    if certificate_list.tbs_signature_algorithm != certificate_list.outer_signature_algorithm:
        raise InputRefused(
            "ALGORITHM_MISMATCH",
            expected="one AlgorithmIdentifier inside and outside the signed part (RFC 5280 section 5.1.1.2)",
            got="two different ones",
            remedy="fetch it again; a list altered on the way looks like this",
        )


def check_algorithm_allowed(certificate_list: CertificateList, authority: Authority) -> None:
    """The CA's allow-list; SHA-1, MD5 and odd RSASSA-PSS parameters (RFC 4055 section 3.1) are on none."""
    name = algorithm_name(certificate_list.tbs_signature_algorithm)
    if name is None:
        code, got = unverifiable(certificate_list.tbs_signature_algorithm)
        raise InputRefused(
            code,
            expected=_one_of(authority),
            got=got,
            remedy="ask the CA what it signs with; no setting lets this one pass",
        )
    if name not in authority.signature_algorithms:
        raise InputRefused(
            "ALGORITHM_NOT_ALLOWED",
            expected=_one_of(authority),
            got=str(name),
            remedy="ask the CA; if it announced it, add it to the authority's signature_algorithms",
        )


def _one_of(authority: Authority) -> str:
    return f"one of {', '.join(sorted(authority.signature_algorithms))}"


def _signer(certificate_list: CertificateList, authority: Authority) -> Generation:
    """RFC 5280 section 5.2.1: the key by AKI; without a known AKI, each key is tried.

    An AKI that gives issuer and serial only names a certificate, not a key: a CA may certify one key
    twice. So there the signature says which key it was.
    """
    identifier = certificate_list.authority_key_identifier
    named = [g for g in authority.generations if g.subject_key_identifier == identifier]
    # Newest first: its lists are the ones that come every day.
    for generation in named or reversed(authority.generations):
        if signature_verifies(
            signer_key(generation),
            certificate_list.tbs_signature_algorithm,
            certificate_list.signature,
            certificate_list.tbs,
            certificate_list.tbs_digests,
        ):
            return generation
    raise InputRefused(
        "SIGNATURE_INVALID",
        expected=f"a signature by a key of authority {authority.ca_id}",
        got="a signature that none of its keys verifies"
        if not named
        else f"a signature that the key named by the list ({named[0].name}) does not verify",
        remedy="fetch it again; if the CA has a new key, add its certificate with jpki authority add",
    )
