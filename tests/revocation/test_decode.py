"""Decoding by rule: each way in which a list can be wrong is refused, with its code and its byte offset."""

from __future__ import annotations

import mmap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from revocation.crl.decode import CertificateList, decode_certificate_list
from revocation.errors import InputRefused
from revocation.reasons import REASON_ABSENT
from tests import pki
from tests.pki import T0, der_int, entry, extension, seq, tlv


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """A P-256 signer: signatures do not matter here, and are quick."""
    return pki.make_ca(generations=1, kind="p256").generations[0]


def decode(signer: pki.SigningGeneration, *entries: bytes, **forged: object) -> CertificateList:
    return decode_certificate_list(pki.build_crl(signer, entries=entries, **forged))  # type: ignore[arg-type]


def refusal(der: bytes, tolerances: frozenset[str] = frozenset()) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        decode_certificate_list(der, tolerances=tolerances)
    return caught.value


def offset_of(error: InputRefused) -> int:
    return int(error.got.rsplit("byte offset ", 1)[1])


def test_every_field_of_an_ordinary_list(signer: pki.SigningGeneration) -> None:
    """What J-LIS would publish comes out whole, entry by entry, in the list's order."""
    der = pki.build_crl(
        signer,
        number=1 << 152,
        distribution_point=pki.point(1),
        entries=[
            entry(0xBFCD, T0, 3),
            entry(b"\xff", T0 - timedelta(days=1)),
            entry(b"\x7f" + bytes(19), T0, 6, invalidity_date=datetime(1999, 12, 31, tzinfo=UTC)),
        ],
    )
    found = decode_certificate_list(der)
    assert found.version == 2
    assert found.issuer == pki.name(*pki.SIGN_DN)
    assert (found.this_update, found.next_update) == (T0, T0 + timedelta(days=2))
    assert found.crl_number == 1 << 152
    assert found.delta_base is None
    assert found.authority_key_identifier == signer.ski
    point = found.issuing_distribution_point
    assert point is not None
    assert (point.critical, point.full_names, point.indirect_crl) == (True, (pki.point(1),), False)
    assert [tuple(e) for e in found.entries] == [
        (b"\x00\xbf\xcd", T0, 3, False),
        (b"\xff", T0 - timedelta(days=1), REASON_ABSENT, False),
        (b"\x7f" + bytes(19), T0, 6, True),
    ]
    assert found.entries.count == 3
    assert len(found.entries.records) == 96
    assert der[4 : 4 + len(found.tbs)] == found.tbs
    assert found.size == len(der)
    assert "bf" not in repr(found.entries)


def test_a_mapped_file_and_a_view_decode_like_bytes(signer: pki.SigningGeneration, tmp_path: Path) -> None:
    """The three buffers that the contract names give one result."""
    der = pki.build_crl(signer, entries=[entry(n) for n in range(1, 100)])
    path = tmp_path / "list.crl"
    path.write_bytes(der)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    whole = decode_certificate_list(der)
    for buffer in (mapped, memoryview(der), bytearray(der)):
        other = decode_certificate_list(buffer)
        assert (other.entries, other.sha256) == (whole.entries, whole.sha256)


@pytest.mark.parametrize("entries", [None, [], [b""]])
def test_no_entries_absent_or_empty(signer: pki.SigningGeneration, entries: list[bytes] | None) -> None:
    """Bad input 69: an absent and an empty revokedCertificates say the same."""
    assert decode_certificate_list(pki.build_crl(signer, entries=entries)).entries.count == 0


def test_v1_without_extensions_is_read(signer: pki.SigningGeneration) -> None:
    """Bad input 70: a v1 list decodes; accepting it is another matter (it has no number)."""
    found = decode(signer, entry(1), version=None, extensions=[])
    assert (found.version, found.crl_number, found.entries.count) == (1, None, 1)


@pytest.mark.parametrize(
    ("serial", "code"),
    [
        (b"", "DER_SERIAL"),
        (bytes([1]) * 21, "DER_SERIAL"),
        (b"\x00\x01", "DER_SERIAL"),
        (b"\x00\x7f", "DER_SERIAL"),
        (b"\xff\x80", "DER_SERIAL"),
        (b"\x00" * 3, "DER_SERIAL"),
    ],
)
def test_wrong_serials_refuse_the_whole_list(signer: pki.SigningGeneration, serial: bytes, code: str) -> None:
    """Bad input 66: empty, over-long or non-minimal, in any position: refused, never skipped."""
    der = pki.build_crl(signer, entries=[entry(1), entry(serial), entry(2)])
    error = refusal(der)
    assert error.code == code
    assert der[offset_of(error) - 2 :].find(serial) in range(5)


