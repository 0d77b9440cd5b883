"""A PKCS #11 token that goes away makes tryLater and comes back; its PIN, its library, its threads."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp

from revocation.errors import OutsideFailed
from revocation.ocsp.pkcs11 import Pkcs11Key
from revocation.ocsp.pkcs11_token import RETRY_S, Token
from revocation.ocsp.responder import OcspAnswer
from tests import pki
from tests.revocation.ocsp_world import World, make_world
from tests.revocation.softhsm import PIN, SoftHsm
from tests.revocation.token_world import TOKEN, Ticking, ask, lose_sessions, public, responder_with, verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


def test_lost_sessions_are_opened_anew_without_an_error(made: World, hsm: SoftHsm, token: Token) -> None:
    """The next answer logs in again; the client sees nothing of it."""
    responder = responder_with(made, Pkcs11Key(token, public("p256"), label="p256"))
    assert ask(made, responder).response_status == "successful"
    lose_sessions(hsm)
    assert ask(made, responder).response_status == "successful"


def test_a_logout_behind_our_back_is_repaired(made: World, hsm: SoftHsm, token: Token) -> None:
    """A login is the process's: whoever else uses the token may end it."""
    import pkcs11

    responder = responder_with(made, Pkcs11Key(token, public("p256"), label="p256"))
    other = pkcs11.lib(str(hsm.module)).get_token(token_label=TOKEN)
    with pytest.raises(pkcs11.UserAlreadyLoggedIn):
        other.open(user_pin=PIN)
    token._session.close()  # type: ignore[union-attr]
    assert ask(made, responder).response_status == "successful"


def test_a_login_of_somebody_else_in_the_process_is_shared(made: World, hsm: SoftHsm, token: Token) -> None:
    """CKR_USER_ALREADY_LOGGED_IN is no failure."""
    import pkcs11

    with pkcs11.lib(str(hsm.module)).get_token(token_label=TOKEN).open(user_pin=PIN):
        key = Pkcs11Key(token, public("p256"), label="p256")
        assert ask(made, responder_with(made, key)).response_status == "successful"
        token.close()


def test_a_token_that_is_gone_makes_try_later_and_answers_when_it_is_back(
    made: World, hsm: SoftHsm, ticking: Ticking
) -> None:
    """Never an internal error: tryLater at once, a login each second, and an answer when it is there."""
    hsm.make_token("coming-and-going")
    hsm.import_key("coming-and-going", pki.key("p256", 60), "p256", "01")
    lose_sessions(hsm)  # SoftHSM looks for tokens when it is begun
    token = Token(hsm.module, "coming-and-going", hsm.pin_file(), monotonic=ticking)
    responder = responder_with(made, Pkcs11Key(token, public("p256"), label="p256"))
    assert ask(made, responder).response_status == "successful"
    lose_sessions(hsm)
    hsm.delete_token("coming-and-going")
    answers = [ask(made, responder) for _ in range(3)]
    assert [each.response_status for each in answers] == ["try_later"] * 3
    assert [each.fault.code for each in answers if each.fault] == [
        "TOKEN_GONE",
        "TOKEN_RESTING",
        "TOKEN_RESTING",
    ]
    hsm.make_token("coming-and-going")
    hsm.import_key("coming-and-going", pki.key("p256", 60), "p256", "01")
    assert ask(made, responder).response_status == "try_later"
    ticking.at += RETRY_S + 0.001
    # SoftHSM, as many others, sees it only because the library was begun anew.
    assert ask(made, responder).response_status == "successful"
    token.close()


def test_a_refused_pin_is_tried_once(hsm: SoftHsm, ticking: Ticking) -> None:
    """A token locks itself after a few wrong PINs: after the first there is no other try, ever."""
    pin = hsm.pin_file("wrong-pin", "wrong")
    token = Token(hsm.module, TOKEN, pin, monotonic=ticking)
    for _ in range(3):
        ticking.at += timedelta(days=1).total_seconds()
        with pytest.raises(OutsideFailed, match="TOKEN_PIN_REFUSED") as told:
            Pkcs11Key(token, public("p256"), label="p256")
        assert "wrong-pin" not in str(told.value)
        hsm.pin_file(PIN, "wrong")  # would be right now
    hsm.pin_file()


