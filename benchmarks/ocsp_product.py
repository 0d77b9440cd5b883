"""The product as it is shipped, made ready for load: a published set, an institution with a key, jpki serve.

The lists are of the benchmark's own CA and of today, so that everything is in force; requests are CertIDs by
SHA-1, as most clients still send them, of certificates of which one in ten is revoked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from benchmarks.columns import columns_of
from benchmarks.encoding import tlv
from benchmarks.issuer import DAY, START, Issuer
from benchmarks.lists import Calendar, write_day
from benchmarks.ocsp_servers import Served, fetched, running
from benchmarks.workload import load as load_workload
from platform_api.key_set import open_keys
from revocation.authorities import Authorities, ListScope
from revocation.clock import SystemClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.identity import subject_public_key_bits
from revocation.ingest import ingest_cycle
from revocation.snapshot.store import SnapshotStore

_ENTRIES: Final = 20_000
_ASKED: Final = 5_000
_SHA1: Final = bytes.fromhex("06052b0e03021a0500")
_NONCE: Final = bytes.fromhex("06092b0601050507300102")


class BusyIssuer(Issuer):
    """The same CA, which signs its list anew as often as it is asked: each a second and a number later."""

    again: int = 0

    def this_update(self, day: int) -> datetime:
        return super().this_update(day) + timedelta(seconds=self.again)

    def crl_number(self, day: int) -> int:
        return super().crl_number(day) * 10_000 + self.again


@dataclass(frozen=True, slots=True)
class Product:
    """A data folder with everything in it, and what is asked of it."""

    #: The data folder; its parent is the benchmark's.
    folder: Path
    issuer: BusyIssuer
    calendar: Calendar
    authorities: Authorities
    day: int
    serials: tuple[bytes, ...]

    @classmethod
    def made(cls, folder: Path, *, entries: int = _ENTRIES, asked: int = _ASKED) -> Product:
        """Keys, authorities, and the set of today; ``asked``: so many serials, one in ten of them listed."""
        day = (SystemClock().now() - START) // DAY
        calendar = Calendar(load_workload("short"), entries)
        issuer = BusyIssuer("p-256", 1)
        authorities = Authorities([issuer.authority()])
        data = folder / "data"
        data.mkdir(mode=0o700)
        open_keys(data / "keys", now=SystemClock().now())
        authorities.dump(data / "authorities.json")
        rng = random.Random(1)
        listed = [serial for columns in calendar.columns(1, day) for serial in columns.serials()]
        numbers = calendar.unlisted(0, asked - asked // 10)
        unlisted = columns_of(calendar.workload, numbers, numbers.astype(np.int64)).serials()
        serials = [*rng.sample(listed, asked // 10), *unlisted]
        rng.shuffle(serials)
        made = cls(data, issuer, calendar, authorities, day, tuple(tlv(0x02, each) for each in serials))
        made.publish()
        return made

    @classmethod
    def found(cls, folder: Path) -> Product:
        """The same in a folder that ``made`` filled, to publish once more."""
        issuer = BusyIssuer("p-256", 1)
        day = (SystemClock().now() - START) // DAY
        calendar = Calendar(load_workload("short"), _ENTRIES)
        return cls(folder / "data", issuer, calendar, Authorities([issuer.authority()]), day, ())

    def publish(self) -> None:
        """Today's lists, taken in and published as the night does."""
        files, _ = write_day(self.issuer, self.calendar, self.day, self.folder.parent / "lists")
        scopes: tuple[ListScope, ...] = self.authorities.expected_lists()
        keys = open_keys(self.folder / "keys", now=SystemClock().now())
        store = SnapshotStore(self.folder / "snapshots", publisher_key=keys.publisher)
        source = FolderSource(dict(zip(scopes, files, strict=True)))
        archive = ListArchive(self.folder / "archive")
        asyncio.run(ingest_cycle(self.authorities, source, store, SystemClock(), archive=archive))

    # -- what is asked -------------------------------------------------------------------------------------

    def requests(self, *, nonce: bool = False) -> list[bytes]:
        """OCSPRequests in DER."""
        certificate = self.issuer.certificate()
        name_hash = hashlib.sha1(certificate.subject.public_bytes(), usedforsecurity=False).digest()
        bits = subject_public_key_bits(certificate.public_key())
        key_hash = hashlib.sha1(bits, usedforsecurity=False).digest()
        start = tlv(0x30, _SHA1) + tlv(0x04, name_hash) + tlv(0x04, key_hash)
        rng = random.Random(2)
        made = []
        for serial in self.serials:
            listed = tlv(0x30, tlv(0x30, tlv(0x30, start, serial)))
            extensions = b""
            if nonce:
                value = tlv(0x04, tlv(0x04, rng.randbytes(32)))
                extensions = tlv(0xA2, tlv(0x30, tlv(0x30, _NONCE, value)))
            made.append(tlv(0x30, tlv(0x30, listed, extensions)))
        return made

    # -- who answers ---------------------------------------------------------------------------------------

    @contextmanager
    def serving(self, settings: Mapping[str, Any], *, cores: str = "0") -> Iterator[Served]:
        """``jpki serve`` with these settings (names of ``Settings``) beside the benchmark's own."""
        environment = {
            f"JPKI_{name.upper()}": str(value)
            for name, value in {"mode": "sandbox", "port": 0, "caller_ttl_s": 60, **settings}.items()
        }
        command = [sys.executable, "-m", "platform_api.cli", "serve", "--data", str(self.folder), "--json"]
        with running(
            command, ready="serve", environment=environment, folder=self.folder.parent, cores=cores
        ) as (process, line):
            workers = int(settings.get("workers", 1))
            processes = (process.pid,) if workers == 1 else _workers(process.pid)
            yield Served(line["port"], processes)

    @contextmanager
    def responder(self, folder: Path) -> Iterator[Served]:
        """``jpki responder`` with the same list and an RSA-2048 signer."""
        files = {
            "ca.pem": self.issuer.certificate().public_bytes(Encoding.PEM),
            **rsa_signer(),
        }
        for name, octets in files.items():
            (folder / name).write_bytes(octets)
            (folder / name).chmod(0o600)
        command = [
            *(sys.executable, "-m", "platform_api.cli", "responder", "--json", "--port", "0", "--anonymous"),
            *("--ca", str(folder / "ca.pem"), "--crl", str(next((folder / "lists").glob("*.crl")))),
            *("--signer", str(folder / "ocsp.pem"), "--signer-key", str(folder / "ocsp.key")),
        ]
        with running(command, ready="responder", folder=folder) as (process, line):
            yield Served(line["port"], (process.pid,))

    def api_key(self) -> str:
        """Of an institution that may ask about every certificate, as often as it can; serve must run."""
        name = f"benchmark-{secrets.token_hex(4)}"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "platform_api.cli", "institution", "create", "--json"),
                *("--name", name, "--service", name, "--entitlement", "any"),
                *("--ocsp-rate", "10000000", "--data", str(self.folder)),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found: str = json.loads(done.stdout.splitlines()[-1])["api_key"]
        return found


