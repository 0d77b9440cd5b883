"""``jpki serve`` as a process: ready line, clean stop, one instance, one port, SIGKILL and again."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from platform_api.config import load_settings
from platform_api.faults import AlreadyRunning, SetupRefused
from platform_api.serve import run
from tests.base.eventually import HANG_S
from tests.base.test_tls import SERVER

ROOT = Path(__file__).parents[2]
_CODE = (
    "import sys; from platform_api.config import load_settings; from platform_api.serve import run;"
    "from revocation.errors import RevocationError\n"
    "try: sys.exit(run(load_settings(data_dir=sys.argv[1], port=int(sys.argv[2]))))\n"
    "except RevocationError as error: sys.exit('refused ' + str(error))"
)


@contextmanager
def service(folder: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(folder), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            assert process.stderr is not None
            pytest.fail(process.stderr.read()[-2000:])
        ready = json.loads(line)
        assert ready["serve"] == "ready"
        yield process, ready["port"]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _get(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=HANG_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_cleanly(folder: Path, number: signal.Signals) -> None:
    """Ready means that it answers; SIGTERM and Ctrl-C end it with code 0, and the database with it."""
    with service(folder) as (process, port):
        assert _get(port, "/healthz") == 200
        assert _get(port, "/readyz") == 503
        process.send_signal(number)
        _, errors = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, errors[-2000:]
        events = [json.loads(line)["event"] for line in errors.splitlines()]
        assert events[-1] == "serve.stopped"
    assert not (folder / "run" / "postgres.json").exists()


def test_a_second_instance_on_the_same_folder_is_refused(folder: Path) -> None:
    """One sentence with the remedy; the first one goes on."""
    with service(folder) as (_, port):
        with pytest.raises(AlreadyRunning, match=r"SERVE_RUNNING.*another folder"):
            run(load_settings(data_dir=folder, port=0))
        assert _get(port, "/healthz") == 200


def test_a_port_in_use_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """One sentence with the remedy, and no keys, no database left behind."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(AlreadyRunning, match=r"PORT_IN_USE.*--port"):
            run(load_settings(data_dir=tmp_path / "data", port=holder.getsockname()[1]))
    assert not (tmp_path / "data" / "postgres").exists()
    assert list((tmp_path / "data" / "keys").iterdir()) == []


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    """A host that is not ours cannot be listened on."""
    with pytest.raises(SetupRefused, match="ADDRESS_REFUSED"):
        run(load_settings(data_dir=tmp_path, host="192.0.2.1", port=0))


def test_sigkill_and_again(folder: Path) -> None:
    """After SIGKILL the same command starts again at once, on the same data."""
    with service(folder) as (process, _):
        process.kill()
        process.wait()
        with service(folder) as (_, port):
            assert _get(port, "/healthz") == 200


def test_a_stop_while_starting_is_a_clean_stop(tmp_path: Path) -> None:
    """SIGTERM before it was ready: code 0, no server left, and the next start works."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(tmp_path / "data"), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    lock = tmp_path / "data" / "run" / "serve.lock"
    deadline = time.monotonic() + HANG_S
    while not lock.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.15)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=HANG_S)
    assert process.returncode == 0, errors[-2000:]
    assert output == "" or json.loads(output)["serve"] == "ready"
    with service(tmp_path / "data") as (_, port):
        assert _get(port, "/healthz") == 200


def test_no_password_reaches_an_environment_or_a_command_line(folder: Path) -> None:
    """What ``ps e`` shows of the server holds none of our secrets."""
    os.environ["JPKI_TEST_SECRET"] = "sesame"
    try:
        with service(folder):
            pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
            assert b"sesame" not in Path(f"/proc/{pid}/environ").read_bytes()
    finally:
        del os.environ["JPKI_TEST_SECRET"]


def test_serves_https_with_the_files_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tls_certificate and tls_key the port speaks TLS, and plain HTTP gets no answer from it."""
    certificate, key = SERVER.write(tmp_path, "server")
    monkeypatch.setenv("JPKI_TLS_CERTIFICATE", str(certificate))
    monkeypatch.setenv("JPKI_TLS_KEY", str(key))
    trust = ssl.create_default_context(cafile=str(certificate))
    with service(tmp_path / "data") as (_, port):
        with urllib.request.urlopen(
            f"https://127.0.0.1:{port}/healthz", context=trust, timeout=HANG_S
        ) as answer:
            assert json.load(answer)["status"] == "alive"
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=HANG_S)
