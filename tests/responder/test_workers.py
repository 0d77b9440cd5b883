"""``jpki responder --workers 2`` as processes: they answer as one, and their files change under them."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests import pki
from tests.base.crew import Client, command_of, wait_for
from tests.responder.crew import TWO, Files, clients, close, ready, workers
from tests.responder.running import (
    GOOD,
    REVOKED,
    THIS_UPDATE,
    WAIT_S,
    crl,
    key_pem,
    openssl,
    pem,
    running,
    words,
)
from tests.revocation.ocsp_world import responder_certificate

_SUCCESSFUL, _TRY_LATER = ocsp.OCSPResponseStatus.SUCCESSFUL, ocsp.OCSPResponseStatus.TRY_LATER


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "files"
    folder.mkdir()
    return Files(folder)


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
        threads = [threading.Thread(target=ask_all_the_time, args=(each,), daemon=True) for each in of]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                at = files.renew(REVOKED)
                assert found.next_record() == {"responder": "reloaded"}
                wait_for(lambda at=at: told and told[-1][2] == at)
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


def test_who_comes_again_never_answers_from_what_was_refused(files: Files) -> None:
    """Three older lists, well signed, are refused one after the other; then a worker is killed. The new one
    revokes as the other does."""
    with running([*words(files.folder), *TWO]) as found:
        at = files.renew(GOOD)
        assert found.next_record() == {"responder": "reloaded"}
        for number in (1, 2, 3):
            older = crl(files.ca, [], number=number, this_update=THIS_UPDATE - timedelta(hours=9 - number))
            (files.folder / "ca.crl").write_bytes(older)
            assert found.next_record()["error"] == "CRL_NUMBER_ROLLBACK"
        victim = min(workers(found))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(workers(found) - {victim}) == 2 and ready(found) == (200, 2))
        of = clients(found, files)
        for client in of.values():
            answer = client.ask(files.request(GOOD))
            assert (answer.certificate_status, answer.this_update_utc) == (ocsp.OCSPCertStatus.REVOKED, at)
        close(of)


def test_what_the_owner_says_of_serials_holds_in_all(files: Files) -> None:
    """``--serial-ceiling``: what lies above is unknown, whichever worker is asked."""
    with running([*words(files.folder), *TWO, "--serial-ceiling", f"{GOOD - 1:02x}"]) as found:
        of = clients(found, files)
        for client in of.values():
            assert client.ask(files.request(GOOD)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
            assert client.ask(files.request(GOOD - 1)).certificate_status is ocsp.OCSPCertStatus.GOOD
        close(of)


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
