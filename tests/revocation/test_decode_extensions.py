"""Extensions of the list by rule: numbers, distribution points, key identifiers, what is critical."""

from __future__ import annotations

import pytest

from revocation.crl.decode import decode_certificate_list
from tests import pki
from tests.der_writer import der_oid
from tests.pki import der_int, entry, extension, seq, tlv
from tests.revocation.decoding import decode, offset_of, quick_signer, refusal


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """Quick: nothing here depends on the signature."""
    return quick_signer()


def test_the_tolerance_for_an_explicit_default(signer: pki.SigningGeneration) -> None:
    """critical FALSE written out is not DER; named in the refusal, and passes where tolerated."""
    reason = extension("2.5.29.21", der_int(3, tag=0x0A), explicit_false=True)
    in_entry = pki.build_crl(signer, entries=[entry(1, extensions=[reason])])
    in_list = pki.build_crl(signer, extra_extensions=[extension("2.5.29.18", seq(), explicit_false=True)])
    in_point = pki.build_crl(signer, idp=seq(b"\x81\x01\x00"))
    for der in (in_entry, in_list, in_point):
        error = refusal(der)
        assert (error.code, "explicit_default" in error.remedy) == ("DER_EXPLICIT_DEFAULT", True)
        decode_certificate_list(der, tolerances={"explicit_default"})


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ([extension("2.5.29.20", der_int(1))], "DER_DUPLICATE_EXTENSION"),
        ([extension("1.2.3", b""), extension("1.2.3", b"")], "DER_DUPLICATE_EXTENSION"),
        ([extension(f"1.2.{n}", b"") for n in range(65)], "DER_EXTENSIONS"),
        ([seq(pki.der_oid("1.2.3"), b"\x01\x01\x02", tlv(4, b""))], "DER_BOOLEAN"),
        ([seq(pki.der_oid("1.2.3"), tlv(4, b""), b"\x05\x00")], "DER_TRAILING"),
    ],
)
def test_list_extensions(signer: pki.SigningGeneration, extra: list[bytes], code: str) -> None:
    """Bad input 63: duplicates, too many, malformed."""
    assert refusal(pki.build_crl(signer, extra_extensions=extra)).code == code


@pytest.mark.parametrize(
    "value",
    [
        der_int(-1),
        der_int(b"\x01" * 21),
        der_int(b"\x00\x01"),
        der_int(b""),
        tlv(4, b"\x01"),
        der_int(1) + b"\x00",
    ],
)
def test_list_numbers_that_are_none(signer: pki.SigningGeneration, value: bytes) -> None:
    """Bad input 53: negative, over 20 octets, non-minimal, empty, an OCTET STRING, something after it."""
    for oid in ("2.5.29.20", "2.5.29.27"):
        der = pki.build_crl(signer, number=None, extra_extensions=[extension(oid, value)])
        assert refusal(der).code in {"DER_INTEGER", "DER_CRL_NUMBER", "DER_TAG", "DER_TRAILING"}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        seq() + b"\x00",
        seq(tlv(0xA0, b"")),
        seq(tlv(0xA0, tlv(0xA0, b""))),
        seq(tlv(0xA0, tlv(0xA0, tlv(0xA4, b"")))),
        seq(tlv(0xA0, tlv(0xA0, tlv(0xA4, pki.point(1) + b"\x00")))),
        seq(tlv(0xA0, tlv(0xA0, tlv(0xA4, pki.point(1))) + b"\x05\x00")),
        seq(b"\x84\x01\x01"),
        seq(b"\x84\x02\xff\xff"),
        seq(b"\x85\x01\xff", b"\x84\x01\xff"),
        seq(b"\x86\x01\xff"),
    ],
)
def test_distribution_points_that_are_none(signer: pki.SigningGeneration, value: bytes) -> None:
    """RFC 5280 section 5.2.5, each element once, in order, whole."""
    assert refusal(pki.build_crl(signer, idp=value)).code.startswith("DER_")


