"""How two workers of ``jpki responder`` begin and end: refused, told to stop, left by a killed supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from revocation.exits import Exit
from tests.base.crew import Client, lives, wait_for
from tests.responder.crew import TWO, Files, clients, ready, refused_connection, workers
from tests.responder.running import (
    GOOD,
    NOW,
    REVOKED,
    WAIT_S,
    command,
    crl,
    environment,
    refused,
    running,
    words,
)

_SUCCESSFUL = ocsp.OCSPResponseStatus.SUCCESSFUL


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "files"
    folder.mkdir()
    return Files(folder)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of this test keep what is temporary."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_sigterm_loses_nobody(files: Files, temporary: Path) -> None:
    """Requests that are half sent get their answers; exit code 0; no process, no port, no file is left."""
    with running([*words(files.folder), *TWO]) as found:
        pids = workers(found)
        of = clients(found, files)
        der = files.request(GOOD)
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(der)}\r\n\r\n".encode()
        for client in of.values():
            client.sock.sendall(head + der[:10])
        assert [each.name for each in temporary.iterdir() if each.name.startswith("jpki-")]
        found.process.send_signal(signal.SIGTERM)
        wait_for(lambda: refused_connection(found.ready["port"]))
        for client in of.values():
            client.sock.sendall(der[10:])
            answer = b""
            while part := client.sock.recv(65536):
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            body = answer.partition(b"\r\n\r\n")[2]
            assert ocsp.load_der_ocsp_response(body).response_status is _SUCCESSFUL
            client.close()
        assert found.process.wait(WAIT_S) == Exit.DONE
        assert not any(lives(pid) for pid in pids)
    assert not [each.name for each in temporary.iterdir() if each.name.startswith("jpki-")]


def test_a_killed_supervisor_leaves_nobody(files: Files, temporary: Path) -> None:
    """SIGKILL: its workers go with it, the port is free; what it left on the disk the next one removes, and
    of one that lives nothing."""
    with running([*words(files.folder), *TWO]) as found:
        pids = workers(found)
        assert len(pids) == 2
        found.process.kill()
        found.process.wait(WAIT_S)
        wait_for(lambda: not any(lives(pid) for pid in pids))
        assert refused_connection(found.ready["port"])
    left = set(temporary.glob("jpki-responders-*"))
    assert len(left) == 1
    with running([*words(files.folder), *TWO]) as again:
        own = set(temporary.glob("jpki-responders-*"))
        assert len(own) == 1
        assert own != left
        with running([*words(files.folder), *TWO]) as beside:
            assert len(workers(beside)) == 2
            assert len(set(temporary.glob("jpki-responders-*")) - own) == 1
        os.kill(min(workers(again)), signal.SIGKILL)  # who comes again finds the set where it was
        wait_for(lambda: len(workers(again)) == 2 and ready(again) == (200, 2))


@pytest.mark.parametrize("count", ["0", "-1", "65"])
def test_how_many_there_can_be(files: Files, count: str) -> None:
    """From 1 to 64; else a usage error before anything is read."""
    code, record, _ = refused([*words(files.folder), "--workers", count])
    assert (code, record["error"]) == (Exit.USAGE, "RESPONDER_ARGUMENTS")


def test_refused_at_start_once(files: Files, temporary: Path) -> None:
    """As with one process: a sentence, a record, its exit code; and nothing is left."""
    (files.folder / "ca.crl").write_bytes(crl(files.ca, number=None))
    code, record, sentences = refused([*words(files.folder), *TWO])
    assert (code, record["error"]) == (Exit.REFUSED, "CRL_NUMBER_MISSING")
    assert "in ca.crl" in record["got"]
    assert sentences.count("jpki: ") == 1
    assert not list(temporary.glob("jpki-*"))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_of_somebody_else(files: Files, taken: int) -> None:
    """Is not shared with him."""
    done = subprocess.run(
        command([*words(files.folder), *TWO, "--port", str(taken)]),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        env=environment(),
        check=False,
    )
    assert (done.returncode, "PORT_IN_USE" in done.stderr) == (Exit.REFUSED, True)


def test_as_of_a_time_and_in_sentences(files: Files) -> None:
    """``--at`` holds in the workers too; without --json the ready line says how many they are."""
    day = NOW - timedelta(days=10)
    (files.folder / "ca.crl").write_bytes(crl(files.ca, this_update=day, next_update=day + timedelta(days=1)))
    own = words(files.folder, signer=("ca.pem",), signer_key=("ca.key",))
    process = subprocess.Popen(
        command([*own, *TWO, "--port", "0", "--at", (day + timedelta(hours=1)).isoformat()]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("ready on port ")
        assert line.endswith(", 2 workers\n")
        client = Client(int(line.split()[3].rstrip(",")))
        assert client.ask(files.request(REVOKED)).this_update_utc == day
        client.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == Exit.DONE
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)
