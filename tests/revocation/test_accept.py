"""Times, numbers and marks: each rule is broken alone, on its boundary, and nothing else is."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from revocation.authorities import Tolerance
from revocation.crl.accept import Acceptance, accept_list
from revocation.crl.decode import decode_certificate_list
from revocation.crl.digest import list_digest
from revocation.crl.verify import verify_list
from tests import pki
from tests.pki import T0
from tests.revocation.acceptance import (
    MINUTE,
    NOW,
    SECOND,
    Memory,
    Seen,
    accept,
    refusal_of,
    refused,
    take,
    undivided,
)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """P-256: quick."""
    return pki.make_ca(kind="p256")


def test_an_ordinary_list_is_new(ca: pki.CA) -> None:
    """Every scope of the CA, nothing seen before."""
    for scope_at in range(4):
        assert accept(ca, scope_at=scope_at) is Acceptance.NEW


@pytest.mark.parametrize("ahead", [3 * MINUTE, 5 * MINUTE - SECOND, 5 * MINUTE])
def test_t06_this_update_a_little_ahead_is_another_clock(ca: pki.CA, ahead: timedelta) -> None:
    """Three minutes, and five to the second: taken."""
    assert accept(ca, now=T0 - ahead) is Acceptance.NEW


@pytest.mark.parametrize("ahead", [5 * MINUTE + SECOND, 10 * MINUTE, timedelta(days=400)])
def test_t06_this_update_far_ahead_is_refused(ca: pki.CA, ahead: timedelta) -> None:
    """Item 51: five minutes and a second, ten minutes, a year: refused, with both times in UTC."""
    error = refused(ca, now=T0 - ahead)
    assert error.code == "THIS_UPDATE_IN_FUTURE"
    assert error.got == "2026-11-20T00:00:00Z"
    assert f"{T0 - ahead + 5 * MINUTE:%Y-%m-%dT%H:%M:%SZ}" in error.expected
    assert "clock" in error.remedy


def test_item_51_from_the_future_whatever_else(ca: pki.CA) -> None:
    """A future list is refused also as the very first one, with a number above everything."""
    later: dict[str, Any] = {
        "this_update": NOW + 6 * MINUTE,
        "next_update": NOW + timedelta(days=9),
        "number": 1 << 150,
    }
    assert refused(ca, **later).code == "THIS_UPDATE_IN_FUTURE"
    assert refused(ca, mark=Seen(1, T0), **later).code == "THIS_UPDATE_IN_FUTURE"


def test_item_52_next_update(ca: pki.CA) -> None:
    """RFC 5280 section 6.3.3 (a): valid before nextUpdate, not at it and not after it."""
    end = T0 + timedelta(days=2)
    assert accept(ca, now=end - SECOND) is Acceptance.NEW
    for now in (end, end + SECOND, end + timedelta(days=400)):
        error = refused(ca, now=now)
        assert error.code == "NEXT_UPDATE_PASSED"
        assert error.got == "2026-11-22T00:00:00Z"
        assert f"{now:%Y-%m-%dT%H:%M:%SZ}" in error.expected


def test_item_52_next_update_that_says_nothing(ca: pki.CA) -> None:
    """RFC 5280 section 5.1.2.5: absent, at thisUpdate, before it: refused, also with everything tolerated."""
    everything = ca.authority(tolerances=frozenset(Tolerance))
    for authority in (None, everything):
        assert refused(ca, authority=authority, next_update=None).code == "NEXT_UPDATE_MISSING"
        for end in (T0, T0 - SECOND):
            error = refused(ca, authority=authority, next_update=end)
            assert error.code == "NEXT_UPDATE_BEFORE_THIS_UPDATE"
            assert "2026-11-20T00:00:00Z" in error.expected
    assert accept(ca, this_update=NOW, next_update=NOW + SECOND) is Acceptance.NEW


@pytest.mark.parametrize(
    ("number", "mark", "code"),
    [
        (4, Seen(5, T0 - SECOND), "CRL_NUMBER_ROLLBACK"),
        (4, Seen(5, T0), "CRL_NUMBER_ROLLBACK"),
        (4, Seen(5, T0 + SECOND), "CRL_NUMBER_ROLLBACK"),
        (0, Seen(1, T0 - SECOND), "CRL_NUMBER_ROLLBACK"),
        (5, Seen(5, T0), "CRL_NUMBER_REUSED"),
        (5, Seen(5, T0 - SECOND), "CRL_NUMBER_REUSED"),
        (5, Seen(5, T0 + SECOND), "CRL_NUMBER_REUSED"),
        (0, Seen(0, T0 - SECOND), "CRL_NUMBER_REUSED"),
    ],
)
def test_item_53_numbers_only_rise(ca: pki.CA, number: int, mark: Seen, code: str) -> None:
    """Lower: a replay; equal with other bytes: two lists under one number. Whatever thisUpdate says."""
    error = refused(ca, number=number, mark=mark)
    assert error.code == code
    assert str(mark.crl_number) in error.expected


def test_item_53_a_replay_says_both_numbers(ca: pki.CA) -> None:
    """The operator sees which list came, and which was accepted before."""
    error = refused(ca, number=4, mark=Seen(5, T0 - SECOND))
    assert error.got == "4"
    assert "above 5" in error.expected
    assert "attack" in error.remedy


def test_item_53_numbers_of_twenty_octets_are_exact(ca: pki.CA) -> None:
    """One in the last of 160 bits makes a list newer, older or the same; nothing is rounded."""
    biggest = (1 << 159) - 1
    before = T0 - SECOND
    assert accept(ca, number=biggest, mark=Seen(biggest - 1, before)) is Acceptance.NEW
    assert refused(ca, number=biggest - 1, mark=Seen(biggest, before)).code == "CRL_NUMBER_ROLLBACK"
    assert refused(ca, number=biggest, mark=Seen(biggest, before)).code == "CRL_NUMBER_REUSED"


@pytest.mark.parametrize(
    "value",
    [
        pki.der_int(-1),
        pki.der_int(b"\x01" + bytes(20)),
        pki.der_int(b"\x00" + b"\xff" * 20),
        pki.der_int(b"\x00\x07"),
        pki.der_int(b""),
        pki.tlv(0x04, b"\x07"),
        pki.tlv(0x0A, b"\x07"),
        pki.der_int(7) + b"\x00",
    ],
)
def test_item_53_numbers_that_are_none(ca: pki.CA, value: bytes) -> None:
    """RFC 5280 section 5.2.3: negative, over 20 octets, not minimal, of another type: refused, not read."""
    error = refused(ca, number=None, extra_extensions=[pki.extension("2.5.29.20", value)])
    assert error.code in {"DER_INTEGER", "DER_CRL_NUMBER", "DER_TAG", "DER_TRAILING"}


def test_item_53_the_very_same_list_again(ca: pki.CA) -> None:
    """An equal number with equal bytes is no error and nothing new; it still must be in its time."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    der = pki.crl_for(ca, scope, number=5)
    mark = Seen(5, T0, list_digest(der))
    assert take(der, authority, scope, mark=mark) is Acceptance.ALREADY_ACCEPTED
    assert take(der, authority, scope) is Acceptance.NEW
    end = T0 + timedelta(days=2)
    assert refusal_of(der, authority, scope, mark=mark, now=end).code == "NEXT_UPDATE_PASSED"


