"""Whom a list speaks for: partition, key, limits, criticality; each rule is broken alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from revocation.authorities import Partition
from revocation.crl.accept import Acceptance
from tests import pki
from tests.pki import seq, tlv
from tests.revocation.acceptance import accept, refusal_of, refused, undivided

_URI = tlv(0x86, b"http://example.test/1.crl")
_USER, _CA, _REASONS = b"\x81\x01\xff", b"\x82\x01\xff", b"\x83\x02\x07\x80"
_INDIRECT, _ATTRIBUTE = b"\x84\x01\xff", b"\x85\x01\xff"
_RELATIVE = seq(tlv(0xA0, tlv(0xA1, seq(pki.der_oid("2.5.4.3"), tlv(0x0C, b"x")))))


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """P-256: quick."""
    return pki.make_ca(kind="p256")


def _point(*fields: bytes, number: int = 1) -> bytes:
    return pki.issuing_distribution_point(pki.point(number), *fields)


def _names(*general_names: bytes) -> bytes:
    return seq(tlv(0xA0, tlv(0xA0, b"".join(general_names))))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (_CA, "onlyContainsCACerts"),
        (_ATTRIBUTE, "onlyContainsAttributeCerts"),
        (_REASONS, "onlySomeReasons"),
    ],
)
def test_item_58_a_list_of_other_certificates_or_of_some_reasons(ca: pki.CA, field: bytes, said: str) -> None:
    """Limits leave certificates unspoken for: refused, whether the CA is divided or not, naming the limit."""
    for idp, authority in ((_point(field), None), (seq(field), undivided(ca))):
        error = refused(ca, idp=idp, authority=authority)
        assert (error.code, error.got) == ("SCOPE_LIMITED", said)


def test_item_58_user_certificates_only_is_what_we_ask_for(ca: pki.CA) -> None:
    """onlyContainsUserCerts limits nothing of ours: taken, divided or not, with or without a name."""
    assert accept(ca, idp=_point(_USER)) is Acceptance.NEW
    assert accept(ca, authority=undivided(ca), idp=seq(_USER)) is Acceptance.NEW


def test_item_58_every_limit_is_named(ca: pki.CA) -> None:
    """Two limits at once: the operator reads both."""
    assert refused(ca, idp=_point(_CA, _REASONS)).got == "onlyContainsCACerts, onlySomeReasons"


@pytest.mark.parametrize("scope_at", [0, 1, 2, 3])
def test_item_60_swapped_partitions(ca: pki.CA, scope_at: int) -> None:
    """The list of another partition of the same key, well signed, at this one's address: refused."""
    authority = ca.authority()
    scopes = authority.expected_lists()
    scope = scopes[scope_at]
    for other in scopes:
        if other.signing_key == scope.signing_key and other != scope:
            error = refusal_of(pki.crl_for(ca, other), authority, scope)
            assert error.code == "SCOPE_MISMATCH"
            assert "exchanged" in error.remedy


def test_item_60_a_list_from_the_wrong_address(ca: pki.CA) -> None:
    """Of no partition at all, of a URI, of a name relative to the issuer: never the partition's."""
    assert refused(ca, idp=None).code == "SCOPE_POINT_MISSING"
    assert refused(ca, idp=seq(_USER)).code == "SCOPE_MISMATCH"
    assert refused(ca, idp=_names(_URI)).code == "SCOPE_MISMATCH"
    relative = refused(ca, idp=_RELATIVE)
    assert (relative.code, relative.got) == ("SCOPE_LIMITED", "nameRelativeToCRLIssuer")
    assert refused(ca, idp=seq()).code == "DER_EXTENSIONS"


