"""What the checker reads of a certificate (RFC 5280 section 4.1), and what it refuses."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.distribution_points import DistributionPoint
from tests.checker.material import (
    CRL_SIGN,
    KEY_CERT_SIGN,
    Entity,
    bits,
    certificate,
    full,
    named,
    read,
    refusal,
    uri,
)
from tests.der_writer import T0, der_int, der_oid, extension, name, seq, tlv
from tests.forged_lists import ALGORITHMS

_CA, _LEAF = Entity("CA"), Entity("Leaf", 1)
_URI = uri("http://crl.example/1.crl")
_POINTS = seq(seq(full(_URI)))
_SHA384 = ALGORITHMS["ecdsa-with-SHA384"]


def _with(*extensions: bytes) -> Any:
    return read(certificate(_LEAF, _CA, extensions=extensions))


def test_everything_is_read() -> None:
    """RFC 5280 section 4.1: every field where it stands; cryptography reads the same."""
    der = certificate(
        _LEAF, _CA, serial=77, ca=True, path_length=3, usage=(KEY_CERT_SIGN, CRL_SIGN), points=_POINTS
    )
    found, theirs = read(der), x509.load_der_x509_certificate(der)
    assert found.fingerprint == hashlib.sha256(der).digest()
    assert found.serial == b"\x4d"
    assert (found.issuer, found.subject) == (_CA.subject, _LEAF.subject)
    assert (found.not_before, found.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    assert found.key_info == _LEAF.key_info
    assert found.key == theirs.public_key()
    assert (found.tbs, found.signature) == (theirs.tbs_certificate_bytes, theirs.signature)
    assert found.inner_algorithm == found.outer_algorithm == ALGORITHMS["ecdsa-with-SHA256"]
    assert found.version == 3
    assert (found.is_ca, found.path_length) == (True, 3)
    assert (found.may_sign_certificates, found.may_sign_lists) == (True, True)
    assert (found.subject_key_identifier, found.authority_key_identifier) == (_LEAF.ski, _CA.ski)
    assert found.distribution_points == (DistributionPoint(full_names=(_URI,)),)
    assert found.unknown_critical == ()
    assert not found.is_self_issued
    assert repr(found) == f"Certificate({hashlib.sha256(der).hexdigest()[:16]}...)"


def test_what_is_absent_is_none() -> None:
    """RFC 5280 section 4.1: a certificate without extensions says nothing of these."""
    found = read(certificate(_LEAF, _CA, version=None, extensions=()))
    assert found.version == 1
    assert (found.is_ca, found.path_length) == (None, None)
    assert (found.may_sign_certificates, found.may_sign_lists) == (None, None)
    assert (found.subject_key_identifier, found.authority_key_identifier) == (None, None)
    assert found.distribution_points == ()


@pytest.mark.parametrize("unique_ids", [b"", tlv(0x81, b"\0a"), tlv(0x82, b"\0b")])
def test_unique_identifiers_are_passed_over(unique_ids: bytes) -> None:
    """RFC 5280 section 4.1.2.8: from version 2 on they may be there, and say nothing."""
    for one in (unique_ids, tlv(0x81, b"\0a") + tlv(0x82, b"\0b")):
        assert read(certificate(_LEAF, _CA, unique_ids=one, ca=True)).is_ca
        assert read(certificate(_LEAF, _CA, unique_ids=one, version=1, extensions=())).version == 2
        if one:
            error = refusal(read, certificate(_LEAF, _CA, unique_ids=one, version=None, extensions=()))
            assert error.code == "DER_TRAILING"


@pytest.mark.parametrize("version", [None, 1])
def test_an_old_version_has_no_extensions(version: int | None) -> None:
    """RFC 5280 section 4.1.2.9: in version 3 only; what an older one has would make a CA of it."""
    assert refusal(read, certificate(_LEAF, _CA, version=version, ca=True)).code == "DER_TRAILING"
    assert read(certificate(_LEAF, _CA, version=version, extensions=())).is_ca is None


def test_there_are_three_versions() -> None:
    """RFC 5280 section 4.1.2.1: v1 (0) to v3 (2); v1 written out is understood."""
    assert read(certificate(_LEAF, _CA, version=0, extensions=())).version == 1
    for version in (-1, 3):
        error = refusal(read, certificate(_LEAF, _CA, version=version))
        assert (error.code, error.expected) == ("DER_VERSION", "version: v1, v2 or v3")


@given(st.integers(-(2**200), 2**200))
def test_the_serial_is_its_octets(number: int) -> None:
    """RFC 5280 section 4.1.2.2: a negative one, zero or a long one is an identity like any other."""
    assert read(certificate(_LEAF, _CA, serial=number)).serial == der_int(number)[2:]


@pytest.mark.parametrize(
    ("serial", "code"),
    [(b"", "DER_INTEGER"), (b"\x00\x01", "DER_INTEGER"), (b"\x01" * 65, "DER_INTEGER")],
)
def test_what_is_no_serial_is_refused(serial: bytes, code: str) -> None:
    """X.690 section 8.3: the fewest octets, at least one; and no endless ones."""
    assert len(read(certificate(_LEAF, _CA, serial=b"\x01" * 64)).serial) == 64
    assert refusal(read, certificate(_LEAF, _CA, serial=serial)).code == code


def test_dates_in_either_form() -> None:
    """RFC 5280 section 4.1.2.5: UTCTime or GeneralizedTime; the latter before 2050 is understood too."""
    early, late = tlv(0x18, b"20250101000000Z"), tlv(0x18, b"20991231235959Z")
    found = read(certificate(_LEAF, _CA, start=early, end=late))
    assert found.not_before == datetime(2025, 1, 1, tzinfo=UTC)
    assert found.not_after == datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert read(certificate(_LEAF, _CA, start=T0, end=early)).not_after == datetime(2025, 1, 1, tzinfo=UTC)


def test_self_issued_is_said_by_the_names() -> None:
    """RFC 5280 section 6.1: the same DN as subject and issuer, as section 7.1 compares; whoever signed it."""
    assert read(certificate(_CA)).is_self_issued
    assert read(certificate(Entity("CA", 1), _CA)).is_self_issued
    assert read(certificate(_CA, subject_name=named(" cA "))).is_self_issued
    assert not read(certificate(_CA, subject_name=named("CA2"))).is_self_issued


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (seq(b"\x01\x01\xff"), (True, None)),
        (seq(b"\x01\x01\xff", der_int(0)), (True, 0)),
        (seq(), (False, None)),
        (seq(b"\x01\x01\x00"), (False, None)),
        (seq(der_int(2)), (False, 2)),
    ],
)
def test_basic_constraints(value: bytes, expected: tuple[bool, int | None]) -> None:
    """RFC 5280 section 4.2.1.9: cA is FALSE by default, also where that is written out."""
    found = _with(extension("2.5.29.19", value))
    assert (found.is_ca, found.path_length) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (bits(5), (True, False)),
        (bits(6), (False, True)),
        (bits(5, 6), (True, True)),
        (bits(0, 7, 8), (False, False)),
        (bits(6, 8), (False, True)),
        (bits(13, 14), (False, False)),
        (bits(), (False, False)),
        (tlv(0x03, b"\x00\x04"), (True, False)),  # with trailing zero bits: a sloppy writer
        (tlv(0x03, b"\x07\xff"), (False, False)),  # bits that are said to be unused are none
        (tlv(0x03, b"\x02\xff"), (True, False)),
        (tlv(0x03, b"\x01\xff"), (True, True)),
    ],
)
def test_key_usage(usage: bytes, expected: tuple[bool, bool]) -> None:
    """RFC 5280 section 4.2.1.3: bits 5 and 6, counted from the left."""
    found = _with(extension("2.5.29.15", usage))
    assert (found.may_sign_certificates, found.may_sign_lists) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (seq(), None),
        (seq(tlv(0x80, b"id")), b"id"),
        (seq(tlv(0x80, b"id"), tlv(0xA1, tlv(0xA4, named("CA"))), tlv(0x82, b"\x01")), b"id"),
        (seq(tlv(0xA1, tlv(0xA4, named("CA"))), tlv(0x82, b"\x01")), None),
    ],
)
def test_the_authority_key_identifier(value: bytes, expected: bytes | None) -> None:
    """RFC 5280 section 4.2.1.1: the key's identifier, where it is among the three."""
    assert _with(extension("2.5.29.35", value)).authority_key_identifier == expected