def test_t04_the_same_number_with_other_content(ca: pki.CA) -> None:
    """One entry more under the number of before, and the same content signed again: both refused."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    first, again, more = (pki.crl_for(ca, scope, some, number=5) for some in ([], [], [pki.entry(1)]))
    mark = Seen(5, T0, list_digest(first))
    assert again != first  # ECDSA signs with a fresh nonce
    for der in (again, more):
        error = refusal_of(der, authority, scope, mark=mark)
        assert error.code == "CRL_NUMBER_REUSED"
        assert "cRLNumber 5" in error.expected


def test_t04_a_delta_older_than_its_base(ca: pki.CA) -> None:
    """We take no delta at all, so none can be applied to the wrong base: older, equal, newer."""
    for base in (1, 5, 6):
        error = refused(ca, number=6, delta_base=base, mark=Seen(5, T0 - SECOND))
        assert error.code == "DELTA_NOT_EXPECTED"


def test_t04_a_missing_number(ca: pki.CA) -> None:
    """Refused with the name of the tolerance; tolerated, thisUpdate alone keeps the order."""
    error = refused(ca, number=None)
    assert (error.code, error.got) == ("CRL_NUMBER_MISSING", "none")
    assert "missing_crl_number" in error.remedy
    tolerant = ca.authority(tolerances={"missing_crl_number"})
    for number in (None, 9):
        for seen, code in ((T0, "THIS_UPDATE_ROLLBACK"), (T0 + SECOND, "THIS_UPDATE_ROLLBACK")):
            assert refused(ca, number=None, authority=tolerant, mark=Seen(number, seen)).code == code
        assert accept(ca, number=None, authority=tolerant, mark=Seen(number, T0 - SECOND)) is Acceptance.NEW
    # A list with a number after one without: by thisUpdate too.
    assert accept(ca, number=1, authority=tolerant, mark=Seen(None, T0 - SECOND)) is Acceptance.NEW
    assert refused(ca, number=1, authority=tolerant, mark=Seen(None, T0)).code == "THIS_UPDATE_ROLLBACK"


@pytest.mark.parametrize("seen", [T0, T0 + SECOND, T0 + timedelta(days=1)])
def test_item_54_a_higher_number_with_an_older_time(ca: pki.CA, seen: datetime) -> None:
    """RFC 5280 section 5.2.3: number and thisUpdate rise together; contradiction is refused as such."""
    error = refused(ca, number=6, mark=Seen(5, seen))
    assert error.code == "THIS_UPDATE_ROLLBACK"
    assert error.got == "2026-11-20T00:00:00Z"
    assert f"{seen:%Y-%m-%dT%H:%M:%SZ}" in error.expected
    assert "disagree" in error.remedy


def test_item_54_a_lower_number_with_a_newer_time(ca: pki.CA) -> None:
    """The reverse is a replay of the number; and one more with one second later is enough."""
    assert refused(ca, number=4, mark=Seen(5, T0 - timedelta(days=1))).code == "CRL_NUMBER_ROLLBACK"
    assert accept(ca, number=6, mark=Seen(5, T0 - SECOND)) is Acceptance.NEW


def test_t10_a_roll_over(ca: pki.CA) -> None:
    """Two keys under one DN with overlapping lists: each is judged by its own mark and its own key."""
    authority = ca.authority()
    old, new = authority.expected_lists()[0], authority.expected_lists()[2]
    assert (old.partition_number, new.partition_number) == (1, 1)
    assert old.signing_key != new.signing_key
    marks = Memory({old: Seen(500, T0 - SECOND), new: Seen(1, T0 - SECOND)})
    for scope, number in ((old, 501), (new, 2)):
        found = decode_certificate_list(pki.crl_for(ca, scope, number=number))
        signer = verify_list(found, authority)
        assert signer.key_id.hex() == scope.signing_key
        taken = accept_list(found, authority, scope, signer, now=NOW, high_water=marks)
        assert taken is Acceptance.NEW
    # Neither key's list passes for the other's, with or without an AKI to say so.
    without: list[dict[str, Any]] = [{}, {"aki": None}]
    for scope, other in ((old, new), (new, old)):
        for aki in without:
            der = pki.crl_for(ca, other, number=900, **aki)
            assert refusal_of(der, authority, scope).code == "SCOPE_KEY_MISMATCH"


@pytest.mark.parametrize("entries", [None, [], [b""]])
def test_item_69_no_entries(ca: pki.CA, entries: list[bytes] | None) -> None:
    """RFC 5280 section 5.1.2.6: absent, and an empty SEQUENCE, both revoke nobody; both are taken."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    der = pki.build_crl(ca.generations[0], distribution_point=pki.point(1), entries=entries)
    assert (b"\x30\x00" in der) is (entries == [b""])
    assert decode_certificate_list(der).entries.count == 0
    assert take(der, authority, scope) is Acceptance.NEW


