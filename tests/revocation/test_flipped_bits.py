"""T01: a list with one bit flipped anywhere is refused, by the whole real path and every kind of key."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Authority, ListScope
from revocation.crl.accept import Acceptance
from revocation.errors import InputRefused
from tests import pki
from tests.revocation.acceptance import take

_KINDS = ("rsa", "p256", "p384", "ed25519")


@lru_cache(maxsize=8)
def _signed(kind: str, aki: bool) -> tuple[bytes, Authority, ListScope]:
    """A good list with entries of several shapes; without an AKI every key of the authority is tried."""
    ca = pki.make_ca(kind=kind)
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    entries = [pki.entry(0xBFCD, reason=1), pki.entry(5), pki.entry(b"\x7f" * 20, reason=6)]
    forged = {} if aki else {"aki": None}
    der = pki.crl_for(ca, scope, entries, number=300, **forged)
    assert take(der, authority, scope) is Acceptance.NEW
    return der, authority, scope


def _passes(der: bytes, authority: Authority, scope: ListScope) -> bool:
    try:
        take(der, authority, scope)
    except InputRefused:
        return False
    return True


@settings(deadline=None, max_examples=200)
@given(data=st.data(), kind=st.sampled_from(_KINDS), aki=st.booleans())
def test_t01_one_flipped_bit_anywhere(data: st.DataObject, kind: str, aki: bool) -> None:
    """A sample over all keys: nothing but InputRefused, and never accepted."""
    der, authority, scope = _signed(kind, aki)
    bit = data.draw(st.integers(0, len(der) * 8 - 1))
    forged = bytearray(der)
    forged[bit // 8] ^= 1 << bit % 8
    assert not _passes(bytes(forged), authority, scope)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), kind=st.sampled_from(_KINDS))
def test_t01_any_piece_replaced(data: st.DataObject, kind: str) -> None:
    """Some octets cut out and others put in: refused, unless they are the very same."""
    der, authority, scope = _signed(kind, True)
    at = data.draw(st.integers(0, len(der)))
    removed = data.draw(st.integers(0, 8))
    inserted = data.draw(st.binary(max_size=8))
    forged = der[:at] + inserted + der[at + removed :]
    assert _passes(forged, authority, scope) is (forged == der)


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_t01_every_bit_flipped(kind: str) -> None:
    """Exhaustively: each bit of the file, with and without an AKI."""
    for aki in (True, False):
        der, authority, scope = _signed(kind, aki)
        for bit in range(len(der) * 8):
            forged = bytearray(der)
            forged[bit // 8] ^= 1 << bit % 8
            assert not _passes(bytes(forged), authority, scope), f"bit {bit}"
