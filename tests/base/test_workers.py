"""Two workers that answer as one, as processes: killed, moved to new sets, stopped, left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests.base.crew import (
    ROOT,
    Client,
    Publisher,
    Service,
    command,
    command_of,
    crew,
    lives,
    request_for,
    wait_for,
)

pytestmark = pytest.mark.timeout(120)
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
    with crew(publisher.folder, log) as running:
        yield running


def _files(pid: int) -> tuple[int, int]:
    """Open descriptors, and mapped index files."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), maps.count(".index")


def _reached(told: list[tuple[float, float, float]], at: float) -> bool:
    return bool(told) and told[-1][2] >= at


def test_twenty_sets_and_no_answer_goes_back(service: Service, publisher: Publisher) -> None:
    """T63: clients on both workers ask all the time while 20 sets are published. Each answer is good, and
    none is older than one that anybody had before it was asked for. Descriptors and maps do not grow."""
    workers = sorted(service.workers())
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

    threads = [threading.Thread(target=ask_all_the_time, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    held = []
    for turn in range(20):
        at = publisher.publish().timestamp()
        wait_for(partial(_reached, told, at))
        if turn in (9, 19):
            held.append([_files(pid) for pid in workers])
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not failed
    assert len({at for _, _, at in told}) >= 20
    newest = 0.0
    ended = sorted((end, at) for _, end, at in told)
    for began, _, at in sorted(told):
        while ended and ended[0][0] < began:
            newest = max(newest, ended.pop(0)[1])
        assert at >= newest
    assert held[1] == held[0]
    assert sorted(service.workers()) == workers


def test_one_worker_is_killed(service: Service, log: Path) -> None:
    """T11, T44: under a trickle of new connections only those that it had taken fail; the other one answers,
    a new one comes, and nothing that was counted is lost."""
    stop = threading.Event()
    asked, failed = [], []

    def trickle() -> None:
        while not stop.is_set():
            try:
                client = Client(service.port)
                try:
                    assert client.ask(request_for(2000)).response_status is _SUCCESSFUL
                    asked.append(time.monotonic())
                finally:
                    client.close()
            except OSError:
                failed.append(time.monotonic())

    before = service.workers()
    victim = min(before)
    counted = service.metric('jpki_ocsp_answers_total{answer="good"}')
    starts = service.metric("jpki_worker_starts_total")
    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        wait_for(lambda: len(asked) >= 5)
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        wait_for(lambda: victim not in service.workers() and len(asked) >= 25)
        wait_for(lambda: service.metric("jpki_worker_starts_total") == starts + 1)
        wait_for(lambda: service.metric('jpki_workers{state="serving"}') == 2)
    finally:
        stop.set()
        thread.join(30)
    assert all(killed - 5 < at < killed + 5 for at in failed)
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


def _half_a_request(client: Client, der: bytes) -> None:
    head = f"POST /ocsp HTTP/1.1\r\nHost: a\r\nContent-Length: {len(der)}\r\n\r\n".encode()
    client.sock.sendall(head + der[:10])


def _refused(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True


def test_sigterm_loses_nobody(publisher: Publisher, tmp_path: Path) -> None:
    """T64: told to stop, it says so to a load balancer and goes on answering; then it takes no connection,
    and requests that were half sent still get their answers. Exit code 0, in time, nobody left."""
    with crew(publisher.folder, tmp_path / "log", JPKI_UNREADY_S="1.5") as running:
        workers = running.workers()
        clients = running.clients()
        assert running.get("/readyz")[0] == running.get("/health/ready", admin=True)[0] == 200
        der = request_for(3000)
        for client in clients.values():
            _half_a_request(client, der)
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: running.get("/readyz")[0] == 503)
        fresh = Client(running.port)
        assert fresh.ask(der).response_status is _SUCCESSFUL
        fresh.close()
        status, body = running.get("/health/ready", admin=True)
        assert (status, json.loads(body)["reasons"]) == (503, ["STOPPING"])
        wait_for(lambda: _refused(running.port))
        for client in clients.values():
            client.sock.sendall(der[10:])
            answer = b""
            while part := client.sock.recv(65536):  # to the end of the connection: it is closed after it
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            body_of = answer.partition(b"\r\n\r\n")[2]
            assert ocsp.load_der_ocsp_response(body_of).response_status is _SUCCESSFUL
        assert running.process.wait(20) == 0
        assert not any(lives(pid) for pid in workers)


def test_a_killed_supervisor_leaves_nobody(publisher: Publisher, tmp_path: Path) -> None:
    """SIGKILL of the supervisor: its workers go with it, the port is free, and the next start works."""
    with crew(publisher.folder, tmp_path / "log") as running:
        workers = running.workers()
        assert len(workers) == 2
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not any(lives(pid) for pid in workers))
        assert _refused(running.port)
        port = str(running.port)
    with crew(publisher.folder, tmp_path / "log2", "--port", port) as again:
        assert again.port == int(port)
        refused = subprocess.run(
            command(tmp_path / "other", "--port", port),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        assert (refused.returncode, refused.stdout) == (5, "")
        assert "PORT_IN_USE" in refused.stderr


def test_a_worker_that_cannot_start_says_why(publisher: Publisher, tmp_path: Path) -> None:
    """A live service upon a test CA: the worker's own sentence and exit code, from the one command."""
    refused = subprocess.run(
        command(publisher.folder, "--json"),
        env=os.environ | {"JPKI_MODE": "live"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert refused.returncode == 5
    assert json.loads(refused.stdout)["error"] == "AUTHORITY_IS_TEST"
    sentences = [line for line in refused.stderr.splitlines() if line.startswith("jpki: ")]
    assert len(sentences) == 1
    assert sentences[0].startswith("jpki: AUTHORITY_IS_TEST: ")
    with suppress(FileNotFoundError):
        assert not list((publisher.folder / "run").glob("postgres.json"))
