"""Authorities as data: generations, partitions, expected lists, the file that keeps them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from revocation.authorities import Authorities, Authority, CrlSigning, Lineage, ListScope, Partition
from revocation.authority_file import authority_from_certificates, partitions_from_points
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.distinguished_names import canonical_name, same_name
from revocation.errors import InputRefused, OutsideFailed
from tests import pki


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """Two live generations under one DN."""
    return pki.make_ca()


def test_generations_are_named_from_the_oldest_whatever_the_order(ca: pki.CA) -> None:
    """g1 is the oldest; the newest signs for all where that is configured."""
    authority = authority_from_certificates(
        "card-sign", reversed(ca.certificates), partitions=[Partition(1, b"", "all")]
    )
    assert [g.name for g in authority.generations] == ["g1", "g2"]
    assert [g.key_id for g in authority.generations] == [g.key_id for g in ca.generations]
    assert authority.newest.key_id == ca.generations[1].key_id
    assert authority.generations[0].subject_key_identifier == ca.generations[0].ski
    der = ca.certificates[0].public_bytes(Encoding.DER)
    assert authority.generations[0].certificate_sha256 == hashlib.sha256(der).digest()


def test_each_generation_signs_its_own_lists(ca: pki.CA) -> None:
    """Two generations times three partitions are six expected lists, each under its own key."""
    authority = ca.authority(partitions=3)
    scopes = authority.expected_lists()
    assert len(scopes) == len(set(scopes)) == 6
    assert all(scope.lineage.key_id == scope.signing_key for scope in scopes)
    key = ca.generations[0].key_id
    assert authority.lineage_of(key) == Lineage("card-sign", key.hex())
    assert authority.lineage_of(bytes(32)) is None


def test_the_newest_generation_may_sign_for_all(ca: pki.CA) -> None:
    """Then both generations share one lineage, whose lists the newest key signs."""
    authority = ca.authority(partitions=3, crl_signing=CrlSigning.NEWEST_FOR_ALL)
    scopes = authority.expected_lists()
    assert [scope.partition_number for scope in scopes] == [1, 2, 3]
    assert {scope.signing_key for scope in scopes} == {ca.generations[1].key_id.hex()}
    assert {authority.lineage_of(g.key_id) for g in ca.generations} == {Lineage("card-sign", "all")}


def test_a_closed_partition_is_not_expected(ca: pki.CA) -> None:
    """A merged municipality publishes no list any more; its number stays known."""
    parts = [
        Partition(1, pki.point(1), "old", closed=date(2026, 4, 1), successor=2),
        Partition(2, pki.point(2), "new"),
    ]
    authority = authority_from_certificates("card-sign", ca.certificates, partitions=parts)
    assert {scope.partition_number for scope in authority.expected_lists()} == {2}
    assert authority.partition(1) == parts[0]


def test_partitions_are_found_by_name_comparison(ca: pki.CA) -> None:
    """RFC 5280 section 7.1: string type, case and spaces make no other name; another city does."""
    authority = ca.authority()
    attributes = [
        ("C", "JP"),
        ("O", "jpki-test"),
        ("OU", "JPKI for  digital signature "),
        ("OU", "CRL Distribution Points"),
        ("OU", "Tokyo-to"),
        ("CN", "CITY-2 CRLDP"),
    ]
    found = authority.partition_for(pki.name(*attributes, string_tag=0x13))
    assert found is not None
    assert found.number == 2
    assert authority.partition_for(pki.point(3)) is None


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
def test_ocsp_issuer_is_found_by_both_hashes_only(ca: pki.CA, hash_name: str) -> None:
    """Cryptography's own CertID finds the generation; one wrong hash finds nothing (bad input 16, 19, 20)."""
    authorities = Authorities([ca.authority()])
    algorithm: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    leaf = pki.issue(ca, generation=0)
    request = (
        ocsp.OCSPRequestBuilder().add_certificate(leaf, ca.certificates[0], algorithm[hash_name]).build()
    )
    found = authorities.by_ocsp_issuer(hash_name, request.issuer_name_hash, request.issuer_key_hash)
    assert found is not None
    assert found[1].key_id == ca.generations[0].key_id
    wrong = bytes(len(request.issuer_key_hash))
    assert authorities.by_ocsp_issuer(hash_name, request.issuer_name_hash, wrong) is None
    assert authorities.by_ocsp_issuer(hash_name, wrong, request.issuer_key_hash) is None


