"""The servers of the OCSP figures: the product as it is shipped, nginx, and a plain aiohttp handler.

Each is a process of its own on the server's core, listens on loopback, and is stopped by its own process id.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.ocsp_load import SERVER_CORE
from revocation.errors import OutsideFailed, OwnFault

_START_S: Final = 60.0
_STOP_S: Final = 20.0
_NGINX: Final = """worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000;
  open_file_cache max=100; default_type application/ocsp-response; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; location = /memory {{ return 200 "{text}"; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: its port, and the processes whose time is the answers'."""

    port: int
    processes: tuple[int, ...]


@contextmanager
def running(
    command: Sequence[str],
    *,
    ready: str,
    environment: Mapping[str, str] | None = None,
    folder: Path,
    cores: str = str(SERVER_CORE),
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process, and the JSON line of its standard output that has the key ``ready``."""
    pinned = ["taskset", "-c", cores, *command] if (os.cpu_count() or 1) > 1 else list(command)
    said = folder / "stderr.log"
    with said.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            pinned,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process, _ready_line(process, ready, said)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ready_line(process: subprocess.Popen[str], ready: str, said: Path) -> dict[str, Any]:
    assert process.stdout is not None
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and ready in found:
            return found
    raise OutsideFailed(
        "SERVER_NOT_STARTED",
        expected=f"a line with {ready} within {_START_S:.0f} s",
        got=said.read_text(encoding="utf-8", errors="replace")[-300:] or "nothing",
        remedy="look at the message above; the benchmark needs Debian's nginx and a free port",
    )


@contextmanager
def nginx(folder: Path, *, whole_octets: int, body_octets: int) -> Iterator[Served]:
    """nginx with a file whose response is as long as ours, and a text of our body's length in memory."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        raise OutsideFailed(
            "NGINX_MISSING", expected="nginx as a neighbour", got="none", remedy="apt install nginx-light"
        )
    folder = folder / "nginx"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, text="x" * body_octets))
    file = folder / "answer"
    file.write_bytes(os.urandom(body_octets))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    if os.geteuid() == 0:
        command += ["-g", "user root;"]
    pinned = ["taskset", "-c", str(SERVER_CORE), *command] if (os.cpu_count() or 1) > 1 else command
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first = _fetched(port, b"GET /answer HTTP/1.1\r\nHost: x\r\n\r\n")
        # The same octets on the wire as ours, whatever the two heads weigh.
        file.write_bytes(os.urandom(max(1, body_octets + whole_octets - len(first))))
        process.send_signal(1)  # SIGHUP: the file is opened anew
        time.sleep(0.5)
        whole = _fetched(port, b"GET /answer HTTP/1.1\r\nHost: x\r\n\r\n")
        if abs(len(whole) - whole_octets) > 2:
            raise OwnFault(
                "NEIGHBOUR_DIFFERS",
                expected=f"{whole_octets} octets from nginx as well",
                got=f"{len(whole)}",
                remedy="report this as a bug; no figure is given",
            )
        yield Served(port, _children(process.pid))
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _children(parent: int) -> tuple[int, ...]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return tuple(map(int, found)) or (parent,)


def _fetched(port: int, request: bytes) -> bytes:
    """The whole response to one request; waits until the port answers."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
                one.sendall(request)
                time.sleep(0.1)
                return one.recv(1 << 20)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def fetched(port: int, request: bytes) -> bytes:
    """The whole response to one request of a server that is up."""
    return _fetched(port, request)


@contextmanager
def plain_aiohttp(folder: Path, answer: bytes) -> Iterator[Served]:
    """An ordinary aiohttp application on uvloop that answers every POST /ocsp with these octets."""
    (folder / "answer.der").write_bytes(answer)
    command = [sys.executable, "-m", "benchmarks.ocsp_plain", str(folder / "answer.der")]
    with running(command, ready="port", folder=folder) as (process, line):
        yield Served(line["port"], (process.pid,))
