"""Every sentence that an operator may read about a refused list, word for word, in refusal_sentences.txt.

They end in logs, reports and runbooks: changing one is a decision, so the file is edited by hand.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from revocation.authorities import Authority, SignatureAlgorithm
from revocation.crl.decode import decode_certificate_list
from revocation.crl.signer import check_key_strength
from revocation.errors import InputRefused
from tests import pki
from tests.pki import T0, der_oid, seq, tlv
from tests.revocation.acceptance import MINUTE, SECOND, Seen, refusal_of, refused, undivided
from tests.revocation.decoding import refusal

_SENTENCES = Path(__file__).with_name("refusal_sentences.txt")
_START = T0 - timedelta(days=100)


def _ca() -> pki.CA:
    return pki.make_ca(kind="p256")


def _forged(**forged: Any) -> Callable[[], InputRefused]:
    return lambda: refused(_ca(), **forged)


def _whole(**forged: Any) -> Callable[[], InputRefused]:
    return lambda: refused(_ca(), authority=undivided(_ca()), **forged)


def _sniffed(body: bytes) -> Callable[[], InputRefused]:
    return lambda: refusal(body)


def _point(*fields: bytes) -> bytes:
    return pki.issuing_distribution_point(pki.point(1), *fields)


def _with_signer(private: Any, **properties: Any) -> Callable[[], InputRefused]:
    """An ordinary list of g1, where g1's certificate has another property."""

    def run() -> InputRefused:
        authority = _ca().authority()
        certificate = pki.ca_certificate(private, pki.SIGN_DN, _START, **properties)
        return _judged(authority, certificate)

    return run


def _judged(authority: Authority, certificate: x509.Certificate, **forged: Any) -> InputRefused:
    only = replace(authority.generations[0], certificate=certificate)
    changed = replace(authority, generations=(only,), signature_algorithms=frozenset(SignatureAlgorithm))
    scope = changed.expected_lists()[0]
    return refusal_of(pki.crl_for(_ca(), authority.expected_lists()[0], **forged), changed, scope)


def _weak_hash() -> InputRefused:
    ca = pki.make_ca(kind="p384", generations=1)
    authority = ca.authority(signature_algorithms=frozenset(SignatureAlgorithm))
    how = {"inner_algorithm": pki.ALGORITHMS["ecdsa-with-SHA256"], "digest": hashes.SHA256()}
    return refused(ca, authority=authority, **how)


def _another_kind_of_key() -> InputRefused:
    """Ed448, which no list of ours can be signed with."""
    builder = x509.CertificateBuilder(
        pki.x509_name(*pki.SIGN_DN),
        pki.x509_name(*pki.SIGN_DN),
        ed448.Ed448PrivateKey.generate().public_key(),
        1,
        _START.replace(tzinfo=None),
        T0.replace(tzinfo=None),
    )
    generation = _ca().authority().generations[0]
    with pytest.raises(InputRefused) as caught:
        check_key_strength(replace(generation, certificate=builder.sign(pki.key("rsa"), hashes.SHA256())))
    return caught.value


def _not_approved() -> InputRefused:
    authority = _ca().authority()
    scope = authority.expected_lists()[0]
    return refusal_of(pki.crl_for(_ca(), scope), authority, replace(scope, partition_number=99))


def _other_key() -> InputRefused:
    authority = _ca().authority()
    scopes = authority.expected_lists()
    return refusal_of(pki.crl_for(_ca(), scopes[2]), authority, scopes[0])


def _at_the_edge(of: str) -> InputRefused:
    certificate = _ca().generations[0].certificate
    edge = certificate.not_valid_after_utc if of == "end" else certificate.not_valid_before_utc
    now = edge + (SECOND if of == "end" else -SECOND)
    return refused(_ca(), now=now, this_update=edge, next_update=edge + timedelta(days=1))


def _too_large() -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        decode_certificate_list(bytes(11), max_octets=10)
    return caught.value


def _algorithm(identifier: bytes) -> Callable[[], InputRefused]:
    return _forged(inner_algorithm=identifier)


_PEM = b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
_CRITICAL = [pki.extension(oid, b"", critical=True) for oid in ("1.2.3.4", "1.2.3.5")]
_KNOWN = [pki.extension("2.5.29.20", pki.der_int(2), critical=True)]