def test_points_that_cannot_be_read_are_remembered_as_such() -> None:
    """RFC 5280 section 4.2.1.13: nobody may take them for none; the certificate itself is read."""
    assert _with(extension("2.5.29.31", _POINTS)).distribution_points == (
        DistributionPoint(full_names=(_URI,)),
    )
    for value in (b"", seq(), seq(seq()), _POINTS + b"\x05\x00"):
        assert _with(extension("2.5.29.31", value)).distribution_points is None


_KNOWN = (14, 15, 19, 31, 35, 17, 18, 30, 32, 33, 36, 37, 46, 54, 9)
_VALUES = {
    14: tlv(0x04, b"id"),
    15: bits(0),
    19: seq(),
    31: _POINTS,
    35: seq(),
}


def test_name_constraints_are_seen() -> None:
    """RFC 5280 section 4.2.1.10: what they permit is not computed, but that there are some is known."""
    assert _with(extension("2.5.29.30", seq(), critical=True)).has_name_constraints
    assert not _with(extension("2.5.29.31", _POINTS)).has_name_constraints


def test_critical_extensions_are_known_or_told() -> None:
    """RFC 5280 section 4.2: those whose rules are kept, or said to be left to others; all else is told."""
    known = [extension(f"2.5.29.{arc}", _VALUES.get(arc, b"\x05\x00"), critical=True) for arc in _KNOWN]
    assert _with(*known).unknown_critical == ()
    strange = [extension(oid, b"", critical=True) for oid in ("1.2.3", "2.5.29.16", "2.5.29.60")]
    assert _with(*strange).unknown_critical == ("1.2.3", "2.5.29.16", "2.5.29.60")
    harmless = [extension("1.2.3", b""), extension("1.2.4", b"", explicit_false=True)]
    assert _with(*harmless).unknown_critical == ()


