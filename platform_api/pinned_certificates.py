"""Certificates that a setting names by their file, pinned as they stand there: no chain is built."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography import x509

from platform_api.faults import SetupRefused

_LARGEST_FILE: Final = 256 * 1024


def read_certificates(path: Path, setting: str) -> tuple[x509.Certificate, ...]:
    """One or more, PEM, at most 256 KiB. Blocking. ``SetupRefused`` by the setting's name."""
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST_FILE + 1)
        if len(octets) > _LARGEST_FILE:  # cut off, it would pin some of them and say nothing
            raise setting_refused(setting, f"a file of at most {_LARGEST_FILE // 1024} KiB")
        return tuple(x509.load_pem_x509_certificates(octets))
    except (OSError, ValueError):
        raise setting_refused(setting, "a file of certificates in PEM") from None


def setting_refused(setting: str, expected: str) -> SetupRefused:
    """The value is not repeated: it may be a secret."""
    return SetupRefused(
        "SETTING_REFUSED",
        expected=f"{setting}: {expected}",
        got="something else",
        remedy=f"correct JPKI_{setting.upper()} or the file that it names",
    )
