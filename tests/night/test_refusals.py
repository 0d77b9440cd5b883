"""Wrong starts: one sentence with the remedy, a fixed exit code, nothing half-made."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from platform_api.key_set import open_keys
from revocation.exits import Exit
from tests.night.live import JPKI

COMMANDS = ["demo", "serve", "nightly", "sandbox", "status", "doctor", "institution create"]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*JPKI, *arguments],
        env={**os.environ, "COLUMNS": "200", **env},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line on standard error; a traceback would be more."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """--help ends with 0 and shows an example of that very command."""
    done = run(*command.split(), "--help")
    assert done.returncode == Exit.DONE
    assert f"Example: jpki {command}" in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_json(command: str) -> None:
    """--json is an option of every command."""
    assert "--json" in run(*command.split(), "--help").stdout


def test_an_unknown_option_is_a_usage_error() -> None:
    """A wrong word on the command line: exit 2."""
    assert run("nightly", "--no-such-option").returncode == Exit.USAGE


def test_a_night_without_the_address_of_j_lis_is_refused(tmp_path: Path) -> None:
    """No JPKI_JLIS_URL: exit 5, the setting is named, with --json as one object too."""
    done = run("nightly", "--data", str(tmp_path / "data"), "--json")
    assert done.returncode == Exit.REFUSED
    assert "JPKI_JLIS_URL" in sentence(done)
    assert json.loads(done.stdout)["error"] == "JLIS_URL_MISSING"


def test_a_night_with_j_lis_down_says_so(tmp_path: Path) -> None:
    """Nothing listens at the address: exit 6 and the remedy, before anything is published."""
    url = "http://127.0.0.1:9"
    done = run("nightly", "--data", str(tmp_path / "data"), JPKI_JLIS_URL=url)
    assert done.returncode == Exit.UPSTREAM_DOWN, done.stderr
    assert sentence(done).startswith("jpki: ")
    assert not (tmp_path / "data" / "snapshots" / "CURRENT").exists()


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The folder cannot be made: exit 5 for the night and for the service, naming --data or the setting."""
    blocker = tmp_path / "data"
    blocker.write_text("not a folder")
    for command in ("nightly", "serve"):
        done = run(command, "--data", str(blocker / "inside"), JPKI_JLIS_URL="http://127.0.0.1:9")
        assert done.returncode == Exit.REFUSED, (command, done.stderr)
        assert "data" in sentence(done)
    assert blocker.read_text() == "not a folder"


def test_a_second_night_is_refused(tmp_path: Path) -> None:
    """While one night holds the folder, another is told to wait: exit 5."""
    run_dir = tmp_path / "data" / "run"
    run_dir.mkdir(parents=True)
    with (run_dir / "nightly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("nightly", "--data", str(tmp_path / "data"), JPKI_JLIS_URL="http://127.0.0.1:9")
    assert done.returncode == Exit.REFUSED
    assert "NIGHT_RUNNING" in sentence(done)


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """A DSN where nothing listens: exit 6, the remedy, and no password in the text."""
    dsn = "postgresql://jpki_app:s3cret-word@127.0.0.1:9/jpki"
    done = run("serve", "--data", str(tmp_path / "data"), "--port", "0", JPKI_DSN=dsn)
    assert done.returncode == Exit.UPSTREAM_DOWN, done.stderr
    assert "DATABASE_UNREACHABLE" in done.stderr
    assert "s3cret-word" not in done.stderr + done.stdout


def test_status_of_a_wrong_folder_makes_nothing(tmp_path: Path) -> None:
    """A mistyped folder: exit 5, the option is named, and nothing appears there."""
    done = run("status", "--data", str(tmp_path / "typo"), "--json")
    assert done.returncode == Exit.REFUSED
    assert "--data" in sentence(done)
    assert not (tmp_path / "typo").exists()


def test_status_before_the_first_night(tmp_path: Path) -> None:
    """Keys but nothing published yet: exit 3, and the JSON says so."""
    open_keys(tmp_path / "data" / "keys", now=datetime.now(UTC))
    done = run("status", "--data", str(tmp_path / "data"), "--json")
    assert done.returncode == Exit.NOTHING_NEW
    assert json.loads(done.stdout)["set_seq"] is None


def test_doctor_tries_the_database(tmp_path: Path) -> None:
    """A DSN where nothing listens is a finding with a remedy, without its password."""
    dsn = "postgresql://jpki_app:s3cret-word@127.0.0.1:9/jpki"
    done = run("doctor", "--data", str(tmp_path / "data"), "--json", JPKI_DSN=dsn)
    assert done.returncode == Exit.REFUSED
    found = {f["what"]: f["remedy"] for f in json.loads(done.stdout)["findings"]}
    assert found["postgresql as jpki_app"]
    assert "s3cret-word" not in done.stdout + done.stderr


def test_doctor_finds_an_exposed_key(tmp_path: Path) -> None:
    """A key file that others may read: exit 5 with chmod as the remedy; repaired, it is quiet about it."""
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "tag.key").write_text("{}")
    (keys / "tag.key").chmod(0o644)
    done = run("doctor", "--data", str(tmp_path / "data"), "--json")
    assert done.returncode == Exit.REFUSED
    found = {f["what"]: f["remedy"] for f in json.loads(done.stdout)["findings"]}
    assert "chmod 600" in found["tag.key"]
    (keys / "tag.key").chmod(0o600)
    found = {
        f["what"]: f["remedy"]
        for f in json.loads(run("doctor", "--data", str(tmp_path / "data"), "--json").stdout)["findings"]
    }
    assert found["tag.key"] == ""


def test_the_library_speaks_for_itself() -> None:
    """`python -m revocation --help` names its commands and ends with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "revocation", "--help"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    for name in ("decode", "show", "stats", "diff"):
        assert name in done.stdout
