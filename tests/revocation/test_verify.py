"""Who signed: issuer, algorithms, keys by AKI and by signature, each key for itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from revocation.authorities import Authority, SignatureAlgorithm
from revocation.crl.algorithms import algorithm_name
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki

_ALL = frozenset(SignatureAlgorithm)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """Two RSA generations under one DN."""
    return pki.make_ca()


@pytest.fixture(scope="module")
def authority(ca: pki.CA) -> Authority:
    """All algorithms that exist are allowed, unless a test says otherwise."""
    return ca.authority(signature_algorithms=_ALL)


def verified(der: bytes, authority: Authority) -> bytes:
    return verify_list(decode_certificate_list(der), authority).key_id


def refused(der: bytes, authority: Authority) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        verified(der, authority)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("number", [0, 1])
def test_the_key_named_by_the_list(ca: pki.CA, authority: Authority, number: int) -> None:
    """T10, bad input 50: one DN, two keys; the AKI chooses."""
    signer = ca.generations[number]
    assert verified(pki.build_crl(signer), authority) == signer.key_id


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("aki", [None, b"another way of computing it"])
def test_without_a_known_aki_the_signature_finds_the_key(
    ca: pki.CA, authority: Authority, number: int, aki: bytes | None
) -> None:
    """Design 5: key by AKI, then by signature."""
    signer = ca.generations[number]
    assert verified(pki.build_crl(signer, aki=aki), authority) == signer.key_id


def test_a_list_that_names_the_other_key(ca: pki.CA, authority: Authority) -> None:
    """The AKI of one generation and the signature of the other contradict each other: refused."""
    one, other = ca.generations
    assert refused(pki.build_crl(one, aki=other.ski), authority).code == "SIGNATURE_INVALID"


def test_bad_signatures(ca: pki.CA, authority: Authority) -> None:
    """Bad input 46, T13: a flipped bit, and the right name over a foreign key."""
    signer = ca.generations[0]
    for forged in (
        pki.build_crl(signer, corrupt_signature=True),
        pki.build_crl(signer, aki=None, corrupt_signature=True),
        pki.build_crl(signer, private=pki.key("rsa", 9)),
        pki.build_crl(signer, aki=None, private=pki.key("rsa", 9)),
    ):
        assert refused(forged, authority).code == "SIGNATURE_INVALID"


def test_a_changed_entry_breaks_the_signature(ca: pki.CA, authority: Authority) -> None:
    """What is signed is what is decoded."""
    der = pki.build_crl(ca.generations[0], entries=[pki.entry(0x12345678)])
    forged = der.replace(b"\x12\x34\x56\x78", b"\x12\x34\x56\x79")
    assert forged != der
    assert refused(forged, authority).code == "SIGNATURE_INVALID"


def test_a_foreign_issuer(ca: pki.CA, authority: Authority) -> None:
    """The DN decides which authority; ours signed under another DN is not ours."""
    foreign = pki.build_crl(ca.generations[0], dn=pki.name(("C", "JP"), ("O", "Other")))
    assert refused(foreign, authority).code == "ISSUER_UNKNOWN"


def test_the_issuer_in_another_string_type(ca: pki.CA, authority: Authority) -> None:
    """Bad input 49, RFC 5280 section 7.1: string type, case and spaces do not make another issuer."""
    signer = ca.generations[0]
    upper = [(kind, text.upper()) for kind, text in pki.SIGN_DN]
    for dn in (pki.name(*pki.SIGN_DN, string_tag=0x13), pki.name(*upper)):
        assert dn != authority.subject
        assert verified(pki.build_crl(signer, dn=dn), authority) == signer.key_id


def test_inner_and_outer_algorithm(ca: pki.CA, authority: Authority) -> None:
    """Bad input 47, RFC 5280 section 5.1.1.2: they must be the same octets."""
    der = pki.build_crl(ca.generations[0], outer_algorithm=pki.ALGORITHMS["sha256WithRSAEncryption-no-null"])
    assert refused(der, authority).code == "ALGORITHM_MISMATCH"


@pytest.mark.parametrize(
    "algorithm",
    [
        pki.ALGORITHMS["sha1WithRSAEncryption"],
        pki.ALGORITHMS["md5WithRSAEncryption"],
        pki.pss_algorithm(salt=20),
        pki.pss_algorithm(mgf_hash="2.16.840.1.101.3.4.2.3"),
        pki.pss_algorithm(hash_oid="1.3.14.3.2.26", salt=20),
        pki.seq(pki.der_oid("1.2.840.113549.1.1.10")),
        pki.seq(pki.der_oid("1.2.840.10045.4.3.2"), b"\x05\x00"),
        pki.seq(pki.der_oid("1.2.3.4")),
    ],
)
def test_weak_and_odd_algorithms_are_on_no_list(ca: pki.CA, authority: Authority, algorithm: bytes) -> None:
    """T12: SHA-1, MD5, odd RSASSA-PSS parameters, unknown ones: refused before any signature is tried."""
    der = pki.build_crl(ca.generations[0], inner_algorithm=algorithm)
    assert algorithm_name(algorithm) is None
    assert refused(der, authority).code == "ALGORITHM_NOT_ALLOWED"


def test_a_good_algorithm_that_this_ca_does_not_use(ca: pki.CA) -> None:
    """The allow-list is the CA's own."""
    narrow = ca.authority(signature_algorithms={"sha384WithRSAEncryption"})
    assert refused(pki.build_crl(ca.generations[0]), narrow).code == "ALGORITHM_NOT_ALLOWED"


