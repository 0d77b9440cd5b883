"""T12: which algorithms count, with which parameters, under which keys; everything else has its code."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from revocation.authorities import Authority, SignatureAlgorithm
from revocation.crl import algorithms
from revocation.crl.algorithms import algorithm_name, digest_size
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.pki import der_int, der_oid, seq, tlv

_ALL = frozenset(SignatureAlgorithm)
_NULL = b"\x05\x00"
_SHA256, _SHA384, _SHA512 = (f"2.16.840.1.101.3.4.2.{n}" for n in (1, 2, 3))
_SHA1 = "1.3.14.3.2.26"


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """One RSA generation."""
    return pki.make_ca(generations=1)


@pytest.fixture(scope="module")
def authority(ca: pki.CA) -> Authority:
    """Everything that exists is allowed, so that only what must never pass is refused."""
    return ca.authority(signature_algorithms=_ALL)


def verified(der: bytes, authority: Authority) -> bytes:
    return verify_list(decode_certificate_list(der), authority).key_id


def refused(der: bytes, authority: Authority) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        verified(der, authority)
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def pss(
    digest: str = _SHA256,
    salt: bytes = der_int(32),
    *,
    hash_null: bytes = _NULL,
    mgf_null: bytes = _NULL,
    mgf_hash: str = "",
    mgf: str = "1.2.840.113549.1.1.8",
    tail: bytes = b"",
) -> bytes:
    """RFC 4055 section 3.1, field by field."""
    fields = tlv(0xA0, seq(der_oid(digest), hash_null))
    fields += tlv(0xA1, seq(der_oid(mgf), seq(der_oid(mgf_hash or digest), mgf_null)))
    return seq(der_oid("1.2.840.113549.1.1.10"), seq(fields, tlv(0xA2, salt), tail))


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
        ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
        ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.3.14.3.2.29", "sha1WithRSA"),
        ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
        ("1.2.840.10040.4.3", "dsa-with-sha1"),
    ],
)
def test_t12_broken_hashes(ca: pki.CA, authority: Authority, oid: str, name: str) -> None:
    """SHA-1, MD5, MD2: refused by name whatever the parameters, with no way to let them pass."""
    for parameters in (_NULL, b""):
        algorithm = seq(der_oid(oid), parameters)
        error = refused(pki.build_crl(ca.generations[0], inner_algorithm=algorithm), authority)
        assert (error.code, error.got) == ("ALGORITHM_WEAK", name)
        assert "no setting" in error.remedy


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.MD5()])  # noqa: S303
def test_t12_a_real_weak_signature(ca: pki.CA, authority: Authority, digest: Any) -> None:
    """A signature that would verify is refused all the same; and under a good name it does not verify."""
    name = "sha1WithRSAEncryption" if digest.name == "sha1" else "md5WithRSAEncryption"
    signer = ca.generations[0]
    weak = pki.build_crl(signer, inner_algorithm=pki.ALGORITHMS[name], digest=digest)
    assert refused(weak, authority).code == "ALGORITHM_WEAK"
    renamed = pki.build_crl(signer, digest=digest)
    assert refused(renamed, authority).code == "SIGNATURE_INVALID"


_ODD_PSS = {
    "no parameters: all SHA-1": seq(der_oid("1.2.840.113549.1.1.10")),
    "NULL": seq(der_oid("1.2.840.113549.1.1.10"), _NULL),
    "empty: all SHA-1": seq(der_oid("1.2.840.113549.1.1.10"), seq()),
    "SHA-1": pss(_SHA1, der_int(20)),
    "SHA-224": pss("2.16.840.1.101.3.4.2.4", der_int(28)),
    "salt of 0": pss(salt=der_int(0)),
    "salt of 20": pss(salt=der_int(20)),
    "salt of 31": pss(salt=der_int(31)),
    "salt of 33": pss(salt=der_int(33)),
    "salt of 222": pss(salt=der_int(222)),
    "negative salt": pss(salt=der_int(-1)),
    "salt in two octets": pss(salt=der_int(b"\x00\x20")),
    "another hash in MGF1": pss(mgf_hash=_SHA512),
    "SHA-1 in MGF1": pss(mgf_hash=_SHA1),
    "another mask": pss(mgf="1.2.840.113549.1.1.9"),
    "trailer of 2": pss(tail=tlv(0xA3, der_int(2))),
    "something after": pss(tail=_NULL),
    "PKCS #1 with other parameters": seq(der_oid("1.2.840.113549.1.1.11"), seq()),
    "PKCS #1 with two NULLs": seq(der_oid("1.2.840.113549.1.1.11"), _NULL, _NULL),
    "ECDSA with NULL": seq(der_oid("1.2.840.10045.4.3.2"), _NULL),
    "ECDSA with a curve": seq(der_oid("1.2.840.10045.4.3.3"), der_oid("1.3.132.0.34")),
    "Ed25519 with NULL": seq(der_oid("1.3.101.112"), _NULL),
}


@pytest.mark.parametrize("algorithm", _ODD_PSS.values(), ids=_ODD_PSS)
def test_t12_odd_parameters(ca: pki.CA, authority: Authority, algorithm: bytes) -> None:
    """RFC 4055 section 3.1, 5758 section 3.2, 8410 section 3: known OIDs with wrong parameters."""
    assert algorithm_name(algorithm) is None
    error = refused(pki.build_crl(ca.generations[0], inner_algorithm=algorithm), authority)
    assert error.code == "ALGORITHM_PARAMETERS"
    assert "parameters" in error.got


@pytest.mark.parametrize(
    "algorithm",
    [
        seq(der_oid("1.2.3.4")),
        seq(der_oid("1.2.840.10045.4.3.1")),
        seq(der_oid("1.2.840.10045.4.3.4")),
        seq(der_oid("1.2.840.113549.1.1.14"), _NULL),
        seq(der_oid("1.2.840.113549.1.1.1"), _NULL),
        seq(der_oid("1.3.101.113")),
        seq(der_oid("1.3.101.112.1")),
        seq(),
        seq(_NULL),
        seq(*[_NULL] * 100),
    ],
)
def test_t12_unknown_algorithms(ca: pki.CA, authority: Authority, algorithm: bytes) -> None:
    """What we cannot verify: SHA-224, ECDSA with SHA-512, Ed448, RSA without a hash, nothing at all."""
    error = refused(pki.build_crl(ca.generations[0], inner_algorithm=algorithm), authority)
    assert error.code == "ALGORITHM_UNKNOWN"
    assert error.got


def test_t12_a_good_algorithm_that_this_ca_does_not_use(ca: pki.CA) -> None:
    """The allow-list is the CA's own; the refusal says what is on it, and what came."""
    narrow = ca.authority(signature_algorithms={"sha384WithRSAEncryption", "sha512WithRSAEncryption"})
    error = refused(pki.build_crl(ca.generations[0]), narrow)
    assert (error.code, error.got) == ("ALGORITHM_NOT_ALLOWED", "sha256WithRSAEncryption")
    assert error.expected == "one of sha384WithRSAEncryption, sha512WithRSAEncryption"
    odd = pki.build_crl(ca.generations[0], inner_algorithm=pss(salt=der_int(0)))
    assert refused(odd, narrow).expected == error.expected


