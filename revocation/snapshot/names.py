"""Names in a snapshot folder, and ``CURRENT``, the one small file that says which set is published."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from revocation.authorities import Lineage
from revocation.errors import OwnFault

CURRENT: Final = "CURRENT"
LOCK: Final = "publish.lock"

_MANIFEST: Final = re.compile(r"([0-9]{8})\.manifest\Z")
_INDEX: Final = re.compile(r".+\.([0-9]{8})\.index\Z")
_POINTER: Final = re.compile(rb"([1-9][0-9]{0,7}) ([0-9a-f]{64})\n\Z")


@dataclass(frozen=True, slots=True)
class Pointer:
    """Content of ``CURRENT``: the set's number and the SHA-256 of its manifest's JSON line."""

    seq: int
    sha256: str

    def __bytes__(self) -> bytes:
        return f"{self.seq} {self.sha256}\n".encode("ascii")


def manifest_path(folder: Path, seq: int) -> Path:
    return folder / f"{seq:08}.manifest"


def index_name(lineage: Lineage, seq: int) -> str:
    return f"{lineage}.{seq:08}.index"


def read_pointer(folder: Path) -> Pointer | None:
    """What is published; None before the first set."""
    try:
        data = (folder / CURRENT).read_bytes()
    except FileNotFoundError:
        return None
    match = _POINTER.match(data)
    if not match:
        raise OwnFault(
            "CURRENT_CORRUPT",
            expected="a set number and the hash of its manifest",
            got="another content",
            remedy="publish again: the next set is numbered above every manifest in the folder",
        )
    return Pointer(int(match.group(1)), match.group(2).decode("ascii"))


def manifest_numbers(folder: Path) -> list[int]:
    """Numbers of the manifests in the folder, committed or not, ascending."""
    return sorted(int(match.group(1)) for path in _listing(folder) if (match := _MANIFEST.match(path.name)))


def index_files(folder: Path) -> list[tuple[int, Path]]:
    """(number of the set that wrote it, path) of every index file in the folder."""
    return [(int(match.group(1)), path) for path in _listing(folder) if (match := _INDEX.match(path.name))]


def newest_number(folder: Path) -> int:
    """The greatest number of any set of which a file is there, committed or not; 0 for none."""
    return max([*manifest_numbers(folder), *(seq for seq, _ in index_files(folder))], default=0)


def leftovers(folder: Path, suffix: str) -> list[Path]:
    return [path for path in _listing(folder) if path.name.startswith(".") and path.name.endswith(suffix)]


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
