"""`jpki responder-key` and what `jpki doctor` says of the pairs that sign OCSP answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from typer.testing import CliRunner

from platform_api.cli import app as command_line
from platform_api.config import load_settings
from platform_api.doctor import examine
from revocation.errors import RevocationError
from tests.base.responder_pairs import key_of, put
from tests.revocation.sets import DAY

HOUR = timedelta(hours=1)


def test_doctor_says_when_the_last_signer_ends(tmp_path: Path) -> None:
    """One line for each pair, the remedy where nobody signs in 30 days, and what does not fit."""
    settings = load_settings(data_dir=tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    folder = settings.keys_dir / "responders"
    put(settings.keys_dir, "responder", key_of(60), begins=now - DAY, ends=now + 5 * DAY + HOUR)

    def lines() -> dict[str, tuple[str, str]]:
        return {one.what: (one.found, one.remedy) for one in examine(settings) if "OCSP" in one.what}

    assert lines()["OCSP signer responder"][0].startswith("signs now, until 20")
    assert lines()["OCSP signers"][0] == "none signs any more in 5 days"
    assert "responder-key new" in lines()["OCSP signers"][1]
    put(folder, "next", key_of(61), begins=now + DAY, ends=now + 90 * DAY)
    put(folder, "open", key_of(62), begins=now, ends=now + DAY, mode=0o644)
    assert set(lines()) == {"OCSP signer responder", "OCSP signer next", "OCSP signer open"}
    assert lines()["OCSP signer open"][0].startswith("KEY_FILE_EXPOSED")


def run(*words: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(command_line, ["responder-key", *words, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("kind", "shown"), [("p256", "P-256"), ("p384", "P-384"), ("rsa", "RSA-3072")])
def test_the_command_makes_a_pair_that_begins_in_a_week(tmp_path: Path, kind: str, shown: str) -> None:
    """The certificate to pin is printed; the key is the owner's alone; a name is taken once."""
    data = ("--data", str(tmp_path))
    assert run("list", *data) == (3, {"keys": []})
    _, made = run("new", "--name", "ocsp-2027", "--key", kind, *data)
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    begins = certificate.not_valid_before_utc - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < begins <= timedelta(days=7)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=1095)
    folder = tmp_path / "keys" / "responders"
    assert (folder / "ocsp-2027.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    key = load_pem_private_key((folder / "ocsp-2027.pem").read_bytes(), None)
    assert key.public_key() == certificate.public_key()
    with pytest.raises(RevocationError) as refused:
        run("new", "--name", "ocsp-2027", *data)
    assert refused.value.code == "RESPONDER_PAIR_EXISTS"
    assert (folder / "ocsp-2027.crt").read_bytes() == certificate.public_bytes(Encoding.PEM)
    code, listed = run("list", *data)
    (one,) = listed["keys"]
    assert (code, one["algorithm"], one["signs"], one["sha256"]) == (0, shown, False, made["sha256"])


def test_the_command_takes_a_beginning_and_says_what_does_not_fit(tmp_path: Path) -> None:
    """From a given time: it signs at once; another's key makes exit code 5; a bad name makes nothing."""
    data = ("--data", str(tmp_path))
    run("new", "--name", "a", "--from", "2026-01-01T00:00:00Z", "--days", "3650", *data)
    code, listed = run("list", *data)
    assert (code, [one["signs"] for one in listed["keys"]]) == (0, [True])
    (tmp_path / "keys" / "responders" / "a.pem").chmod(0o644)
    code, listed = run("list", *data)
    assert (code, listed["keys"][0]["error"]) == (5, "KEY_FILE_EXPOSED")
    with pytest.raises(RevocationError) as refused:
        run("new", "--name", "Nobody's", *data)
    assert refused.value.code == "RESPONDER_PAIR_NAME"
