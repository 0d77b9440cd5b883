"""The one file ``authorities.json`` that keeps all authorities with their version and recorded acts."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from revocation.authorities import Authorities
from revocation.authority_certificates import (
    authority_from_certificates,
    partitions_from_points,
    subject_of,
)
from revocation.authority_rows import FORMAT, FileRow, authorities_from, malformed, row_of_file
from revocation.errors import InputRefused, OutsideFailed
from revocation.snapshot.durable import TEMPORARY_SUFFIX, Disk, discard, stage

__all__ = [
    "PUBLIC",
    "FileDisk",
    "authority_from_certificates",
    "content_of",
    "content_sha256",
    "parse_authorities",
    "partitions_from_points",
    "read_authorities",
    "read_content",
    "remove_leftovers",
    "replace_file",
    "row_refused",
    "subject_of",
    "write_authorities",
]

_MAX_FILE: Final = 64 * 1024 * 1024
_RESTORE: Final = "restore the newest backup of authorities.json; every change is an act of two people"


class FileDisk(Disk):
    """The disk with a mode of its own for new files; tests subclass it to fail or to kill at a step."""

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self.mode)


#: Certificates and names of municipalities are public: other users of the host may look.
PUBLIC: Final = FileDisk(0o644)


def read_authorities(path: Path) -> Authorities:
    """The file's authorities; every fault in it refuses it whole."""
    return parse_authorities(read_content(path))


def read_content(path: Path) -> bytes:
    """The file's octets, which ``content_sha256`` names."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise OutsideFailed(
            "AUTHORITIES_UNREADABLE",
            expected="a readable authorities file",
            got=error.strerror or "an I/O error",
            remedy="check the data folder and its permissions, or restore the newest backup of the file",
        ) from error
    if len(text) > _MAX_FILE:
        raise malformed(f"an authorities file of at most {_MAX_FILE} octets", "a larger one", _RESTORE)
    return text


def parse_authorities(content: bytes) -> Authorities:
    try:
        rows = FileRow.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError:
        raise malformed("an authorities file in JSON", "something else", _RESTORE) from None
    except ValidationError as error:
        raise row_refused(error, f"an authorities file of format {FORMAT}") from None
    return authorities_from(rows)


def row_refused(error: ValidationError, expected: str) -> InputRefused:
    """Where it is wrong and how; never what stood there."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return malformed(expected, f"{first['type']} at {'.'.join(map(str, first['loc']))}", _RESTORE)


def content_of(authorities: Authorities) -> bytes:
    """The file's octets for these authorities: the same authorities give the same octets."""
    return orjson.dumps(
        row_of_file(authorities).model_dump(mode="json"),
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def content_sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_authorities(authorities: Authorities, path: Path) -> None:
    """To ``authorities.json``, whole or not at all."""
    replace_file(path, content_of(authorities), PUBLIC)


def replace_file(path: Path, content: bytes, disk: Disk) -> None:
    """Written beside the old file, made durable, then renamed over it: a crash leaves the old or the new."""
    try:
        temporary = stage(disk, path, [content])
        try:
            # The commit. Before: the old file, also after a crash. From here on: the new one.
            disk.rename(temporary, path)
        except OSError:
            discard(disk, temporary)
            raise
        disk.sync_folder(path.parent)
    except OSError as error:
        raise OutsideFailed(
            "AUTHORITIES_UNWRITABLE",
            expected=f"a writable {path.name}",
            got=error.strerror or "an I/O error",
            remedy="check the data folder, its permissions and its free space",
        ) from error


def remove_leftovers(path: Path) -> None:
    """What a killed ``replace_file`` left beside the file. Only for who holds the lock of the folder."""
    for left in path.parent.glob(f".{path.name}.*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            left.unlink()