@pytest.mark.parametrize(
    "serial", [b"\x00", b"\x80", b"\xff", b"\x00\x80", b"\xff\x7f", b"\x7f" * 20, b"\x80" + bytes(19)]
)
def test_odd_serials_are_kept_as_they_stand(signer: pki.SigningGeneration, serial: bytes) -> None:
    """Bad input 66: zero and negative serials are the CA's business, and are never dropped."""
    assert [e.serial for e in decode(signer, entry(serial)).entries] == [serial]


@pytest.mark.parametrize("raw", [*range(11), 11, 99, 127, 128, 254])
def test_reason_codes_keep_their_value(signer: pki.SigningGeneration, raw: int) -> None:
    """Bad input 67: unknown codes still mean revoked, and keep their value."""
    assert [e.reason for e in decode(signer, entry(1, reason=raw)).entries] == [raw]


@pytest.mark.parametrize(
    "value",
    [
        der_int(3),
        der_int(255, tag=0x0A),
        der_int(-1, tag=0x0A),
        der_int(b"\x00\x03", tag=0x0A),
        der_int(b"", tag=0x0A),
        der_int(3, tag=0x0A) + b"\x00",
        b"",
        b"\x0a",
    ],
)
def test_reason_codes_that_are_none(signer: pki.SigningGeneration, value: bytes) -> None:
    """An INTEGER, 255 and more, a negative, a non-minimal, an empty one, one with something after it."""
    error = refusal(pki.build_crl(signer, entries=[entry(1, extensions=[extension("2.5.29.21", value)])]))
    assert error.code in {"DER_REASON", "DER_TRAILING", "DER_TRUNCATED"}


