"""Presented certificates: profile, issuer, items, signatures; what is odd is refused or says nothing."""

from __future__ import annotations

from datetime import date

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from platform_api.certificates.birth_date import Precision, birth_date
from platform_api.certificates.chain import issued_by
from platform_api.certificates.four_items import TextItem, items_of_names
from platform_api.certificates.profile import read_certificate
from platform_api.certificates.signature import document_signed, signature_algorithm, signature_valid
from revocation.authorities import Authorities
from revocation.coverage import PARTITION_NOT_APPROVED
from revocation.errors import InputRefused
from tests import pki
from tests.features.cards import ARC, AUTH_POLICY, ITEMS, SIGN_POLICY, Card, digest, make_card, utf8_name
from tests.revocation import sets

KINDS = {SIGN_POLICY: "card-sign", AUTH_POLICY: "card-auth"}


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    """One CA with two generations under one DN."""
    return sets.world(kinds=KINDS)[0]


def test_profile_of_a_signing_card() -> None:
    """The six otherNames in any order become four items, byte for byte."""
    reversed_items = dict(reversed(ITEMS.items()))
    for items in (ITEMS, reversed_items):
        found = read_certificate(make_card(sets.ca(), items=items).der).four_information
        assert found is not None
        assert found.name == TextItem("黒桐　幹也", "00010")
        assert found.address is not None
        assert (found.address.value, found.address.reliable) == ("東京都清瀬市観布子南１２－７－２０２", True)
        assert found.date_of_birth is not None
        assert (found.date_of_birth.raw, found.date_of_birth.date) == ("319800217", date(1980, 2, 17))
        assert found.gender is not None
        assert (found.gender.raw, found.gender.code) == ("1", "male")


def test_items_never_show_in_a_representation() -> None:
    """repr ends in logs and tracebacks; no item does."""
    presented = read_certificate(make_card(sets.ca()).der)
    assert presented.four_information is not None
    shown = repr([presented, presented.four_information, presented.four_information.name])
    assert not any(text in shown for text in ITEMS.values() if len(text) > 1)


def test_unknown_other_names_are_tolerated_and_doubles_refused() -> None:
    """Furigana is coming under an unknown OID; the same item twice is a lie in one of the two."""
    names = [utf8_name(ARC + digit, text) for digit, text in ITEMS.items()]
    extra = make_card(sets.ca(), other_names=[*names, utf8_name(ARC + "7", "コクトウ")])
    assert read_certificate(extra.der).four_information is not None
    double = make_card(sets.ca(), other_names=[*names, utf8_name(ARC + "1", "別　名")])
    with pytest.raises(InputRefused, match="CERTIFICATE_ITEMS_MALFORMED"):
        read_certificate(double.der)


@pytest.mark.parametrize(
    "names",
    [
        [utf8_name(ARC + "1", "名")],
        [x509.OtherName(x509.ObjectIdentifier(ARC + "1"), pki.tlv(0x13, b"A"))],
        [x509.OtherName(x509.ObjectIdentifier(ARC + "1"), b"\x0c\x05AB")],
        [x509.OtherName(x509.ObjectIdentifier(ARC + "1"), b"\x0c\x83\x00\x00\x01A")],
        [utf8_name(ARC + "1", b"\xff\xfe")],
    ],
)
def test_broken_items_are_refused(names: list[x509.OtherName]) -> None:
    """Missing items, another string type, wrong lengths, octets that are no UTF-8."""
    with pytest.raises(InputRefused, match="CERTIFICATE_ITEMS_MALFORMED"):
        items_of_names(names)


def test_long_address_and_wrong_flags() -> None:
    """A length of two octets is read; flags that do not match the characters are unreliable, kept raw."""
    long = dict(ITEMS) | {"5": "住" * 100, "6": "01"}
    found = read_certificate(make_card(sets.ca(), items=long).der).four_information
    assert found is not None
    assert found.address is not None
    assert found.address == TextItem("住" * 100, "01")
    assert not found.address.reliable


