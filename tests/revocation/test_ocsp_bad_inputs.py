"""bad-inputs.md, the items of OCSP that the responder decides: each by its number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.x509 import ocsp

from revocation.clock import FixedClock
from revocation.ocsp.policy import NoncePolicy, NotIssued, ResponderPolicy
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from revocation.status import Status
from tests import pki
from tests.pki import der_int, der_oid, extension, seq, tlv
from tests.revocation.ocsp_world import (
    CEILING,
    GOOD,
    HASH_OIDS,
    HELD,
    HIGH_BIT,
    NOW,
    REVOKED,
    World,
    algorithm,
    cert_id,
    make_world,
    nonce,
    parsed,
    point_of,
    request,
)
from tests.revocation.sets import ca
from tests.revocation.signer_certificates import certificate

KEY = pki.key("p256", 60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def with_policy(world: World, **options: Any) -> Responder:
    signer = LocallyTrustedSigner(certificate(KEY), KEY)
    return Responder(
        world.authorities, {TrustMode.LOCAL: signer}, FixedClock(NOW), policy=ResponderPolicy(**options)
    )


def told(answer: OcspAnswer) -> Any:
    return asn1_ocsp.OCSPResponse.load(answer.der, strict=True)["response_bytes"]["response"].parsed[
        "tbs_response_data"
    ]


def word(answer: OcspAnswer) -> str:
    """The CertStatus, or the error."""
    if answer.response_status != "successful":
        return answer.response_status
    return str(told(answer)["responses"][0]["cert_status"].name)


@pytest.mark.parametrize("hash_name", list(HASH_OIDS))
@pytest.mark.parametrize("parameters", [b"", b"\x05\x00"], ids=["absent", "NULL"])
def test_items_16_and_17_the_cert_id_comes_back_as_it_was(
    made: World, hash_name: str, parameters: bytes
) -> None:
    """bad-inputs.md, items 16 and 17: any hash, its parameters absent or NULL: the octets are echoed."""
    asked = cert_id(REVOKED, hash_name=hash_name, parameters=parameters)
    answer = made.ask(request(asked))
    assert told(answer)["responses"][0]["cert_id"].dump() == asked
    assert word(answer) == "revoked"


@pytest.mark.parametrize(
    "oid", ["1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.8", "1.2.3.4"], ids=["MD5", "SHA3", "?"]
)
def test_item_18_an_unknown_hash_is_unauthorized(made: World, oid: str) -> None:
    """bad-inputs.md, item 18: well formed, of an issuer whom nobody can name; not internalError."""
    asked = seq(seq(der_oid(oid), b"\x05\x00"), tlv(4, bytes(16)), tlv(4, bytes(16)), der_int(GOOD))
    assert word(made.ask(request(asked))) == "unauthorized"
    assert word(made.ask(request(cert_id(), asked))) == "unauthorized"


def hashes_of(generation: int, hash_name: str = "sha256") -> tuple[bytes, bytes]:
    issuer = ca().generations[generation].certificate
    return (
        hashlib.new(hash_name, issuer.subject.public_bytes()).digest(),
        hashlib.new(hash_name, point_of(issuer)).digest(),
    )


def test_item_19_the_key_decides_between_issuers_of_one_name(made: World) -> None:
    """bad-inputs.md, item 19: after a rollover the DN is the same; a key of nobody's is unauthorized."""
    assert word(made.ask(request(cert_id(REVOKED, generation=0)))) == "revoked"
    assert word(made.ask(request(cert_id(REVOKED, generation=1)))) == "good"
    name, _ = hashes_of(0)
    asked = seq(algorithm(), tlv(4, name), tlv(4, b"\x01" * 32), der_int(REVOKED))
    assert word(made.ask(request(asked))) == "unauthorized"


def test_item_20_a_name_that_is_not_the_keys(made: World) -> None:
    """bad-inputs.md, item 20: right key hash, wrong name hash; nor may the two be exchanged."""
    name, key = hashes_of(0)
    for pair in ((b"\x01" * 32, key), (key, name), (key, key)):
        asked = seq(algorithm(), tlv(4, pair[0]), tlv(4, pair[1]), der_int(REVOKED))
        assert word(made.ask(request(asked))) == "unauthorized"


