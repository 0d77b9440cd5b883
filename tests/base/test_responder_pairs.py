"""``keys/responders/``: what is taken as a pair, what is refused and how, and that the old one goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from platform_api.signing.pairs import PairFolder
from platform_api.signing.token_keys import TokenFile, read_token_file
from revocation.errors import InputRefused
from tests.base.responder_pairs import key_of, put, put_certificate
from tests.revocation.ocsp_world import NOW
from tests.revocation.sets import DAY

KEY, OTHER = key_of(60), key_of(61)


def put_usual(folder: Path, name: str = "next", **changed: object) -> bytes:
    made = put(folder, name, KEY, begins=NOW - DAY, ends=NOW + DAY, **changed)  # type: ignore[arg-type]
    return made.fingerprint(made.signature_hash_algorithm)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
def test_each_kind_of_key_is_taken(tmp_path: Path, kind: str) -> None:
    """P-256, P-384 and RSA, read at the first look; no folder is no pair."""
    folder = tmp_path / "responders"
    looked = PairFolder(folder).look()
    assert not looked.taken
    assert not looked.refused
    made = put(folder, "next", key_of(62, kind), begins=NOW - DAY, ends=NOW + DAY)
    looked = PairFolder(folder).look()
    assert [pair[0] for pair in looked.taken.values()] == [made]
    assert not looked.refused


def test_a_new_pair_is_read_when_it_is_the_same_at_two_looks(tmp_path: Path) -> None:
    """Half of a copy is nobody's fault: nothing is taken and nothing refused until it stands still."""
    looks = PairFolder(tmp_path)
    assert not looks.look().taken
    put_certificate(tmp_path, "next", KEY, begins=NOW - DAY, ends=NOW + DAY)
    looked = looks.look()
    assert not looked.taken
    assert not looked.refused
    put_usual(tmp_path)
    assert not looks.look().refused
    assert list(looks.look().taken) == ["next"]


def expose(folder: Path) -> None:
    (folder / "next.pem").chmod(0o640)


def take_the_key_away(folder: Path) -> None:
    (folder / "next.pem").unlink()


def add_a_token(folder: Path) -> None:
    (folder / "next.pkcs11").write_text("")


def change_the_key(folder: Path) -> None:
    put(folder, "next", OTHER, begins=NOW, ends=NOW + DAY)
    put_certificate(folder, "next", KEY, begins=NOW, ends=NOW + DAY)


def spoil_the_certificate(folder: Path) -> None:
    (folder / "next.crt").write_bytes(b"no certificate")


def spoil_the_key(folder: Path) -> None:
    (folder / "next.pem").write_bytes(b"no key")


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (expose, "KEY_FILE_EXPOSED"),
    (take_the_key_away, "RESPONDER_PAIR_REFUSED"),
    (add_a_token, "RESPONDER_PAIR_REFUSED"),
    (change_the_key, "RESPONDER_CERTIFICATE_REFUSED"),
    (spoil_the_certificate, "RESPONDER_PAIR_REFUSED"),
    (spoil_the_key, "RESPONDER_KEY_REFUSED"),
]


@pytest.mark.parametrize(("spoil", "code"), BROKEN, ids=[each.__name__ for each, _ in BROKEN])
def test_what_does_not_fit_is_refused_and_what_was_read_goes_on(
    tmp_path: Path, spoil: Callable[[Path], None], code: str
) -> None:
    """At start it is left out; in a running service the pair that was read under the name goes on."""
    put_usual(tmp_path)
    looks = PairFolder(tmp_path)
    before = looks.look()
    spoil(tmp_path)
    looks.look()
    after = looks.look()
    assert after.refused["next"].code == code
    assert after.certificates == before.certificates
    at_start = PairFolder(tmp_path).look()
    assert not at_start.taken
    assert at_start.refused["next"].code == code


def test_a_mode_that_is_mended_is_seen_without_another_change(tmp_path: Path) -> None:
    """chmod alone changes neither content nor its time."""
    put_usual(tmp_path, mode=0o644)
    looks = PairFolder(tmp_path)
    assert looks.look().refused["next"].code == "KEY_FILE_EXPOSED"
    (tmp_path / "next.pem").chmod(0o600)
    looks.look()
    looked = looks.look()
    assert list(looked.taken) == ["next"]
    assert not looked.refused


def test_a_pair_that_is_taken_away_signs_no_more(tmp_path: Path) -> None:
    """At the very look that finds its certificate gone."""
    put_usual(tmp_path)
    looks = PairFolder(tmp_path)
    assert looks.look().taken
    (tmp_path / "next.crt").unlink()
    assert not looks.look().taken


@pytest.mark.parametrize("name", ["Next", "next year", "next_year", "n" * 33, "2027"])
def test_a_name_that_could_say_more_is_refused(tmp_path: Path, name: str) -> None:
    """It stands in logs: small letters, digits, hyphens."""
    put_usual(tmp_path, name)
    assert PairFolder(tmp_path).look().refused[name].code == "RESPONDER_PAIR_REFUSED"


def token_text(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "next.pkcs11"
    path.write_text(text)
    path.chmod(mode)
    return path


WHOLE = 'module = "/lib/p11.so"\ntoken = "t"\npin_file = "/pin"\n'


def test_a_token_file_says_where_the_key_is(tmp_path: Path) -> None:
    """Label, id or both; the id in hexadecimal."""
    found = read_token_file(token_text(tmp_path, WHOLE + 'id = "0aFf"\nkey = "k"\n'))
    assert found == TokenFile(module="/lib/p11.so", token="t", pin_file="/pin", key="k", id="0aFf")
    assert found.key_id == b"\x0a\xff"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (WHOLE, 0o600),
        (WHOLE + 'key = ""', 0o600),
        (WHOLE + 'id = "abc"', 0o600),
        (WHOLE + 'key = "k"\npin = "4711"', 0o600),
        (WHOLE.replace("pin_file", "pin") + 'key = "k"', 0o600),
        (WHOLE.replace("/pin", "pin") + 'key = "k"', 0o600),
        (WHOLE + 'key = "k"', 0o620),
        ("\x00", 0o600),
        ("key = 'k'\n" + "#" * 20_000, 0o600),
    ],
    ids=[
        "no key",
        "empty",
        "odd id",
        "a PIN inside",
        "no pin_file",
        "relative",
        "others write",
        "no TOML",
        "long",
    ],
)
def test_another_token_file_is_refused_in_one_sentence(tmp_path: Path, text: str, mode: int) -> None:
    """By the field, and never with a value: somebody may have put the PIN there."""
    with pytest.raises(InputRefused) as refused:
        read_token_file(token_text(tmp_path, text, mode))
    assert refused.value.code == "TOKEN_FILE_REFUSED"
    assert "4711" not in str(refused.value)


def test_files_that_are_alike_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at what did not change opens no file."""
    put_usual(tmp_path)
    looks = PairFolder(tmp_path)
    looks.look()
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("read again"))
    assert looks.look().taken
