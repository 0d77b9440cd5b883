"""``jpki responder --workers 2``: its files, its processes, a connection to each of them."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.base.crew import Client, command_of
from tests.pki import entry
from tests.responder.running import NOW, WAIT_S, Running, crl, write_files
from tests.revocation.ocsp_world import point_of

TWO = ("--workers", "2")


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
