"""Unfinished downloads that may go on: a part, and beside it a note of what the server calls the whole.

A part is nothing but octets that need not be sent again. It goes on only where its note says under which
strong validator (RFC 9110 section 8.8.1) it was begun, so that old and new never meet in one file. The note
goes before the part is begun anew, and comes after it was begun: killed in between, there is a part without
a note, which is none.

Nothing here is synced. As long as the kernel runs, what a killed process wrote is all there; after a power
cut a part may hold anything, so a note counts only within the boot it was written in. And a list is believed
for its signature alone: a wrong octet costs one more download, never a wrong answer.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Final

import orjson

from revocation.crl.http_fields import is_strong
from revocation.snapshot.durable import disk_errors

_PART: Final = ".part"
_NOTE: Final = ".part.json"
#: In the folder of a cycle: the parts that cycles before left, until this one takes them up.
_EARLIER: Final = "earlier"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Note:
    """What a part is a part of."""

    address: str
    #: As it goes into If-Range: a strong entity tag with its quotes, or an HTTP-date.
    validator: str
    #: Octets of the whole, where the server told.
    total: int | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A part that the server may be asked to go on with."""

    note: Note
    octets: int


class Part:
    """The file of one try of one download. Every method blocks on the disk: call it in a thread.

    A caller that is cancelled leaves its thread at work, so the methods take turns by a lock, and after
    ``finish``, ``keep`` or ``drop`` nothing is written any more: what such a thread still has is a piece
    from the middle. The next try has a part of its own (``anew``).
    """

    def __init__(self, target: Path, *, noted: bool = False) -> None:
        self._target: Final = target
        self._lock: Final = Lock()
        self._file: FileIO | None = None
        self._closed = False
        self._found: tuple[Path, Path] | None = None
        #: Is there, as far as we know, a part that could go on? Saves asking the disk for each small list.
        self.noted = noted

    # Made when they are first needed: of 1,900 unchanged lists none is.

    @cached_property
    def _part(self) -> Path:
        return self._target.with_name(self._target.name + _PART)

    @cached_property
    def _note(self) -> Path:
        return self._target.with_name(self._target.name + _NOTE)

    @cached_property
    def _earlier(self) -> tuple[Path, Path]:
        folder = self._target.parent / _EARLIER
        return folder / self._part.name, folder / self._note.name

    def anew(self) -> Part:
        """For another try, after this one was ended."""
        return Part(self._target, noted=self.noted)

    def unfinished(self, address: str) -> Unfinished | None:
        """The part to go on with, of this cycle or of one before."""
        with self._lock:
            for part, note in ((self._part, self._note), self._earlier):
                found = _read(part, note, address)
                if found is not None:
                    self._found = (part, note)
                    return found
            return None

    def go_on(self) -> None:
        """Open the part that ``unfinished`` told of, to write behind its end."""
        with self._lock, disk_errors("FETCH_UNWRITABLE", "a fetched list"):
            if self._closed:
                return
            if self._found == self._earlier:
                part, note = self._earlier
                self._note.unlink(missing_ok=True)
                part.replace(self._part)
                note.replace(self._note)
            self._file = FileIO(self._part, "ab")

    def write(self, octets: bytes | bytearray, note: Note | None) -> None:
        """Append; the first call begins anew, and without a note nothing of it will be kept."""
        with self._lock, disk_errors("FETCH_UNWRITABLE", "a fetched list"):
            if self._closed:
                return
            if self._file is None:
                self._file = self._begin()
                _write(self._file, octets)
                if note is not None:
                    self._write_note(note)
            else:
                _write(self._file, octets)

    def finish(self, octets: bytes | bytearray) -> None:
        """Append the rest and give the file its name: from here on it is a whole download."""
        with self._lock, disk_errors("FETCH_UNWRITABLE", "a fetched list"):
            if self._closed:
                return
            self._closed = True
            file = self._file or self._begin()
            self._file = None
            try:
                _write(file, octets)
            finally:
                file.close()
            self._part.replace(self._target)
            if self.noted:
                self._forget()

    def keep(self, octets: bytes | bytearray) -> None:
        """Cut off: append the rest, and leave the part to another try, if it has a note."""
        with self._lock:
            self._closed = True
            file, self._file = self._file, None
            if file is None:
                return
            try:
                with file:
                    _write(file, octets)
            except OSError:
                self._forget()
            if not self.noted:
                self._forget()

    def drop(self) -> None:
        """Forget the part, of this cycle or of one before: there is nothing to go on with."""
        with self._lock:
            self._closed = True
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    file.close()
            self._forget()

    def _begin(self) -> FileIO:
        if self.noted:
            self._forget()
        return FileIO(self._part, "wb")

    def _write_note(self, note: Note) -> None:
        boot = boot_id()
        if boot is None:
            return
        row = {"address": note.address, "validator": note.validator, "total": note.total, "boot": boot}
        self._note.write_bytes(orjson.dumps(row))
        self.noted = True

    def _forget(self) -> None:
        """Notes before parts: a note must never stand beside octets that it does not speak of."""
        self.noted = False
        part, note = self._earlier
        for path in (self._note, note, self._part, part):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def noted_parts(folder: Path) -> frozenset[str]:
    """The names of the lists of which ``folder`` may hold a part to go on with."""
    names = [*_names(folder), *_names(folder / _EARLIER)]
    return frozenset(name.removesuffix(_NOTE) for name in names if name.endswith(_NOTE))


