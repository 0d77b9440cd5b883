"""The signer's own certificate: may it sign lists, is its key strong enough, is it in its dates?

Asked again with every list, though the authority's file was asked when it was written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.authorities import Generation, SignatureAlgorithm
from revocation.crl.accept import Acceptance
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.pki import T0, der_oid, seq, tlv
from tests.revocation.acceptance import SECOND, accept, refused

_ALL = frozenset(SignatureAlgorithm)
_START = T0 - timedelta(days=100)
_PSS = "1.2.840.113549.1.1.10"


def _verify(certificate: x509.Certificate, der: bytes) -> Generation:
    """The list, verified with nothing but this certificate, as if it had come past the authority's check."""
    authority = pki.make_ca(generations=1).authority(signature_algorithms=_ALL)
    only = replace(authority.generations[0], certificate=certificate)
    return verify_list(decode_certificate_list(der), replace(authority, generations=(only,)))


def _refusal(certificate: x509.Certificate, der: bytes) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        _verify(certificate, der)
    assert caught.value.expected
    assert caught.value.remedy
    return caught.value


def _list(private: Any, **forged: Any) -> bytes:
    """Signed by any key; the AKI is left out, so that the key is tried."""
    stand_in = pki.make_ca(generations=1).generations[0]
    return pki.build_crl(pki.SigningGeneration(private, stand_in.certificate), aki=None, **forged)


@pytest.mark.parametrize(
    ("properties", "missing"),
    [
        ({"crl_sign": False}, "cRLSign"),
        ({"ca": False}, "CA:TRUE"),
        ({"ca": None}, "CA:TRUE"),
        ({"ca": False, "crl_sign": None}, "CA:TRUE"),
    ],
)
def test_item_48_a_signer_that_may_not_sign_lists(properties: dict[str, Any], missing: str) -> None:
    """keyUsage without cRLSign, no CA, no basicConstraints: refused though the signature holds."""
    private = pki.key("p256", 3)
    certificate = pki.ca_certificate(private, pki.SIGN_DN, _START, **properties)
    error = _refusal(certificate, _list(private))
    assert error.code == "SIGNER_NOT_ALLOWED"
    assert missing in error.expected
    assert "g1" in error.got


def test_item_48_without_key_usage_nothing_is_forbidden() -> None:
    """RFC 5280 section 6.3.3 (f): *if* keyUsage is present, cRLSign is set."""
    private = pki.key("p256", 3)
    certificate = pki.ca_certificate(private, pki.SIGN_DN, _START, crl_sign=None)
    assert _verify(certificate, _list(private)).name == "g1"


def test_t12_weak_rsa_keys() -> None:
    """1,024 bits, 2,047 bits: refused by their size, whatever the signature; 2,048 are enough."""
    weak = pki.key("rsa1024")
    for der in (_list(weak), _list(pki.key("rsa"), corrupt_signature=True)):
        error = _refusal(pki.ca_certificate(weak, pki.SIGN_DN, _START), der)
        assert error.code == "SIGNER_KEY_WEAK"
        assert error.got == "generation g1 with 1024 bits"
    assert "2048" in error.expected
    nearly = rsa.RSAPublicNumbers(65537, (1 << 2047) - 1).public_key()
    assert nearly.key_size == 2047
    assert _refusal(_certify(nearly), _list(weak)).got == "generation g1 with 2047 bits"
    strong = pki.key("rsa")
    assert strong.key_size == 2048
    assert _verify(pki.ca_certificate(strong, pki.SIGN_DN, _START), _list(strong)).name == "g1"


def _certify(public_key: Any, signer: Any = None) -> x509.Certificate:
    """A CA certificate for a key that nobody has, or that cryptography's builder does not know."""
    template = pki.ca_certificate(signer or pki.key("rsa"), pki.SIGN_DN, _START)
    builder = x509.CertificateBuilder(
        template.issuer,
        template.subject,
        public_key,
        template.serial_number,
        template.not_valid_before_utc.replace(tzinfo=None),
        template.not_valid_after_utc.replace(tzinfo=None),
        list(template.extensions),
    )
    return builder.sign(pki.key("rsa"), hashes.SHA256())


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()])
def test_t12_other_curves(curve: ec.EllipticCurve) -> None:
    """Design section 4 names two curves: any other is refused by name, before the signature."""
    private = ec.generate_private_key(curve)
    error = _refusal(pki.ca_certificate(private, pki.SIGN_DN, _START), _list(private))
    assert error.code == "SIGNER_KEY_WEAK"
    assert error.got == f"generation g1 on {curve.name}"


def test_t12_another_kind_of_key() -> None:
    """Ed448 is no weak key, but none that we verify with."""
    certificate = _certify(ed448.Ed448PrivateKey.generate().public_key())
    error = _refusal(certificate, _list(pki.key("rsa")))
    assert error.code == "SIGNER_KEY_WEAK"
    assert "another kind" in error.got


