"""What the demo remembers between starts: its plan, the steps done, and everything received.

``demo.json`` is replaced by rename after each step; ``received/*.jsonl`` only grow. A crash between
two steps repeats the step, and each step is idempotent (registrations by ref, days by thisUpdate,
feed by sequence), so nothing is counted twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from platform_api.demo.lifelog import moment
from revocation.errors import InputRefused

#: Goes up where an older folder's records or report lack what this program reads.
VERSION = 2


class DemoState:
    """The plan and progress of one demo run, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "demo.json"
        self.received = folder / "received"
        self.data: dict[str, Any] = {}

    @property
    def exists(self) -> bool:
        return self.path.is_file()

    def create(self, *, seed: int, days: int, residents: int, customers: int, start: datetime) -> None:
        self.received.mkdir(parents=True, exist_ok=True)
        self.data = {
            "version": VERSION,
            "seed": seed,
            "days": days,
            "residents": residents,
            "customers": customers,
            "start": start.isoformat(),
            "institutions": [],
            "sets": [],
            "nights": [],
            "finished": False,
        }
        self.save()

    def load(self) -> None:
        try:
            self.data = json.loads(self.path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputRefused(
                "DEMO_STATE_UNREADABLE",
                expected=f"the demo's own state in {self.path.name}",
                got=type(error).__name__,
                remedy="start again with --fresh, or name another folder with --data",
            ) from None
        if self.data.get("version") != VERSION:
            raise InputRefused(
                "DEMO_STATE_VERSION",
                expected=f"state version {VERSION}",
                got=str(self.data.get("version")),
                remedy="start again with --fresh, or name another folder with --data",
            )

        for path in self.received.glob("*.jsonl"):
            _cut_torn_tail(path)

    def save(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(json.dumps(self.data, ensure_ascii=False, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    @property
    def start(self) -> datetime:
        return moment(self.data["start"])

    @property
    def finished(self) -> bool:
        return bool(self.data["finished"])

    # -- what was received -------------------------------------------------------------------------

    def append(self, name: str, record: dict[str, Any]) -> None:
        """One more line; on disk before the caller goes on (an acknowledgement may follow)."""
        with (self.received / f"{name}.jsonl").open("ab") as file:
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str) -> Iterator[dict[str, Any]]:
        """All lines so far, oldest first."""
        path = self.received / f"{name}.jsonl"
        if not path.is_file():
            return
        for line in path.read_bytes().splitlines():
            yield json.loads(line)


def _cut_torn_tail(path: Path) -> None:
    """Drop a last line that a crash left without its end: nothing was acted on that it says."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
