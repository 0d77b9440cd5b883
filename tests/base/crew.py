"""``jpki serve --workers 2`` as processes, with a published set, and clients that know whom they talk to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from platform_api.config import load_settings
from platform_api.key_set import open_keys
from revocation.authorities import Authorities, Authority
from revocation.snapshot.store import SnapshotStore
from tests.base.eventually import HANG_S
from tests.revocation.sets import ca, every_list, world

ROOT = Path(__file__).parents[2]


@dataclass
class Publisher:
    """Sets in a data folder; number n has thisUpdate ``first`` and n seconds."""

    folder: Path
    first: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    )
    published: int = 0

    def __post_init__(self) -> None:
        settings = load_settings(data_dir=self.folder)
        self.authorities: Authorities
        self.authority: Authority
        self.authorities, self.authority = world()
        keys = open_keys(settings.keys_dir, now=self.first)
        self.authorities.dump(settings.authorities_file)
        self._store = SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher)

    def publish(self) -> datetime:
        """The thisUpdate of the new set."""
        self.published += 1
        at = self.first + timedelta(seconds=self.published)
        lists = every_list(self.authority, self.published, this_update=at)
        self._store.publish(lists, self.authorities, now=at)
        return at


def request_for(serial: int) -> bytes:
    """An OCSPRequest about a serial that no list names."""
    issuer = ca().generations[-1].certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(issuer, issuer, SHA256())
    asked = builder.build()
    return (
        ocsp.OCSPRequestBuilder()
        .add_certificate_by_hash(asked.issuer_name_hash, asked.issuer_key_hash, serial, SHA256())
        .build()
        .public_bytes(Encoding.DER)
    )


class Client:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_S)
        self._connection.connect()

    @property
    def sock(self) -> Any:
        return self._connection.sock

    def ask(self, der: bytes) -> ocsp.OCSPResponse:
        self._connection.request("POST", "/ocsp", der, {"Content-Type": "application/ocsp-request"})
        with self._connection.getresponse() as response:
            assert response.status == 200
            return ocsp.load_der_ocsp_response(response.read())

    def close(self) -> None:
        self._connection.close()

    def server(self) -> int:
        """The process at the other end: whose descriptor the socket is that /proc/net/tcp shows for it."""
        ours = self.sock.getsockname()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            local, remote = (int(words[at].rpartition(":")[2], 16) for at in (1, 2))
            if (local, remote) == (self._port, ours):
                return _owner(f"socket:[{words[9]}]")
        raise AssertionError("no such connection")


def _owner(inode: str) -> int:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(one.readlink()) == inode for one in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # gone meanwhile, or not ours
            continue
    raise AssertionError("nobody holds that socket")


@dataclass
class Service:
    """The supervisor and its ports."""

    process: subprocess.Popen[str]
    port: int
    admin_port: int

    def get(self, path: str, *, admin: bool = False) -> tuple[int, str]:
        port = self.admin_port if admin else self.port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=HANG_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def metric(self, name: str) -> float:
        """One sample of the admin port's metrics."""
        _, text = self.get("/metrics", admin=True)
        found = re.search(rf"^{re.escape(name)} ([0-9.e+-]+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    def workers(self) -> set[int]:
        """Process ids of the workers that live."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child) for child in children if b"workers.worker" in command_of(int(child))}

    def clients(self) -> dict[int, Client]:
        """One client of each living worker."""
        found: dict[int, Client] = {}
        workers = self.workers()
        deadline = time.monotonic() + HANG_S
        while found.keys() != workers:
            assert time.monotonic() < deadline, "no connection to one of the workers"
            client = Client(self.port)
            client.ask(request_for(1))
            if found.setdefault(client.server(), client) is not client:
                client.close()
        return found


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def lives(pid: int) -> bool:
    """A process that nobody has waited for yet lives no more; one does of which any thread is left: a killed
    one's first thread may end before the last of them has closed the files, and with them the sockets."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return False
    return any(_runs(thread) for thread in threads)


def _runs(thread: Path) -> bool:
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:  # gone meanwhile
        return False


def wait_for(condition: Callable[[], object], *, seconds: float = HANG_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)


def command(folder: Path, *words: str) -> tuple[str, ...]:
    """``jpki serve`` with two workers, on a free port where ``words`` name none."""
    serve = (sys.executable, "-m", "platform_api.cli", "serve", "--data", str(folder), "--workers", "2")
    return (*serve, *words) if "--port" in words else (*serve, "--port", "0", *words)


@contextmanager
def crew(folder: Path, log: Path, *words: str, **variables: str) -> Iterator[Service]:
    """Started and ready; what it writes to standard error is in ``log``. Ended by SIGTERM."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command(folder, "--admin-port", "0", *words),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env=os.environ | {"JPKI_SNAPSHOT_CHECK_S": "0.05"} | variables,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()[-2000:]
        ready = json.loads(line)
        yield Service(process, ready["port"], ready["admin_port"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
