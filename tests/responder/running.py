"""``jpki responder`` as a process of its own, its files, and ``openssl ocsp`` against it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import pki
from tests.base.eventually import HANG_S
from tests.revocation.ocsp_world import responder_certificate

ROOT = Path(__file__).parents[2]
#: A real and recent moment, because OpenSSL compares with the machine's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_UPDATE = NOW - timedelta(hours=1)
DAY = timedelta(days=1)
REVOKED, HELD, GOOD = 5, 6, 9
WAIT_S = HANG_S


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(private: Any) -> bytes:
    octets: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return octets


def entries() -> list[bytes]:
    return [
        pki.entry(REVOKED, THIS_UPDATE - DAY, reason=1),
        pki.entry(HELD, THIS_UPDATE - DAY, reason=6),
    ]


def crl(ca: pki.CA, listed: Sequence[bytes] | None = None, *, generation: int = -1, **forged: Any) -> bytes:
    """A list of this CA that holds now; each keyword forges one field of it."""
    usual = {"dn": ca.subject, "this_update": THIS_UPDATE, "next_update": NOW + DAY, "number": 3}
    listed = entries() if listed is None else listed
    return pki.build_crl(ca.generations[generation], entries=listed, **{**usual, **forged})


def write_files(folder: Path, *, kind: str = "p256", first_key: int = 300) -> pki.CA:
    """A CA with one generation, its list, and responder certificates of each kind of trust."""
    ca = pki.make_ca(generations=1, kind=kind, first_key=first_key)
    private = pki.key("p256", 399)
    files = {
        "ca.pem": pem(ca.certificates[0]),
        "ca.key": key_pem(ca.generations[0].private),
        "ca.crl": crl(ca),
        "local.pem": pem(responder_certificate(private, None)),
        "ocsp.key": key_pem(private),
        "leaf.pem": pem(pki.issue(ca, serial=GOOD)),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if kind != "ed25519":  # the helper signs with a hash of its own
        (folder / "delegated.pem").write_bytes(pem(responder_certificate(private, ca.generations[0])))
    return ca


def words(folder: Path, **changed: Sequence[str]) -> list[str]:
    """The usual command line; ``crl=("a.crl", "b.crl")`` and the like change it."""
    given: dict[str, Sequence[str]] = {
        "ca": ("ca.pem",),
        "crl": ("ca.crl",),
        "signer": ("delegated.pem",),
        "signer_key": ("ocsp.key",),
        **changed,
    }
    return [
        part
        for option, names in given.items()
        for name in names
        for part in (f"--{option.replace('_', '-')}", str(folder / name))
    ]


@dataclass(frozen=True)
class Running:
    """One that has said that it is ready."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    lines: queue.Queue[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ready['port']}"

    def next_record(self) -> dict[str, Any]:
        """The next line that it says; waits for it, not for ever."""
        found: dict[str, Any] = json.loads(self.lines.get(timeout=WAIT_S))
        return found

    def admin(self, path: str) -> tuple[int, bytes]:
        return fetch(f"http://127.0.0.1:{self.ready['admin_port']}{path}")[:2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "platform_api.cli", "responder", *arguments]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[Running]:
    """Started, ready, and stopped at the end."""
    process = subprocess.Popen(
        command([*arguments, "--json", "--port", "0", "--admin-port", "0"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    lines: queue.Queue[str] = queue.Queue()
    errors: list[str] = []
    readers = [
        threading.Thread(target=lambda: deque(map(lines.put, process.stdout or ()), maxlen=0)),
        threading.Thread(target=lambda: errors.extend(process.stderr or ())),
    ]
    for reader in readers:
        reader.start()
    try:
        try:
            first = json.loads(lines.get(timeout=WAIT_S))
        except queue.Empty:
            raise AssertionError("".join(errors)) from None
        assert first.get("responder") == "ready", (first, errors)
        yield Running(process, first, lines)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_S)
        for reader in readers:
            reader.join(WAIT_S)
        process.stdout.close()
        process.stderr.close()
    assert not [line for line in errors if "Traceback" in line], errors


def refused(arguments: Sequence[str]) -> tuple[int, dict[str, Any], str]:
    """One that does not start: exit code, the machine's record, the sentence."""
    done = subprocess.run(
        command([*arguments, "--json", "--port", "0"]),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


def fetch(
    url: str, *, data: bytes | None = None, method: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body, headers; also of an error."""
    asked = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(asked, timeout=WAIT_S) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read(), dict(answer.headers)


def openssl(
    issuer: Path, serial: int, url: str, *trust: str | Path, digest: str = "-sha1", nonce: bool = True
) -> str:
    """What ``openssl ocsp`` prints; it verifies the signature by ``trust``."""
    done = subprocess.run(
        [
            "openssl", "ocsp", digest, "-issuer", str(issuer), "-serial", str(serial), "-url", url,
            *(() if nonce else ("-no_nonce",)), *map(str, trust),
        ],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
