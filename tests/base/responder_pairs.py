"""Pairs of a responder's key and certificate in a folder, as an operator puts them there."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import pki
from tests.revocation.signer_certificates import certificate


def put(
    folder: Path, name: str, key: Any, *, begins: datetime, ends: datetime, mode: int = 0o600
) -> x509.Certificate:
    """``NAME.pem`` and ``NAME.crt``; what was there is replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.pem"
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return put_certificate(folder, name, key, begins=begins, ends=ends)


def put_certificate(
    folder: Path, name: str, key: Any, *, begins: datetime, ends: datetime
) -> x509.Certificate:
    """The certificate alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = certificate(key, start=begins, life=ends - begins)
    (folder / f"{name}.crt").write_bytes(made.public_bytes(Encoding.PEM))
    return made


def put_token_file(folder: Path, name: str, *, module: Path, token: str, pin_file: Path, key: str) -> Path:
    path = folder / f"{name}.pkcs11"
    path.write_text(f'module = "{module}"\ntoken = "{token}"\nkey = "{key}"\npin_file = "{pin_file}"\n')
    path.chmod(0o600)
    return path


def key_of(number: int, kind: str = "p256") -> Any:
    return pki.key(kind, number)
