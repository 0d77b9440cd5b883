"""Copies of the given files, for several processes that must make the same of them.

In memory (memfd_create(2)): private keys are among them. Others of this user reach them by the descriptors of
this process, under the names that the files have; they are gone with it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from platform_api.responder.given import Given, check_file
from revocation.errors import OutsideFailed

#: Of two worlds: a worker may still be reading the one before.
_KEPT: Final = 2


class Bundles:
    """``folder``: of this process alone, for names."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._number = 0
        self._kept: Final[deque[list[int]]] = deque()
        self.newest: Given | None = None

    def take(self, given: Given) -> Given:
        """The same, with copies in the place of the files. Blocking."""
        self._number += 1
        descriptors: list[int] = []
        copies: list[Path] = []
        try:
            for at, path in enumerate(given.files()):
                check_file(path)
                place = self._folder / str(self._number) / str(at)
                place.mkdir(parents=True)
                descriptors.append(os.memfd_create("jpki-responder", os.MFD_CLOEXEC))
                with path.open("rb") as source, os.fdopen(os.dup(descriptors[-1]), "wb") as target:
                    # As open to others as the file: some are refused for that.
                    os.fchmod(target.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
                    shutil.copyfileobj(source, target, 1 << 20)
                copies.append(place / path.name)
                copies[-1].symlink_to(f"/proc/{os.getpid()}/fd/{descriptors[-1]}")
        except OSError as error:
            _close(descriptors)
            raise OutsideFailed(
                "FILE_UNREADABLE",
                expected="files that can be read, and memory for copies of them",
                got=error.strerror or type(error).__name__,
                remedy="check the paths, their permissions and this host's memory",
            ) from None
        except BaseException:
            _close(descriptors)
            raise
        self._kept.append(descriptors)
        while len(self._kept) > _KEPT:
            _close(self._kept.popleft())
        cas, lists = len(given.certificates), len(given.lists)
        signers = copies[cas + lists :]
        self.newest = replace(
            given,
            certificates=tuple(copies[:cas]),
            lists=tuple(copies[cas : cas + lists]),
            signers=tuple(zip(signers[::2], signers[1::2], strict=True)),
        )
        return self.newest


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class Newest:
    """Which copies the supervisor has taken last, and under which number: a file in its folder.

    Written whole or not at all; ``read`` and ``is_unread`` are for one worker.
    """

    def __init__(self, folder: Path) -> None:
        self._path: Final = folder / "newest.json"
        self._read: tuple[int, int] | None = None

    def write(self, number: int, given: Given) -> None:
        """The next number for these copies. Blocking, and short."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(
            orjson.dumps(
                {
                    "number": number,
                    "certificates": list(map(str, given.certificates)),
                    "lists": list(map(str, given.lists)),
                    "signers": [list(map(str, pair)) for pair in given.signers],
                    "tolerances": sorted(given.tolerances),
                    "all_lists": given.all_lists,
                    "newest_signs_all": given.newest_signs_all,
                }
            )
        )
        fresh.replace(self._path)

    def is_unread(self) -> bool:
        """Is it another than was read last? One stat(2)."""
        return _facts(self._path.stat()) != self._read

    def read(self) -> tuple[int, Given]:
        with self._path.open("rb") as file:
            # Of this very file: another may be put in its place meanwhile.
            self._read = _facts(os.fstat(file.fileno()))
            record = orjson.loads(file.read())
        return record["number"], Given(
            certificates=tuple(map(Path, record["certificates"])),
            lists=tuple(map(Path, record["lists"])),
            signers=tuple((Path(certificate), Path(key)) for certificate, key in record["signers"]),
            tolerances=frozenset(record["tolerances"]),
            all_lists=record["all_lists"],
            newest_signs_all=record["newest_signs_all"],
        )


def _facts(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_mtime_ns