_UTC = b"\x17\x0d"
_GENERAL = b"\x18\x0f"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (_UTC + b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (_UTC + b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (_UTC + b"700101000000Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (_UTC + b"000229120000Z", datetime(2000, 2, 29, 12, tzinfo=UTC)),
        (_GENERAL + b"20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        (_GENERAL + b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_of_entries_and_of_the_list(
    signer: pki.SigningGeneration, element: bytes, expected: datetime
) -> None:
    """Bad input 68, T08: the boundaries of RFC 5280 section 4.1.2.5 in both readers, under any TZ."""
    found = decode(signer, entry(1, element), this_update=element, next_update=element)
    assert [e.revocation_date for e in found.entries] == [expected]
    assert (found.this_update, found.next_update) == (expected, expected)


@pytest.mark.parametrize(
    "element",
    [
        _UTC + b"261301000000Z",
        _UTC + b"260001000000Z",
        _UTC + b"260100000000Z",
        _UTC + b"260132000000Z",
        _UTC + b"260229000000Z",
        _UTC + b"260431000000Z",
        _UTC + b"260101240000Z",
        _UTC + b"260101006000Z",
        _UTC + b"260101000060Z",
        _UTC + b"26010100000 Z",
        _UTC + b"2601010000000",
        b"\x17\x0b2601010000Z",
        b"\x17\x11260101000000+0900",
        _GENERAL + b"20491231235959Z",
        _GENERAL + b"21000229000000Z",
        b"\x18\x1120500101000000.5Z",
        b"\x18\x0d205001010000Z",
        b"\x18\x1320500101000000+0000",
        b"\x17\x00",
        b"\x18\x00",
        der_int(1),
    ],
)
def test_times_that_are_none(signer: pki.SigningGeneration, element: bytes) -> None:
    """No such date, no seconds, a fraction, an offset, GeneralizedTime before 2050: refused everywhere."""
    for der in (
        pki.build_crl(signer, entries=[entry(1, element)]),
        pki.build_crl(signer, this_update=element),
    ):
        assert refusal(der).code in {"DER_TIME", "DER_TAG"}
    if element[0] != 0x02:
        assert refusal(pki.build_crl(signer, next_update=element)).code == "DER_TIME"


def test_the_tolerance_for_generalized_time(signer: pki.SigningGeneration) -> None:
    """The refusal names the tolerance that would pass; with it, entry and list read the same date."""
    element = _GENERAL + b"20261120000000Z"
    for der in (
        pki.build_crl(signer, entries=[entry(1, element)]),
        pki.build_crl(signer, this_update=element),
    ):
        assert "generalized_time_before_2050" in refusal(der).remedy
        found = decode_certificate_list(der, tolerances={"generalized_time_before_2050"})
        assert found.this_update == T0
        assert refusal(
            pki.build_crl(signer, entries=[entry(1, _GENERAL + b"00000101000000Z")]),
            frozenset({"generalized_time_before_2050"}),
        )


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
    ("extensions", "code", "got"),
    [
        (
            [extension("1.2.392.200149.99", b"", critical=True)],
            "UNKNOWN_CRITICAL_EXTENSION",
            "1.2.392.200149.99",
        ),
        ([extension("2.5.29.99", b"", critical=True)], "UNKNOWN_CRITICAL_EXTENSION", "2.5.29.99"),
        ([extension("2.5.29.29", seq(), critical=True)], "INDIRECT_NOT_SUPPORTED", "certificateIssuer"),
        ([extension("2.5.29.29", seq())], "INDIRECT_NOT_SUPPORTED", "certificateIssuer"),
        ([extension("1.2.3", b""), extension("1.2.3", b"x")], "DER_DUPLICATE_EXTENSION", "1.2.3"),
        ([extension("2.5.29.21", der_int(1, tag=0x0A))] * 2, "DER_DUPLICATE_EXTENSION", "2.5.29.21"),
        ([extension(f"1.2.{n}", b"") for n in range(17)], "DER_EXTENSIONS", "more"),
        ([seq()], "DER_TRUNCATED", ""),
        ([seq(der_int(1))], "DER_TAG", ""),
        ([seq(pki.der_oid("1.2.3"))], "DER_TRUNCATED", ""),
        ([seq(pki.der_oid("1.2.3"), b"\x01\x01\x01", tlv(4, b""))], "DER_BOOLEAN", ""),
        ([seq(pki.der_oid("1.2.3"), b"\x01\x00", tlv(4, b""))], "DER_BOOLEAN", ""),
        ([seq(pki.der_oid("1.2.3"), tlv(0x0C, b""))], "DER_TAG", ""),
        ([seq(pki.der_oid("1.2.3"), tlv(4, b""), b"\x05\x00")], "DER_TRAILING", ""),
        ([seq(tlv(6, b""), tlv(4, b""))], "DER_OID", ""),
        ([seq(tlv(6, b"\x80\x01"), tlv(4, b""))], "DER_OID", ""),
        ([seq(tlv(6, b"\x2a\x81"), tlv(4, b""))], "DER_OID", ""),
        ([seq(tlv(6, b"\x2a" * 65), tlv(4, b""))], "DER_OID", ""),
        ([extension("2.5.29.24", b"\x17\x0d260101000000Z")], "DER_TIME", ""),
        ([extension("2.5.29.24", b"\x18\x0f19990101000000Z\x00")], "DER_TIME", ""),
        ([extension("2.5.29.23", der_int(1))], "DER_HOLD_INSTRUCTION", ""),
        ([tlv(0x31, b"")], "DER_TAG", ""),
    ],
)
def test_entry_extensions(
    signer: pki.SigningGeneration, extensions: list[bytes], code: str, got: str
) -> None:
    """Bad input 61 to 63: unknown critical by OID, duplicates, certificateIssuer, and every malformation."""
    error = refusal(pki.build_crl(signer, entries=[entry(7), entry(8, extensions=extensions)]))
    assert error.code == code
    assert got in error.got
    offset_of(error)


def test_known_and_non_critical_entry_extensions_pass(signer: pki.SigningGeneration) -> None:
    """holdInstructionCode and unknown non-critical ones change nothing; sixteen are allowed."""
    hold = extension("2.5.29.23", pki.der_oid("1.2.840.10040.2.1"))
    many = [extension(f"1.2.{n}", b"anything") for n in range(15)]
    found = decode(signer, entry(1, reason=6, extensions=[hold]), entry(2, reason=3, extensions=many))
    assert [e.reason for e in found.entries] == [6, 3]


@pytest.mark.parametrize(
    "broken",
    [
        seq(),
        seq(der_int(1)),
        der_int(1),
        seq(der_int(1), pki.der_time(T0), b"\x05\x00"),
        seq(der_int(1), pki.der_time(T0), seq()),
        seq(der_int(1), pki.der_time(T0), seq(extension("1.2.3", b"")), b"\x05\x00"),
        seq(b"\x0a\x01\x01", pki.der_time(T0)),
        b"\x30\x80" + der_int(1) + pki.der_time(T0) + b"\x00\x00",
        b"\x30\x81\x12" + der_int(1) + pki.der_time(T0),
        b"\x30\x82\x00\x12" + der_int(1) + pki.der_time(T0),
        b"\x30\x84\xff\xff\xff\xff" + der_int(1) + pki.der_time(T0),
        b"\x30\x88" + b"\xff" * 8 + der_int(1) + pki.der_time(T0),
        b"\x30\x89" + b"\x01" * 9 + der_int(1) + pki.der_time(T0),
        b"\x30\xff" + bytes(20),
        b"\x3f\x81\x01\x00",
        b"\x30",
    ],
)
def test_entries_that_are_none(signer: pki.SigningGeneration, broken: bytes) -> None:
    """T16, bad input 8 and 73: empty, of another type, left over, indefinite, non-minimal, 4 GB and more."""
    error = refusal(pki.build_crl(signer, entries=[entry(1), broken]))
    assert error.code.startswith("DER_")
    assert offset_of(error) > 0


def test_a_v1_list_with_extensions_is_refused(signer: pki.SigningGeneration) -> None:
    """Bad input 70: in the list or in an entry; and versions other than v2 are refused."""
    assert refusal(pki.build_crl(signer, version=None)).code == "DER_VERSION"
    in_entry = pki.build_crl(signer, version=None, extensions=[], entries=[entry(1, reason=3)])
    assert refusal(in_entry).code == "DER_VERSION"
    for version in (0, 2, -1):
        assert refusal(pki.build_crl(signer, version=version)).code == "DER_VERSION"


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
            point.only_some_reasons,
            point.indirect_crl,
            point.only_contains_attribute_certs,
        )
    )
    relative = decode(signer, idp=seq(tlv(0xA0, tlv(0xA1, b"")))).issuing_distribution_point
    assert relative is not None
    assert relative.relative_name


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


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"-----BEGIN X509 CRL-----\r\nMIIB", "openssl crl -inform PEM"),
        (b"\x1f\x8b\x08\x00", "Content-Encoding"),
        (b"<!DOCTYPE html><html>", "proxy"),
        (b"\xef\xbb\xbf-----BEGIN", "binary"),
        (b"", ""),
        (b"\x30", ""),
        (b"garbage", ""),
        (b"0" * 5000, ""),
    ],
)
def test_what_is_no_list_at_all(content: bytes, hint: str) -> None:
    """Bad input 71: PEM, gzip, a web page, nothing: refused with the remedy that fits."""
    error = refusal(content)
    assert error.code.startswith("DER_")
    assert hint in error.remedy