def test_generation_kind_and_partition(authorities: Authorities) -> None:
    """Both generations share one DN: the key is found by signature; kind by policy, partition by CRLDP."""
    for number in (0, 1):
        card = make_card(sets.ca(), generation=number, partition=2)
        known = issued_by(read_certificate(card.der), authorities)
        assert known is not None
        assert known.identity.issuer_key == sets.ca().generations[number].key_id
        assert (known.kind, known.partition) == ("card-sign", 2)
    auth = make_card(sets.ca(), policies=[AUTH_POLICY], items=None)
    known = issued_by(read_certificate(auth.der), authorities)
    assert known is not None
    assert known.kind == "card-auth"
    assert known.presented.four_information is None


@pytest.mark.parametrize(
    ("bend", "kind", "partition"),
    [
        ({"policies": []}, None, 1),
        ({"policies": ["1.2.3.4"]}, None, 1),
        ({"policies": [SIGN_POLICY, AUTH_POLICY]}, None, 1),
        ({"partition": None}, "card-sign", None),
        ({"partition": 77}, "card-sign", PARTITION_NOT_APPROVED),
    ],
)
def test_undetermined_kind_and_partition(
    authorities: Authorities, bend: dict[str, object], kind: str | None, partition: int | None
) -> None:
    """No or two kinds: none. No CRLDP: every list must speak; one that we never approved: none may."""
    known = issued_by(read_certificate(make_card(sets.ca(), **bend).der), authorities)  # type: ignore[arg-type]
    assert known is not None
    assert (known.kind, known.partition) == (kind, partition)


def test_foreign_and_forged_certificates_are_nobodys(authorities: Authorities) -> None:
    """Same DN and AKI with another key, another CA, another algorithm than allowed: not issued by us."""
    forged = make_card(sets.ca(), issuer_key=pki.key("p256", 70))
    assert issued_by(read_certificate(forged.der), authorities) is None
    other = pki.make_ca((("C", "JP"), ("O", "OTHER")), kind="p256", first_key=40)
    assert issued_by(read_certificate(make_card(other).der), authorities) is None
    weak = Authorities([sets.ca().authority(kinds=KINDS, signature_algorithms=frozenset({"Ed25519"}))])
    assert issued_by(read_certificate(make_card(sets.ca()).der), weak) is None


def test_certificates_that_are_no_cards() -> None:
    """An unknown critical extension, garbage, trailing octets: refused."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    der = make_card(sets.ca()).der
    for bad in (
        make_card(sets.ca(), extra=unknown, extra_critical=True).der,
        b"",
        b"x" * 20_000,
        b"\x30\x03\x02\x01\x01",
        der + b"\x00",
        der[:-1],
    ):
        with pytest.raises(InputRefused, match="CERTIFICATE_MALFORMED"):
            read_certificate(bad)
    assert read_certificate(make_card(sets.ca(), extra=unknown).der)


def test_certificates_of_authorities_are_of_no_kind(authorities: Authorities) -> None:
    """A CA's own certificate, and one with a card's policy that says it is a CA: ours, out of scope."""
    for der in (
        sets.ca().certificates[0].public_bytes(pki.Encoding.DER),
        make_card(sets.ca(), is_ca=True).der,
    ):
        known = issued_by(read_certificate(der), authorities)
        assert known is not None
        assert (known.kind, known.presented.is_authority) == (None, True)
    known = issued_by(read_certificate(make_card(sets.ca()).der), authorities)
    assert known is not None
    assert (known.kind, known.presented.is_authority) == ("card-sign", False)


@pytest.fixture(scope="module")
def rsa_card() -> Card:
    """A card with today's keys: RSA-2048."""
    return make_card(sets.ca(), key=pki.key("rsa", 5))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_signatures_of_all_key_kinds(kind: str, rsa_card: Card) -> None:
    """RSA PKCS#1 v1.5 and P-256 with SHA-256, P-384 with SHA-384; any other digest or signature is false."""
    card = rsa_card if kind == "rsa" else make_card(sets.ca(), key=pki.key(kind, 7))
    presented = read_certificate(card.der)
    signature = card.sign(b"document")
    name = "sha384" if kind == "p384" else "sha256"
    assert signature_algorithm(presented) == card.algorithm
    assert signature_valid(presented, digest(b"document", name), signature, name)
    assert document_signed(presented, b"document", signature)
    assert not signature_valid(presented, digest(b"another", name), signature, name)
    for bad in (b"", signature[:-1], signature + b"\x00", bytes(len(signature))):
        assert not signature_valid(presented, digest(b"document", name), bad, name)
        assert not document_signed(presented, b"document", bad)


