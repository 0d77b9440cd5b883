"""Two workers that answer as one, as processes: moved to new sets, killed, seen from outside."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests.base.crew import (
    Client,
    Publisher,
    Service,
    command_of,
    crew,
    lives,
    request_for,
    wait_for,
)
from tests.base.eventually import HANG_S

_SUCCESSFUL = ocsp.OCSPResponseStatus.SUCCESSFUL


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    made = Publisher(tmp_path_factory.mktemp("crew") / "data")
    made.publish()
    return made


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "errors"


@pytest.fixture(scope="module")
def service(publisher: Publisher, log: Path) -> Iterator[Service]:
    # Longer than a busy host makes a worker stall, which would rightly be left behind; one test waits it out.
    with crew(publisher.folder, log, JPKI_SNAPSHOT_FLIP_WAIT_S="12") as running:
        yield running


def _files(pid: int) -> tuple[int, int]:
    """Open descriptors, and mapped index files."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), maps.count(".index")


def _reached(told: list[tuple[float, float, float]], at: float) -> bool:
    return bool(told) and told[-1][2] >= at


@pytest.mark.parametrize("sets", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_t63_sets_change_and_no_answer_goes_back(service: Service, publisher: Publisher, sets: int) -> None:
    """T63: clients on both workers ask all the time while sets are published. Each answer is good, and none
    is older than one that anybody had before it was asked for. Descriptors and maps do not grow."""
    workers = sorted(service.workers())
    held = [_files(pid) for pid in workers]
    told: list[tuple[float, float, float]] = []
    failed: list[str] = []
    stop = threading.Event()

    def ask_all_the_time(number: int) -> None:
        clients = service.clients()
        while not stop.is_set():
            for client in clients.values():
                began = time.monotonic()
                answer = client.ask(request_for(1000 + number))
                if answer.response_status is not _SUCCESSFUL:
                    failed.append(answer.response_status.name)
                    continue
                told.append((began, time.monotonic(), answer.this_update_utc.timestamp()))
        for client in clients.values():
            client.close()

    threads = [threading.Thread(target=ask_all_the_time, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(sets):
            at = publisher.publish().timestamp()
            wait_for(partial(_reached, told, at))
    finally:
        stop.set()
        for thread in threads:
            thread.join(HANG_S)
    assert not failed
    assert len({at for _, _, at in told}) >= sets
    newest = 0.0
    ended = sorted((end, at) for _, end, at in told)
    for began, _, at in sorted(told):
        while ended and ended[0][0] < began:
            newest = max(newest, ended.pop(0)[1])
        assert at >= newest
    wait_for(lambda: [_files(pid) for pid in workers] == held)
    assert sorted(service.workers()) == workers


def test_a_worker_that_hangs_is_left_behind(service: Service, publisher: Publisher) -> None:
    """One worker is stopped (SIGSTOP) while a set is published. The other one waits its seconds, then answers
    from the new set; the first one, continued, never answers from the old one: at most it says tryLater
    until it has the new one too."""
    clients = service.clients()
    stopped, other = sorted(clients)
    before = clients[stopped].ask(request_for(4000)).this_update_utc
    os.kill(stopped, signal.SIGSTOP)
    try:
        at = publisher.publish()
        # Before its time is over nobody answers from the new set, or the stopped one would be older.
        assert clients[other].ask(request_for(4000)).this_update_utc == before
        wait_for(lambda: clients[other].ask(request_for(4000)).this_update_utc == at)
    finally:
        os.kill(stopped, signal.SIGCONT)
    answers = []

    def caught_up() -> bool:
        answers.append(clients[stopped].ask(request_for(4000)))
        return answers[-1].response_status is _SUCCESSFUL

    wait_for(caught_up)
    assert answers[-1].this_update_utc == at
    assert {answer.response_status for answer in answers[:-1]} <= {ocsp.OCSPResponseStatus.TRY_LATER}
    for client in clients.values():
        client.close()


def test_one_worker_is_killed(service: Service, log: Path) -> None:
    """T11, T44: under a trickle of new connections only those that it had taken fail; the other one answers,
    a new one comes, and nothing that was counted is lost."""
    stop = threading.Event()
    asked: list[float] = []
    failed: list[tuple[float, float]] = []

    def trickle() -> None:
        while not stop.is_set():
            began = time.monotonic()
            try:
                client = Client(service.port)
                try:
                    assert client.ask(request_for(2000)).response_status is _SUCCESSFUL
                    asked.append(time.monotonic())
                finally:
                    client.close()
            except (OSError, http.client.HTTPException):
                failed.append((began, time.monotonic()))

    before = service.workers()
    victim = min(before)
    counted = service.metric('jpki_ocsp_answers_total{answer="good"}')
    starts = service.metric("jpki_worker_starts_total")
    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    try:
        wait_for(lambda: len(asked) >= 5)
        before_kill = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: not lives(victim))
        gone = time.monotonic()
        wait_for(lambda: victim not in service.workers() and len(asked) >= 25)
        wait_for(lambda: service.metric("jpki_worker_starts_total") == starts + 1)
        wait_for(lambda: service.metric('jpki_workers{state="serving"}') == 2)
    finally:
        stop.set()
        thread.join(HANG_S)
    assert all(began < gone and before_kill < ended for began, ended in failed)
    assert len(failed) <= 2
    assert len(service.workers()) == len(service.workers() | before) - 1 == 2
    for client in service.clients().values():  # the new one answers from the same set
        assert client.ask(request_for(2001)).response_status is _SUCCESSFUL
        client.close()
    assert service.metric('jpki_ocsp_answers_total{answer="good"}') >= counted + len(asked)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    ended = [event for event in events if event["event"] == "worker.ended"]
    assert [(event["status"], event.get("code")) for event in ended] == [(128 + signal.SIGKILL, None)]


def test_what_a_worker_can_be_seen_by(service: Service) -> None:
    """A command line without any argument, the supervisor's own environment, and the health of both."""
    for pid in service.workers():
        assert command_of(pid).rstrip(b"\0").split(b"\0")[1:] == [b"-m", b"platform_api.workers.worker"]
        own = Path(f"/proc/{service.process.pid}/environ").read_bytes()
        assert Path(f"/proc/{pid}/environ").read_bytes() == own
    assert service.get("/health/live", admin=True)[0] == 200
    status, body = service.get("/health/ready", admin=True)
    assert (status, json.loads(body)["workers_ready"]) == (200, 2)
    assert service.get("/healthz")[0] == service.get("/readyz")[0] == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", service.admin_port), timeout=5)