def test_item_22_the_high_bit(made: World) -> None:
    """bad-inputs.md, item 22: 00 8F 01 is listed and matched; 8F 01 is another, a negative number."""
    assert HIGH_BIT == 0x8F01
    answer = made.ask(request(cert_id(HIGH_BIT)))
    assert (word(answer), parsed(answer).serial_number) == ("revoked", 0x8F01)
    assert word(made.ask(request(cert_id(b"\x8f\x01")))) == "unknown"


def test_item_24_negative_serials(made: World) -> None:
    """bad-inputs.md, item 24: -2 is listed and revoked, -1 is not issued, 254 is good; all echoed."""
    said = {}
    for serial in (b"\xfe", b"\xff", b"\x00\xfe", b"\x80", b"\xff\x7f" + b"\x00" * 18):
        answer = made.ask(request(cert_id(serial)))
        assert told(answer)["responses"][0]["cert_id"].dump() == cert_id(serial)
        said[serial] = word(answer)
    assert list(said.values()) == ["revoked", "unknown", "good", "unknown", "unknown"]


@pytest.mark.parametrize(
    ("serial", "said"),
    [
        (b"\x00", "unknown"),
        (b"\x7f" + b"\xff" * 19, "unknown"),
        (b"\x01" + b"\x00" * 20, "unauthorized"),
        (b"\x01" * 10_000, "unauthorized"),
    ],
    ids=["zero", "20 octets", "21 octets", "10 kB"],
)
def test_item_25_serials_that_nobody_has(made: World, serial: bytes, said: str) -> None:
    """bad-inputs.md, item 25: zero and what lies above the ceiling are not issued; more than 20 octets are
    no serial of any certificate (RFC 5280 section 4.1.2.2), and nothing is signed."""
    assert word(made.ask(request(cert_id(serial)))) == said


@pytest.mark.parametrize("size", [1, 15, 16, 32, 33, 128])
@pytest.mark.parametrize("policy", list(NoncePolicy))
def test_items_26_and_28_nonces(made: World, size: int, policy: NoncePolicy) -> None:
    """bad-inputs.md, items 26 and 28: echoed and not cached, or by policy left out and cached."""
    asked = request(cert_id(), extensions=(nonce(b"n" * size),))
    answer = with_policy(made, nonce=policy).respond(asked, made.snapshot)
    found = [each.value.nonce for each in parsed(answer).extensions if isinstance(each.value, x509.OCSPNonce)]
    assert found == ([b"n" * size] if policy is NoncePolicy.ECHO else [])
    assert answer.cacheable is (policy is NoncePolicy.IGNORE)


def test_item_29_a_nonce_without_its_octet_string_is_echoed_as_it_was(made: World) -> None:
    """bad-inputs.md, item 29: RFC 2560's clients compare the octets that they sent."""
    bare = extension("1.3.6.1.5.5.7.48.1.2", b"sixteen octets!!")
    answer = made.ask(request(cert_id(), extensions=(bare,)))
    assert tlv(0xA1, seq(bare)) in answer.der
    assert not answer.cacheable


def test_item_30_the_responses_nonce_is_never_critical(made: World) -> None:
    """bad-inputs.md, item 30: also where the request's was."""
    asked = request(cert_id(), extensions=(nonce(b"n" * 16, critical=True),))
    (found,) = parsed(made.ask(asked)).extensions
    assert (found.oid.dotted_string, found.critical) == ("1.3.6.1.5.5.7.48.1.2", False)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["1.3.6.1.5.5.7.48.1.1"], "good"),
        (["1.2.3", "1.3.6.1.5.5.7.48.1.1"], "good"),
        (["1.2.3"], "malformed_request"),
    ],
)
def test_item_35_acceptable_responses(made: World, kinds: list[str], said: str) -> None:
    """bad-inputs.md, item 35: we have the basic response and no other (RFC 6960 section 4.4.3)."""
    wanted = extension("1.3.6.1.5.5.7.48.1.4", seq(*map(der_oid, kinds)))
    assert word(made.ask(request(cert_id(), extensions=(wanted,)))) == said