def test_sha384_belongs_to_p384(rsa_card: Card) -> None:
    """A P-384 key may have signed either digest; no other key signs SHA-384; no digest is cut or padded."""
    large = make_card(sets.ca(), key=pki.key("p384", 7))
    sha256 = large.key.sign(b"document", ec.ECDSA(SHA256()))
    assert signature_valid(read_certificate(large.der), digest(b"document"), sha256)
    assert not document_signed(read_certificate(large.der), b"document", sha256)
    for card in (rsa_card, make_card(sets.ca())):
        with pytest.raises(InputRefused, match="DIGEST_ALGORITHM"):
            signature_valid(read_certificate(card.der), digest(b"d", "sha384"), b"", "sha384")
    with pytest.raises(InputRefused, match="DIGEST_MALFORMED"):
        signature_valid(read_certificate(large.der), digest(b"d"), b"", "sha384")


def test_keys_and_usages_that_cannot_sign(rsa_card: Card) -> None:
    """RSA below 2048, other curves' kinds, a digest of another length; a key without digitalSignature."""
    for kind in ("rsa1024", "ed25519"):
        with pytest.raises(InputRefused, match="KEY_NOT_SUPPORTED"):
            signature_algorithm(read_certificate(make_card(sets.ca(), key=pki.key(kind, 1)).der))
    with pytest.raises(InputRefused, match="DIGEST_MALFORMED"):
        signature_valid(read_certificate(rsa_card.der), b"short", b"")
    useless = make_card(sets.ca(), key_usage=False)
    assert not signature_valid(read_certificate(useless.der), digest(b"x"), useless.sign(b"x"))


@pytest.mark.parametrize(
    ("raw", "precision", "day"),
    [
        ("319800217", "day", date(1980, 2, 17)),
        ("419920229", "day", date(1992, 2, 29)),
        ("519900101", "unreliable", None),
        ("020010101", "day", date(2001, 1, 1)),
        ("000110101", "unreliable", None),
        ("319890107", "day", date(1989, 1, 7)),
        ("319890108", "unreliable", None),
        ("419890108", "day", date(1989, 1, 8)),
        ("400000000", "none", None),
        ("000000000", "none", None),
        ("319800000", "year", None),
        ("319800200", "month", None),
        ("319800017", "unreliable", None),
        ("300000217", "unreliable", None),
        ("319810229", "unreliable", None),
        ("319801301", "unreliable", None),
        ("619800217", "unreliable", None),
        ("19800217", "unreliable", None),
        ("3198002170", "unreliable", None),
        ("31980０217", "unreliable", None),
        ("", "unreliable", None),
    ],
)
def test_birth_dates(raw: str, precision: str, day: date | None) -> None:
    """Exact where it is exact, partial where zeros say so, unreliable where it does not hold together."""
    found = birth_date(raw)
    assert (found.raw, found.precision.value, found.date) == (raw, precision, day)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{9}", fullmatch=True))
def test_birth_dates_never_fail_and_never_invent(raw: str) -> None:
    """Any text gives an answer; a day is only given for the very digits that were written."""
    found = birth_date(raw)
    assert found.raw == raw
    if found.date is not None:
        assert found.precision is Precision.DAY
        assert raw[1:] == found.date.isoformat().replace("-", "")