def test_t12_a_hash_weaker_than_the_curve() -> None:
    """RFC 5480 section 4: P-384 wants SHA-384; P-256 may have the stronger one."""
    strong, other = pki.key("p384", 1), pki.key("p256", 1)
    sha256, sha384 = pki.ALGORITHMS["ecdsa-with-SHA256"], pki.ALGORITHMS["ecdsa-with-SHA384"]
    certificate = pki.ca_certificate(strong, pki.SIGN_DN, _START)
    error = _refusal(certificate, _list(strong, inner_algorithm=sha256, digest=hashes.SHA256()))
    assert (error.code, error.got) == ("ALGORITHM_KEY_MISMATCH", "ecdsa-with-SHA256")
    assert "384" in error.expected
    assert _verify(certificate, _list(strong)).name == "g1"
    certificate = pki.ca_certificate(other, pki.SIGN_DN, _START)
    assert _verify(certificate, _list(other, inner_algorithm=sha384, digest=hashes.SHA384())).name == "g1"
    assert _verify(certificate, _list(other)).name == "g1"


def _pss_only(private: Any, identifier: bytes) -> x509.Certificate:
    """The certificate of this key with another algorithm stated in its subjectPublicKeyInfo."""
    template = pki.ca_certificate(private, pki.SIGN_DN, _START)
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    bits = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    stated = seq(identifier, tlv(0x03, b"\x00" + bits))
    content = template.tbs_certificate_bytes[4:]
    assert content.count(spki) == 1
    tbs = seq(content.replace(spki, stated))
    return x509.load_der_x509_certificate(
        seq(tbs, pki.ALGORITHMS["sha256WithRSAEncryption"], tlv(0x03, b"\x00" + template.signature))
    )


def test_a_key_for_pss_alone() -> None:
    """RFC 4055 sections 1.2, 3.3: an id-RSASSA-PSS key signs with PSS only, and as it states."""
    private = pki.key("rsa")
    sha512 = pki.pss_algorithm("2.16.840.1.101.3.4.2.3", 64)
    by_pkcs1 = _list(private)
    by_pss = _list(private, inner_algorithm=pki.pss_algorithm(), pss_salt=32)
    by_pss512 = _list(private, inner_algorithm=sha512, pss_salt=64, digest=hashes.SHA512())
    bare = _pss_only(private, seq(der_oid(_PSS)))
    assert _refusal(bare, by_pkcs1).code == "ALGORITHM_KEY_MISMATCH"
    assert _refusal(bare, by_pkcs1).got == "sha256WithRSAEncryption"
    assert _verify(bare, by_pss).name == "g1"
    assert _verify(bare, by_pss512).name == "g1"
    stated = _pss_only(private, pki.pss_algorithm())
    assert _refusal(stated, by_pkcs1).code == "ALGORITHM_KEY_MISMATCH"
    assert _refusal(stated, by_pss512).code == "ALGORITHM_KEY_MISMATCH"
    said = "RSASSA-PSS with the parameters that the key's certificate states"
    assert _refusal(stated, by_pss512).expected == said
    assert _verify(stated, by_pss).name == "g1"
    odd = _pss_only(private, pki.pss_algorithm(salt=48))
    assert _refusal(odd, by_pss).code == "ALGORITHM_KEY_MISMATCH"


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """P-256: quick. g1 of 2019-09-14, g2 four years later, ten years each."""
    return pki.make_ca(kind="p256")


@pytest.mark.parametrize("scope_at", [0, 2])
def test_item_77_a_signer_that_has_expired(ca: pki.CA, scope_at: int) -> None:
    """RFC 5280 sections 6.3.3 (f), 6.1.3 (a) (2): to the last second inclusive, and not a second longer."""
    end = ca.generations[scope_at // 2].certificate.not_valid_after_utc
    times = {"this_update": end - timedelta(hours=1), "next_update": end + timedelta(days=2)}
    assert accept(ca, scope_at=scope_at, now=end, **times) is Acceptance.NEW
    error = refused(ca, scope_at=scope_at, now=end + SECOND, **times)
    assert error.code == "SIGNER_EXPIRED"
    assert f"{end:%Y-%m-%dT%H:%M:%SZ}" in error.expected
    assert f"g{scope_at // 2 + 1}" in error.got


@pytest.mark.parametrize("scope_at", [0, 2])
def test_item_77_a_signer_that_is_not_yet_valid(ca: pki.CA, scope_at: int) -> None:
    """From the first second inclusive; a list signed with a key before its time is refused."""
    begin = ca.generations[scope_at // 2].certificate.not_valid_before_utc
    times = {"this_update": begin - timedelta(hours=1), "next_update": begin + timedelta(days=2)}
    assert accept(ca, scope_at=scope_at, now=begin, **times) is Acceptance.NEW
    error = refused(ca, scope_at=scope_at, now=begin - SECOND, **times)
    assert error.code == "SIGNER_NOT_YET_VALID"
    assert f"{begin:%Y-%m-%dT%H:%M:%SZ}" in error.expected
    assert f"g{scope_at // 2 + 1}" in error.got