def _workers(supervisor: int) -> tuple[int, ...]:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split()
    found = []
    for child in map(int, children):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"platform_api.workers.worker" in command:
            found.append(child)
    return tuple(found)


def post(der: bytes, key: str | None = None, more: str = "") -> bytes:
    """The whole HTTP request."""
    who = "" if key is None else f"Authorization: Bearer {key}\r\n"
    head = (
        "POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ocsp-request\r\n"
        f"{who}{more}Content-Length: {len(der)}\r\n\r\n"
    )
    return head.encode("ascii") + der


def answers_of(port: int, requests: Sequence[bytes]) -> dict[bytes, bytes]:
    """The OCSPResponse to each OCSPRequest, asked one after the other."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    found = {}
    for der in requests:
        connection.request("POST", "/ocsp", der, {"Content-Type": "application/ocsp-request"})
        found[der] = connection.getresponse().read()
    connection.close()
    return found


def body_of(port: int, request: bytes) -> tuple[int, bytes]:
    """(octets of the whole response, its body)."""
    whole = fetched(port, request)
    return len(whole), whole.partition(b"\r\n\r\n")[2]


def rsa_signer() -> dict[str, bytes]:
    """A locally trusted responder with an RSA-2048 key, as files."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark responder")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + 30 * DAY)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"ocsp.pem": certificate.public_bytes(Encoding.PEM), "ocsp.key": private}
