"""Times, numbers and marks: each rule is broken alone, on its boundary, and nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from revocation.crl.accept import Acceptance
from revocation.crl.decode import decode_certificate_list
from tests import pki
from tests.pki import T0
from tests.revocation.acceptance import SECOND, Seen, accept, refused


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """P-256: quick."""
    return pki.make_ca(kind="p256")


def test_an_ordinary_list_is_new(ca: pki.CA) -> None:
    """Every scope of the CA, nothing seen before."""
    for scope_at in range(4):
        assert accept(ca, scope_at=scope_at) is Acceptance.NEW


def test_this_update_in_the_future(ca: pki.CA) -> None:
    """T06: five minutes of skew and not a second more."""
    assert accept(ca, now=T0 - timedelta(minutes=5)) is Acceptance.NEW
    error = refused(ca, now=T0 - timedelta(minutes=5) - SECOND)
    assert error.code == "THIS_UPDATE_IN_FUTURE"
    assert "2026-11-20T00:00:00Z" in error.got


def test_next_update(ca: pki.CA) -> None:
    """Bad input 52, T05: missing, not after thisUpdate, passed to the second."""
    end = T0 + timedelta(days=2)
    assert accept(ca, now=end - SECOND) is Acceptance.NEW
    assert refused(ca, now=end).code == "NEXT_UPDATE_PASSED"
    assert refused(ca, now=end + SECOND).code == "NEXT_UPDATE_PASSED"
    assert refused(ca, next_update=None).code == "NEXT_UPDATE_MISSING"
    assert refused(ca, next_update=T0).code == "NEXT_UPDATE_BEFORE_THIS_UPDATE"
    assert refused(ca, next_update=T0 - SECOND).code == "NEXT_UPDATE_BEFORE_THIS_UPDATE"


def test_missing_number(ca: pki.CA) -> None:
    """T04: refused with the name of the tolerance; tolerated, thisUpdate alone keeps the order."""
    error = refused(ca, number=None)
    assert error.code == "CRL_NUMBER_MISSING"
    assert "missing_crl_number" in error.remedy
    tolerant = ca.authority(tolerances={"missing_crl_number"})
    before = Seen(None, T0 - SECOND)
    assert accept(ca, number=None, authority=tolerant, mark=before) is Acceptance.NEW
    same_time = Seen(None, T0)
    assert refused(ca, number=None, authority=tolerant, mark=same_time).code == "THIS_UPDATE_ROLLBACK"
    numbered = Seen(9, T0)
    assert refused(ca, number=None, authority=tolerant, mark=numbered).code == "THIS_UPDATE_ROLLBACK"


@pytest.mark.parametrize(
    ("number", "mark", "code"),
    [
        (4, Seen(5, T0 - SECOND), "CRL_NUMBER_ROLLBACK"),
        (4, Seen(5, T0 + SECOND), "CRL_NUMBER_ROLLBACK"),
        (5, Seen(5, T0), "CRL_NUMBER_REUSED"),
        (5, Seen(5, T0 - SECOND), "CRL_NUMBER_REUSED"),
        (6, Seen(5, T0), "THIS_UPDATE_ROLLBACK"),
        (6, Seen(5, T0 + SECOND), "THIS_UPDATE_ROLLBACK"),
        (1 << 158, Seen((1 << 158) + 1, T0 - SECOND), "CRL_NUMBER_ROLLBACK"),
    ],
)
def test_high_water(ca: pki.CA, number: int, mark: Seen, code: str) -> None:
    """T03, T04, bad input 53, 54: never behind, never two lists under one number, never contradictory."""
    assert refused(ca, number=number, mark=mark).code == code


def test_above_the_mark(ca: pki.CA) -> None:
    """One more in number and one second later is enough; numbers may have 20 octets."""
    assert accept(ca, number=6, mark=Seen(5, T0 - SECOND)) is Acceptance.NEW
    big = (1 << 158) + 1
    assert accept(ca, number=big, mark=Seen(big - 1, T0 - SECOND)) is Acceptance.NEW


def test_the_very_same_list_again() -> None:
    """An equal number with equal bytes is no error and nothing new (RSA signs the same bytes again)."""
    ca = pki.make_ca()
    authority = ca.authority()
    der = pki.crl_for(ca, authority.expected_lists()[0], number=5)
    digest = decode_certificate_list(der).sha256
    assert accept(ca, number=5, mark=Seen(5, T0, digest)) is Acceptance.ALREADY_ACCEPTED
    assert accept(ca, number=6, mark=Seen(5, T0 - SECOND, digest)) is Acceptance.NEW


def test_the_very_same_list_after_its_time() -> None:
    """Known bytes do not make an expired list valid."""
    ca = pki.make_ca()
    der = pki.crl_for(ca, ca.authority().expected_lists()[0], number=5)
    mark = Seen(5, T0, decode_certificate_list(der).sha256)
    assert refused(ca, number=5, mark=mark, now=T0 + timedelta(days=2)).code == "NEXT_UPDATE_PASSED"
