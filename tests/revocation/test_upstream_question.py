"""The question to another responder: what it holds, by asn1crypto, by hand and by OpenSSL."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import ocsp as asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from hypothesis import given
from hypothesis import strategies as st

from revocation.errors import InputRefused
from revocation.ocsp.request import decode_request
from revocation.ocsp.signing_keys import FileKey
from revocation.ocsp.upstream_question import RequestSigner, can_be_asked, question_about
from tests import pki
from tests.base.eventually import HANG_S
from tests.pki import Encoding
from tests.revocation import forged_answers as forged
from tests.revocation.forged_answers import SERIAL, asked, known_issuer


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_the_cert_id_is_that_of_the_certificate(hash_name: str) -> None:
    """Octet for octet the CertID made by hand; the serial keeps its sign octet."""
    question = asked(hash_name=hash_name)
    assert forged.cert_id_of(question.der) == forged.cert_id(hash_name=hash_name)
    assert question.issuer is known_issuer()


@pytest.mark.parametrize("hash_name", ["sha384", "sha512"])
def test_the_other_hashes_are_known_too(hash_name: str) -> None:
    """asn1crypto reads the algorithm that was set."""
    (one,) = asn1.OCSPRequest.load(asked(hash_name=hash_name).der)["tbs_request"]["request_list"]
    assert one["req_cert"]["hash_algorithm"]["algorithm"].native == hash_name


def test_a_nonce_has_32_fresh_octets_and_is_not_critical() -> None:
    """RFC 9654 section 2.1; off by setting; two questions never share one."""
    first, second = asked(), asked()
    assert first.nonce is not None
    assert (len(first.nonce), forged.nonce_of(first.der)) == (32, first.nonce)
    assert first.nonce != second.nonce
    extensions = asn1.OCSPRequest.load(first.der)["tbs_request"]["request_extensions"]
    assert [each["critical"].native for each in extensions] == [False]
    without = asked(with_nonce=False)
    assert (without.nonce, forged.nonce_of(without.der)) == (None, None)


@given(st.integers(1, 1 << 158))
def test_our_own_responder_reads_what_we_ask(serial: int) -> None:
    """Every positive serial goes out with the octets that identify it."""
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    question = asked(octets)
    decoded = decode_request(question.der)
    (cert_id,) = decoded.cert_ids
    assert (cert_id.serial, cert_id.hash_name) == (octets, "sha1")
    assert cert_id.issuer_key_hash == question.issuer_key_hash
    assert decoded.nonce == b"\x04\x20" + (question.nonce or b"")


@pytest.mark.parametrize("serial", [b"\x00", b"\xff", b"\x80\x01"])
def test_what_cannot_have_been_issued_is_not_asked_about(serial: bytes) -> None:
    """RFC 5280 section 4.1.2.2: zero and negative; the refusal holds nothing of it."""
    assert not can_be_asked(serial)
    with pytest.raises(InputRefused, match="UPSTREAM_QUESTION_REFUSED"):
        asked(serial)


def test_an_unknown_hash_is_refused() -> None:
    """A setting's mistake is named and not sent."""
    with pytest.raises(InputRefused, match="UPSTREAM_QUESTION_REFUSED"):
        asked(hash_name="md5")


def test_nothing_of_the_certificate_is_shown() -> None:
    """repr ends in logs and in tracebacks."""
    shown = repr(asked())
    assert "bfcd" not in shown.lower()
    assert "hidden" in shown


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa", "ed25519"])
def test_a_signed_request_says_who_signs_and_verifies(kind: str) -> None:
    """RFC 6960 section 4.1.2: requestorName and signature; the certificate is there; the key verifies it."""
    private = pki.key(kind, 41)
    certificate = forged.delegate(private, common_name="requestor")
    question = asked(signer=RequestSigner(FileKey(private), (certificate, forged.issuer().certificate)))
    read = asn1.OCSPRequest.load(question.der, strict=True)
    directory_name = read["tbs_request"]["requestor_name"].chosen.untag()
    assert directory_name.dump() == certificate.subject.public_bytes()
    chain = [each.dump() for each in read["optional_signature"]["certs"]]
    assert chain[0] == certificate.public_bytes(Encoding.DER)
    assert len(chain) == 2
    algorithm = read["optional_signature"]["signature_algorithm"].dump()
    assert algorithm == pki.default_algorithm(private)
    signature = read["optional_signature"]["signature"].native
    tbs = read["tbs_request"].dump()
    verify(certificate.public_key(), signature, tbs)
    assert forged.cert_id_of(question.der) == forged.cert_id()
    assert forged.nonce_of(question.der) == question.nonce


def verify(key: Any, signature: bytes, tbs: bytes) -> None:
    """By cryptography; raises where it does not stand under these octets."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, tbs, padding.PKCS1v15(), SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, tbs, ec.ECDSA(SHA384() if key.key_size == 384 else SHA256()))
    else:
        key.verify(signature, tbs)


def test_openssl_reads_a_signed_request(tmp_path: Path) -> None:
    """OpenSSL prints the requestor, the serial and the nonce of what we signed."""
    private = pki.key("p256", 41)
    signer = RequestSigner(FileKey(private), (forged.delegate(private, common_name="requestor"),))
    path = tmp_path / "request.der"
    path.write_bytes(question_about(known_issuer(), SERIAL, signer=signer).der)
    done = subprocess.run(
        ["openssl", "ocsp", "-reqin", str(path), "-req_text"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    for word in ("CN = requestor", "Serial Number: BFCD", "OCSP Nonce", "ecdsa-with-SHA256"):
        assert word in done.stdout, done.stdout + done.stderr


def test_a_signer_without_a_certificate_is_refused() -> None:
    """The responder could not tell whose signature it is."""
    with pytest.raises(InputRefused, match="REQUEST_SIGNER_REFUSED"):
        RequestSigner(FileKey(pki.key("p256", 41)), ())
