"""Delegated signers of OCSP answers, where a CA certifies our key.

J-LIS will hardly delegate to an operator, so this mode is for CA owners and the sandbox: our key, and a
certificate for it from every live generation (RFC 6960 section 4.2.2.2, id-kp-OCSPSigning).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platform_api.key_files import read_secret, secret_folder, write_secret_once
from revocation.errors import OutsideFailed

_PATH: Final = "/sandbox/v1/ocsp-responders"
_TIMEOUT_S: Final = 10.0
_MAX_ANSWER: Final = 1024 * 1024

Delegated = dict[bytes, list[tuple[x509.Certificate, ec.EllipticCurvePrivateKey]]]


class _Issued(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    generation: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    certificate: Annotated[str, Field(max_length=20_000)]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    certificates: Annotated[list[_Issued], Field(max_length=64)]


def stored_signers(folder: Path) -> Delegated:
    """Delegated certificates in ``keys/delegated/``, by the issuing generation's key. Blocking.

    A file may hold the next certificate behind the present one: each signs in its time.
    """
    key = _key(folder)
    found: Delegated = {}
    for path in sorted(folder.glob("*.crt")):
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
        own = [(each, key) for each in certificates if each.public_key() == key.public_key()]
        if own:
            found[bytes.fromhex(path.stem)] = own
    return found


async def ask_sandbox(folder: Path, sandbox_url: str) -> None:
    """Have our key certified by every live generation of the sandbox's CA, and keep the certificates."""
    key = await asyncio.to_thread(_key, folder)
    public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.post(
                sandbox_url.rstrip("/") + _PATH, json={"public_key": public_key}, allow_redirects=False
            ) as response,
        ):
            octets = await response.content.read(_MAX_ANSWER)
            if response.status not in (200, 201):
                raise _refused(f"status {response.status}")
        answer = _Answer.model_validate_json(octets)
        await asyncio.to_thread(_store, folder, answer)
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise _refused("no answer") from None
    except (ValidationError, TypeError, ValueError):
        raise _refused("another content") from None


def _key(folder: Path) -> ec.EllipticCurvePrivateKey:
    secret_folder(folder)
    path = folder / "responder.pem"
    if not path.exists():
        fresh = ec.generate_private_key(ec.SECP256R1())
        write_secret_once(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(read_secret(path), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("expected a P-256 key in keys/delegated/responder.pem")
    return key


def _store(folder: Path, answer: _Answer) -> None:
    for issued in answer.certificates:
        certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
        path = folder / f"{issued.generation}.crt"
        fresh = folder / f".{issued.generation}.new"
        fresh.write_bytes(certificate.public_bytes(Encoding.PEM))
        fresh.replace(path)


def _refused(got: str) -> OutsideFailed:
    return OutsideFailed(
        "RESPONDER_CERTIFICATES_REFUSED",
        expected="delegated responder certificates from the sandbox",
        got=got,
        remedy="start jpki sandbox; until then only the locally trusted responder answers",
    )
