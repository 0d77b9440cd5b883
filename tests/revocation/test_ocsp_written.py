"""Responses written flat: what they hold is read back by two independent parsers, and is DER to the octet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.ocsp._response import GOOD, REVOKED, UNKNOWN, ResponseTemplate, single_response, whole_second
from tests import pki
from tests.pki import der_int, der_oid, seq, tlv
from tests.revocation.ocsp_world import HASH_OIDS, NOW, responder_certificate

KEY_HASH = bytes(range(20))
ALGORITHM = bytes.fromhex("300a06082a8648ce3d040302")
REASONS = {0: "unspecified", 1: "key_compromise", 6: "certificate_hold", 10: "aa_compromise"}

#: Every year that GeneralizedTime can say; a fraction must not be told.
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), timezones=st.just(UTC))  # noqa: DTZ001
CERT_IDS = st.builds(
    lambda name, serial, null: seq(
        seq(der_oid(HASH_OIDS[name]), b"\x05\x00" if null else b""),
        tlv(4, bytes(size := {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}[name])),
        tlv(4, b"\xaa" * size),
        der_int(serial),
    ),
    st.sampled_from(list(HASH_OIDS)),
    st.integers(-(2**159), 2**159 - 1),
    st.booleans(),
)
SINGLES = st.fixed_dictionaries(
    {
        "cert_id": CERT_IDS,
        "status": st.sampled_from([GOOD, REVOKED, UNKNOWN]),
        "this_update": MOMENTS,
        "next_update": MOMENTS,
        "revoked_at": MOMENTS,
        "reason": st.sampled_from([-1, *REASONS]),
    }
)


def written(fields: dict[str, Any]) -> bytes:
    """Time and reason are said of what is revoked alone."""
    revoked = fields["status"] == REVOKED
    return single_response(
        fields["cert_id"],
        fields["status"],
        fields["this_update"],
        fields["next_update"],
        fields["revoked_at"] if revoked else None,
        fields["reason"] if revoked else -1,
    )


def rewritten(der: bytes) -> bytes:
    """Every element taken apart and put together again, with the shortest lengths there are."""
    elements = b""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        content = der[at : at + length]
        elements += tlv(tag, rewritten(content) if tag & 0x20 else content)
        at += length
    return elements


def whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def agrees(read: Any, fields: dict[str, Any]) -> None:
    """asn1crypto's SingleResponse, with what it was to say."""
    assert read["cert_id"].dump() == fields["cert_id"]
    assert (
        read["cert_status"].name == {GOOD: "good", REVOKED: "revoked", UNKNOWN: "unknown"}[fields["status"]]
    )
    assert read["this_update"].native == whole(fields["this_update"])
    assert read["next_update"].native == whole(fields["next_update"])
    if fields["status"] == REVOKED:
        info = read["cert_status"].chosen
        assert info["revocation_time"].native == whole(fields["revoked_at"])
        assert info["revocation_reason"].native == REASONS.get(fields["reason"])


@settings(max_examples=100, deadline=None)
@given(
    singles=st.lists(SINGLES, min_size=1, max_size=12),
    produced_at=MOMENTS,
    nonce=st.none() | st.binary(min_size=1, max_size=128),
    extended_revoke=st.booleans(),
    signature=st.binary(max_size=300),
    certificate=st.booleans(),
)
def test_asn1crypto_reads_what_was_to_be_said(
    singles: list[dict[str, Any]],
    produced_at: datetime,
    nonce: bytes | None,
    extended_revoke: bool,
    signature: bytes,
    certificate: bool,
) -> None:
    """Every field, any number of certificates, any year; and every length is in its shortest form."""
    along = responder_certificate(pki.key("p256", 60), None).public_bytes(Encoding.DER)
    template = ResponseTemplate(KEY_HASH, ALGORITHM, along if certificate else None)
    nonce = None if nonce is None else tlv(4, nonce)
    data = template.to_be_signed(b"".join(map(written, singles)), produced_at, nonce, extended_revoke)
    der = template.response(data, signature)
    response = asn1_ocsp.OCSPResponse.load(der, strict=True)
    assert response["response_status"].native == "successful"
    basic = response["response_bytes"]["response"].parsed
    told = basic["tbs_response_data"]
    # Not dump(): asn1crypto takes a header that ends with 80 (a length of 0480, say) for the indefinite form.
    assert data.endswith(told.contents)
    assert 2 <= len(data) - len(told.contents) <= 4
    assert (basic["signature"].native, basic["signature_algorithm"].dump()) == (signature, ALGORITHM)
    assert [each.dump() for each in basic["certs"]] == ([along] if certificate else [])
    assert told["responder_id"].chosen.native == KEY_HASH
    assert told["responder_id"].name == "by_key"
    assert told["produced_at"].native == whole(produced_at)
    for read, fields in zip(told["responses"], singles, strict=True):
        agrees(read, fields)
    extensions = {each["extn_id"].dotted: each for each in told["response_extensions"]}
    assert set(extensions) == {
        *(["1.3.6.1.5.5.7.48.1.2"] if nonce else []),
        *(["1.3.6.1.5.5.7.48.1.9"] if extended_revoke else []),
    }
    assert not any(each["critical"].native for each in extensions.values())
    if nonce:
        assert extensions["1.3.6.1.5.5.7.48.1.2"]["extn_value"].contents == nonce
    if extended_revoke:
        assert extensions["1.3.6.1.5.5.7.48.1.9"]["extn_value"].contents == b"\x05\x00"
    assert rewritten(der) == der
    assert rewritten(basic.dump()) == basic.dump()


