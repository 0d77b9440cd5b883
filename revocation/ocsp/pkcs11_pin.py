"""The PIN of a PKCS #11 token: from a file that only its owner may read, and never from anywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from revocation.errors import OutsideFailed

#: A PIN is short; what is longer is another file.
_MOST_OCTETS: Final = 256


def read_pin(path: Path) -> str:
    """The one line of the file, without its end.

    Raises ``OutsideFailed``, which never quotes it: read again at each login, also long after the start.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise _refused(type(error).__name__) from None
    lines = octets.splitlines()
    if mode & 0o077:
        raise _refused("one that others may read")
    if len(octets) > _MOST_OCTETS or len(lines) != 1 or not lines[0] or not lines[0].isascii():
        raise _refused("another content")
    return lines[0].decode("ascii")


def _refused(got: str) -> OutsideFailed:
    return OutsideFailed(
        "TOKEN_PIN_FILE_REFUSED",
        expected="a PIN file of one line of ASCII that nobody but its owner may read",
        got=got,
        remedy="write the PIN alone into it, then chmod 600",
    )
