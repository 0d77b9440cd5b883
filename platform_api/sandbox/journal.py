"""The journal: one line per clock step, act or consent, fsynced before anybody is told of it.

Each line is a CRC-32 and a JSON object. A crash can tear the last line only: it is cut off at the next start
(nobody was told of it). A damaged line before the last one is no crash, and the sandbox refuses to guess.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

from platform_api.sandbox.durable import sync_folder
from platform_api.sandbox.refusals import FolderDamaged

Record = dict[str, Any]


class Journal:
    """Append-only; open it once, replay ``records``, then append."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records: list[Record] = []
        created = not path.exists()
        self._file = path.open("ab+", buffering=0)
        if created:
            sync_folder(path.parent)
        try:
            self._replay()
        except BaseException:
            self._file.close()
            raise

    def _replay(self) -> None:
        self._file.seek(0)
        whole = self._file.read()
        kept = 0
        for number, line in enumerate(whole.splitlines(keepends=True), start=1):
            record = _decode(line)
            if record is None:
                if kept + len(line) < len(whole):
                    raise FolderDamaged(
                        f"{self._path.name}: line {number} is damaged and not the last one; "
                        "restore the folder from a copy or begin a new one"
                    )
                break
            self.records.append(record)
            kept += len(line)
        if kept < len(whole):
            self._file.truncate(kept)
            os.fsync(self._file.fileno())

    def append(self, record: Record) -> None:
        """Returns when the record outlives a power cut.

        After a failed write or fsync the file's end is unknown, so this process must not append any more:
        the error goes up and the next start cuts off what was torn.
        """
        if self._file.closed:
            raise FolderDamaged(f"{self._path.name}: an earlier write failed; restart the sandbox")
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            line = b"%08x %s\n" % (zlib.crc32(text), text)
            if self._file.write(line) != len(line):
                raise OSError(
                    f"{self._path.name}: expected the whole line to be written, got a part; free some space"
                )
            os.fsync(self._file.fileno())
        except OSError:
            self._file.close()
            raise
        self.records.append(record)

    def close(self) -> None:
        self._file.close()


def _decode(line: bytes) -> Record | None:
    """The record of a whole and undamaged line, or None."""
    if not line.endswith(b"\n") or line[8:9] != b" ":
        return None
    text = line[9:-1]
    try:
        if int(line[:8], 16) != zlib.crc32(text):
            return None
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
