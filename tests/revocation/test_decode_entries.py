"""Entries by rule: serials, reasons and entry extensions, each way to be wrong refused, none skipped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import pki
from tests.pki import T0, der_int, entry, extension, seq, tlv
from tests.revocation.decoding import decode, offset_of, quick_signer, refusal


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """Quick: nothing here depends on the signature."""
    return quick_signer()


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
def test_item_66_wrong_serials_refuse_the_whole_list(
    signer: pki.SigningGeneration, serial: bytes, code: str
) -> None:
    """Empty, over-long or non-minimal, in any position: refused, never skipped."""
    der = pki.build_crl(signer, entries=[entry(1), entry(serial), entry(2)])
    error = refusal(der)
    assert error.code == code
    assert der[offset_of(error) - 2 :].find(serial) in range(5)


@pytest.mark.parametrize(
    "serial", [b"\x00", b"\x80", b"\xff", b"\x00\x80", b"\xff\x7f", b"\x7f" * 20, b"\x80" + bytes(19)]
)
def test_item_66_odd_serials_are_kept_as_they_stand(signer: pki.SigningGeneration, serial: bytes) -> None:
    """Zero and negative serials are the CA's business, and are never dropped."""
    assert [e.serial for e in decode(signer, entry(serial)).entries] == [serial]


@pytest.mark.parametrize("raw", [*range(11), 11, 99, 127, 128, 254])
def test_item_67_reason_codes_keep_their_value(signer: pki.SigningGeneration, raw: int) -> None:
    """Unknown codes still mean revoked, and keep their value."""
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
def test_item_67_reason_codes_that_are_none(signer: pki.SigningGeneration, value: bytes) -> None:
    """An INTEGER, 255 and more, a negative, a non-minimal, an empty one, one with something after it."""
    error = refusal(pki.build_crl(signer, entries=[entry(1, extensions=[extension("2.5.29.21", value)])]))
    assert error.code in {"DER_REASON", "DER_TRAILING", "DER_TRUNCATED"}


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
def test_item_62_entry_extensions(
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
def test_t16_entries_that_are_none(signer: pki.SigningGeneration, broken: bytes) -> None:
    """Bad input 8 and 73: empty, of another type, left over, indefinite, non-minimal, 4 GB and more."""
    error = refusal(pki.build_crl(signer, entries=[entry(1), broken]))
    assert error.code.startswith("DER_")
    assert offset_of(error) > 0


def test_small_entries_outgrow_the_first_guess(signer: pki.SigningGeneration) -> None:
    """The packed buffer grows: 5,000 of the smallest entries, none lost."""
    found = decode(signer, *(entry(n % 128) for n in range(5000)))
    assert [e.serial[0] for e in found.entries] == [n % 128 for n in range(5000)]


@pytest.mark.parametrize("position", [0, 1, 999])
@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("indirect", [False, True])
def test_item_61_certificate_issuer_anywhere(
    signer: pki.SigningGeneration, position: int, critical: bool, indirect: bool
) -> None:
    """RFC 5280 section 5.3.3: whoever issued the entries after it, no list of ours is indirect."""
    names = seq(tlv(0xA4, pki.name(*pki.SIGN_DN)))
    entries = [entry(n + 1, reason=3) for n in range(1000)]
    entries[position] = entry(
        position + 1, T0, 3, extensions=[extension("2.5.29.29", names, critical=critical)]
    )
    idp = pki.issuing_distribution_point(pki.point(1), *([b"\x84\x01\xff"] if indirect else []))
    error = refusal(pki.build_crl(signer, idp=idp, entries=entries))
    assert (error.code, "certificateIssuer" in error.got) == ("INDIRECT_NOT_SUPPORTED", True)


@pytest.mark.parametrize("behind", [0, 1000])
def test_item_62_one_unknown_critical_extension_among_many(
    signer: pki.SigningGeneration, behind: int
) -> None:
    """One in an entry, in front of none or a thousand usual ones: the list decides no status at all."""
    marked = entry(9, T0, 3, extensions=[extension("1.2.392.200149.99", b"", critical=True)])
    entries = [*(entry(n + 1000) for n in range(1000)), marked, *(entry(n, T0, 1) for n in range(behind))]
    error = refusal(pki.build_crl(signer, entries=entries))
    assert (error.code, error.got.split()[0]) == ("UNKNOWN_CRITICAL_EXTENSION", "1.2.392.200149.99")


def test_item_64_a_serial_said_twice_is_handed_on_twice(signer: pki.SigningGeneration) -> None:
    """The decoder drops neither; which of them counts is the index's rule (FORMAT.md)."""
    found = decode(signer, entry(7, T0, 3), entry(8), entry(7, T0, 3), entry(7, T0 - timedelta(days=1), 6))
    assert [(e.serial[0], e.reason) for e in found.entries] == [(7, 3), (8, 0xFF), (7, 3), (7, 6)]


def test_item_73_a_million_extensions_of_one_entry(signer: pki.SigningGeneration) -> None:
    """10^6 of them, empty or well-formed: refused at the first or the seventeenth, not after them all."""
    empty = entry(1, extensions=[seq() * 1_000_000])
    assert refusal(pki.build_crl(signer, entries=[empty])).code == "DER_TRUNCATED"
    many = b"".join(extension(f"1.2.{n >> 14}.{n & 0x3FFF}", b"") for n in range(1_000_000))
    der = pki.build_crl(signer, entries=[entry(1, extensions=[many])])
    error = refusal(der)
    assert (error.code, error.got.split()[0]) == ("DER_EXTENSIONS", "more")
    assert offset_of(error) < 1000