def test_the_file_keeps_everything(ca: pki.CA, tmp_path: Path) -> None:
    """What is dumped is loaded again, equal in every field."""
    authority = ca.authority(
        hold_releasable=True,
        purpose_limited=False,
        serial_ceiling=0x067C6A21,
        tolerances={"missing_crl_number"},
        crl_signing=CrlSigning.NEWEST_FOR_ALL,
    )
    other = pki.make_ca((("C", "JP"), ("O", "Other")), 1, kind="p384").authority("other")
    path = tmp_path / "authorities.json"
    Authorities([authority, other]).dump(path)
    loaded = Authorities.load(path)
    assert list(loaded) == [authority, other]
    assert loaded.by_id("card-sign") == authority
    assert loaded.by_issuer_key(ca.generations[1].key_id) == (authority, authority.generations[1])
    assert loaded.expected_lists() == (*authority.expected_lists(), *other.expected_lists())
    assert [p.name for p in tmp_path.iterdir()] == ["authorities.json"]


def _without_ceiling(row: dict[str, Any]) -> None:
    del row["serial_ceiling"]


def _same_number_twice(row: dict[str, Any]) -> None:
    row["partitions"][1]["number"] = 1


def _same_point_twice(row: dict[str, Any]) -> None:
    row["partitions"][1]["distribution_point"] = row["partitions"][0]["distribution_point"]


def _same_key_twice(row: dict[str, Any]) -> None:
    row["certificates"][1] = row["certificates"][0]


