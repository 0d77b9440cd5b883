"""The folder of fetched lists: those of a running cycle, the bytes of every accepted list, by day, and the
last refused file of each code.

A file here may be one inode with the one that somebody put into a folder (``fetch/folder_source.py``). So
nothing here is ever written to: files come and go by link, rename and removal.

Losing it costs one full fetch and the evidence of past days; nothing here is needed to answer. What is
kept is trusted no more than a download: a list taken from here is decoded and verified again. Only what
today's list has in common with it need not be read twice, and only while it is proved untouched
(``familiar.py``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from revocation.authorities import ListScope
from revocation.crl.parts import leave_parts, set_aside
from revocation.errors import OutsideFailed
from revocation.snapshot.durable import Disk, disk_errors, folder_lock, stage

#: A day is a JST day.
_JST: Final = timezone(timedelta(hours=9))

_INDEX: Final = "fetched.json"
_INCOMING: Final = "incoming"
_REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True, init=False)
class StoredList:
    """The list of a scope accepted last, and what the server called it."""

    #: The file's whole name, as text: a ``Path`` takes longer to make than most of what it is for.
    name: str
    sha256: bytes
    #: Where it came from: an ETag means nothing at another address.
    address: str
    etag: str | None

    def __init__(self, name: Path | str, sha256: bytes, address: str, etag: str | None) -> None:
        put = object.__setattr__
        put(self, "name", str(name))
        put(self, "sha256", sha256)
        put(self, "address", address)
        put(self, "etag", etag)

    @property
    def path(self) -> Path:
        return Path(self.name)


class ListArchive:
    """One folder; one cycle at a time. All methods block on the disk: call them outside an event loop."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        #: Files of the running cycle; wiped at the start of each, so a killed one leaves nothing that counts
        #: but parts of downloads, which go on only where the server vouches for them.
        self.incoming: Final = folder / _INCOMING
        #: As texts, for what is done with each of 1,900 lists.
        self._inside: Final = f"{folder}/"
        self._arrived: Final = f"{self.incoming}/"
        self._disk: Final = Disk()

    @contextmanager
    def cycle(self) -> Iterator[None]:
        """Hold the folder for one cycle: a second one is refused with PUBLISH_LOCKED."""
        with disk_errors("ARCHIVE_UNWRITABLE", "the archive folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(self.folder / "ingest.lock"):
            with disk_errors("ARCHIVE_UNWRITABLE", "the archive folder"):
                self.incoming.mkdir(mode=0o700, exist_ok=True)
                set_aside(self.incoming)
            finished = False
            try:
                yield
                finished = True
            finally:
                leave_parts(self.incoming, finished=finished)

    def stored(self) -> dict[str, StoredList]:
        """By ``str(scope)``, what was accepted last and is still here. A damaged index means: fetch all."""
        try:
            rows = orjson.loads((self.folder / _INDEX).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        except OSError as error:
            raise OutsideFailed(
                "ARCHIVE_UNREADABLE",
                expected="a readable archive folder",
                got=error.strerror or "an I/O error",
                remedy="check the data folder and its permissions",
            ) from error
        found: dict[str, StoredList] = {}
        here: dict[str, frozenset[str]] = {}
        for key, row in rows.items() if isinstance(rows, dict) else ():
            stored = self._from_row(row, here)
            if stored is not None:
                found[key] = stored
        return found

    def _from_row(self, row: Any, here: dict[str, frozenset[str]]) -> StoredList | None:
        """``here``: the files of the folders that were looked into."""
        match row:
            case {
                "path": str(path),
                "sha256": str(digest),
                "address": str(address),
                "etag": str() | None as etag,
            }:
                # Of a whole folder at once: there are 1,900 rows a night, of a few folders.
                folder, _, name = path.rpartition("/")
                if folder not in here:
                    here[folder] = self._files_in(folder)
                if path.startswith("/") or name not in here[folder]:
                    return None
                try:
                    return StoredList(self._inside + path, bytes.fromhex(digest), address, etag)
                except ValueError:
                    return None
            case _:
                return None

    def _files_in(self, folder: str) -> frozenset[str]:
        """The names of the files in a folder of this archive; of any other, none."""
        if ".." in folder.split("/"):
            return frozenset()
        try:
            with os.scandir(self._inside + folder) as found:
                return frozenset(one.name for one in found if _is_file(one))
        except (OSError, ValueError):
            return frozenset()

    def keep(self, scope: ListScope, file: Path | str, *, sha256: bytes, this_update: datetime) -> str:
        """Move an accepted list's file from ``incoming`` to its day; the same list again is the same file.

        Answers with the whole name that it has now.
        """
        lineage = scope.lineage
        folder = _folder(self._inside, this_update, lineage.ca_id, scope.signing_key)
        target = f"{folder}/{scope.partition_number:05}.{sha256.hex()[:16]}.crl"
        name = str(file)
        try:
            _move(name, target)
        except FileNotFoundError:  # the first one of its day
            with disk_errors("ARCHIVE_UNWRITABLE", "the archive folder"):
                Path(folder).mkdir(parents=True, exist_ok=True)
                _move(name, target)
        except OSError:
            with disk_errors("ARCHIVE_UNWRITABLE", "the archive folder"):
                raise
        return target

    def is_incoming(self, file: Path | str) -> bool:
        """Does this file lie among those of the running cycle, and not with its day already?"""
        name = str(file)
        return name.startswith(self._arrived) and "/" not in name[len(self._arrived) :]

    def keep_refused(self, code: str, file: Path) -> Path | None:
        """Keep a refused file, to be looked at: the last one of each code, under a name without partition.

        Best effort: without it an operator fetches the list himself; a night does not fail for that.
        """
        target = self.folder / _REFUSED / f"{code}.crl"
        staged = target.with_suffix(".new")
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            if self.is_incoming(file):
                _move(str(file), str(target))
            else:  # accepted once, and too old now: the evidence of its day stays where it is
                shutil.copyfile(file, staged)
                staged.replace(target)
        except OSError:
            with suppress(OSError):
                staged.unlink(missing_ok=True)
            return None
        return target

    def remember(self, stored: Mapping[str, StoredList]) -> None:
        """Replace the index, whole. Called after the publish: a crash before it costs fetching once more."""
        rows = {
            key: {
                "path": _below(value.name, self._inside),
                "sha256": value.sha256.hex(),
                "address": value.address,
                "etag": value.etag,
            }
            for key, value in sorted(stored.items())
        }
        target = self.folder / _INDEX
        with disk_errors("ARCHIVE_UNWRITABLE", "the archive's index"):
            temporary = stage(self._disk, target, [orjson.dumps(rows, option=orjson.OPT_INDENT_2)])
            self._disk.rename(temporary, target)
            self._disk.sync_folder(self.folder)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere, or in a circle, is none, and says nothing of the files beside it."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _move(name: str, target: str) -> None:
    """rename(2) does nothing, and says so of nothing, where both names are links to one file already."""
    os.replace(name, target)  # noqa: PTH105 - pathlib takes as long as the call itself
    # Looked for first: that it is not there, as nearly always, is found out sooner than it is raised.
    if os.access(name, os.F_OK):
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108


@lru_cache(maxsize=64)
def _folder(inside: str, this_update: datetime, ca_id: str, signing_key: str) -> str:
    """Of a day and a lineage: the same for all lists of a night."""
    return f"{inside}{this_update.astimezone(_JST):%Y-%m-%d}/{ca_id}.{signing_key[:16]}"


def _below(name: str, inside: str) -> str:
    if not name.startswith(inside):
        raise ValueError("expected a file of this archive, got another")
    return name[len(inside) :]
