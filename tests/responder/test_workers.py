"""``jpki responder --workers 2`` as processes: they answer as one, and their files change under them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from revocation.exits import Exit
from tests import pki
from tests.base.crew import Client, command_of, lives, wait_for
from tests.pki import entry
from tests.responder.running import (
    GOOD,
    NOW,
    REVOKED,
    WAIT_S,
    Running,
    command,
    crl,
    environment,
    key_pem,
    openssl,
    pem,
    refused,
    running,
    words,
    write_files,
)
from tests.revocation.ocsp_world import point_of, responder_certificate

pytestmark = pytest.mark.timeout(180)
TWO = ("--workers", "2")
_SUCCESSFUL, _TRY_LATER = ocsp.OCSPResponseStatus.SUCCESSFUL, ocsp.OCSPResponseStatus.TRY_LATER


class Files:
    """Those of one responder, and newer lists: number n has thisUpdate ``NOW`` - 1 hour + n minutes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = write_files(folder)
        self.number = 3
        issuer = self.ca.certificates[0]
        self._name = hashlib.sha256(issuer.subject.public_bytes()).digest()
        self._key = hashlib.sha256(point_of(issuer)).digest()

    def request(self, serial: int) -> bytes:
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            self._name, self._key, serial, hashes.SHA256()
        )
        return builder.build().public_bytes(Encoding.DER)

    def renew(self, *listed: int) -> datetime:
        """A newer list, by rename; its thisUpdate."""
        self.number += 1
        at = NOW - timedelta(hours=1) + timedelta(minutes=self.number)
        entries = [entry(serial, at) for serial in listed]
        fresh = self.folder / "fresh"
        fresh.write_bytes(crl(self.ca, entries, number=self.number, this_update=at))
        fresh.replace(self.folder / "ca.crl")
        return at


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


def workers(found: Running) -> set[int]:
    """Process ids of those that live."""
    pid = found.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if b"responder.worker" in command_of(int(child))}


def clients(found: Running, files: Files) -> dict[int, Client]:
    """A kept connection to each living worker."""
    of: dict[int, Client] = {}
    wanted = workers(found)
    deadline = time.monotonic() + WAIT_S
    while of.keys() != wanted:
        assert time.monotonic() < deadline, "no connection to one of the workers"
        client = Client(found.ready["port"])
        client.ask(files.request(1))
        if of.setdefault(client.server(), client) is not client:
            client.close()
    return of


def close(of: dict[int, Client]) -> None:
    for client in of.values():
        client.close()


def ready(found: Running) -> tuple[int, int]:
    """Status, and how many workers answer."""
    status, body = found.admin("/health/ready")
    return status, json.loads(body)["workers_ready"]


