"""Acceptance, rule by rule: each rule is broken alone, on its boundary, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from revocation.authorities import Authority, ListScope, Partition
from revocation.crl.accept import Acceptance, accept_list
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.pki import T0, seq, tlv

_SECOND = timedelta(seconds=1)
_NOW = T0 + timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """A mark."""

    crl_number: int | None
    this_update: datetime
    sha256: bytes


class Memory:
    """HighWater over a dictionary."""

    def __init__(self, marks: dict[ListScope, Seen] | None = None) -> None:
        self.marks = marks or {}

    def mark(self, scope: ListScope) -> Seen | None:
        return self.marks.get(scope)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """P-256: quick."""
    return pki.make_ca(kind="p256")


def accept(
    ca: pki.CA,
    *,
    authority: Authority | None = None,
    scope_at: int = 0,
    now: datetime = _NOW,
    mark: Seen | None = None,
    **forged: Any,
) -> Acceptance:
    """Build the list of an expected scope, with one thing forged, and accept it."""
    authority = authority or ca.authority()
    scope = authority.expected_lists()[scope_at]
    found = decode_certificate_list(pki.crl_for(ca, scope, **forged))
    return accept_list(
        found,
        authority,
        scope,
        verify_list(found, authority),
        now=now,
        high_water=Memory({} if mark is None else {scope: mark}),
    )


def refused(ca: pki.CA, **forged: Any) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        accept(ca, **forged)
    error = caught.value
    assert error.expected
    assert error.got
    assert error.remedy
    return error


def test_an_ordinary_list_is_new(ca: pki.CA) -> None:
    """Every scope of the CA, nothing seen before."""
    for scope_at in range(4):
        assert accept(ca, scope_at=scope_at) is Acceptance.NEW


def test_unknown_critical_extension(ca: pki.CA) -> None:
    """Bad input 62, RFC 5280 section 5.2: named by its OID."""
    error = refused(ca, extra_extensions=[pki.extension("1.2.3.4", b"", critical=True)])
    assert (error.code, error.got) == ("UNKNOWN_CRITICAL_EXTENSION", "1.2.3.4")


def test_delta_lists_are_not_expected(ca: pki.CA) -> None:
    """Bad input 55: a delta alone says nothing of what it omits."""
    assert refused(ca, delta_base=1).code == "DELTA_NOT_EXPECTED"


def test_a_list_of_the_other_generation(ca: pki.CA) -> None:
    """T13: under one DN, well signed, but for the other key's certificates."""
    other = ca.generations[1]
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    found = decode_certificate_list(pki.build_crl(other, distribution_point=pki.point(1)))
    with pytest.raises(InputRefused) as caught:
        accept_list(found, authority, scope, verify_list(found, authority), now=_NOW, high_water=Memory())
    assert caught.value.code == "SCOPE_MISMATCH"


def _point(*fields: bytes) -> bytes:
    return pki.issuing_distribution_point(pki.point(1), *fields)