def test_item_36_preferred_algorithms_do_not_weaken_ours(made: World) -> None:
    """bad-inputs.md, item 36: whoever prefers SHA-1 or MD5 gets what everybody gets (RFC 6960 4.4.7)."""
    preferred = [
        seq(pki.ALGORITHMS["sha1WithRSAEncryption"]),
        seq(seq(der_oid("1.2.840.113549.1.1.4"), b"\x05\x00")),
    ]
    asked = request(cert_id(), extensions=(extension("1.3.6.1.5.5.7.48.1.8", seq(*preferred)),))
    response = parsed(made.ask(asked))
    assert response.signature_algorithm_oid.dotted_string == "1.2.840.10045.4.3.2"


def test_item_44_odd_certificates_to_ask_about(made: World) -> None:
    """bad-inputs.md, item 44: the responder's own certificate, the CA's own, any expired one: by the lists
    alone, without asking ourselves anything. No validity is known from a CertID, so expired is not told."""
    issuer = ca().generations[0].certificate
    for each in (made.local, made.delegated[ca().generations[0].key_id], issuer):
        assert each.serial_number > 0
        listed = each.serial_number <= CEILING
        for mode in TrustMode:
            answer = made.ask(request(cert_id(each.serial_number)), mode)
            assert word(answer) == ("good" if listed else "unknown")


# --- RFC 6960 sections 2.2 and 4.4.8 ---


@pytest.mark.parametrize("serial", [CEILING + 1, b"\x00", b"\xff"], ids=["above", "zero", "negative"])
def test_extended_revoke_of_what_was_never_issued(made: World, serial: int | bytes) -> None:
    """Revoked, on hold, since 1970, with the extension, not critical; we ourselves count it as unknown."""
    answer = with_policy(made, not_issued=NotIssued.EXTENDED_REVOKE).respond(
        request(cert_id(serial)), made.snapshot
    )
    response = parsed(answer)
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert response.revocation_reason is x509.ReasonFlags.certificate_hold
    assert response.revocation_time_utc == datetime(1970, 1, 1, tzinfo=UTC)
    (found,) = told(answer)["response_extensions"]
    assert (found["extn_id"].dotted, found["critical"].native) == ("1.3.6.1.5.5.7.48.1.9", False)
    assert found["extn_value"].contents == b"\x05\x00"
    assert len(told(answer)["responses"][0]["single_extensions"]) == 0
    assert answer.status is Status.UNKNOWN


def test_extended_revoke_is_said_only_where_it_is_needed(made: World) -> None:
    """What was issued is answered as always; beside what was not, the extension is there once."""
    responder = with_policy(made, not_issued=NotIssued.EXTENDED_REVOKE)
    for serial, said in ((GOOD, "good"), (REVOKED, "revoked"), (HELD, "revoked")):
        answer = responder.respond(request(cert_id(serial)), made.snapshot)
        assert word(answer) == said
        assert len(told(answer)["response_extensions"]) == 0
    both = responder.respond(
        request(cert_id(GOOD), cert_id(0), cert_id(CEILING + 1), extensions=(nonce(b"n"),)), made.snapshot
    )
    assert [each["extn_id"].dotted[-1] for each in told(both)["response_extensions"]] == ["2", "9"]


def test_an_explicit_unspecified_is_told_as_the_list_tells_it(made: World) -> None:
    """RFC 5280 section 5.3.1 asks CAs to leave it out; J-LIS means something by it, so it is passed on."""
    response = parsed(made.ask(request(cert_id(24))))
    assert response.revocation_reason is x509.ReasonFlags.unspecified


def test_a_mode_with_nobody_to_sign(made: World) -> None:
    """bad-inputs.md, item 14: no signer, no signature."""
    responder = Responder(made.authorities, {}, FixedClock(NOW))
    assert word(responder.respond(request(cert_id()), made.snapshot)) == "unauthorized"
