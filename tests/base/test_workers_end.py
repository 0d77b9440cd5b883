"""How two workers end: told to stop, left by a killed supervisor, refused at their start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from tests.base.crew import (
    ROOT,
    Client,
    Publisher,
    command,
    crew,
    lives,
    request_for,
    wait_for,
)
from tests.base.eventually import HANG_S
from tests.base.ports import free_port

_SUCCESSFUL = ocsp.OCSPResponseStatus.SUCCESSFUL


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    made = Publisher(tmp_path_factory.mktemp("crew") / "data")
    made.publish()
    return made


def _half_a_request(client: Client, der: bytes) -> None:
    head = f"POST /ocsp HTTP/1.1\r\nHost: a\r\nContent-Length: {len(der)}\r\n\r\n".encode()
    client.sock.sendall(head + der[:10])


def _refused(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True


def test_told_to_stop_it_says_so_and_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    """T64: told to stop, it says so to a load balancer and goes on taking connections and answering."""
    with crew(publisher.folder, tmp_path / "log", JPKI_UNREADY_S="3600") as running:
        workers = running.workers()
        assert running.get("/readyz")[0] == running.get("/health/ready", admin=True)[0] == 200
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: running.get("/readyz")[0] == 503)
        fresh = Client(running.port)
        assert fresh.ask(request_for(3000)).response_status is _SUCCESSFUL
        fresh.close()
        status, body = running.get("/health/ready", admin=True)
        assert (status, json.loads(body)["reasons"]) == (503, ["STOPPING"])
        running.process.kill()  # nobody waits for an hour
        running.process.wait()
        wait_for(lambda: not any(lives(pid) for pid in workers))


def test_sigterm_loses_nobody(publisher: Publisher, tmp_path: Path) -> None:
    """T64: told to stop, and its time with the load balancer over, it takes no connection, and requests that
    were half sent still get their answers. Exit code 0, nobody left."""
    with crew(publisher.folder, tmp_path / "log", JPKI_UNREADY_S="0.5", JPKI_SHUTDOWN_S="60") as running:
        workers = running.workers()
        clients = running.clients()
        der = request_for(3000)
        for client in clients.values():
            _half_a_request(client, der)
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: _refused(running.port))
        for client in clients.values():
            client.sock.sendall(der[10:])
            answer = b""
            while part := client.sock.recv(65536):  # to the end of the connection: it is closed after it
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            body_of = answer.partition(b"\r\n\r\n")[2]
            assert ocsp.load_der_ocsp_response(body_of).response_status is _SUCCESSFUL
            client.close()
        assert running.process.wait(HANG_S) == 0
        assert not any(lives(pid) for pid in workers)


def test_a_killed_supervisor_leaves_nobody(publisher: Publisher, tmp_path: Path) -> None:
    """SIGKILL of the supervisor: its workers go with it, the port is free, and the next start works."""
    port = str(free_port())
    with crew(publisher.folder, tmp_path / "log", "--port", port) as running:
        workers = running.workers()
        assert len(workers) == 2
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not any(lives(pid) for pid in workers))
        wait_for(lambda: _refused(running.port))
    with crew(publisher.folder, tmp_path / "log2", "--port", port) as again:
        assert again.port == int(port)
        refused = subprocess.run(
            command(tmp_path / "other", "--port", port),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=HANG_S,
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
        timeout=HANG_S,
    )
    assert refused.returncode == 5
    assert json.loads(refused.stdout)["error"] == "AUTHORITY_IS_TEST"
    sentences = [line for line in refused.stderr.splitlines() if line.startswith("jpki: ")]
    assert len(sentences) == 1
    assert sentences[0].startswith("jpki: AUTHORITY_IS_TEST: ")
    assert not (publisher.folder / "run" / "postgres.json").exists()
