"""Files that are whole or absent: temp file beside it, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """After a crash ``path`` holds either what it held before or all of ``content``."""
    write_parts(path, (content,), mode=mode)


def write_parts(path: Path, parts: Iterable[bytes], *, mode: int = 0o644) -> None:
    """The same for octets that nobody needs in one piece."""
    temporary = path.with_name(f".{path.name}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes a rename or a new name in the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
