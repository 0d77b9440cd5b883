"""The sandbox as a process: one per folder and port, stopped cleanly, killed at any moment."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from platform_api.sandbox.folder import LockedFolder
from platform_api.sandbox.main import run
from platform_api.sandbox.refusals import StartRefused
from tests.base.eventually import HANG_S
from tests.sandbox.worlds import folder_with_keys, open_world

_ARGUMENTS = ("--seed", "9", "--residents", "120")


class Process:
    """``python -m platform_api.sandbox`` and a plain HTTP client for it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "platform_api.sandbox", "--folder", folder, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise AssertionError(f"not ready: {self._child.communicate(timeout=HANG_S)[1]}")
        ready = json.loads(line)
        assert ready["sandbox"] == "ready"
        self.port = int(ready["port"])

    def ask(self, path: str, body: Any = None) -> Any:
        return json.loads(self.octets(path, None if body is None else json.dumps(body).encode()))

    def octets(self, path: str, body: bytes | None = None) -> bytes:
        request = Request(f"http://127.0.0.1:{self.port}{path}", data=body)
        with urlopen(request, timeout=HANG_S) as answer:
            found: bytes = answer.read()
        return found

    def end(self, number: int) -> int:
        """Sends the signal and waits; the exit code."""
        self._child.send_signal(number)
        self._child.communicate(timeout=HANG_S)
        return self._child.returncode

    def close(self) -> None:
        if self._child.poll() is None:
            self.end(signal.SIGKILL)
        else:
            self._child.communicate(timeout=HANG_S)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Process]:
    process = Process(folder, *arguments)
    try:
        yield process
    finally:
        process.close()


def _seen(process: Process) -> dict[str, Any]:
    """What the outside can see: every list, people, life, clock."""
    index = process.ask("/jlis/v1/crls/card-sign")
    lists = {
        row["url"]: hashlib.sha256(process.octets(row["url"])).hexdigest()
        for partition in index["partitions"]
        for row in partition["lists"]
    }
    clock = process.ask("/sandbox/v1/clock")
    return {
        "lists": lists,
        "residents": process.ask("/sandbox/v1/residents?limit=30"),
        "life": process.ask("/sandbox/v1/life-log"),
        "authorities": process.ask("/jlis/v1/authorities"),
        "version": clock["version"],
    }


def _day(back: int) -> str:
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    return f"{now - timedelta(days=back):%Y-%m-%dT%H:%M:%SZ}"


