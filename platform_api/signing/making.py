"""Makes a responder's key and the certificate that institutions pin (RFC 6960 section 4.2.2.2, local
configuration)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from platform_api.faults import SetupRefused
from platform_api.key_files import secret_folder, write_secret_once
from platform_api.signing.pairs import NAME
from platform_api.signing.token_keys import SUFFIX

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

#: NIST SP 800-57 part 1: 3072 bits are as strong as P-256.
_RSA_BITS: Final = 3072
KINDS: Final[Mapping[str, Callable[[], PrivateKey]]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, _RSA_BITS),
}


def make_pair(
    folder: Path, name: str, kind: str, *, not_before: datetime, not_after: datetime
) -> x509.Certificate:
    """``NAME.pem`` and ``NAME.crt``, new. Blocking. ``SetupRefused`` where the name is none, or is taken:
    what institutions pinned is never replaced."""
    if NAME.fullmatch(name) is None:
        raise SetupRefused(
            "RESPONDER_PAIR_NAME",
            expected="a name of small letters, digits and hyphens, 32 at most, a letter first",
            got="another",
            remedy="name it by the year, say: ocsp-2027",
        )
    if any((folder / f"{name}{suffix}").exists() for suffix in (".crt", ".pem", SUFFIX)):
        raise _taken(name)
    secret_folder(folder.parent)
    key = KINDS[kind]()
    certificate = self_signed(key, not_before=not_before, not_after=not_after)
    # The key first: a certificate that is there has its key.
    if not write_secret_once(folder / f"{name}.pem", _pem(key)):
        raise _taken(name)
    path = folder / f"{name}.crt"
    if not write_secret_once(path, certificate.public_bytes(Encoding.PEM)):
        raise _taken(name)
    path.chmod(0o644)  # public: institutions pin it
    return certificate


def self_signed(key: PrivateKey, *, not_before: datetime, not_after: datetime) -> x509.Certificate:
    """The locally trusted responder's certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jpki-status OCSP responder")])
    public_key = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_digital_signature(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .sign(key, SHA384() if key.key_size == 384 else SHA256())
    )


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _digital_signature() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _taken(name: str) -> SetupRefused:
    return SetupRefused(
        "RESPONDER_PAIR_EXISTS",
        expected=f"no pair {name} in keys/responders/",
        got="one that is there already",
        remedy="give another --name; what institutions pinned is never replaced",
    )
