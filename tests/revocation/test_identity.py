"""Serial numbers and issuer keys: the bridge between the API's values and DER octets."""

from __future__ import annotations

import pytest
from asn1crypto import core
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.errors import InputRefused
from revocation.identity import (
    CertificateIdentity,
    issuer_key_of,
    serial_from_hex,
    serial_from_int,
    serial_to_hex,
)
from tests import pki

_VALUES = st.integers(min_value=0, max_value=(1 << 159) - 1)


@pytest.mark.parametrize("text", ["bfcd", "BFCD", "00bfcd", "0000BfCd"])
def test_every_spelling_of_a_value_is_one_serial(text: str) -> None:
    """Design 4: taken as octets, one of these spellings would make a revoked certificate read good."""
    assert serial_from_hex(text) == b"\x00\xbf\xcd"


def test_octets_with_and_without_sign_octet_are_different_serials() -> None:
    """00 FF is 255, FF is -1."""
    assert serial_from_hex("ff") == b"\x00\xff"
    assert serial_to_hex(b"\x00\xff") == "ff"
    assert serial_to_hex(b"\xff") == "-1"


@pytest.mark.parametrize(
    "text", ["", " ", "0x1", "1 2", "-1", "g", "١", "+1", "1\n", "0" * 65, "8" + "0" * 39, "1_0"]
)
def test_other_texts_are_refused_and_not_echoed(text: str) -> None:
    """Prefixes, signs, spaces, other digits, more than 20 octets: refused without repeating the input."""
    with pytest.raises(InputRefused) as refusal:
        serial_from_hex(text)
    assert refusal.value.code == "SERIAL_MALFORMED"
    if len(text) > 3:
        assert text not in str(refusal.value)


@settings(deadline=None)
@given(_VALUES)
def test_octets_are_der_and_the_way_back_is_exact(value: int) -> None:
    """The octets equal asn1crypto's encoding of the value; hexadecimal leads back to them."""
    octets = serial_from_int(value)
    assert octets == core.Integer(value).contents
    assert serial_from_hex(f"{value:x}") == octets
    assert serial_from_hex(f"{value:X}".zfill(48)) == octets
    assert serial_to_hex(octets) == f"{value:x}"


@settings(deadline=None)
@given(st.integers(min_value=-(1 << 159), max_value=-1))
def test_negative_values_encode_as_der_does(value: int) -> None:
    """Negative serials exist in the wild; their octets are two's complement, the fewest."""
    assert serial_from_int(value) == core.Integer(value).contents


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "ed25519"])
def test_issuer_key_is_the_hash_of_the_key_bits(kind: str) -> None:
    """SHA-256 of the subjectPublicKey content, computed independently from the key's own format."""
    private = pki.key(kind)
    assert issuer_key_of(private.public_key()) == pki.key_hash(private)


def test_identity_hides_its_serial_and_checks_its_parts() -> None:
    """A representation ends in logs; a malformed identity never comes to be."""
    identity = CertificateIdentity("card-sign", bytes(32), b"\x00\xbf\xcd")
    assert "bfcd" not in repr(identity).lower()
    assert "hidden" in repr(identity)
    for key, serial, code in (
        (bytes(31), b"\x01", "ISSUER_KEY_MALFORMED"),
        (bytes(32), b"", "SERIAL_MALFORMED"),
        (bytes(32), bytes(21), "SERIAL_MALFORMED"),
    ):
        with pytest.raises(InputRefused) as refusal:
            CertificateIdentity("card-sign", key, serial)
        assert refusal.value.code == code