@pytest.mark.parametrize(
    "bits",
    [b"", b"\x08\x80", b"\x01\x00", b"\x00\x00", b"\x00\x00\x00", b"\x00\x60\x00", b"\x04\x60", b"\x06\x60"],
)
def test_reasons_that_are_no_named_bit_list(signer: pki.SigningGeneration, bits: bytes) -> None:
    """X.690 section 11.2: no trailing zero bits, no more unused bits than there are, and those zero."""
    assert refusal(pki.build_crl(signer, idp=seq(tlv(0x83, bits)))).code == "DER_REASONS"


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [(b"\x00", 0), (b"\x05\x60", 0b110), (b"\x07\x7f\x80", 0b1_1111_1110), (b"\x07\x00\x80", 0x100)],
)
def test_reasons_by_bit(signer: pki.SigningGeneration, bits: bytes, reasons: int) -> None:
    """RFC 5280 section 4.2.1.13: bit 1 is keyCompromise, bit 8 aACompromise; more is nothing."""
    point = decode(signer, idp=seq(tlv(0x83, bits))).issuing_distribution_point
    assert point is not None
    assert point.only_some_reasons == reasons


def test_distribution_point_fields(signer: pki.SigningGeneration) -> None:
    """Each flag, a relative name, and a URI that stands whole."""
    uri = tlv(0x86, b"http://example.test/crl")
    value = seq(
        tlv(0xA0, tlv(0xA0, tlv(0xA4, pki.point(1)) + uri)),
        b"\x81\x01\xff\x82\x01\xff\x83\x02\x07\x80\x84\x01\xff\x85\x01\xff",
    )
    point = decode(signer, idp=value, idp_critical=False).issuing_distribution_point
    assert point is not None
    assert point.full_names == (pki.point(1), uri)
    assert point.critical is False
    assert all(
        (
            point.only_contains_user_certs,
            point.only_contains_ca_certs,
            point.only_some_reasons == 1,
            point.indirect_crl,
            point.only_contains_attribute_certs,
        )
    )
    relative = decode(
        signer, idp=seq(tlv(0xA0, tlv(0xA1, seq(der_oid("2.5.4.3"), tlv(0x0C, b"x")))))
    ).issuing_distribution_point
    assert relative is not None
    assert relative.relative_name == tlv(0x31, seq(der_oid("2.5.4.3"), tlv(0x0C, b"x")))


def test_key_identifier_forms(signer: pki.SigningGeneration) -> None:
    """keyIdentifier alone, with issuer and serial, or absent."""
    issuer = tlv(0xA1, tlv(0xA4, pki.name(("C", "JP"))))
    for value, expected in (
        (seq(tlv(0x80, b"abc"), issuer, tlv(0x82, b"\x01")), b"abc"),
        (seq(issuer, tlv(0x82, b"\x01")), None),
        (seq(), None),
    ):
        found = decode(signer, aki=None, extra_extensions=[extension("2.5.29.35", value)])
        assert found.authority_key_identifier == expected
    swapped = seq(tlv(0x82, b"\x01"), tlv(0x80, b"abc"))
    assert refusal(pki.build_crl(signer, aki=None, extra_extensions=[extension("2.5.29.35", swapped)]))


def test_unknown_critical_list_extension_is_reported_not_hidden(signer: pki.SigningGeneration) -> None:
    """Bad input 62: decoding names it; accepting refuses it."""
    found = decode(signer, extra_extensions=[extension("1.2.3", b"", critical=True), extension("1.2.4", b"")])
    assert found.unknown_critical_extensions == ("1.2.3",)


