"""Lists that were read whole once, and whose files nobody has touched since: what is like them need not be
read again.

The archive trusts its files no more than a download, and these are not believed either: compared with them is
the list of today, which is signed. What must hold is that the file is still the one whose entries a
published set has. So the publisher signs which file it was (device, inode, size, times), and whoever writes
into it shows by its change time, which cannot be set back. A file restored from a backup is another one: its
list is then read whole.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import orjson

from revocation.crl.entry_region import EntryRules

#: Raised when the walk takes or refuses other entries than before: what an older one has read counts no more.
_RULES: Final = 1
_NAME: Final = "familiar.json"


class FileFacts(NamedTuple):
    """Which file it is, and when anybody last touched it. A tuple: thousands are made a night."""

    device: int
    inode: int
    octets: int
    modified_ns: int
    changed_ns: int
    links: int
    #: Nobody but its owner may write to it, and that is we ourselves or root.
    is_ours: bool

    @classmethod
    def of(cls, file: Path | str) -> Self:
        found = os.stat(file)  # noqa: PTH116 - asked of each list of a night
        at, times = (found.st_dev, found.st_ino, found.st_size), (found.st_mtime_ns, found.st_ctime_ns)
        return cls.told(*at, *times, found.st_nlink, found.st_mode, found.st_uid)

    @classmethod
    def told(
        cls,
        device: int,
        inode: int,
        octets: int,
        modified_ns: int,
        changed_ns: int,
        links: int,
        mode: int,
        owner: int,
    ) -> Self:
        """Of what the system tells of a file."""
        is_ours = not mode & 0o022 and owner in (0, os.geteuid())
        return cls(device, inode, octets, modified_ns, changed_ns, links, is_ours)

    def is_same_file(self, other: FileFacts) -> bool:
        """Whatever was done to it."""
        return self.inode == other.inode and self.device == other.device

    def is_as_before(self, before: FileFacts) -> bool:
        """One file, not written to in between. What we do with its names moves its change time only."""
        return (
            self.is_ours
            and before.is_ours
            and self.is_same_file(before)
            and self.octets == before.octets
            and self.modified_ns == before.modified_ns
        )

    def is_untouched_since(self, before: FileFacts) -> bool:
        """The same of a file whose names we leave alone: who sets its times back shows by the change time."""
        return self.is_as_before(before) and (
            # A name that goes moves it as well: the operator tidies up where the list was linked from.
            self.changed_ns == before.changed_ns or self.links < before.links
        )


class FamiliarList(NamedTuple):
    """One such list."""

    #: Below the archive's folder.
    path: str
    #: Its digest (``digest.py``).
    sha256: str
    file: FileFacts
    #: Offsets of its entries.
    start: int
    end: int
    rules: EntryRules


class FamiliarLists:
    """By ``str(scope)``; kept in the archive's folder under the publisher's signature. Thread-safe.

    ``sign`` makes a file of one line, ``signed`` gives the line back if a trusted publisher signed it, else
    None. Losing the file costs one night in which every list is read whole; so it is written without fsync.
    """

    def __init__(
        self, folder: Path, *, sign: Callable[[bytes], bytes], signed: Callable[[bytes], bytes | None]
    ) -> None:
        self.folder: Final = folder
        self._sign: Final = sign
        self._signed: Final = signed
        self._lock: Final = threading.Lock()
        self._lists: dict[str, FamiliarList] | None = None

    def get(self, scope: str) -> FamiliarList | None:
        """Blocks on the disk the first time."""
        with self._lock:
            if self._lists is None:
                self._lists = self._load()
            return self._lists.get(scope)

    def keep(self, lists: Mapping[str, FamiliarList], *, known: Collection[str]) -> None:
        """``lists`` were published just now; of the others those stay whose scope is still ``known``."""
        with self._lock:
            before = self._load() if self._lists is None else self._lists
            self._lists = {scope: one for scope, one in {**before, **lists}.items() if scope in known}
            rows = {scope: _row_of(one) for scope, one in self._lists.items()}
            line = orjson.dumps({"rules": _RULES, "lists": rows})
            target = self.folder / _NAME
            with suppress(OSError):
                staged = target.with_suffix(".new")
                staged.write_bytes(self._sign(line))
                staged.replace(target)

    def _load(self) -> dict[str, FamiliarList]:
        """A file that is missing, garbled or of somebody else means: nothing is familiar."""
        try:
            line = self._signed((self.folder / _NAME).read_bytes())
            found = {} if line is None else orjson.loads(line)
            if found.get("rules") != _RULES:
                return {}
            return {scope: _of_row(row) for scope, row in found["lists"].items()}
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            return {}


def _row_of(one: FamiliarList) -> dict[str, Any]:
    path, sha256, (device, inode, octets, modified_ns, changed_ns, links, is_ours), start, end, rules = one
    return {
        "path": path,
        "sha256": sha256,
        "file": {
            "device": device,
            "inode": inode,
            "octets": octets,
            "modified_ns": modified_ns,
            "changed_ns": changed_ns,
            "links": links,
            "is_ours": is_ours,
        },
        "start": start,
        "end": end,
        "rules": tuple(rules),
    }


def _of_row(row: dict[str, Any]) -> FamiliarList:
    return FamiliarList(
        path=str(row["path"]),
        sha256=str(row["sha256"]),
        file=FileFacts(**row["file"]),
        start=int(row["start"]),
        end=int(row["end"]),
        rules=EntryRules(*row["rules"]),
    )