def test_anything_left_over_is_refused(signer: pki.SigningGeneration) -> None:
    """Nothing after the list, nothing after the signed part's extensions, no two lists in one file."""
    der = pki.build_crl(signer, entries=[entry(1)])
    assert refusal(der + b"\x00").code == "DER_TRAILING"
    assert refusal(der + der).code == "DER_TRAILING"
    error = refusal(der + b"\x00")
    assert offset_of(error) == len(der)


def test_a_list_cut_at_any_octet_is_refused(signer: pki.SigningGeneration) -> None:
    """T02: no prefix of a list is a list."""
    der = pki.build_crl(signer, entries=[entry(n, reason=3) for n in range(1, 6)])
    for size in range(len(der)):
        refusal(der[:size])


def test_signature_value_is_whole_octets(signer: pki.SigningGeneration) -> None:
    """RFC 5280 section 5.1.1.3: no unused bits; and not empty."""
    good = pki.build_crl(signer)
    tbs = bytes(decode_certificate_list(good).tbs)
    algorithm = pki.default_algorithm(signer.private)
    for bits in (b"", b"\x00", b"\x01\x02", b"\x07\x80"):
        assert refusal(seq(tbs, algorithm, tlv(0x03, bits))).code == "DER_SIGNATURE"


def test_a_list_over_the_limit_is_not_read(signer: pki.SigningGeneration) -> None:
    """T16: the size is asked before anything else."""
    der = pki.build_crl(signer)
    with pytest.raises(InputRefused) as error:
        decode_certificate_list(der, max_octets=len(der) - 1)
    assert error.value.code == "TOO_LARGE"
    decode_certificate_list(der, max_octets=len(der))


def test_deep_nesting_costs_nothing(signer: pki.SigningGeneration) -> None:
    """Bad input 73: 10^5 levels inside an extension are octets, not recursion."""
    nested = b""
    for _ in range(300):
        nested = seq(nested)
    nested = b"\x30\x80" * 100_000 + nested
    assert refusal(nested).code == "DER_LENGTH"
    decode(signer, entry(1, extensions=[extension("1.2.3", nested)]))


def test_small_entries_outgrow_the_first_guess(signer: pki.SigningGeneration) -> None:
    """The packed buffer grows: 5,000 of the smallest entries, none lost."""
    found = decode(signer, *(entry(n % 128) for n in range(5000)))
    assert [e.serial[0] for e in found.entries] == [n % 128 for n in range(5000)]


def test_refusals_never_carry_a_serial(signer: pki.SigningGeneration) -> None:
    """Design 12, 7: a refusal ends in a log."""
    serial = 0x5EC4E75E41A1
    bad = extension("1.2.3", b"", critical=True)
    error = refusal(pki.build_crl(signer, entries=[entry(serial, extensions=[bad])]))
    assert f"{serial:x}" not in str(error).lower()
    assert str(serial) not in str(error)
