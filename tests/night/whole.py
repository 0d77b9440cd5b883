"""Whole nights in this process: a J-LIS of one CA on a real server, a data folder, and a database that can be
lost, dumped and restored by PostgreSQL's own programs.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from platform_api.config import Settings
from platform_api.db.addresses import DETECTOR, Address
from platform_api.db.programs import SUPERUSER, binaries
from platform_api.db.roles import ensure_database
from platform_api.key_set import open_keys
from platform_api.night_report import NightReport
from platform_api.nightly import run_night
from revocation.authorities import Authorities, ListScope
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.base.postgres import TestDatabase
from tests.pki import entry
from tests.revocation.acting import REAL_DN
from tests.revocation.list_server import ListServer, list_server

DAY = timedelta(days=1)
NOWHERE = "postgresql://jpki_app:x@127.0.0.1:9/jpki"


def path(scope: ListScope) -> str:
    return f"/lists/{scope.signing_key[:16]}/{scope.partition_number}.crl"


class Operator:
    """Plays days, runs nights, and loses things."""

    def __init__(self, folder: Path, server: ListServer, database: TestDatabase, address: Address) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.server = server
        self.database = database
        self.detector_address = address
        self.name = database.name
        self.ca = pki.make_ca(REAL_DN, kind="p256")  # the nights are live ones
        self.authority = authority = self.ca.authority(kinds={"1.2.392.200149.8.5.1.1.20": "card-sign"})
        self.authorities = Authorities([authority])
        self.scopes = authority.expected_lists()
        self.authorities.dump(self.data / "authorities.json")
        self.start = datetime.now(UTC).replace(microsecond=0) - 20 * DAY
        keys = open_keys(self.data / "keys", now=self.start)
        self.publisher = keys.publisher
        server.lists["/jlis/v1/crls/card-sign"] = orjson.dumps(
            {
                "partitions": [
                    {
                        "partition": partition.number,
                        "municipality_code": f"{partition.number:06}",
                        "distribution_point": base64.b64encode(partition.distribution_point).decode(),
                        "label": partition.label,
                        "lists": [
                            {"generation": s.signing_key, "url": path(s)}
                            for s in self.scopes
                            if s.partition_number == partition.number
                        ],
                    }
                    for partition in authority.partitions
                ]
            }
        )

    @property
    def folder(self) -> Path:
        return self.data / "snapshots"

    def store(self) -> SnapshotStore:
        """A fresh look at the folder."""
        return SnapshotStore(self.folder, publisher_key=self.publisher)

    def der(self, scope: ListScope, day: int, serials: tuple[int, ...] = ()) -> bytes:
        at = self.start + day * DAY
        return pki.crl_for(
            self.ca, scope, [entry(serial, reason=3) for serial in serials],
            number=day + 1, this_update=at, next_update=datetime.now(UTC).replace(microsecond=0) + DAY,
        )  # fmt: skip

    def play(self, day: int, serials: tuple[int, ...] = ()) -> None:
        """The lists of a day; the serials are on the first one."""
        for scope in self.scopes:
            self.server.lists[path(scope)] = self.der(scope, day, serials if scope == self.scopes[0] else ())

    def _dsn(self, address: Address) -> str:
        return f"postgresql://{address.user}:{address.password}@/{self.name}?host={address.host}"

    async def night(self, *, away: bool = False, crash: int | None = None, **options: Any) -> NightReport:
        """One night; ``away``: the database cannot be reached; ``crash``: it dies at that step."""
        given = {name: options.pop(name, 0) for name in ("wait_s", "late_s")}
        settings = await asyncio.to_thread(lambda: self.settings(away=away, **given))
        return await run_night(settings, progress=Steps(crash), **options)

    def settings(self, *, away: bool = False, wait_s: float = 0, late_s: float = 0) -> Settings:
        dsns = {
            "dsn": self.database.app_address,
            "owner_dsn": self.database.owner_address,
            "detector_dsn": self.detector_address,
        }
        return Settings(
            mode="live",
            data_dir=self.data,
            jlis_url=self.server.base,
            lists_wait_s=wait_s,
            lists_late_s=late_s,
            **{name: SecretStr(NOWHERE if away else self._dsn(one)) for name, one in dsns.items()},
        )

    async def publish_days(self, *serials: tuple[int, ...]) -> None:
        """A complete day and its night for each; day n becomes set n + 1."""
        for day, listed in enumerate(serials):
            await asyncio.to_thread(self.play, day, listed)
            report = await self.night()
            assert report.set_seq == day + 1

    async def ask(self, query: str) -> Any:
        """One value, seen by a superuser."""
        async with self.database.superuser(self.name) as connection:
            return await connection.fetchval(query)

    # -- losses --------------------------------------------------------------------------------------------

    async def dump(self, file: Path) -> None:
        await asyncio.to_thread(self._run, "pg_dump", "--format=custom", f"--file={file}", self.name)

    async def restore(self, file: Path) -> None:
        """A new database of the dump takes the old one's place."""
        self.name = f"{self.database.name}_restored"
        async with self.database.superuser() as superuser:
            await ensure_database(superuser, self.name)  # type: ignore[arg-type]
        await asyncio.to_thread(self._run, "pg_restore", f"--dbname={self.name}", str(file))

    def _run(self, program: str, *arguments: str) -> None:
        address = self.database.superuser_address
        subprocess.run(
            [str(binaries() / program), f"--host={address.host}", f"--username={SUPERUSER}", *arguments],
            env={"PGPASSWORD": address.password}, check=True, timeout=60,
        )  # fmt: skip

    def lose_folder(self) -> None:
        shutil.rmtree(self.folder)

    def copy_folder(self, to: Path) -> None:
        shutil.copytree(self.folder, to)

    def restore_folder(self, of: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(of, self.folder)


@asynccontextmanager
async def operator(folder: Path, database: TestDatabase) -> AsyncIterator[Operator]:
    async with list_server() as server:
        address = await database.database.address(DETECTOR)
        yield await asyncio.to_thread(Operator, folder, server, database, address)


class Killed(BaseException):
    """No ``except Exception`` of ours may go on after it, as none would after SIGKILL."""


class Steps:
    """Told of each step; dies at the nth."""

    def __init__(self, crash: int | None = None) -> None:
        self._left = crash

    def __call__(self, step: str) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Killed(step)