def test_at_most_64_extensions_each_once() -> None:
    """RFC 5280 section 4.2: not more than one of a kind; and a bound of our own."""
    many = [extension(f"1.2.3.{number}", b"") for number in range(65)]
    assert _with(*many[:64]).version == 3
    for extensions in (many, [many[0], many[0]]):
        error = refusal(_with, *extensions)
        assert (error.code, error.expected) == (
            "DER_DUPLICATE_EXTENSION",
            "extensions: each extension once, at most 64",
        )


@pytest.mark.parametrize(
    "value",
    [
        ("2.5.29.19", b""),
        ("2.5.29.19", seq(b"\x01\x01\x01")),
        ("2.5.29.19", seq(der_int(1), b"\x01\x01\xff")),
        ("2.5.29.15", b""),
        ("2.5.29.15", tlv(0x04, b"\x05\xa0")),
        ("2.5.29.15", tlv(0x03, b"")),
        ("2.5.29.15", tlv(0x03, b"\x01")),
        ("2.5.29.15", tlv(0x03, b"\x08\xff")),
        ("2.5.29.15", bits(5) + b"\x05\x00"),
        ("2.5.29.19", seq(b"\x01\x01\xff") + b"\x05\x00"),
        ("2.5.29.19", seq(b"\x01\x01\xff", b"\x05\x00")),
        ("2.5.29.14", tlv(0x04, b"a") + b"\x05\x00"),
        ("2.5.29.35", seq(tlv(0x80, b"a"), b"\x05\x00")),
        ("2.5.29.14", tlv(0x03, b"")),
        ("2.5.29.35", tlv(0x31, b"")),
    ],
)
def test_extensions_that_decide_are_read_strictly(value: tuple[str, bytes]) -> None:
    """RFC 5280 sections 4.2.1.1 to 4.2.1.9: one whose extension says nothing readable is refused."""
    assert refusal(_with, extension(*value)).code.startswith("DER_")


def _of_parts(*parts: bytes) -> bytes:
    return seq(seq(*parts), ALGORITHMS["ecdsa-with-SHA256"], tlv(0x03, b"\x00s"))