CASES: dict[str, Callable[[], InputRefused]] = {
    # It is no list.
    "empty": _sniffed(b""),
    "gzip": _sniffed(gzip.compress(b"x")),
    "zstd": _sniffed(b"\x28\xb5\x2f\xfd"),
    "bzip2": _sniffed(b"BZh9"),
    "xz": _sniffed(b"\xfd7zXZ\x00"),
    "zip": _sniffed(b"PK\x03\x04"),
    "utf-16": _sniffed("<html>".encode("utf-16")),
    "base64": _sniffed(b"MIIBIjANBgkqhkiG9w0B"),
    "html": _sniffed(b"<html>"),
    "json": _sniffed(b"{}"),
    "text": _sniffed(b"Not found"),
    "pem": _sniffed(_PEM),
    "pem-bundle": _sniffed(_PEM + _PEM),
    "pem-certificate": _sniffed(b"-----BEGIN CERTIFICATE-----\n"),
    "cms": _sniffed(seq(der_oid("1.2.840.113549.1.7.2"))),
    "ocsp-response": _sniffed(seq(b"\x0a\x01\x06")),
    "certificate": _sniffed(seq(seq(tlv(0xA0, b"")))),
    "too-large": _too_large,
    # It is not signed as it must be.
    "issuer": _forged(dn=pki.name(("C", "JP"))),
    "inner-outer": _forged(outer_algorithm=pki.ALGORITHMS["Ed25519"]),
    "sha-1": _algorithm(pki.ALGORITHMS["sha1WithRSAEncryption"]),
    "odd-parameters": _algorithm(pki.pss_algorithm(salt=0)),
    "unknown-algorithm": _algorithm(seq(der_oid("1.2.3"))),
    "not-allowed": _algorithm(pki.ALGORITHMS["sha512WithRSAEncryption"]),
    "hash-weaker-than-curve": _weak_hash,
    "named-key": _forged(corrupt_signature=True),
    "no-key": _forged(corrupt_signature=True, aki=None),
    "no-crl-sign": _with_signer(pki.key("p256", 0), crl_sign=False),
    "no-ca": _with_signer(pki.key("p256", 0), ca=False),
    "rsa-1024": _with_signer(pki.key("rsa1024")),
    "other-curve": _with_signer(ec.generate_private_key(ec.SECP256K1())),
    "other-key": _another_kind_of_key,
    "signer-expired": lambda: _at_the_edge("end"),
    "signer-not-yet-valid": lambda: _at_the_edge("begin"),
    # It does not speak for what was asked for.
    "unknown-critical": _forged(extra_extensions=_CRITICAL),
    "known-critical": _forged(number=None, extra_extensions=_KNOWN),
    "delta": _forged(delta_base=1),
    "other-generation": _other_key,
    "not-approved": _not_approved,
    "no-point": _forged(idp=None),
    "indirect": _forged(idp=_point(b"\x84\x01\xff")),
    "limited": _forged(idp=_point(b"\x82\x01\xff", b"\x83\x02\x07\x80")),
    "attribute-certificates": _forged(idp=_point(b"\x85\x01\xff")),
    "relative-name": _forged(idp=seq(tlv(0xA0, tlv(0xA1, seq(der_oid("2.5.4.3"), tlv(0x0C, b"x")))))),
    "not-critical": _forged(idp_critical=False),
    "other-partition": _forged(distribution_point=pki.point(2)),
    "point-of-an-undivided-ca": _whole(),
    # It is not of today.
    "from-the-future": _forged(now=T0 - 6 * MINUTE),
    "no-next-update": _forged(next_update=None),
    "next-before-this": _forged(next_update=T0 - SECOND),
    "passed": _forged(now=T0 + timedelta(days=2)),
    "no-number": _forged(number=None),
    "number-rollback": _forged(number=4, mark=Seen(5, T0 - SECOND)),
    "number-reused": _forged(number=5, mark=Seen(5, T0 - SECOND)),
    "time-rollback": _forged(number=6, mark=Seen(5, T0 + SECOND)),
}


def _written() -> dict[str, str]:
    lines = _SENTENCES.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" | ", 1) for line in lines if line and not line.startswith("#"))


def test_the_file_and_the_cases_are_the_same() -> None:
    """No case without its sentence, no sentence that nothing says."""
    assert list(_written()) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_sentence_is_said_word_for_word(case: str) -> None:
    """Code, expected, got, remedy."""
    assert str(CASES[case]()) == _written()[case]
