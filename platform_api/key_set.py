"""All keys of a data folder, made at its first start; what each costs to lose stands beside it.

* ``publisher.pem``: signs manifests. Lost: readers refuse new sets until they trust another key.
* ``responder.pem``, ``responder.crt``: sign OCSP answers. Lost: institutions must pin a new certificate. More
  pairs may stand in ``responders/`` (``signing/pairs.py``).
* ``kek.json``: opens sealed columns. Lost: every registration must be made anew.
* ``tag.key``: joins revocations to registrations. Lost: no change is detected until all are tagged anew.
* ``api_key.key``: recognises API keys, letters and pairwise ids. Lost: keys are issued anew, open letters
  sent again.
* ``receipt.pem``: signs receipts of consents. Lost: a new one is made, institutions fetch its public key, and
  old receipts stay verifiable, since their public keys are in the database (and at the institutions).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from platform_api.faults import SetupRefused
from platform_api.institutions.api_keys import KeyHasher
from platform_api.key_files import read_secret, secret_folder, write_secret_once
from platform_api.sealing import FileKeyProvider
from platform_api.signing.making import self_signed
from platform_api.tagging import Tagger

RESPONDER_CERTIFICATE: Final = "responder.crt"
#: Everything that the first start makes.
FILES: Final = (
    "publisher.pem",
    "responder.pem",
    RESPONDER_CERTIFICATE,
    "kek.json",
    "tag.key",
    "api_key.key",
)
#: Made whenever it is absent, also beside keys of an older release: nothing that it signed needs it again.
RECEIPT: Final = "receipt.pem"
#: Stands beside the keys once all of them were made.
_COMPLETE: Final = ".complete"
_LOCK: Final = ".lock"
_RESPONDER_LIFE: Final = timedelta(days=3650)
#: Sandbox time lies in the past, and a client may check the certificate against it.
_RESPONDER_BACKDATED: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """The keys of one installation, in memory."""

    publisher: ed25519.Ed25519PrivateKey
    responder_key: ec.EllipticCurvePrivateKey
    responder_certificate: x509.Certificate
    key_provider: FileKeyProvider
    tagger: Tagger
    key_hasher: KeyHasher
    receipt: ed25519.Ed25519PrivateKey


def open_keys(folder: Path, *, now: datetime) -> KeySet:
    """Read the keys; all of them are made at the first start, and none ever again. Blocking.

    Two processes at once end with the same keys. Raises ``SetupRefused`` KEY_FILE_MISSING where one is gone:
    a new one in its place would look well and be of no use to what the old one signed, sealed or tagged.
    """
    try:
        secret_folder(folder)
        with _one_at_a_time(folder):
            _make_at_first_start(folder, now)
            _create(folder / RECEIPT, ed25519.Ed25519PrivateKey.generate())
        publisher = _load(folder / "publisher.pem")
        responder = _load(folder / "responder.pem")
        if not isinstance(publisher, ed25519.Ed25519PrivateKey):
            raise _wrong_kind("publisher.pem", "an Ed25519 key")
        if not isinstance(responder, ec.EllipticCurvePrivateKey):
            raise _wrong_kind("responder.pem", "a P-256 key")
        receipt = _load(folder / RECEIPT)
        if not isinstance(receipt, ed25519.Ed25519PrivateKey):
            raise _wrong_kind(RECEIPT, "an Ed25519 key")
        return KeySet(
            publisher=publisher,
            responder_key=responder,
            responder_certificate=x509.load_pem_x509_certificate(
                (folder / RESPONDER_CERTIFICATE).read_bytes()
            ),
            key_provider=FileKeyProvider.from_file(folder / "kek.json"),
            tagger=Tagger.from_file(folder / "tag.key"),
            key_hasher=KeyHasher.from_file(folder / "api_key.key"),
            receipt=receipt,
        )
    except OSError as failure:
        raise SetupRefused(
            "DATA_DIR_NOT_WRITABLE",
            expected="a data folder that this user may write",
            got=f"{type(failure).__name__} in {folder}",
            remedy="set JPKI_DATA_DIR to a folder of your own",
        ) from None
    except ValueError:
        raise SetupRefused(
            "KEY_FILE_BROKEN",
            expected=f"whole key files in {folder}",
            got="one that cannot be read",
            remedy="restore the folder keys/ from its backup",
        ) from None


def publisher_of(folder: Path) -> ed25519.Ed25519PublicKey | None:
    """Whose manifests this data folder believes; None where no key was ever made. Makes nothing."""
    path = folder / "publisher.pem"
    if not path.exists():
        return None
    key = _load(path)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise _wrong_kind("publisher.pem", "an Ed25519 key")
    return key.public_key()


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_at_first_start(folder: Path, now: datetime) -> None:
    """All keys, or what an interrupted first start left out; the marker comes last."""
    missing = [name for name in FILES if not (folder / name).exists()]
    complete = folder / _COMPLETE
    # A set without its keys is a later life as well: the folder keys/ was lost as a whole.
    lived = complete.exists() or (folder.parent / "snapshots" / "CURRENT").exists()
    if missing and lived:
        raise SetupRefused(
            "KEY_FILE_MISSING",
            expected=f"the key files of this data folder in {folder.name}/",
            got=f"no {', '.join(missing)}",
            remedy="restore the folder keys/ from its backup; README says what each key costs to lose",
        )
    _create(folder / "publisher.pem", ed25519.Ed25519PrivateKey.generate())
    _create(folder / "responder.pem", ec.generate_private_key(ec.SECP256R1()))
    responder = _load(folder / "responder.pem")
    if not isinstance(responder, ec.EllipticCurvePrivateKey):
        raise _wrong_kind("responder.pem", "a P-256 key")
    certificate = folder / RESPONDER_CERTIFICATE
    fresh = self_signed(responder, not_before=now - _RESPONDER_BACKDATED, not_after=now + _RESPONDER_LIFE)
    write_secret_once(certificate, fresh.public_bytes(Encoding.PEM))
    certificate.chmod(0o644)  # public: institutions pin it
    FileKeyProvider.create_file(folder / "kek.json")
    Tagger.create_file(folder / "tag.key")
    KeyHasher.create_file(folder / "api_key.key")
    write_secret_once(complete, b"")


def _create(path: Path, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    if not path.exists():
        write_secret_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _load(path: Path) -> object:
    return load_pem_private_key(read_secret(path), password=None)


def _wrong_kind(name: str, expected: str) -> SetupRefused:
    return SetupRefused(
        "KEY_FILE_BROKEN",
        expected=f"{expected} in {name}",
        got="a key of another kind",
        remedy="restore the folder keys/ from its backup",
    )
