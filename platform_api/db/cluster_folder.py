"""The files beside an embedded cluster: passwords, lock, announcement, sockets, log. Blocking; small."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Final

import orjson

from platform_api.db.addresses import Address
from platform_api.faults import DatabaseFailed, SetupRefused
from platform_api.key_files import read_secret, secret_folder, write_secret_once

PORT: Final = 5432
#: sockaddr_un holds 108 octets; PostgreSQL adds "/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_FOLDER: Final = 85


class ClusterFolder:
    """Names and small files of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        data_dir = data_dir.absolute()
        self.data_dir = data_dir
        self.cluster = data_dir / "postgres"
        self.run = data_dir / "run"
        self.lock = self.run / "postgres.lock"
        self.log = data_dir / "log" / "postgres.log"
        self._announcement = self.run / "postgres.json"
        self._passwords = data_dir / "keys" / "postgres.json"

    def make(self) -> None:
        """Make the folders, or say in one sentence why not."""
        try:
            for folder in (self.run, self.log.parent, self._passwords.parent):
                secret_folder(folder)
            writable = os.access(self.data_dir, os.W_OK) and os.access(self.run, os.W_OK)
        except OSError:
            writable = False
        if not writable:
            raise SetupRefused(
                "DATA_DIR_NOT_WRITABLE",
                expected="a data folder that this user may write",
                got=f"{self.data_dir}, which it may not",
                remedy="set JPKI_DATA_DIR to a folder of your own",
            )

    def refuse_foreign_owner(self) -> None:
        """PostgreSQL opens only its own user's folder; say whose it is before it fails in many lines."""
        if self.cluster.exists() and self.cluster.stat().st_uid != os.geteuid():
            raise DatabaseFailed(
                "DATABASE_OF_ANOTHER_USER",
                expected=f"a database folder of user id {os.geteuid()}",
                got=f"one of user id {self.cluster.stat().st_uid}",
                remedy="start as that user, or use another data folder",
            )

    # -- passwords -----------------------------------------------------------------------------------------

    def make_passwords(self, roles: tuple[str, ...]) -> None:
        """One random password a role, once; kept in a 0600 file, never on a command line."""
        write_secret_once(self._passwords, orjson.dumps({role: secrets.token_urlsafe(32) for role in roles}))

    def passwords(self) -> dict[str, str]:
        return dict(orjson.loads(read_secret(self._passwords)))

    def password(self, role: str) -> str:
        return self.passwords()[role]

    # -- who runs it, and where ----------------------------------------------------------------------------

    def announce(self, sockets: Path) -> None:
        """Tell other processes where the running server listens; whole or not at all."""
        descriptor, temporary = tempfile.mkstemp(dir=self.run, prefix=".postgres.json.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps({"sockets": str(sockets), "port": PORT}))
        Path(temporary).replace(self._announcement)

    def forget_announcement(self) -> None:
        self._announcement.unlink(missing_ok=True)

    def announced(self) -> Path | None:
        """The running server's socket folder, if a server is announced."""
        with contextlib.suppress(FileNotFoundError):
            return Path(orjson.loads(self._announcement.read_bytes())["sockets"])
        return None

    def address(self, role: str, database: str) -> Address:
        sockets = self.announced()
        if sockets is None:
            raise DatabaseFailed(
                "DATABASE_NOT_RUNNING",
                expected="the embedded database to run",
                got="no announcement of it in run/",
                remedy="start jpki serve, which starts it",
            )
        return Address(str(sockets), PORT, database, role, self.password(role))

    def fresh_socket_folder(self) -> Path:
        """A new 0700 folder with a short path; leftovers of killed servers are removed (we hold the lock)."""
        for leftover in self.run.glob("pg-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        parent = (
            self.run if len(os.fsencode(self.run)) + len("/pg-12345678") <= _LONGEST_SOCKET_FOLDER else None
        )
        return Path(tempfile.mkdtemp(prefix="pg-" if parent else "jpki-pg-", dir=parent))

    def forget_stale_pid(self) -> None:
        """Remove a killed server's ``postmaster.pid`` when its process id belongs to another program by now.

        Only with the lock held, which no process of the cluster outlives: the id can be nobody's but a
        stranger's. PostgreSQL itself would believe the stranger to be its predecessor and never start.
        """
        pid_file = self.cluster / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            pid = int(pid_file.read_text().splitlines()[0])
            try:
                alive = Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
            except OSError:
                alive = False
            if not alive:
                pid_file.unlink()
