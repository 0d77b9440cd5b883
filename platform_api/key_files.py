"""Files that hold secrets: 0600 in a 0700 folder, written once and whole, refused if others may read them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from platform_api.faults import SetupRefused


def secret_folder(path: Path) -> Path:
    """Make a folder that only we may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)
    return path


def write_secret_once(path: Path, content: bytes) -> bool:
    """Write a new secret file; False when one was there already (two starts at once: the first one wins).

    The content is complete under its name or the name does not exist: ``link`` never replaces a file.
    """
    secret_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        Path(temporary).unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def read_secret(path: Path) -> bytes:
    """Read a secret file; one that others may read is no secret and is refused."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise SetupRefused(
                    "KEY_FILE_EXPOSED",
                    expected=f"mode 0600 on {path.name}",
                    got=f"mode {mode:04o}",
                    remedy=f"run: chmod 600 {path}",
                )
            return file.read()
    except FileNotFoundError:
        raise SetupRefused(
            "KEY_FILE_MISSING",
            expected=f"a key file {path.name}",
            got="none",
            remedy=f"restore {path} from its backup; only an empty data folder gets new keys by itself",
        ) from None
