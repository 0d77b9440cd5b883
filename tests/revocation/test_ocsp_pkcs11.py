"""Keys inside a PKCS #11 token sign OCSP answers, and which are refused at start."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.x509 import ocsp

from revocation.errors import InputRefused, OutsideFailed
from revocation.ocsp.pkcs11 import Pkcs11Key
from revocation.ocsp.pkcs11_token import Token
from tests import pki
from tests.revocation.ocsp_world import World, make_world
from tests.revocation.token_world import KEYS, ask, public, responder_with, verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_key_on_the_token_signs_what_its_certificate_verifies(made: World, token: Token, kind: str) -> None:
    """P-256 and P-384 as ECDSA-Sig-Value, RSA as PKCS #1, by the certificate's key."""
    key = Pkcs11Key(token, public(kind), label=kind)
    assert key.slow
    answer = ask(made, responder_with(made, key, kind))
    response = ocsp.load_der_ocsp_response(answer.der)
    verify(kind, response)


def test_a_key_is_found_by_its_id(made: World, token: Token) -> None:
    """Labels need not be unique on a token; the CKA_ID is given as octets."""
    assert ask(made, responder_with(made, Pkcs11Key(token, public("p256"), key_id=b"\x01"))).statuses


def test_another_key_than_the_certificates_is_refused_at_start(token: Token) -> None:
    """A signature at start shows it, not every client afterwards."""
    with pytest.raises(InputRefused, match="another key"):
        Pkcs11Key(token, pki.key("p256", 63).public_key(), label="p256")


@pytest.mark.parametrize("wanted", [{"label": "nobody"}, {"key_id": b"\x77"}])
def test_a_key_that_is_not_there_is_told_by_name(token: Token, wanted: dict[str, Any]) -> None:
    """TOKEN_KEY_MISSING, and the next who asks has its turn."""
    for _ in range(2):
        with pytest.raises(OutsideFailed, match="TOKEN_KEY_MISSING"):
            Pkcs11Key(token, public("p256"), **wanted)


def test_what_no_token_key_can_be(token: Token) -> None:
    """Ed25519 is not offered; a key without a name could be any."""
    with pytest.raises(InputRefused, match="RSA or ECDSA"):
        Pkcs11Key(token, pki.key("ed25519", 1).public_key(), label="p256")
    with pytest.raises(InputRefused, match="label or the id"):
        Pkcs11Key(token, public("p256"))