_DATES = seq(tlv(0x17, b"250101000000Z"), tlv(0x17, b"300101000000Z"))
_HEAD = (tlv(0xA0, der_int(2)), der_int(1), ALGORITHMS["ecdsa-with-SHA256"])
_BODY = (named("CA"), _DATES, named("Leaf"), _LEAF.key_info)
_BAD_NAME = seq(tlv(0x31, b""))


@pytest.mark.parametrize(
    "der",
    [
        b"",
        certificate(_LEAF, _CA) + b"\x00",
        seq(*[seq()] * 3, tlv(0x03, b"\x00s")),
        seq(seq(*_HEAD, *_BODY), ALGORITHMS["ecdsa-with-SHA256"], tlv(0x03, b"\x01s")),
        seq(seq(*_HEAD, *_BODY), ALGORITHMS["ecdsa-with-SHA256"], tlv(0x03, b"\x00s"), b"\x05\x00"),
        _of_parts(tlv(0xA0, der_int(2) + der_int(2)), *_HEAD[1:], *_BODY),
        _of_parts(*_HEAD, named("CA"), seq(_DATES[2:], tlv(0x17, b"300101000000Z")), *_BODY[2:]),
        _of_parts(*_HEAD, _BAD_NAME, *_BODY[1:]),
        _of_parts(*_HEAD, *_BODY[:2], _BAD_NAME, *_BODY[3:]),
        _of_parts(*_HEAD, *_BODY, tlv(0xA3, seq() + seq())),
        _of_parts(*_HEAD, *_BODY, tlv(0xA3, seq(seq(der_oid("1.2.3"), tlv(0x04, b""), b"\x05\x00")))),
        _of_parts(*_HEAD, *_BODY, tlv(0xA3, seq()), b"\x05\x00"),
        _of_parts(*_HEAD, *_BODY, tlv(0x82, b"\x00"), tlv(0x81, b"\x00")),
    ],
)
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    """RFC 5280 section 4.1 in DER: nothing left over, nothing out of order, names that are names."""
    assert read(_of_parts(*_HEAD, *_BODY)).version == 3
    assert refusal(read, der).code.startswith("DER_")


def test_a_key_that_cannot_be_read_is_none() -> None:
    """RFC 5280 section 4.1.2.7: of an unknown kind, broken, or one that signs nothing; the rest is read."""
    agreed = x25519.X25519PrivateKey.generate().public_key()
    whole = agreed.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    unknown = seq(seq(der_oid("1.2.3.4")), tlv(0x03, b"\x00k"))
    off_curve = _LEAF.key_info[:-1] + bytes([_LEAF.key_info[-1] ^ 1])
    for key_info in (whole, unknown, off_curve, seq()):
        found = read(certificate(_LEAF, _CA, key_info=key_info))
        assert found.key is None
        assert found.key_info == key_info
    assert isinstance(read(certificate(_LEAF, _CA)).key, ec.EllipticCurvePublicKey)


def test_the_same_octets_are_read_once_and_large_ones_each_time() -> None:
    """The CAs of a chain come with every leaf; what comes from outside may not fill the memory."""
    small = certificate(_LEAF, _CA)
    assert read(small) is read(bytes(bytearray(small)))
    large = certificate(_LEAF, _CA, extra=[extension("1.2.3", bytes(9000))])
    assert read(large) is not read(large)
    assert read(large).fingerprint == read(large).fingerprint


def test_names_are_kept_as_they_stand() -> None:
    """RFC 5280 section 7.1 is for comparing; the octets are what a list names an issuer by."""
    written = name(("C", "JP"), ("CN", "  LEAF "), string_tag=0x13)
    assert read(certificate(_LEAF, _CA, subject_name=written)).subject == written


def test_both_algorithms_are_told() -> None:
    """RFC 5280 section 4.1.1.2: inside and outside; that they agree is for the path to ask."""
    found = read(certificate(_LEAF, _CA, outer_algorithm=_SHA384))
    assert (found.inner_algorithm, found.outer_algorithm) == (ALGORITHMS["ecdsa-with-SHA256"], _SHA384)