@pytest.mark.parametrize(
    ("content", "mode"),
    [("1234\n", 0o644), ("1234\n", 0o640), ("", 0o600), ("\n", 0o600), ("1\n2\n", 0o600), ("9" * 300, 0o600)],
)
def test_pin_files_that_are_not_read(hsm: SoftHsm, tmp_path: Path, content: str, mode: int) -> None:
    """One line, for its owner alone; told without its content."""
    path = tmp_path / "pin"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(OutsideFailed, match="TOKEN_PIN_FILE_REFUSED") as told:
        Pkcs11Key(Token(hsm.module, TOKEN, path), public("p256"), label="p256")
    assert "1234" not in str(told.value)


def test_a_missing_pin_file(hsm: SoftHsm, tmp_path: Path) -> None:
    """By the kind of the error."""
    with pytest.raises(OutsideFailed, match="FileNotFoundError"):
        Pkcs11Key(Token(hsm.module, TOKEN, tmp_path / "none"), public("p256"), label="p256")


def test_a_library_that_is_none(hsm: SoftHsm, tmp_path: Path) -> None:
    """TOKEN_GONE with the kind of the error alone."""
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    with pytest.raises(OutsideFailed, match="TOKEN_"):
        Pkcs11Key(Token(broken, TOKEN, hsm.pin_file()), public("p256"), label="p256")


def test_threads_take_turns(made: World, token: Token) -> None:
    """The library was begun for one thread: sixteen at once get sixteen right signatures, one at a time."""
    responder = responder_with(made, Pkcs11Key(token, public("p256"), label="p256"))
    answers: list[OcspAnswer] = []

    def work() -> None:
        for _ in range(5):
            answers.append(ask(made, responder))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [each.response_status for each in answers] == ["successful"] * 80
    for each in answers:
        verify("p256", ocsp.load_der_ocsp_response(each.der))


def test_a_busy_token_says_so(hsm: SoftHsm) -> None:
    """TOKEN_BUSY after a bounded wait, which a responder answers with tryLater."""
    token = Token(hsm.module, TOKEN, hsm.pin_file(), most_wait_s=0.0)
    key = Pkcs11Key(token, public("p256"), label="p256")
    with token.session(), pytest.raises(OutsideFailed, match="TOKEN_BUSY"):
        key.sign(b"x")
    assert key.sign(b"x")
    token.close()


def test_a_key_that_refuses_each_signature_is_left_alone_for_a_while(
    token: Token, ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logged in, and refused all the same: two tries, then none for ``RETRY_S``; then again."""
    key = Pkcs11Key(token, public("p256"), label="p256")
    asked: list[int] = []

    def refusing(*_: object) -> Any:
        asked.append(1)
        raise RuntimeError("CKR_KEY_FUNCTION_NOT_PERMITTED")

    token.close()
    with monkeypatch.context() as patch:
        patch.setattr(Pkcs11Key, "_found", refusing)
        for _ in range(5):
            with pytest.raises(OutsideFailed, match="TOKEN_"):
                key.sign(b"x")
        assert len(asked) == 2
    with pytest.raises(OutsideFailed, match="TOKEN_RESTING"):
        key.sign(b"x")
    ticking.at += RETRY_S + 0.001
    assert key.sign(b"x")


def test_representations_show_labels_alone(token: Token) -> None:
    """Neither the PIN nor a key's octets."""
    key = Pkcs11Key(token, public("p256"), label="p256")
    assert repr(key) == "Pkcs11Key(Token('responder-token'), 'p256')"


def test_without_the_package_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PKCS11_MISSING names the extra to install."""
    import builtins

    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "pkcs11":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OutsideFailed, match=r"PKCS11_MISSING.*jpki-status\[pkcs11\]"):
        Token(tmp_path / "module.so", "t", tmp_path / "pin")
