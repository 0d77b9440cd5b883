"""Every state that a disk may be in after the power fails, from a record of what was done (in ALICE's way).

The assumptions are those of FORMAT.md and no more: a rename is atomic; fsync of a file makes its content
durable, fsync of the folder its names. Whatever is not synced may be lost, alone or with anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, combinations
from pathlib import Path

from tests.revocation.disks import CountingDisk

#: Names to contents.
State = dict[str, bytes]


class _File:
    """One file's content as written, and as the disk surely has it."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.synced = True

    def after_a_crash(self) -> list[bytes]:
        if self.synced:
            return [self.content]
        half = len(self.content) // 2
        # Lost, cut, of full length but never filled, or there after all.
        return [b"", self.content[:half], bytes(len(self.content)), self.content]


Change = Callable[[dict[str, _File]], None]


class RecordingDisk(CountingDisk):
    """Does everything, and after each step adds the states that a crash there could leave."""

    def __init__(self, folder: Path, *, ignoring: tuple[str, ...] = ()) -> None:
        super().__init__()
        #: Steps that the disk does not really do, though it says so.
        self._ignoring = ignoring
        self._durable = {path.name: _File(path.read_bytes()) for path in folder.iterdir()}
        self._pending: list[Change] = []
        self._open: dict[int, _File] = {}
        self._found: dict[frozenset[tuple[str, bytes]], State] = {}
        #: The states that a crash after the last step could leave.
        self.last: list[State] = []

    @property
    def states(self) -> list[State]:
        return list(self._found.values())

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._open[descriptor] = file = _File()
        self._change(lambda names: names.update({path.name: file}))
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> None:
        super().write(descriptor, data)
        file = self._open[descriptor]
        file.content += bytes(data)
        file.synced = False
        self._crash()

    def sync_file(self, descriptor: int) -> None:
        super().sync_file(descriptor)
        self._open[descriptor].synced = "sync_file" not in self._ignoring
        self._crash()

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        file = self._now()[old.name]

        def change(names: dict[str, _File]) -> None:
            names.pop(old.name, None)
            names[new.name] = file

        self._change(change)

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._change(lambda names: names.pop(path.name, None))  # type: ignore[arg-type, return-value]

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        if "sync_folder" not in self._ignoring:
            for change in self._pending:
                change(self._durable)
            self._pending = []
        self._crash()

    def _change(self, change: Change) -> None:
        self._pending.append(change)
        self._crash()

    def _now(self) -> dict[str, _File]:
        """The names as a running system sees them."""
        names = dict(self._durable)
        for change in self._pending:
            change(names)
        return names

    def _subsets(self) -> Iterator[dict[str, _File]]:
        sizes = range(len(self._pending) + 1)
        for changes in chain.from_iterable(combinations(self._pending, size) for size in sizes):
            names = dict(self._durable)
            for change in changes:
                change(names)
            yield names

    def _crash(self) -> None:
        self.last = []
        seen = set()
        for names in self._subsets():
            states: list[State] = [{}]
            for name, file in names.items():
                states = [state | {name: content} for state in states for content in file.after_a_crash()]
            for state in states:
                key = frozenset(state.items())
                if key not in seen:
                    seen.add(key)
                    self.last.append(state)
                    self._found.setdefault(key, state)