@pytest.mark.parametrize(
    ("idp", "code"),
    [
        (None, "SCOPE_MISMATCH"),
        (pki.issuing_distribution_point(pki.point(2)), "SCOPE_MISMATCH"),
        (seq(), "SCOPE_MISMATCH"),
        (seq(tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://example.test/1.crl")))), "SCOPE_MISMATCH"),
        (seq(tlv(0xA0, tlv(0xA1, b""))), "SCOPE_MISMATCH"),
        (_point(b"\x82\x01\xff"), "SCOPE_MISMATCH"),
        (_point(b"\x83\x02\x07\x80"), "SCOPE_MISMATCH"),
        (_point(b"\x85\x01\xff"), "SCOPE_MISMATCH"),
        (_point(b"\x84\x01\xff"), "INDIRECT_NOT_SUPPORTED"),
    ],
)
def test_scope(ca: pki.CA, idp: bytes | None, code: str) -> None:
    """Bad input 58 to 61, T17: none, another partition's, limited kinds and reasons, indirect."""
    assert refused(ca, idp=idp).code == code


def test_scope_that_fits(ca: pki.CA) -> None:
    """User certificates only is what we ask for; a second name beside the right one is no harm."""
    assert accept(ca, idp=_point(b"\x81\x01\xff")) is Acceptance.NEW
    two = seq(tlv(0xA0, tlv(0xA0, tlv(0x86, b"ldap://example.test") + tlv(0xA4, pki.point(1)))))
    assert accept(ca, idp=two) is Acceptance.NEW
    assert (
        accept(ca, idp=pki.issuing_distribution_point(pki.name(*_POINT, string_tag=0x13))) is Acceptance.NEW
    )


_POINT = (*pki.SIGN_DN[:3], ("OU", "CRL Distribution Points"), ("OU", "Tokyo-to"), ("CN", "City-1 CRLDP"))


def test_scope_that_is_not_critical(ca: pki.CA) -> None:
    """RFC 5280 section 5.2.5: critical, unless this CA is known not to; the refusal names the tolerance."""
    error = refused(ca, idp_critical=False)
    assert error.code == "SCOPE_MISMATCH"
    tolerance = "non_critical_issuing_distribution_point"
    assert tolerance in error.remedy
    assert accept(ca, idp_critical=False, authority=ca.authority(tolerances={tolerance})) is Acceptance.NEW


def test_a_ca_that_does_not_partition(ca: pki.CA) -> None:
    """Its one list has no distribution point; a partition's list is not that list."""
    whole = ca.authority(partitions=[Partition(1, b"", "all")])
    assert accept(ca, authority=whole, idp=None) is Acceptance.NEW
    assert accept(ca, authority=whole, idp=seq(b"\x81\x01\xff")) is Acceptance.NEW
    assert refused(ca, authority=whole).code == "SCOPE_MISMATCH"


def test_a_distribution_point_that_is_a_uri(ca: pki.CA) -> None:
    """Other CAs name partitions by URI: compared octet by octet."""
    uri = tlv(0x86, b"http://example.test/1.crl")
    authority = ca.authority(partitions=[Partition(1, uri, "one")])
    assert accept(ca, authority=authority, idp=seq(tlv(0xA0, tlv(0xA0, uri)))) is Acceptance.NEW
    other = tlv(0x86, b"http://example.test/2.crl")
    assert refused(ca, authority=authority, idp=seq(tlv(0xA0, tlv(0xA0, other)))).code == "SCOPE_MISMATCH"


def test_this_update_in_the_future(ca: pki.CA) -> None:
    """T06: five minutes of skew and not a second more."""
    assert accept(ca, now=T0 - timedelta(minutes=5)) is Acceptance.NEW
    error = refused(ca, now=T0 - timedelta(minutes=5) - _SECOND)
    assert error.code == "THIS_UPDATE_IN_FUTURE"
    assert "2026-11-20T00:00:00Z" in error.got


def test_next_update(ca: pki.CA) -> None:
    """Bad input 52, T05: missing, not after thisUpdate, passed to the second."""
    end = T0 + timedelta(days=2)
    assert accept(ca, now=end - _SECOND) is Acceptance.NEW
    assert refused(ca, now=end).code == "NEXT_UPDATE_PASSED"
    assert refused(ca, now=end + _SECOND).code == "NEXT_UPDATE_PASSED"
    assert refused(ca, next_update=None).code == "NEXT_UPDATE_MISSING"
    assert refused(ca, next_update=T0).code == "NEXT_UPDATE_BEFORE_THIS_UPDATE"
    assert refused(ca, next_update=T0 - _SECOND).code == "NEXT_UPDATE_BEFORE_THIS_UPDATE"


def test_missing_number(ca: pki.CA) -> None:
    """T04: refused with the name of the tolerance; tolerated, thisUpdate alone keeps the order."""
    error = refused(ca, number=None)
    assert error.code == "CRL_NUMBER_MISSING"
    assert "missing_crl_number" in error.remedy
    tolerant = ca.authority(tolerances={"missing_crl_number"})
    before = Seen(None, T0 - _SECOND, b"other")
    assert accept(ca, number=None, authority=tolerant, mark=before) is Acceptance.NEW
    same_time = Seen(None, T0, b"other")
    assert refused(ca, number=None, authority=tolerant, mark=same_time).code == "THIS_UPDATE_ROLLBACK"
    numbered = Seen(9, T0, b"other")
    assert refused(ca, number=None, authority=tolerant, mark=numbered).code == "THIS_UPDATE_ROLLBACK"


@pytest.mark.parametrize(
    ("number", "mark", "code"),
    [
        (4, Seen(5, T0 - _SECOND, b"other"), "CRL_NUMBER_ROLLBACK"),
        (4, Seen(5, T0 + _SECOND, b"other"), "CRL_NUMBER_ROLLBACK"),
        (5, Seen(5, T0, b"other"), "CRL_NUMBER_REUSED"),
        (5, Seen(5, T0 - _SECOND, b"other"), "CRL_NUMBER_REUSED"),
        (6, Seen(5, T0, b"other"), "THIS_UPDATE_ROLLBACK"),
        (6, Seen(5, T0 + _SECOND, b"other"), "THIS_UPDATE_ROLLBACK"),
        (1 << 158, Seen((1 << 158) + 1, T0 - _SECOND, b"other"), "CRL_NUMBER_ROLLBACK"),
    ],
)
def test_high_water(ca: pki.CA, number: int, mark: Seen, code: str) -> None:
    """T03, T04, bad input 53, 54: never behind, never two lists under one number, never contradictory."""
    assert refused(ca, number=number, mark=mark).code == code


def test_above_the_mark(ca: pki.CA) -> None:
    """One more in number and one second later is enough; numbers may have 20 octets."""
    assert accept(ca, number=6, mark=Seen(5, T0 - _SECOND, b"other")) is Acceptance.NEW
    big = (1 << 158) + 1
    assert accept(ca, number=big, mark=Seen(big - 1, T0 - _SECOND, b"other")) is Acceptance.NEW


def test_the_very_same_list_again() -> None:
    """An equal number with equal bytes is no error and nothing new (RSA signs the same bytes again)."""
    ca = pki.make_ca()
    authority = ca.authority()
    der = pki.crl_for(ca, authority.expected_lists()[0], number=5)
    digest = decode_certificate_list(der).sha256
    assert accept(ca, number=5, mark=Seen(5, T0, digest)) is Acceptance.ALREADY_ACCEPTED
    assert accept(ca, number=6, mark=Seen(5, T0 - _SECOND, digest)) is Acceptance.NEW


def test_the_very_same_list_after_its_time() -> None:
    """Known bytes do not make an expired list valid."""
    ca = pki.make_ca()
    der = pki.crl_for(ca, ca.authority().expected_lists()[0], number=5)
    mark = Seen(5, T0, decode_certificate_list(der).sha256)
    assert refused(ca, number=5, mark=mark, now=T0 + timedelta(days=2)).code == "NEXT_UPDATE_PASSED"


def test_a_partition_that_nobody_approved(ca: pki.CA) -> None:
    """A scope from outside the approved list is never accepted."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    found = decode_certificate_list(pki.crl_for(ca, scope))
    foreign = ListScope(scope.lineage, scope.signing_key, 99, scope.point_sha256)
    with pytest.raises(InputRefused) as caught:
        accept_list(found, authority, foreign, verify_list(found, authority), now=_NOW, high_water=Memory())
    assert caught.value.code == "SCOPE_MISMATCH"