def test_item_60_a_number_alone_is_no_partition(ca: pki.CA) -> None:
    """A scope from outside the approved list, of a renumbered partition, of another CA: never accepted."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    der = pki.crl_for(ca, scope)
    for foreign in (
        replace(scope, partition_number=99),
        replace(scope, partition_number=2),
        replace(scope, point_sha256=bytes(32)),
        replace(scope, lineage=replace(scope.lineage, ca_id="mobile-sign")),
    ):
        error = refusal_of(der, authority, foreign)
        assert error.code == "SCOPE_NOT_APPROVED"
        assert "approve" in error.remedy


def test_t17_indirect_lists_are_refused(ca: pki.CA) -> None:
    """indirectCRL, alone, beside the right name, with onlySomeReasons: we take none."""
    for idp in (_point(_INDIRECT), seq(_INDIRECT), _point(_REASONS, _INDIRECT)):
        error = refused(ca, idp=idp)
        assert error.code == "INDIRECT_NOT_SUPPORTED"
        assert "indirectCRL" in error.got
    issuer = pki.extension("2.5.29.29", seq(tlv(0xA4, pki.name(("C", "JP")))), critical=True)
    entry = pki.entry(1, extensions=[issuer])
    assert refused(ca, entries=[entry]).code == "INDIRECT_NOT_SUPPORTED"


def test_t17_unknown_critical_extension_of_the_list(ca: pki.CA) -> None:
    """RFC 5280 section 5.2: every one is named by its OID; not critical, it is ignored."""
    unknown = [pki.extension(oid, b"", critical=True) for oid in ("1.2.3.4", "2.5.29.46")]
    error = refused(ca, extra_extensions=unknown)
    assert (error.code, error.got) == ("UNKNOWN_CRITICAL_EXTENSION", "1.2.3.4, 2.5.29.46")
    harmless = [pki.extension("1.2.3.4", b""), pki.extension("2.5.29.46", b"anything")]
    assert accept(ca, extra_extensions=harmless) is Acceptance.NEW


def test_t17_unknown_critical_extension_of_an_entry(ca: pki.CA) -> None:
    """RFC 5280 section 5.3: one entry that we cannot understand makes the whole list unusable."""
    entries = [pki.entry(1), pki.entry(2, extensions=[pki.extension("1.2.3.4", b"", critical=True)])]
    error = refused(ca, entries=entries)
    assert error.code == "UNKNOWN_CRITICAL_EXTENSION"
    assert error.got.startswith("1.2.3.4 at byte offset ")
    harmless = pki.entry(2, extensions=[pki.extension("1.2.3.4", b"")])
    assert accept(ca, entries=[harmless]) is Acceptance.NEW


def test_t17_a_partitioned_list_where_none_is_configured(ca: pki.CA) -> None:
    """The one list of an undivided CA names nothing; a partition's list speaks for less, and is refused."""
    whole = undivided(ca)
    assert accept(ca, authority=whole, idp=None) is Acceptance.NEW
    for idp in (_point(), _names(_URI)):
        error = refused(ca, authority=whole, idp=idp)
        assert error.code == "SCOPE_MISMATCH"
        assert "whole CA" in error.expected
    assert "partition" in refused(ca, idp=_point(number=2)).expected


def test_item_63_duplicate_extensions(ca: pki.CA) -> None:
    """RFC 5280 section 4.2: twice in the list or in an entry, equal or not, known or not: refused."""
    for twice in (
        [pki.extension("1.2.3.4", b"")] * 2,
        [pki.extension("1.2.3.4", b""), pki.extension("1.2.3.4", b"other")],
    ):
        error = refused(ca, extra_extensions=twice)
        assert error.code == "DER_DUPLICATE_EXTENSION"
        assert "1.2.3.4" in error.got
        assert refused(ca, entries=[pki.entry(1, extensions=twice)]).code == "DER_DUPLICATE_EXTENSION"
    again = pki.extension("2.5.29.20", pki.der_int(2))
    assert refused(ca, extra_extensions=[again]).code == "DER_DUPLICATE_EXTENSION"
    reason = pki.extension("2.5.29.21", pki.der_int(1, tag=0x0A))
    assert (
        refused(ca, entries=[pki.entry(1, reason=1, extensions=[reason])]).code == "DER_DUPLICATE_EXTENSION"
    )


def test_delta_lists_are_not_expected(ca: pki.CA) -> None:
    """Bad input 55: a delta alone says nothing of what it omits; base number 0 is one too."""
    for base in (0, 1):
        error = refused(ca, delta_base=base)
        assert error.code == "DELTA_NOT_EXPECTED"
        assert "complete" in error.expected


@pytest.mark.parametrize(("scope_at", "signer"), [(0, 1), (2, 0)])
def test_a_list_of_the_other_generation(ca: pki.CA, scope_at: int, signer: int) -> None:
    """Under one DN, well signed, but for the other key's certificates."""
    authority = ca.authority()
    der = pki.build_crl(ca.generations[signer], distribution_point=pki.point(1))
    error = refusal_of(der, authority, authority.expected_lists()[scope_at])
    assert error.code == "SCOPE_KEY_MISMATCH"
    assert authority.generations[signer].name in error.got