def test_item_70_versions(ca: pki.CA) -> None:
    """v1 with extensions, of the list or of an entry, v3 and others: refused; v2 is what there is."""
    assert refused(ca, version=None).code == "DER_VERSION"
    in_entry = [pki.entry(1, reason=3)]
    assert refused(ca, version=None, extensions=[], entries=in_entry).code == "DER_VERSION"
    for version in (-1, 0, 2, 3):
        assert refused(ca, version=version).code == "DER_VERSION"
    assert accept(ca, version=1, entries=in_entry) is Acceptance.NEW


def test_item_70_v1_without_extensions(ca: pki.CA) -> None:
    """It has no number and names no partition: taken only for an undivided CA that needs no number."""
    plain: dict[str, Any] = {"version": None, "extensions": [], "entries": [pki.entry(1)]}
    assert refused(ca, **plain).code == "SCOPE_POINT_MISSING"
    assert refused(ca, authority=undivided(ca), **plain).code == "CRL_NUMBER_MISSING"
    tolerant = undivided(ca, tolerances={"missing_crl_number"})
    assert accept(ca, authority=tolerant, **plain) is Acceptance.NEW


def test_times_are_told_in_utc(ca: pki.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """T08: a clock that speaks JST, on a host in Tokyo, is the same moment; a naive one is told at once."""
    tokyo = timezone(timedelta(hours=9))
    early, late = T0 - timedelta(hours=1), T0 + timedelta(days=2)
    said = [str(refused(ca, now=now)) for now in (early, late)]
    assert "2026-11-22T00:00:00Z" in said[1]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert [str(refused(ca, now=now.astimezone(tokyo))) for now in (early, late)] == said
    finally:
        monkeypatch.undo()
        time.tzset()
    with pytest.raises(TypeError):
        accept(ca, now=NOW.replace(tzinfo=None))