def test_bounds_of_what_may_be_repeated(signer: pki.SigningGeneration) -> None:
    """64 extensions and 64 names of a point pass, 65 do not; none where some must be neither."""
    known = 2  # AKI and number
    many = [extension(f"1.2.{n}", b"") for n in range(64 - known)]
    assert decode(signer, extra_extensions=many).crl_number == 1
    error = refusal(pki.build_crl(signer, extra_extensions=[*many, extension("1.3.1", b"")]))
    assert (error.code, "64" in error.expected) == ("DER_EXTENSIONS", True)
    uri = tlv(0x86, b"http://example.test/crl")
    point = decode(signer, idp=seq(tlv(0xA0, tlv(0xA0, uri * 64)))).issuing_distribution_point
    assert point is not None
    assert point.full_names == (uri,) * 64
    error = refusal(pki.build_crl(signer, idp=seq(tlv(0xA0, tlv(0xA0, uri * 65)))))
    assert (error.code, "64" in error.expected) == ("DER_EXTENSIONS", True)
    tbs = bytes(decode_certificate_list(pki.build_crl(signer)).tbs)
    start = tbs.index(b"\xa0")
    empty = seq(tbs[2 + (tbs[1] > 0x80) * (tbs[1] & 0x7F) : start], tlv(0xA0, seq()))
    error = refusal(seq(empty, pki.default_algorithm(signer.private), tlv(0x03, b"\x00\x01")))
    assert (error.code, error.got.startswith("none")) == ("DER_EXTENSIONS", True)


def test_what_is_critical_is_told(signer: pki.SigningGeneration) -> None:
    """Accepting asks for it: every critical OID, and of them those that we do not process."""
    extras = [extension("1.2.3", b"", critical=True), extension("1.2.4", b"")]
    found = decode(signer, extra_extensions=extras, distribution_point=pki.point(1))
    assert found.critical_extensions == {"1.2.3", "2.5.29.28"}
    assert found.unknown_critical_extensions == ("1.2.3",)
    assert decode(signer).critical_extensions == frozenset()


def test_a_point_that_is_known_is_refused_where_it_stands(signer: pki.SigningGeneration) -> None:
    """What was read before is not read again; a refusal still has the offset in its own list, each time."""
    good, bad = seq(b"\x81\x01\xff"), seq(b"\x81\x01\x02")
    padding = extension("1.2.3", bytes(50))
    for extra in ([], [padding], []):
        before = decode(signer, idp=good, extra_extensions=extra).issuing_distribution_point
        assert before is not None
        assert before.only_contains_user_certs
        der = pki.build_crl(signer, idp=bad, extra_extensions=extra)
        error = refusal(der)
        assert error.code == "DER_BOOLEAN"
        assert offset_of(error) == der.index(bad) + 2
        trailing = refusal(pki.build_crl(signer, idp=good + b"\x05\x00", extra_extensions=extra))
        assert (trailing.code, trailing.expected) == (
            "DER_TRAILING",
            "extnValue of 2.5.29.28: nothing after it",
        )


def test_a_point_is_known_as_it_was_asked_for(signer: pki.SigningGeneration) -> None:
    """The same octets tolerated once, or critical once, are not so for another CA, or another list."""
    odd = pki.build_crl(signer, idp=seq(b"\x81\x01\x00"))
    for _ in range(2):
        assert decode_certificate_list(odd, tolerances={"explicit_default"}).issuing_distribution_point
        assert refusal(odd).code == "DER_EXPLICIT_DEFAULT"
    point = seq(b"\x81\x01\xff")
    loose = extension("2.5.29.28", point)
    for _ in range(2):
        found = [
            decode(signer, idp=point).issuing_distribution_point,
            decode(signer, idp=None, extra_extensions=[loose]).issuing_distribution_point,
        ]
        assert [one is not None and one.critical for one in found] == [True, False]


def test_a_large_point_is_read_as_well(signer: pki.SigningGeneration) -> None:
    """One too large to be remembered says what it says."""
    name = tlv(0x86, b"http://example.test/" + b"a" * 600)
    point = seq(tlv(0xA0, tlv(0xA0, name)))
    found = decode(signer, idp=point).issuing_distribution_point
    assert found is not None
    assert found.full_names == (name,)