def _wrong_start(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "platform_api.sandbox", "--folder", folder, *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    return done.returncode, done.stderr


def test_kill_at_any_moment_and_the_world_is_the_same(tmp_path: Path) -> None:
    """SIGKILL while a day is being played: after the restart the day is there whole, and once."""
    folder = folder_with_keys(tmp_path / "world")
    days = [_day(back) for back in (3, 2, 1)]
    with running(folder, *_ARGUMENTS) as process:
        process.ask("/sandbox/v1/days:play", {"this_update": days[0]})
        process.ask("/sandbox/v1/residents/r-000007:move", {"reissue": 1})
        before = _seen(process)
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
    twin = tmp_path / "twin"
    shutil.copytree(folder, twin)
    with running(folder) as process:
        assert _seen(process) == before
        _kill_while_playing(process, days[1], 0.0)
    with running(folder) as process:
        assert process.ask("/sandbox/v1/days:play", {"this_update": days[1]})["day"] == 1
        _kill_while_playing(process, days[2], 0.04)
    with running(folder) as process, running(twin) as calm:
        assert process.ask("/sandbox/v1/days:play", {"this_update": days[2]})["day"] == 2
        for day in days[1:]:
            calm.ask("/sandbox/v1/days:play", {"this_update": day})
        assert _seen(process) == _seen(calm)


def _kill_while_playing(process: Process, this_update: str, delay: float) -> None:
    """Asks for a day and kills the process so many seconds later."""

    def play() -> None:
        try:
            process.ask("/sandbox/v1/days:play", {"this_update": this_update})
        except (URLError, OSError):
            return

    player = threading.Thread(target=play, daemon=True)
    player.start()
    time.sleep(delay)
    process.end(signal.SIGKILL)
    player.join(HANG_S)


def test_a_stop_is_clean_and_quick(tmp_path: Path) -> None:
    """SIGINT ends the process with code 0, long before the wait of somebody for the clock is over."""
    folder = folder_with_keys(tmp_path / "world")
    with running(folder, *_ARGUMENTS) as process:
        version = process.ask("/sandbox/v1/clock")["version"]
        with socket.create_connection(("127.0.0.1", process.port), timeout=HANG_S) as waiting:
            path = f"/sandbox/v1/clock?after={version}&wait=60"
            waiting.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            process.ask("/sandbox/v1/health")  # asked later: he waits when this is answered
            begun = time.monotonic()
            assert process.end(signal.SIGINT) == 0
            assert time.monotonic() - begun < 45


def test_a_wrong_start_is_one_sentence_and_exit_code_5(tmp_path: Path) -> None:
    """Second instance, port in use, folder that cannot be: what is wrong, the remedy, nothing half-made."""
    folder = folder_with_keys(tmp_path / "world")
    with running(folder, *_ARGUMENTS) as process:
        code, said = _wrong_start(folder, "--port", "0")
        assert code == 5
        assert "another sandbox runs" in said
        assert "stop it or choose another" in said
        other = tmp_path / "other"
        code, said = _wrong_start(other, "--port", str(process.port))
        assert code == 5
        assert f"port {process.port}" in said
        assert "choose another with --port" in said
        assert not other.exists()
        process.ask("/sandbox/v1/health")
        assert process.end(signal.SIGTERM) == 0


def test_what_a_start_can_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder below a file, another seed, too few residents, no port: exit code 5, one sentence."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    folder = tmp_path / "world"
    open_world(folder, seed=9).close()
    for arguments, said in (
        ({"folder": blocked / "world", "port": 0}, "cannot be written"),
        ({"folder": folder, "port": 0, "seed": 10}, "a sandbox with seed 9, got seed 10"),
        ({"folder": tmp_path / "few", "port": 0, "residents": 3}, "20 to 1000000 residents, got 3"),
        ({"folder": folder, "port": 70_000}, "port 70000"),
        ({"folder": folder, "port": 0, "card_algorithm": "rsa-4096"}, "the algorithm rsa or p384"),
        ({"folder": tmp_path / "few", "port": 0, "kinds": "card-auth"}, "card-sign with them"),
        ({"folder": folder, "port": 0, "phone_shares_ca": True}, "phone_shares_ca False"),
        ({"folder": folder, "port": 0, "host": "192.0.2.1"}, "192.0.2.1"),
    ):
        assert run(**arguments) == 5  # type: ignore[arg-type]
        captured = capsys.readouterr()
        assert said in captured.err
        assert len(captured.err.strip().splitlines()) == 1
        assert captured.out == ""
    assert not (tmp_path / "few" / "keys.pem").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without rights")
def test_a_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    """As an ordinary user on another's folder: one sentence with the remedy."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(StartRefused, match="cannot be written"):
            LockedFolder(folder).__enter__()
    finally:
        os.seteuid(0)


def test_alone_it_publishes_and_makes_up_for_missed_days(tmp_path: Path) -> None:
    """--auto: lists of five minutes ago at the first start; missed days at a later one."""
    folder = folder_with_keys(tmp_path / "world")
    with running(folder, *_ARGUMENTS, "--auto") as process:
        health = process.ask("/sandbox/v1/health")
        assert (health["day"], health["auto"]) == (0, True)
        process.end(signal.SIGTERM)
    old = tmp_path / "old"
    folder_with_keys(old)
    with running(old, *_ARGUMENTS) as process:
        process.ask("/sandbox/v1/days:play", {"this_update": _day(0)})
        process.ask("/sandbox/v1/days:auto", {"enabled": True})
        process.end(signal.SIGKILL)
    # Two days go by: seen from then, everything in the journal is two days older.
    journal = old / "journal.jsonl"
    _age(journal, timedelta(days=2))
    shutil.rmtree(old / "publications")
    with running(old) as process:
        health = process.ask("/sandbox/v1/health")
        assert health["day"] == 2
        published = datetime.fromisoformat(health["published_at"])
        assert datetime.fromisoformat(health["now"]) - published < timedelta(hours=1)


def _age(journal: Path, by: timedelta) -> None:
    """Rewrites the journal as if all of it had been written that much earlier."""
    lines = []
    for line in journal.read_bytes().splitlines():
        record = json.loads(line[9:])
        if record["kind"] == "signed":
            continue
        for field in ("this_update", "founded_at"):
            if field in record:
                earlier = datetime.fromisoformat(record[field]) - by
                record[field] = f"{earlier:%Y-%m-%dT%H:%M:%SZ}"
        text = json.dumps(record, separators=(",", ":")).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    journal.write_bytes(b"".join(lines))