_SHA384: Callable[[], Any] = hashes.SHA384
_SHA512: Callable[[], Any] = hashes.SHA512


@pytest.mark.parametrize(
    ("algorithm", "how"),
    [
        (pki.ALGORITHMS["sha256WithRSAEncryption"], {}),
        (pki.ALGORITHMS["sha256WithRSAEncryption-no-null"], {}),
        (pki.ALGORITHMS["sha384WithRSAEncryption"], {"digest": _SHA384()}),
        (pki.ALGORITHMS["sha512WithRSAEncryption"], {"digest": _SHA512()}),
        (pki.pss_algorithm(), {"pss_salt": 32}),
        (pki.pss_algorithm("2.16.840.1.101.3.4.2.2", 48), {"digest": _SHA384(), "pss_salt": 48}),
        (pki.pss_algorithm("2.16.840.1.101.3.4.2.3", 64), {"digest": _SHA512(), "pss_salt": 64}),
    ],
)
def test_every_rsa_algorithm(ca: pki.CA, authority: Authority, algorithm: bytes, how: dict[str, Any]) -> None:
    """PKCS #1 v1.5 and PSS, three hashes each; under another identifier the same signature fails."""
    signer = ca.generations[0]
    assert verified(pki.build_crl(signer, inner_algorithm=algorithm, **how), authority) == signer.key_id
    other = pki.ALGORITHMS["sha256WithRSAEncryption" if how else "sha512WithRSAEncryption"]
    assert refused(pki.build_crl(signer, inner_algorithm=other, **how), authority).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519"])
def test_the_other_kinds_of_key(kind: str) -> None:
    """ECDSA on P-256 and P-384, Ed25519; the default allow-list is what the keys can do."""
    ca = pki.make_ca(generations=2, kind=kind)
    authority = ca.authority()
    for signer in ca.generations:
        assert verified(pki.build_crl(signer), authority) == signer.key_id
        assert refused(pki.build_crl(signer, corrupt_signature=True), authority).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("algorithm", ["ecdsa-with-SHA256", "Ed25519", "sha256WithRSAEncryption"])
@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519"])
def test_an_algorithm_of_another_kind_of_key(kind: str, algorithm: str) -> None:
    """Never a type error, never a pass: an algorithm that the key cannot have made."""
    ca = pki.make_ca(generations=1, kind=kind)
    signer = ca.generations[0]
    wrong = pki.ALGORITHMS[algorithm]
    if wrong == pki.default_algorithm(signer.private):
        return
    der = pki.build_crl(signer, inner_algorithm=wrong)
    assert refused(der, ca.authority(signature_algorithms=_ALL)).code == "SIGNATURE_INVALID"


def test_a_signer_without_crl_sign(ca: pki.CA, authority: Authority) -> None:
    """Bad input 48: keyUsage without cRLSign, had it come past the authority's own check."""
    private = ca.generations[0].private
    weak = pki.ca_certificate(private, pki.SIGN_DN, pki.T0, crl_sign=False)
    generation = replace(authority.generations[0], certificate=weak)
    poor = replace(authority, generations=(generation,))
    assert refused(pki.build_crl(ca.generations[0]), poor).code == "SIGNER_NOT_ALLOWED"