@settings(max_examples=100, deadline=None)
@given(fields=SINGLES, nonce=st.none() | st.binary(min_size=1, max_size=128))
def test_cryptography_reads_the_same(fields: dict[str, Any], nonce: bytes | None) -> None:
    """A second parser, strict by itself, of answers about one certificate."""
    template = ResponseTemplate(KEY_HASH, ALGORITHM)
    value = None if nonce is None else tlv(4, nonce)
    der = template.response(template.to_be_signed(written(fields), NOW, value), b"signature")
    read = ocsp.load_der_ocsp_response(der)
    assert (
        read.certificate_status.name
        == {GOOD: "GOOD", REVOKED: "REVOKED", UNKNOWN: "UNKNOWN"}[fields["status"]]
    )
    assert (read.this_update_utc, read.next_update_utc) == (
        whole(fields["this_update"]),
        whole(fields["next_update"]),
    )
    assert read.produced_at_utc == NOW
    assert (read.responder_key_hash, read.responder_name) == (KEY_HASH, None)
    assert (read.signature, read.certificates) == (b"signature", [])
    nonces = [each.value.nonce for each in read.extensions if isinstance(each.value, x509.OCSPNonce)]
    assert nonces == ([] if nonce is None else [nonce])
    if fields["status"] == REVOKED:
        assert read.revocation_time_utc == whole(fields["revoked_at"])


@pytest.mark.parametrize("size", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000])
def test_lengths_at_their_borders(size: int) -> None:
    """X.690 section 10.1: the fewest octets, up to lengths of four."""
    template = ResponseTemplate(KEY_HASH, ALGORITHM)
    der = template.response(b"\x30\x00", bytes(size))
    basic = asn1_ocsp.OCSPResponse.load(der, strict=True)["response_bytes"]["response"].contents
    assert basic.endswith(tlv(3, bytes(size + 1)))
    assert basic == seq(b"\x30\x00", ALGORITHM, tlv(3, bytes(size + 1)))


def test_another_zone_is_told_in_utc_and_none_is_refused() -> None:
    """GeneralizedTime here is UTC; a naive time could be any."""
    tokyo = timezone(timedelta(hours=9))
    here = single_response(b"", GOOD, NOW, NOW)
    assert single_response(b"", GOOD, NOW.astimezone(tokyo), NOW.astimezone(tokyo)) == here
    assert whole_second(NOW.astimezone(tokyo).replace(microsecond=7)) == NOW
    assert whole_second(NOW.astimezone(tokyo)).tzinfo is UTC
    with pytest.raises(ValueError, match="naive"):
        single_response(b"", GOOD, NOW.replace(tzinfo=None), NOW)


@pytest.mark.parametrize(
    "arguments", [(3, None, -1), (-1, None, -1), (GOOD, NOW, -1), (REVOKED, None, -1), (REVOKED, NOW, 128)]
)
def test_what_no_single_response_can_say(arguments: tuple[int, datetime | None, int]) -> None:
    """A status that there is not, a time without a revocation and the other way round."""
    status, revoked_at, reason = arguments
    with pytest.raises(ValueError, match="expected good"):
        single_response(b"", status, NOW, NOW, revoked_at, reason)