_RSA_ALGORITHMS: list[tuple[str, bytes, dict[str, Any]]] = [
    ("sha256WithRSAEncryption", pki.ALGORITHMS["sha256WithRSAEncryption"], {}),
    ("sha256WithRSAEncryption", pki.ALGORITHMS["sha256WithRSAEncryption-no-null"], {}),
    ("sha384WithRSAEncryption", pki.ALGORITHMS["sha384WithRSAEncryption"], {"digest": hashes.SHA384()}),
    ("sha384WithRSAEncryption", seq(der_oid("1.2.840.113549.1.1.12")), {"digest": hashes.SHA384()}),
    ("sha512WithRSAEncryption", pki.ALGORITHMS["sha512WithRSAEncryption"], {"digest": hashes.SHA512()}),
    ("sha512WithRSAEncryption", seq(der_oid("1.2.840.113549.1.1.13")), {"digest": hashes.SHA512()}),
    ("rsassaPss-sha256", pss(), {"pss_salt": 32}),
    ("rsassaPss-sha384", pss(_SHA384, der_int(48)), {"digest": hashes.SHA384(), "pss_salt": 48}),
    ("rsassaPss-sha512", pss(_SHA512, der_int(64)), {"digest": hashes.SHA512(), "pss_salt": 64}),
]