def set_aside(folder: Path) -> None:
    """Begin a cycle in ``folder``: what the last one left unfinished goes aside, and everything else goes."""
    earlier = folder / _EARLIER
    for name in _stems(folder):
        earlier.mkdir(mode=0o700, exist_ok=True)
        old_part, old_note = earlier / (name + _PART), earlier / (name + _NOTE)
        # The note of an older part goes first: it must never stand beside the younger one.
        old_note.unlink(missing_ok=True)
        (folder / (name + _PART)).replace(old_part)
        (folder / (name + _NOTE)).replace(old_note)
    _remove(folder, keep={_EARLIER})


def leave_parts(folder: Path, *, finished: bool) -> None:
    """End a cycle in ``folder``: only parts that may go on stay; the folder goes if there are none.

    After a ``finished`` one, parts that it did not take up go too: they are older than this cycle, or of no
    list that is still expected. One that was stopped may not have come to them, so they wait once more.
    """
    earlier = folder / _EARLIER
    if finished:
        shutil.rmtree(earlier, ignore_errors=True)
    # Best effort: what cannot be removed now, the next cycle removes or complains of.
    with suppress(OSError):
        parts = (name + end for name in _stems(folder) for end in (_PART, _NOTE))
        _remove(folder, keep={_EARLIER, *parts})
    for empty in (earlier, folder):
        with suppress(OSError):
            empty.rmdir()


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()


def _stems(folder: Path) -> set[str]:
    """The lists that have a part and its note in ``folder`` itself."""
    names = _names(folder)
    notes = {name.removesuffix(_NOTE) for name in names if name.endswith(_NOTE)}
    return {name for name in notes if name + _PART in names}


def _remove(folder: Path, *, keep: Collection[str]) -> None:
    for name in _names(folder).difference(keep):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _read(part: Path, note: Path, address: str) -> Unfinished | None:
    """A part that fits its note and the address, or nothing: whatever is odd here is downloaded again."""
    try:
        row = orjson.loads(note.read_bytes())
        octets = part.stat().st_size
    except (OSError, orjson.JSONDecodeError):
        return None
    match row:
        case {
            "address": str(noted_address),
            "validator": str(validator),
            "total": int() | None as total,
            "boot": str(boot),
        }:
            pass
        case _:
            return None
    if noted_address != address or boot != boot_id() or not is_strong(validator):
        return None
    if octets == 0 or (total is not None and octets >= total):
        return None
    return Unfinished(Note(address, validator, total), octets)


def _write(file: FileIO, octets: bytes | bytearray) -> None:
    """All of it; a short write goes on with the rest."""
    view = memoryview(octets)
    while view:
        view = view[file.write(view) :]


@lru_cache(maxsize=1)
def boot_id() -> str | None:
    """Which boot of the kernel this is; where it does not tell, no part is kept."""
    try:
        return _BOOT.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
