"""RFC 5280 section 7.1: which two names are one, and which never are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.crl.decode import decode_certificate_list
from revocation.distinguished_names import canonical_name, same_name
from revocation.errors import InputRefused
from tests import pki
from tests.pki import der_oid, name, seq, tlv
from tests.revocation.decoding import quick_signer, refusal

_TAGS = {
    "PrintableString": (0x13, "ascii"),
    "IA5String": (0x16, "ascii"),
    "UTF8String": (0x0C, "utf-8"),
    "TeletexString": (0x14, "latin-1"),
    "UniversalString": (0x1C, "utf-32-be"),
    "BMPString": (0x1E, "utf-16-be"),
}


def one(tag: int, content: bytes, kind: str = "2.5.4.3") -> bytes:
    """A name of one attribute."""
    return seq(tlv(0x31, seq(der_oid(kind), tlv(tag, content))))


def text(value: str, form: str = "UTF8String") -> bytes:
    tag, codec = _TAGS[form]
    return one(tag, value.encode(codec))


@pytest.mark.parametrize("form", _TAGS)
def test_one_text_in_every_string_type(form: str) -> None:
    """The string type carries the text; it is no part of it."""
    assert same_name(text("City-1 CRLDP"), text("City-1 CRLDP", form))
    assert not same_name(text("City-1 CRLDP"), text("City-2 CRLDP", form))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("JPKI", "jpki"),
        ("City 1", "  City \t 1 "),
        ("City 1", "City\u30001"),
        ("City 1", "City\u00a01"),
        ("City", "Ci\u00adty"),
        ("City", "Ci\u200bty"),
        ("City", "Ci\x00ty"),
        ("City 1", "City\r\n1"),
        ("ＪＰＫＩ", "JPKI"),
        ("ｶﾞ", "ガ"),
        ("か\u3099", "が"),
        ("Straße", "STRASSE"),
        ("ﬁ", "FI"),
    ],
)
def test_texts_that_are_one(value: str, other: str) -> None:
    """RFC 4518: case folded, compatibility forms mapped, spaces collapsed, invisible characters dropped."""
    assert same_name(text(value), text(other))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("City1", "City 1"),
        ("City", "City-"),
        ("東京都", "京都"),
        ("か", "が"),
        ("", "x"),
        ("é", "e"),
        ("は", "ば"),
    ],
)
def test_texts_that_are_two(value: str, other: str) -> None:
    """A space more than none, an accent, a voiced sound: another name."""
    assert not same_name(text(value), text(other))


def test_the_order_of_rdns_counts_and_that_inside_a_set_does_not() -> None:
    """RDNs are a sequence, the attributes of one RDN a set; types are compared too."""
    assert not same_name(name(("O", "a"), ("OU", "b")), name(("OU", "b"), ("O", "a")))
    assert not same_name(name(("O", "a")), name(("OU", "a")))
    assert not same_name(name(("O", "a")), name(("O", "a"), ("O", "a")))
    first, second = (seq(der_oid(o), tlv(0x0C, b"a")) for o in ("2.5.4.3", "2.5.4.10"))
    assert same_name(seq(tlv(0x31, first + second)), seq(tlv(0x31, second + first)))
    assert not same_name(seq(tlv(0x31, first + second)), seq(tlv(0x31, first), tlv(0x31, second)))
    assert not same_name(seq(tlv(0x31, first + first)), seq(tlv(0x31, first)))


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (0x0C, b"\xff\xfe"),
        (0x13, "é".encode()),
        (0x0C, "\ue000".encode()),
        (0x0C, "\ufffd".encode()),
        (0x0C, "\u0378".encode()),
        (0x1E, b"\xd8\x00"),
        (0x1C, b"\x00\x00\xd8\x00"),
        (0x04, b"abc"),
        (0x03, b"\x00abc"),
    ],
)
def test_what_cannot_be_prepared_is_compared_octet_by_octet(tag: int, content: bytes) -> None:
    """Not that type's text, prohibited by RFC 4518 section 2.4, or no string at all: equal to itself only."""
    assert same_name(one(tag, content), one(tag, content))
    assert not same_name(one(tag, content), one(tag, content + b"a"))
    assert not same_name(one(tag, content), one(0x0C, content + b"a"))
    other = 0x0C if tag != 0x0C else 0x13
    assert not same_name(one(tag, content), one(other, content))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        seq() + b"\x00",
        seq(seq()),
        seq(tlv(0x31, seq(der_oid("2.5.4.3")))),
        seq(tlv(0x31, seq(der_oid("2.5.4.3"), tlv(0x0C, b"x"), tlv(0x0C, b"y")))),
        seq(tlv(0x31, seq(tlv(0x0C, b"x")))),
        tlv(0x31, b""),
    ],
)
def test_what_is_no_name(wrong: bytes) -> None:
    """Refused, never equal to anything."""
    with pytest.raises(InputRefused) as caught:
        canonical_name(wrong)
    assert caught.value.code.startswith("DER_")


def test_a_name_is_bounded_and_its_rdns_are_not_empty() -> None:
    """Names of lists that nobody verified yet are remembered: 4,096 octets at most, in the list as well."""
    with pytest.raises(InputRefused) as caught:
        canonical_name(seq(tlv(0x31, b"")))
    assert caught.value.code == "DER_NAME"
    fits = text("x" * (4096 - len(text("x" * 4000)) + 4000))
    assert len(fits) == 4096
    assert canonical_name(fits)
    too_long = text("x" * (4097 - len(text("x" * 4000)) + 4000))
    for error in (refusal(pki.build_crl(quick_signer(), dn=too_long)), _refused(too_long)):
        assert error.code == "DER_NAME"
        assert "4096" in error.expected
        assert "4097" in error.got
    assert decode_certificate_list(pki.build_crl(quick_signer(), dn=fits)).issuer == fits


def _refused(dn: bytes) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        canonical_name(dn)
    return caught.value


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=20), st.text(max_size=20))
def test_equality_is_that_of_the_comparison_form(one_text: str, other_text: str) -> None:
    """Reflexive, symmetric, and nothing but equality of the comparison form; no text crashes it."""
    try:
        a, b = text(one_text), text(other_text)
    except UnicodeEncodeError:
        return
    assert same_name(a, a)
    assert same_name(a, b) is same_name(b, a)
    assert same_name(a, b) is (canonical_name(a) == canonical_name(b))