@pytest.mark.parametrize(("name", "algorithm", "how"), _RSA_ALGORITHMS)
def test_every_rsa_algorithm(
    ca: pki.CA, authority: Authority, name: str, algorithm: bytes, how: dict[str, Any]
) -> None:
    """PKCS #1 v1.5 and PSS, three hashes each; under another identifier the same signature fails."""
    signer = ca.generations[0]
    assert algorithm_name(algorithm) == name
    assert verified(pki.build_crl(signer, inner_algorithm=algorithm, **how), authority) == signer.key_id
    for other_name, other, other_how in _RSA_ALGORITHMS:
        if other_name != name:
            der = pki.build_crl(signer, inner_algorithm=other, **how)
            assert refused(der, authority).code == "SIGNATURE_INVALID", (other_name, other_how)


@pytest.mark.parametrize(("digest", "salt"), [(_SHA256, 32), (_SHA384, 48), (_SHA512, 64)])
def test_legal_forms_of_pss_parameters(ca: pki.CA, authority: Authority, digest: str, salt: int) -> None:
    """RFC 4055 sections 2.1, 3.1: NULL or absent, each for itself; trailerField 1 written out or not."""
    chosen = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}[salt]
    for hash_null, mgf_null, tail in product((_NULL, b""), (_NULL, b""), (b"", tlv(0xA3, der_int(1)))):
        algorithm = pss(digest, der_int(salt), hash_null=hash_null, mgf_null=mgf_null, tail=tail)
        assert algorithm_name(algorithm) == f"rsassaPss-sha{salt * 8}"
        der = pki.build_crl(ca.generations[0], inner_algorithm=algorithm, digest=chosen, pss_salt=salt)
        assert verified(der, authority) == ca.generations[0].key_id


def test_a_salt_of_another_length_than_stated(ca: pki.CA, authority: Authority) -> None:
    """The stated salt length is checked, not searched for."""
    der = pki.build_crl(ca.generations[0], inner_algorithm=pss(), pss_salt=20)
    assert refused(der, authority).code == "SIGNATURE_INVALID"


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
    everything = ca.authority(signature_algorithms=_ALL)
    der = pki.build_crl(signer, inner_algorithm=pki.ALGORITHMS[algorithm])
    if pki.ALGORITHMS[algorithm] == pki.default_algorithm(signer.private):
        assert verified(der, everything) == signer.key_id
    else:
        assert refused(der, everything).code == "SIGNATURE_INVALID"


def test_sizes_of_the_signed_hash() -> None:
    """What the curve is compared with."""
    assert {str(name): digest_size(name) for name in SignatureAlgorithm} == {
        "sha256WithRSAEncryption": 32,
        "sha384WithRSAEncryption": 48,
        "sha512WithRSAEncryption": 64,
        "rsassaPss-sha256": 32,
        "rsassaPss-sha384": 48,
        "rsassaPss-sha512": 64,
        "ecdsa-with-SHA256": 32,
        "ecdsa-with-SHA384": 48,
        "Ed25519": 0,
    }


def test_the_whole_table_is_what_the_rfcs_say() -> None:
    """Nothing more and nothing less is recognised, each with the family and the hash that verify it."""
    expected: dict[bytes, tuple[str, str, str]] = {
        seq(der_oid("1.2.840.10045.4.3.2")): ("ecdsa-with-SHA256", "ec", "sha256"),
        seq(der_oid("1.2.840.10045.4.3.3")): ("ecdsa-with-SHA384", "ec", "sha384"),
        seq(der_oid("1.3.101.112")): ("Ed25519", "ed25519", ""),
    }
    for arc, oid, bits in ((11, _SHA256, 256), (12, _SHA384, 384), (13, _SHA512, 512)):
        for null in (_NULL, b""):
            identifier = seq(der_oid(f"1.2.840.113549.1.1.{arc}"), null)
            expected[identifier] = (f"sha{bits}WithRSAEncryption", "rsa", f"sha{bits}")
        for hash_null, mgf_null, tail in product((_NULL, b""), (_NULL, b""), (b"", tlv(0xA3, der_int(1)))):
            identifier = pss(oid, der_int(bits // 8), hash_null=hash_null, mgf_null=mgf_null, tail=tail)
            expected[identifier] = (f"rsassaPss-sha{bits}", "pss", f"sha{bits}")
    found = {identifier: (str(k.name), k.family, k.digest) for identifier, k in algorithms._table().items()}
    assert found == expected
    assert all(algorithm_name(identifier) == name for identifier, (name, _, _) in expected.items())