@pytest.mark.parametrize(
    "damage",
    [
        _without_ceiling,
        _same_number_twice,
        _same_point_twice,
        _same_key_twice,
        lambda row: row.update(ca_id="Card Sign"),
        lambda row: row.update(unknown=1),
        lambda row: row.update(certificates=["no PEM"]),
        lambda row: row.update(certificates=[]),
        lambda row: row.update(partitions=[]),
        lambda row: row.update(tolerances=["anything"]),
        lambda row: row.update(signature_algorithms=["sha1WithRSAEncryption"]),
        lambda row: row["partitions"][0].update(number=0),
        lambda row: row["partitions"][0].update(distribution_point="!"),
    ],
)
def test_a_damaged_file_is_refused_whole(
    ca: pki.CA, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    """No half configuration: one wrong field and nothing of the file is used."""
    path = tmp_path / "authorities.json"
    Authorities([ca.authority()]).dump(path)
    content = json.loads(path.read_text())
    damage(content["authorities"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(InputRefused) as refusal:
        Authorities.load(path)
    assert refusal.value.code == "AUTHORITY_MALFORMED"


def test_a_file_that_is_missing_or_no_json(tmp_path: Path) -> None:
    """The outside failed, or somebody wrote something else: told apart."""
    with pytest.raises(OutsideFailed) as missing:
        Authorities.load(tmp_path / "authorities.json")
    assert missing.value.code == "AUTHORITIES_UNREADABLE"
    (tmp_path / "other.json").write_text("{")
    with pytest.raises(InputRefused):
        Authorities.load(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("kind", "properties"),
    [("rsa", {"ca": False}), ("rsa", {"crl_sign": False}), ("rsa1024", {})],
)
def test_a_certificate_that_cannot_sign_lists_is_refused(kind: str, properties: dict[str, bool]) -> None:
    """RFC 5280 sections 4.2.1.3 and 4.2.1.9, and a key that is too short."""
    certificate = pki.ca_certificate(pki.key(kind, 7), pki.SIGN_DN, pki.T0, **properties)
    with pytest.raises(InputRefused):
        authority_from_certificates("card-sign", [certificate], partitions=[Partition(1, b"", "all")])


def test_a_certificate_without_basic_constraints_or_on_another_curve_is_refused() -> None:
    """A v1-like certificate is no CA's; P-521 and DSA are not among the keys that we verify with."""
    plain = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(*pki.SIGN_DN))
        .issuer_name(pki.x509_name(*pki.SIGN_DN))
        .serial_number(1)
        .not_valid_before(pki.T0)
        .not_valid_after(pki.T0.replace(year=2030))
    )
    bare = plain.public_key(pki.key("p256").public_key()).sign(pki.key("p256"), hashes.SHA256())
    curve = ec.generate_private_key(ec.SECP521R1())
    wide = (
        plain.public_key(curve.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(curve, hashes.SHA256())
    )
    for certificate, expected in ((bare, "basicConstraints"), (wide, "P-256 or P-384")):
        with pytest.raises(InputRefused, match=expected):
            authority_from_certificates("x", [certificate], partitions=[Partition(1, b"", "all")])


def test_a_certificate_without_key_usage_may_sign() -> None:
    """RFC 5280 section 6.3.3 (f) asks for cRLSign only where keyUsage is present."""
    private = pki.key("p256")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(*pki.SIGN_DN))
        .issuer_name(pki.x509_name(*pki.SIGN_DN))
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(pki.T0)
        .not_valid_after(pki.T0.replace(year=2030))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    authority = authority_from_certificates("x", [certificate], partitions=[Partition(1, b"", "all")])
    der = pki.build_crl(pki.SigningGeneration(private, certificate))
    assert verify_list(decode_certificate_list(der), authority) == authority.generations[0]


def test_the_file_is_written_whole_or_not_at_all(ca: pki.CA, tmp_path: Path) -> None:
    """A folder that cannot be written leaves the old file and no temporary one."""
    path = tmp_path / "authorities.json"
    path.mkdir()
    with pytest.raises(OutsideFailed) as caught:
        Authorities([ca.authority()]).dump(path)
    assert caught.value.code == "AUTHORITIES_UNWRITABLE"
    assert [p.name for p in tmp_path.iterdir()] == ["authorities.json"]
    assert partitions_from_points([(pki.point(1), "a"), (pki.point(2), "b")])[1].number == 2


def test_generations_under_two_names_are_refused(ca: pki.CA) -> None:
    """A ca_id names one DN."""
    other = pki.make_ca((("C", "JP"), ("O", "Other")), 1, first_key=5)
    with pytest.raises(InputRefused, match="one subject DN"):
        authority_from_certificates(
            "card-sign", [*ca.certificates, *other.certificates], partitions=[Partition(1, b"", "all")]
        )


def test_without_ski_the_identifier_is_computed(ca: pki.CA) -> None:
    """RFC 5280 section 4.2.1.2, method (1)."""
    private = pki.key("rsa")
    certificate = pki.ca_certificate(private, pki.SIGN_DN, pki.T0, ski=False)
    authority = authority_from_certificates("x", [certificate], partitions=[Partition(1, b"", "all")])
    expected = x509.SubjectKeyIdentifier.from_public_key(private.public_key()).digest
    assert authority.generations[0].subject_key_identifier == expected


def test_one_key_belongs_to_one_authority(ca: pki.CA) -> None:
    """Else a certificate would have two identities."""
    with pytest.raises(InputRefused, match="one key in two"):
        Authorities([ca.authority("a"), ca.authority("b")])
    with pytest.raises(InputRefused, match="ca_id twice"):
        Authorities([ca.authority("a"), ca.authority("a")])


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Kiyose-shi", "KIYOSE-SHI", True),
        ("Kiyose shi", "  Kiyose   shi ", True),
        ("清瀬市", "清瀬市", True),
        ("ｋｉｙｏｓｅ", "kiyose", True),
        ("Straße", "STRASSE", True),
        ("soft\u00adhyphen", "softhyphen", True),
        ("Kiyose-shi", "Kiyose-shi2", False),
        ("Kiyose shi", "Kiyoseshi", False),
        ("清瀬市", "清瀬町", False),
    ],
)
def test_name_comparison(one: str, other: str, equal: bool) -> None:
    """RFC 5280 section 7.1 with RFC 4518's preparation."""
    first = pki.name(("C", "JP"), ("CN", one))
    second = pki.name(("C", "JP"), ("CN", other))
    assert same_name(first, second) is equal
    assert same_name(second, first) is equal