def test_newest_for_all(ca: pki.CA) -> None:
    """In this mode the newest key signs the lists of all generations, and no older key's list is one."""
    authority = ca.authority(crl_signing="newest_for_all")
    scopes = authority.expected_lists()
    assert len(scopes) == 2
    for scope_at, scope in enumerate(scopes):
        old = pki.build_crl(ca.generations[0], distribution_point=pki.point(scope.partition_number))
        assert refusal_of(old, authority, scope).code == "SCOPE_KEY_MISMATCH"
        assert accept(ca, authority=authority, scope_at=scope_at) is Acceptance.NEW


def test_names_of_the_point(ca: pki.CA) -> None:
    """A second name beside the right one is no harm; string type, case and spaces make no other partition."""
    assert (
        accept(ca, idp=_names(tlv(0x86, b"ldap://example.test"), tlv(0xA4, pki.point(1)))) is Acceptance.NEW
    )
    parts = (*pki.SIGN_DN[:3], ("OU", "CRL Distribution Points"), ("OU", "Tokyo-to"))
    for common_name, tag in (("City-1 CRLDP", 0x13), (" city-1  crldp ", 0x0C)):
        again = pki.name(*parts, ("CN", common_name), string_tag=tag)
        assert again != pki.point(1)
        assert accept(ca, idp=pki.issuing_distribution_point(again)) is Acceptance.NEW
    other = pki.name(*parts, ("CN", "City-1CRLDP"))
    assert refused(ca, idp=pki.issuing_distribution_point(other)).code == "SCOPE_MISMATCH"


def test_a_distribution_point_that_is_a_uri(ca: pki.CA) -> None:
    """Other CAs name partitions by URI: scheme and host in any case (RFC 5280 section 7.4), the rest as it
    stands, and never with a name."""
    authority = ca.authority(partitions=[Partition(1, _URI, "one")])
    for same in (_URI, tlv(0x86, b"HTTP://Example.Test/1.crl")):
        assert accept(ca, authority=authority, idp=_names(same)) is Acceptance.NEW
    for other in (tlv(0x86, b"http://example.test/2.crl"), tlv(0x86, b"http://example.test/1.CRL")):
        assert refused(ca, authority=authority, idp=_names(other)).code == "SCOPE_MISMATCH"
    assert refused(ca, authority=authority).code == "SCOPE_MISMATCH"


def test_criticality_of_the_point(ca: pki.CA) -> None:
    """RFC 5280 section 5.2.5: critical, unless this CA is known not to; the refusal names the tolerance."""
    error = refused(ca, idp_critical=False)
    assert error.code == "SCOPE_NOT_CRITICAL"
    tolerance = "non_critical_issuing_distribution_point"
    assert tolerance in error.remedy
    tolerant = ca.authority(tolerances={tolerance})
    assert accept(ca, idp_critical=False, authority=tolerant) is Acceptance.NEW
    assert refused(ca, idp=_point(number=2), idp_critical=False, authority=tolerant).code == "SCOPE_MISMATCH"


@pytest.mark.parametrize(
    ("oid", "name"), [("2.5.29.20", "cRLNumber"), ("2.5.29.35", "authorityKeyIdentifier")]
)
def test_item_53_known_extensions_that_are_critical(ca: pki.CA, oid: str, name: str) -> None:
    """RFC 5280 sections 5.2.1, 5.2.3: never critical; refused by name, and passes where tolerated."""
    value = pki.der_int(7) if name == "cRLNumber" else seq(tlv(0x80, ca.generations[0].ski))
    forged: dict[str, Any] = {"number": None} if name == "cRLNumber" else {"aki": None}
    forged["extra_extensions"] = [pki.extension(oid, value, critical=True)]
    error = refused(ca, **forged)
    assert error.code == "KNOWN_EXTENSION_CRITICAL"
    assert name in error.expected
    assert "critical_known_extension" in error.remedy
    tolerant = ca.authority(tolerances={"critical_known_extension"})
    assert accept(ca, authority=tolerant, **forged) is Acceptance.NEW
