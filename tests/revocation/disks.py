"""Disks that count, fail or kill at the n-th durable step, and the small publish that is done on them."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

from revocation.authorities import Authorities, Authority, ListScope
from revocation.snapshot.durable import Disk
from revocation.snapshot.plan import AcceptedList
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world


class CountingDisk(Disk):
    """Numbers the steps from 1 and remembers their names."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def before(self, name: str) -> None:
        self.steps.append(name)

    def after(self, name: str) -> None:
        """Called once the step is done."""

    def create(self, path: Path) -> int:
        self.before("create")
        descriptor = super().create(path)
        try:
            self.after("create")
        except BaseException:
            os.close(descriptor)  # the caller never gets it
            raise
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> None:
        self.before("write")
        super().write(descriptor, data)
        self.after("write")

    def sync_file(self, descriptor: int) -> None:
        self.before("sync_file")
        super().sync_file(descriptor)
        self.after("sync_file")

    def rename(self, old: Path, new: Path) -> None:
        name = "commit" if new.name == "CURRENT" else "rename"
        self.before(name)
        super().rename(old, new)
        self.after(name)

    def sync_folder(self, folder: Path) -> None:
        self.before("sync_folder")
        super().sync_folder(folder)
        self.after("sync_folder")

    def remove(self, path: Path) -> None:
        self.before("remove")
        super().remove(path)
        self.after("remove")


class FailingDisk(CountingDisk):
    """Fails at the n-th step and at every later one that ``also`` names."""

    def __init__(self, at: int, *, persisted: bool, code: int = errno.EIO, always: bool = False) -> None:
        super().__init__()
        self.at = at
        self.persisted = persisted
        self.code = code
        self.always = always

    def before(self, name: str) -> None:
        super().before(name)
        if not self.persisted:
            self._fail()

    def after(self, name: str) -> None:
        if self.persisted:
            self._fail()

    def _fail(self) -> None:
        if len(self.steps) == self.at or (self.always and len(self.steps) > self.at):
            raise OSError(self.code, os.strerror(self.code))


class KillingDisk(CountingDisk):
    """Kills this process at the n-th step, before or after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__()
        self.at = at
        self.kill_after = after

    def before(self, name: str) -> None:
        super().before(name)
        if not self.kill_after:
            self._kill()

    def after(self, name: str) -> None:
        if self.kill_after:
            self._kill()

    def _kill(self) -> None:
        if len(self.steps) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def small_world() -> tuple[Authorities, Authority]:
    return world(partitions=1)


def lists_of(authority: Authority, day: int) -> dict[ListScope, AcceptedList]:
    """Day n lists the serials 1 to n + 1 in the first generation."""
    listing = dict.fromkeys(range(1, day + 2), 4)
    return every_list(authority, day) | {
        scope(authority, 1): accepted(listing, number=day + 1, this_update=T0 + day * DAY)
    }


def publish(folder: Path, day: int, disk: Disk | None = None) -> int:
    authorities, authority = small_world()
    return store(folder, disk=disk).publish(lists_of(authority, day), authorities, now=T0 + day * DAY).seq


def steps_of_a_publish(folder: Path) -> list[str]:
    publish(folder, 0)
    disk = CountingDisk()
    publish(folder, 1, disk)
    return disk.steps


class Killed(BaseException):
    """Stands for SIGKILL within one process: nothing may catch it, and the disk does nothing afterwards."""


class DyingDisk(CountingDisk):
    """From the n-th step on nothing is done any more, whoever tries: what a killed process leaves.

    It syncs nothing: a killed process, unlike a killed machine, loses nothing that it had written.
    """

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at = at

    def before(self, name: str) -> None:
        super().before(name)
        if self.at is not None and len(self.steps) >= self.at:
            raise Killed

    def sync_file(self, descriptor: int) -> None:
        self.before("sync_file")

    def sync_folder(self, folder: Path) -> None:
        self.before("sync_folder")