def test_order_and_prohibited_characters() -> None:
    """RDNs compare in order; inside a multi-valued RDN there is none; private use compares by octets."""
    a, b = ("O", "a"), ("OU", "b")
    assert not same_name(pki.name(a, b), pki.name(b, a))
    attribute = [
        pki.seq(pki.der_oid("2.5.4.10"), pki.tlv(0x0C, b"a")),
        pki.seq(pki.der_oid("2.5.4.3"), pki.tlv(0x0C, b"b")),
    ]
    assert same_name(
        pki.seq(pki.tlv(0x31, attribute[0] + attribute[1])),
        pki.seq(pki.tlv(0x31, attribute[1] + attribute[0])),
    )
    assert not same_name(pki.name(("CN", "\ue000A")), pki.name(("CN", "\ue000a")))
    assert canonical_name(pki.seq()) == ()


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x30",
        b"\x31\x00",
        b"\x30\x80\x00\x00",
        pki.name(("C", "JP")) + b"\x00",
        pki.seq(pki.tlv(0x31, b"")),
    ],
)
def test_what_is_no_name_is_refused(broken: bytes) -> None:
    """Truncated, of another type, of indefinite length, with something after it, with an empty RDN."""
    with pytest.raises(InputRefused) as refusal:
        canonical_name(broken)
    assert refusal.value.code.startswith("DER_")


def test_authority_is_checked_however_it_is_made(ca: pki.CA) -> None:
    """The dataclass itself refuses; the file is not the only door."""
    good = ca.authority()
    with pytest.raises(InputRefused):
        Authority(
            ca_id="x",
            generations=(),
            crl_signing=CrlSigning.EACH_GENERATION,
            kinds={},
            partitions=good.partitions,
            signature_algorithms=good.signature_algorithms,
        )


def test_crl_signing_as_text_means_the_same_mode_or_is_refused() -> None:
    """A plain string is the mode it names; any other text is refused, never taken for a default."""
    ca = pki.make_ca()
    authority = ca.authority()
    assert replace(authority, crl_signing="newest_for_all").crl_signing is CrlSigning.NEWEST_FOR_ALL  # type: ignore[arg-type]
    with pytest.raises(InputRefused):
        replace(authority, crl_signing="somehow")  # type: ignore[arg-type]


def test_scopes_are_equal_in_every_field_or_not_at_all() -> None:
    """Their hash looks at less than their comparison: another key, CA or point is another list."""
    lineage = Lineage("sign", "ab" * 32)
    one = ListScope(lineage, "cd" * 32, 7, bytes(32))
    assert one == ListScope(Lineage("sign", "ab" * 32), "cd" * 32, 7, bytes(32))
    assert hash(one) == hash(replace(one))
    others = {
        replace(one, lineage=Lineage("auth", "ab" * 32)),
        replace(one, lineage=Lineage("sign", "ac" * 32)),
        replace(one, signing_key="ce" * 32),
        replace(one, partition_number=8),
        replace(one, point_sha256=bytes(31) + b"x"),
    }
    assert len(others) == 5
    assert one not in others
    assert one != str(one)
    assert sorted([*others, one]) == sorted(
        [*others, one],
        key=lambda s: (
            s.lineage.ca_id,
            s.lineage.key_id,
            s.signing_key,
            s.partition_number,
            s.point_sha256,
        ),
    )
