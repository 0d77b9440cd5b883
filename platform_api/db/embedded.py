"""A private PostgreSQL for the default installation: the wheel's binaries, run and stopped by us.

One process runs the cluster as its own child; every other process on the same data folder connects to it.
Who runs it is decided by one ``flock`` on ``run/postgres.lock``. The descriptor is inherited by PostgreSQL
and its backends on purpose: the lock is free only when our process *and* every process of the cluster are
gone, so whoever gets it may start the cluster without trusting any stored process id.

Killed processes: when we die, the kernel sends the server SIGINT (``--pdeathsig``), a fast shutdown; when the
server dies, ``ensure`` starts it again. Both are the normal start.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import asyncpg

from platform_api.db.addresses import ROLES, Address
from platform_api.db.cluster_folder import ClusterFolder
from platform_api.db.failures import DATABASE_ANSWERS_NOT
from platform_api.db.programs import (
    SETTINGS,
    SUPERUSER,
    binaries,
    end_server,
    environment,
    make_cluster,
    refuse_root_without_namespaces,
    server_command,
)
from platform_api.faults import DatabaseFailed
from platform_api.threads import to_the_end

__all__ = ["EmbeddedPostgres", "binaries"]

START_TIMEOUT_S: Final = 30.0
_LOCK_FILE_RETRY_S: Final = 15.0
_POLL_S: Final = 0.05
_LOG_LIMIT: Final = 4 * 1024 * 1024


class EmbeddedPostgres:
    """The cluster in ``data_dir/postgres``. Call ``ensure`` from the main thread's event loop.

    (The kernel ties ``--pdeathsig`` to the *thread* that started the server: a worker thread that ends would
    stop the database.)

    Any number of tasks may call ``ensure`` and ``stop``: one of them acts, the others wait and find it done.
    """

    def __init__(self, data_dir: Path, *, extra_settings: tuple[str, ...] = (), guest: bool = False) -> None:
        """``guest``: never run the cluster here; another process, the supervisor, does."""
        self.folder = ClusterFolder(data_dir)
        self._extra_settings = extra_settings
        self._guest = guest
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._turn = asyncio.Lock()
        self._stops = 0

    @property
    def runs_here(self) -> bool:
        """True when the server is a living child of this process."""
        return self._process is not None and self._process.poll() is None

    async def ensure(self) -> None:
        """Return when somebody serves this cluster: we, or the process that does already."""
        stops = self._stops
        async with self._turn:
            if self._stops != stops:  # whoever waited behind a stop must not start it again
                raise DatabaseFailed(
                    "DATABASE_STOPPED",
                    expected="the embedded database to run",
                    got="it was stopped, because this process ends",
                    remedy="start again",
                )
            await self._ensure()

    async def _ensure(self) -> None:
        if self.runs_here:
            return
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                if self._lock is not None or (not self._guest and await to_the_end(self._take_lock)):
                    await self._start(deadline)
                    return
            except BaseException:
                # No orphan: a server nobody knows of would keep the lock from everybody.
                await to_the_end(self._halt)
                raise
            if await self._answers():
                return
            if time.monotonic() > deadline:
                raise DatabaseFailed(
                    "DATABASE_LOCKED",
                    expected="the process that runs this folder's database to answer",
                    got=f"no answer for {START_TIMEOUT_S:.0f} s while it holds the lock",
                    remedy="end the other jpki process on this data folder and start again",
                )
            await asyncio.sleep(_POLL_S)

    async def address(self, role: str, database: str) -> Address:
        """Where and as whom to connect now; a new server has a new socket folder."""
        return await asyncio.to_thread(self.folder.address, role, database)

    async def stop(self) -> None:
        """Stop the server if it is ours, wait for it, and give the folder free."""
        self._stops += 1
        async with self._turn:
            self._stops += 1  # also those who came while another stop was at work
            await to_the_end(self._halt)

    # -- starting ------------------------------------------------------------------------------------------

    async def _start(self, deadline: float) -> None:
        command = await to_the_end(self._prepare)
        sockets = self._socket_folder
        if sockets is None:
            raise AssertionError("expected a socket folder after the preparation")
        retry_until = min(deadline, time.monotonic() + _LOCK_FILE_RETRY_S)
        self._spawn(command)
        while True:
            if await self._accepts(sockets):
                await to_the_end(self.folder.announce, sockets)
                return
            ended = not self.runs_here
            if (
                ended
                and time.monotonic() < retry_until
                and await asyncio.to_thread(self._lock_file_in_the_way)
            ):
                # A killed server's memory or lock file goes only when its last backend has noticed.
                await asyncio.sleep(_POLL_S * 4)
                self._spawn(command)
            elif ended or time.monotonic() > deadline:
                raise DatabaseFailed(
                    "DATABASE_NOT_STARTED",
                    expected="the embedded PostgreSQL to start",
                    got="it ended or did not answer in time",
                    remedy=f"read {self.folder.log}",
                )
            await asyncio.sleep(_POLL_S)

    def _take_lock(self) -> bool:
        self.folder.make()
        descriptor = os.open(self.folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def _prepare(self) -> list[str]:
        """Everything before the start that may block: passwords, initdb, a fresh socket folder; the
        command.
        """
        refuse_root_without_namespaces()
        self.folder.refuse_foreign_owner()
        self.folder.make_passwords((SUPERUSER, *ROLES))
        if not self.folder.cluster.exists():
            make_cluster(self.folder)
        self.folder.forget_stale_pid()
        self.folder.forget_announcement()
        if self.folder.log.exists() and self.folder.log.stat().st_size > _LOG_LIMIT:
            self.folder.log.unlink()
        self._socket_folder = self.folder.fresh_socket_folder()
        return server_command(self.folder.cluster, self._socket_folder, (*SETTINGS, *self._extra_settings))

    def _spawn(self, command: list[str]) -> None:
        """Start the server from this thread; short, because ``posix_spawn`` copies nothing."""
        lock = self._lock
        if lock is None:
            raise AssertionError("expected the lock before the start")
        log = os.open(self.folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.set_inheritable(lock, True)
        try:
            # close_fds=False: the lock is passed on, and Python may use posix_spawn, which copies nothing.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                close_fds=False,
                env=environment(),
            )
        finally:
            os.set_inheritable(lock, False)
            os.close(log)

    # -- asking and stopping -------------------------------------------------------------------------------

    async def _answers(self) -> bool:
        announced = await asyncio.to_thread(self.folder.announced)
        return announced is not None and await self._accepts(announced)

    async def _accepts(self, sockets: Path) -> bool:
        try:
            password = await asyncio.to_thread(self.folder.password, SUPERUSER)
            address = Address(str(sockets), 5432, "postgres", SUPERUSER, password)
            connection = await asyncpg.connect(**address.arguments(), timeout=5)
        except DATABASE_ANSWERS_NOT:
            return False
        await connection.close()
        return True

    def _lock_file_in_the_way(self) -> bool:
        with contextlib.suppress(OSError):
            tail = self.folder.log.read_bytes()[-2000:]
            return b"postmaster.pid" in tail or b"shared memory block" in tail
        return False

    def _halt(self) -> None:
        process, self._process = self._process, None
        try:
            if process is not None and process.poll() is None:
                with contextlib.suppress(OSError):
                    self.folder.forget_announcement()
                end_server(process)
        finally:
            if self._socket_folder is not None:
                shutil.rmtree(self._socket_folder, ignore_errors=True)
                self._socket_folder = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
