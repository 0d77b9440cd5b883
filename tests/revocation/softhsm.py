"""SoftHSM2, a PKCS #11 token in software: tokens in a folder of the test's own, with keys of ours in them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.base.eventually import HANG_S

PIN = "4711-test-pin"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def module() -> Path:
    """The library, or the test is skipped by name."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed: pip install jpki-status[pkcs11]")
    found = [Path(path) for path in _MODULES if Path(path).exists()]
    if not found or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed: apt-get install softhsm2")
    return found[0]


@dataclass(frozen=True)
class SoftHsm:
    """The tokens of one folder; ``SOFTHSM2_CONF`` names its settings."""

    module: Path
    folder: Path

    def configure(self) -> Path:
        tokens = self.folder / "tokens"
        tokens.mkdir()
        settings = self.folder / "softhsm2.conf"
        settings.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        return settings

    def pin_file(self, pin: str = PIN, name: str = "pin") -> Path:
        path = self.folder / name
        path.write_text(pin + "\n")
        path.chmod(0o600)
        return path

    def make_token(self, label: str) -> None:
        self._run("--init-token", "--free", "--label", label, "--so-pin", PIN, "--pin", PIN)

    def import_key(self, token: str, key: Any, label: str, key_id: str) -> None:
        path = self.folder / "key.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._run(*("--import", str(path), "--token", token, "--label", label, "--id", key_id, "--pin", PIN))
        path.unlink()

    def delete_token(self, label: str) -> None:
        self._run("--delete-token", "--token", label)

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["softhsm2-util", "--module", str(self.module), *arguments],
            check=True,
            capture_output=True,
            timeout=HANG_S,
        )
