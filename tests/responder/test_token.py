"""``jpki responder --signer-key NAME.pkcs11``: the key is on a token (SoftHSM2), openssl is the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from revocation.exits import Exit
from tests import pki
from tests.base.responder_pairs import put_token_file
from tests.responder.running import (
    DAY,
    GOOD,
    NOW,
    REVOKED,
    THIS_UPDATE,
    crl,
    openssl,
    refused,
    running,
    words,
    write_files,
)
from tests.revocation.softhsm import SoftHsm, module

pytestmark = pytest.mark.timeout(120)

TOKEN = "alone"


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """A token with the key of the certificates of ``write_files``, and another."""
    found = SoftHsm(module(), tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(found.configure()))
        found.make_token(TOKEN)
        found.import_key(TOKEN, pki.key("p256", 399), "ocsp", "01")
        found.import_key(TOKEN, pki.key("p256", 398), "another", "02")
        yield found


def with_token(hsm: SoftHsm, folder: Path, *, key: str = "ocsp", pin: str | None = None) -> list[str]:
    pin_file = hsm.pin_file() if pin is None else hsm.pin_file(pin, "wrong")
    put_token_file(folder, "ocsp", module=hsm.module, token=TOKEN, pin_file=pin_file, key=key)
    return words(folder, signer_key=("ocsp.pkcs11",))


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_openssl_verifies_what_a_token_signed(hsm: SoftHsm, tmp_path: Path, workers: tuple[str, ...]) -> None:
    """With and without a nonce, and after a new list; each worker logs in for itself."""
    ca = write_files(tmp_path)
    with running([*with_token(hsm, tmp_path), *workers]) as one:

        def said(serial: int, *, nonce: bool) -> str:
            trust = ("-CAfile", tmp_path / "ca.pem")
            return openssl(tmp_path / "ca.pem", serial, one.url, *trust, nonce=nonce)

        for nonce in (True, False):
            told = said(REVOKED, nonce=nonce)
            assert "Response verify OK" in told
            assert ": revoked" in told
        newer = crl(ca, [pki.entry(GOOD, THIS_UPDATE, reason=4)], number=4, this_update=NOW - DAY / 200)
        (tmp_path / "ca.crl").write_bytes(newer)
        assert one.next_record() == {"responder": "reloaded"}
        assert ": revoked" in said(GOOD, nonce=True)
        figures = one.admin("/metrics")[1].decode()
        assert 'jpki_ocsp_signer_expiry_level{ca="ca-1"' in figures
        assert json.loads(one.admin("/health/ready")[1])["signers_ending"] == {"ca-1": "notice"}


def test_what_is_wrong_with_a_token_is_one_sentence(hsm: SoftHsm, tmp_path: Path) -> None:
    """At start: another's key, a PIN that is refused, a token that is not there; the PIN is never shown."""
    write_files(tmp_path)
    code, record, sentence = refused(with_token(hsm, tmp_path, key="another"))
    assert (code, record["error"]) == (Exit.REFUSED, "RESPONDER_KEY_REFUSED")
    code, record, sentence = refused(with_token(hsm, tmp_path, pin="0815-wrong"))
    assert (code, record["error"]) == (Exit.UPSTREAM_DOWN, "TOKEN_PIN_REFUSED")
    assert "0815" not in sentence
    path = tmp_path / "ocsp.pkcs11"
    path.write_text(path.read_text().replace(f'"{TOKEN}"', '"gone"'))
    code, record, sentence = refused(words(tmp_path, signer_key=("ocsp.pkcs11",)))
    assert code == Exit.UPSTREAM_DOWN
    assert record["error"] in {"TOKEN_GONE", "TOKEN_RESTING"}
    assert len(sentence.strip().splitlines()) == 1
