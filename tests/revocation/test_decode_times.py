"""Times by rule: RFC 5280 section 4.1.2.5 in both readers, that of the head and that of the entries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from revocation.crl.accept import Acceptance
from revocation.crl.decode import decode_certificate_list
from tests import pki
from tests.pki import T0, der_int, entry
from tests.revocation.acceptance import MINUTE, SECOND, Seen, accept, refused
from tests.revocation.decoding import decode, quick_signer, refusal


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """Quick: nothing here depends on the signature."""
    return quick_signer()


_UTC = b"\x17\x0d"
_GENERAL = b"\x18\x0f"
_GENERALIZED = frozenset({"generalized_time_before_2050"})

#: Whole elements, and what they mean: the edges of RFC 5280 section 4.1.2.5.
_MOMENTS = {
    _UTC + b"491231235959Z": datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
    _UTC + b"500101000000Z": datetime(1950, 1, 1, tzinfo=UTC),
    _UTC + b"991231235959Z": datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    _UTC + b"000101000000Z": datetime(2000, 1, 1, tzinfo=UTC),
    _UTC + b"000229120000Z": datetime(2000, 2, 29, 12, tzinfo=UTC),
    _UTC + b"691231235959Z": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    _UTC + b"700101000000Z": datetime(1970, 1, 1, tzinfo=UTC),
    _UTC + b"380119031408Z": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    _UTC + b"161231235959Z": datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),
    _UTC + b"261120145959Z": datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC),
    _GENERAL + b"20500101000000Z": datetime(2050, 1, 1, tzinfo=UTC),
    _GENERAL + b"20960229235959Z": datetime(2096, 2, 29, 23, 59, 59, tzinfo=UTC),
    _GENERAL + b"99991231235959Z": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}

_NO_MOMENTS = [
    # No such month, day, hour, minute, second.
    _UTC + b"261301000000Z",
    _UTC + b"260001000000Z",
    _UTC + b"260100000000Z",
    _UTC + b"260132000000Z",
    _UTC + b"260229000000Z",
    _UTC + b"260431000000Z",
    _UTC + b"260101240000Z",
    _UTC + b"260101006000Z",
    _UTC + b"260101000061Z",
    # A leap second, real (2016-12-31) or not: no second 60 in RFC 5280's times.
    _UTC + b"161231235960Z",
    _UTC + b"260101000060Z",
    _GENERAL + b"20501231235960Z",
    # Not in the form: no Z, a blank, a sign, no seconds, an offset, a fraction, nothing.
    _UTC + b"26010100000 Z",
    _UTC + b"+60101000000Z",
    _UTC + b"2601010000000",
    _UTC + b"260101000000z",
    b"\x17\x0b2601010000Z",
    b"\x17\x0f20260101000000Z",
    b"\x17\x11260101000000+0900",
    b"\x17\x11260101000000+0000",
    b"\x18\x0d500101000000Z",
    b"\x18\x0d205001010000Z",
    b"\x18\x1120500101000000.5Z",
    b"\x18\x1320500101000000+0000",
    b"\x17\x00",
    b"\x18\x00",
    # GeneralizedTime of a year that UTCTime has; a year without that day.
    _GENERAL + b"20491231235959Z",
    _GENERAL + b"19491231235959Z",
    _GENERAL + b"21000229000000Z",
    # No time at all.
    der_int(1),
]

_ZONES = (
    "UTC",
    "Asia/Tokyo",
    "America/New_York",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "JST-9",
    "XXX+11",
)


@pytest.fixture(params=_ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("element", "expected"), _MOMENTS.items())
def test_t08_the_edges_of_both_forms(
    signer: pki.SigningGeneration, element: bytes, expected: datetime
) -> None:
    """1949/1950, 1999/2000, 2038, 2049/2050, 9999: both readers read the same moment."""
    found = decode(signer, entry(1, element), this_update=element, next_update=element)
    assert [e.revocation_date for e in found.entries] == [expected]
    assert (found.this_update, found.next_update) == (expected, expected)


def test_t08_any_time_zone_reads_the_same_moments(signer: pki.SigningGeneration, zone: str) -> None:
    """Every edge in one list, under zones from -11 to +14 hours: the same dates, none shifted."""
    found = decode(signer, *(entry(n, element) for n, element in enumerate(_MOMENTS, 1)))
    assert [e.revocation_date for e in found.entries] == list(_MOMENTS.values())
    assert found.this_update == T0
    assert found.this_update.utcoffset() == timedelta(0)


def test_t08_any_time_zone_accepts_and_refuses_the_same(zone: str) -> None:
    """The edges of thisUpdate and nextUpdate, with the texts of their refusals, do not depend on TZ."""
    ca = pki.make_ca(kind="p256")
    end = T0 + timedelta(days=2)
    assert accept(ca, now=T0 - 5 * MINUTE) is Acceptance.NEW
    assert accept(ca, now=end - SECOND) is Acceptance.NEW
    early, late = refused(ca, now=T0 - 5 * MINUTE - SECOND), refused(ca, now=end)
    assert (early.code, early.got) == ("THIS_UPDATE_IN_FUTURE", "2026-11-20T00:00:00Z")
    assert (late.code, late.got) == ("NEXT_UPDATE_PASSED", "2026-11-22T00:00:00Z")


@pytest.mark.parametrize("this_year", [2049, 2050])
def test_t08_acceptance_over_the_turn_of_2049(this_year: int) -> None:
    """A list from UTCTime to GeneralizedTime, and the first one after: taken, by a signer of then."""
    private = pki.key("p256", 8)
    born = datetime(2045, 1, 1, tzinfo=UTC)
    certificate = pki.ca_certificate(private, pki.SIGN_DN, born)
    ca = pki.CA(pki.SIGN_DN, (pki.SigningGeneration(private, certificate),), "p256")
    turn = datetime(2050, 1, 1, tzinfo=UTC)
    start = turn - SECOND if this_year == 2049 else turn
    times = {"this_update": start, "next_update": start + timedelta(days=2)}
    assert accept(ca, now=start, **times) is Acceptance.NEW
    assert refused(ca, now=start, mark=Seen(0, start), **times).code == "THIS_UPDATE_ROLLBACK"
    assert accept(ca, now=start, mark=Seen(0, start - SECOND), **times) is Acceptance.NEW


@pytest.mark.parametrize("element", _NO_MOMENTS)
def test_t08_times_that_are_none(signer: pki.SigningGeneration, element: bytes) -> None:
    """No such date, a leap second, no seconds, a fraction, an offset, the wrong form: refused everywhere."""
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
        assert decode_certificate_list(der, tolerances=_GENERALIZED).this_update == T0
    first_of_all = _GENERAL + b"00010101000000Z"
    found = decode_certificate_list(pki.build_crl(signer, this_update=first_of_all), tolerances=_GENERALIZED)
    assert found.this_update == datetime(1, 1, 1, tzinfo=UTC)
    for element in (_GENERAL + b"00000101000000Z", _GENERAL + b"20260229000000Z"):
        for der in (
            pki.build_crl(signer, entries=[entry(1, element)]),
            pki.build_crl(signer, this_update=element),
        ):
            assert refusal(der, _GENERALIZED).code == "DER_TIME"
