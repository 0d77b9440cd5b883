"""The same lists before `openssl crl`: what it verifies we verify, and what it refuses we refuse.

OpenSSL asks less (no allow-list, no scope, no dates here), so only signatures and encodings are compared.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.authorities import Authority, SignatureAlgorithm
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.base.eventually import HANG_S

_SHA384, _SHA512 = hashes.SHA384(), hashes.SHA512()

_CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "rsa": ("rsa", {}),
    "rsa-no-null": ("rsa", {"inner_algorithm": pki.ALGORITHMS["sha256WithRSAEncryption-no-null"]}),
    "rsa-sha384": (
        "rsa",
        {"inner_algorithm": pki.ALGORITHMS["sha384WithRSAEncryption"], "digest": _SHA384},
    ),
    "rsa-sha512": (
        "rsa",
        {"inner_algorithm": pki.ALGORITHMS["sha512WithRSAEncryption"], "digest": _SHA512},
    ),
    "pss-sha256": ("rsa", {"inner_algorithm": pki.pss_algorithm(), "pss_salt": 32}),
    "pss-sha512": (
        "rsa",
        {
            "inner_algorithm": pki.pss_algorithm("2.16.840.1.101.3.4.2.3", 64),
            "pss_salt": 64,
            "digest": _SHA512,
        },
    ),
    "pss-other-salt": ("rsa", {"inner_algorithm": pki.pss_algorithm(), "pss_salt": 20}),
    "pss-other-hash": ("rsa", {"inner_algorithm": pki.pss_algorithm(), "pss_salt": 32, "digest": _SHA512}),
    "p256": ("p256", {}),
    "p384": ("p384", {}),
    "ed25519": ("ed25519", {}),
    "rsa-under-another-hash": ("rsa", {"inner_algorithm": pki.ALGORITHMS["sha512WithRSAEncryption"]}),
    "flipped": ("p256", {"corrupt_signature": True}),
    "flipped-rsa": ("rsa", {"corrupt_signature": True}),
    "foreign": ("rsa", {"private": pki.key("rsa", 9)}),
}
_OURS_ALONE_REFUSE: dict[str, tuple[str, dict[str, Any]]] = {
    "sha1": (
        "rsa",
        {"inner_algorithm": pki.ALGORITHMS["sha1WithRSAEncryption"], "digest": hashes.SHA1()},  # noqa: S303
    ),
    "salt-of-22": ("rsa", {"inner_algorithm": pki.pss_algorithm(salt=22), "pss_salt": 22}),
}


def _openssl_verifies(der: bytes, ca: pki.CA, folder: Path) -> bool:
    (folder / "ca.pem").write_bytes(ca.certificates[0].public_bytes(Encoding.PEM))
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-noout", "-verify", "-CAfile", str(folder / "ca.pem")],
        input=der,
        capture_output=True,
        check=False,
        timeout=HANG_S,
    )
    said = done.stderr.decode()
    assert ("verify OK" in said) != ("verify failure" in said), said
    return "verify OK" in said


def _we_verify(der: bytes, authority: Authority) -> bool:
    try:
        verify_list(decode_certificate_list(der), authority)
    except InputRefused:
        return False
    return True


def _made(kind: str, forged: dict[str, Any]) -> tuple[bytes, pki.CA, Authority]:
    ca = pki.make_ca(kind=kind, generations=1)
    authority = ca.authority(signature_algorithms=frozenset(SignatureAlgorithm))
    return pki.build_crl(ca.generations[0], entries=[pki.entry(7, reason=1)], **forged), ca, authority


@pytest.mark.parametrize("case", _CASES)
def test_openssl_agrees_about_signatures(case: str, tmp_path: Path) -> None:
    """Good and bad alike: one verdict."""
    der, ca, authority = _made(*_CASES[case])
    assert _we_verify(der, authority) is _openssl_verifies(der, ca, tmp_path)


@pytest.mark.parametrize("case", _OURS_ALONE_REFUSE)
def test_where_we_ask_for_more_than_openssl(case: str, tmp_path: Path) -> None:
    """T12: OpenSSL verifies SHA-1 and any salt; we do not, and that is on purpose."""
    der, ca, authority = _made(*_OURS_ALONE_REFUSE[case])
    assert _openssl_verifies(der, ca, tmp_path)
    assert not _we_verify(der, authority)