def refused_connection(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True


# --- The same word from everybody ---


def test_both_answer_and_are_counted_together(files: Files) -> None:
    """OpenSSL believes it; each worker says the same; the port for operators adds them up. A worker is seen
    by no argument and by no variable that its supervisor has not."""
    with running([*words(files.folder), "--anonymous", *TWO]) as found:
        assert (found.ready["workers"], len(workers(found))) == (2, 2)
        anchor = files.folder / "ca.pem"
        assert "Response verify OK" in openssl(anchor, REVOKED, found.url, "-CAfile", anchor)
        of = clients(found, files)
        for client in of.values():
            assert client.ask(files.request(REVOKED)).certificate_status is ocsp.OCSPCertStatus.REVOKED
            assert client.ask(files.request(GOOD)).certificate_status is ocsp.OCSPCertStatus.GOOD
        close(of)
        assert ready(found) == (200, 2)
        metrics = found.admin("/metrics")[1].decode()
        assert 'jpki_ocsp_answers_total{answer="revoked"} 3.0' in metrics
        assert 'jpki_workers{state="serving"} 2.0' in metrics
        assert 'jpki_responder_entries{ca="ca-1"} 2.0' in metrics
        own = Path(f"/proc/{found.process.pid}/environ").read_bytes()
        for pid in workers(found):
            assert command_of(pid).rstrip(b"\0").split(b"\0")[-2:] == [
                b"-m",
                b"platform_api.responder.worker",
            ]
            assert Path(f"/proc/{pid}/environ").read_bytes() == own
        assert found.lines.empty()


def test_reloads_are_seen_by_both_and_never_back(files: Files) -> None:
    """While both are asked all the time three lists come: no error, each said once, and no answer is older
    than one that anybody had before it was asked for."""
    told: list[tuple[float, float, datetime]] = []
    failed: list[str] = []
    stop = threading.Event()

    def ask_all_the_time(of: dict[int, Client]) -> None:
        while not stop.is_set():
            for client in of.values():
                began = time.monotonic()
                answer = client.ask(files.request(GOOD))
                if answer.response_status is not _SUCCESSFUL:
                    failed.append(answer.response_status.name)
                    continue
                told.append((began, time.monotonic(), answer.this_update_utc))

    with running([*words(files.folder), *TWO]) as found:
        of = [clients(found, files) for _ in range(2)]
        threads = [threading.Thread(target=ask_all_the_time, args=(each,)) for each in of]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                at = files.renew(REVOKED)
                assert found.next_record() == {"responder": "reloaded"}
                wait_for(lambda at=at: told[-1][2] == at)
                for client in (fresh := clients(found, files)).values():
                    assert client.ask(files.request(GOOD)).this_update_utc == at
                close(fresh)
        finally:
            stop.set()
            for thread in threads:
                thread.join(WAIT_S)
        for each in of:
            close(each)
        assert found.lines.empty()
    assert not failed
    assert len({at for _, _, at in told}) == 4
    newest = told[0][2]
    ended = sorted((end, at) for _, end, at in told)
    for began, _, at in sorted(told):
        while ended and ended[0][0] < began:
            newest = max(newest, ended.pop(0)[1])
        assert at >= newest


def test_a_worker_that_hangs_is_left_behind(files: Files) -> None:
    """Stopped (SIGSTOP) while a list comes, it is waited for; then the other one answers from the new list.
    Continued, it says tryLater until it has it too, and never the old word."""
    with running([*words(files.folder), *TWO]) as found:
        of = clients(found, files)
        stopped, other = sorted(of)
        os.kill(stopped, signal.SIGSTOP)
        try:
            at = files.renew(GOOD)
            wait_for(lambda: of[other].ask(files.request(GOOD)).this_update_utc == at)
            assert ready(found) == (503, 1)
        finally:
            os.kill(stopped, signal.SIGCONT)
        answers: list[ocsp.OCSPResponse] = []

        def caught_up() -> bool:
            answers.append(of[stopped].ask(files.request(GOOD)))
            return answers[-1].response_status is _SUCCESSFUL

        wait_for(caught_up)
        assert answers[-1].this_update_utc == at
        assert {each.response_status for each in answers[:-1]} <= {_TRY_LATER}
        wait_for(lambda: ready(found) == (200, 2))
        assert found.next_record() == {"responder": "reloaded"}
        assert found.lines.empty()
        close(of)


# --- Files and workers that go wrong ---


def test_who_is_killed_comes_again_though_the_files_are_broken(files: Files) -> None:
    """List and key are broken: said once each time, not by each worker. Meanwhile a worker is killed; the new
    one answers as the other does, from what was in hand. Then the files are good again."""
    with running([*words(files.folder), *TWO]) as found:
        at = files.renew(GOOD)
        assert found.next_record() == {"responder": "reloaded"}
        good = {name: (files.folder / name).read_bytes() for name in ("ca.crl", "ocsp.key")}
        (files.folder / "ocsp.key").write_bytes(b"no key")
        assert found.next_record()["error"] == "KEY_FILE_MALFORMED"
        (files.folder / "ca.crl").write_bytes(good["ca.crl"][:-30])
        (files.folder / "ocsp.key").write_bytes(good["ocsp.key"])
        assert found.next_record()["responder"] == "refused"
        (files.folder / "ocsp.key").unlink()
        assert found.next_record()["error"] == "FILE_UNREADABLE"
        before = workers(found)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(workers(found) - {victim}) == 2 and ready(found) == (200, 2))
        assert len(workers(found) & before) == 1
        of = clients(found, files)
        for client in of.values():
            answer = client.ask(files.request(GOOD))
            assert (answer.certificate_status, answer.this_update_utc) == (ocsp.OCSPCertStatus.REVOKED, at)
        assert b"FILE_UNREADABLE" in found.admin("/health/ready")[1]
        assert b"jpki_worker_starts_total 3.0" in found.admin("/metrics")[1]
        assert found.lines.empty()
        later = files.renew()
        (files.folder / "ocsp.key").write_bytes(good["ocsp.key"])
        assert found.next_record() == {"responder": "reloaded"}
        for client in of.values():
            assert client.ask(files.request(GOOD)).this_update_utc == later
        close(of)
        assert found.lines.empty()


def test_a_new_signer_signs_for_both(files: Files) -> None:
    """Certificate and key are replaced by a pair of another key: it signs in each worker after the reload."""
    private = pki.key("p256", 398)
    fresh = responder_certificate(private, files.ca.generations[0])
    with running([*words(files.folder), *TWO]) as found:
        of = clients(found, files)
        (files.folder / "ocsp.key").write_bytes(key_pem(private))
        (files.folder / "delegated.pem").write_bytes(pem(fresh))
        while (said := found.next_record())["responder"] == "refused":
            assert said["error"] == "RESPONDER_CERTIFICATE_REFUSED"  # seen between the two
        assert said == {"responder": "reloaded"}
        for client in of.values():
            assert client.ask(files.request(GOOD)).certificates == [fresh]
        close(of)


# --- Starting and ending ---


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
    (files.folder / "ca.crl").write_bytes(b"nothing")
    code, record, sentences = refused([*words(files.folder), *TWO])
    assert code == record["exit_code"] == Exit.REFUSED
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
