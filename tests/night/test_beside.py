"""Several of our processes at the same moment on one fresh folder: they agree, and none fails."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from platform_api.cli.institution import _create
from platform_api.config import load_settings
from platform_api.db.addresses import DATABASE
from platform_api.db.database import Database
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.db.programs import SUPERUSER
from platform_api.db.transactions import Connection
from platform_api.institutions import administration
from platform_api.institutions.model import Entitlement, OcspPurpose, Service
from tests.night.live import JPKI

AT_ONCE = 5
#: What the command gives where nothing is said.
LIMITS: dict[str, Any] = {
    "entitlement": Entitlement.REGISTERED,
    "ocsp_purpose": OcspPurpose.CURRENT_STATUS_CHECK,
    "ocsp_rate_per_s": None,
    "ocsp_burst": None,
}


def test_first_starts_at_the_same_moment_agree(tmp_path: Path) -> None:
    """Five institutions made at once in a folder without keys, cluster or roles: five different ones."""
    data = str(tmp_path / "data")
    children = [
        subprocess.Popen(
            [*JPKI, "institution", "create", "--data", data, "--json",
             "--name", f"Bank {n}", "--service", f"service-{n}"],
            env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in range(AT_ONCE)
    ]  # fmt: skip
    made = []
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        made.append(json.loads(out.strip().splitlines()[-1]))
    assert len({one["institution_id"] for one in made}) == AT_ONCE
    assert len({one["api_key"] for one in made}) == AT_ONCE


async def test_a_server_that_ends_under_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the institution and its service the connection goes, as when the command that ran the private
    server has had its last word: the act is done again, and there is one institution, whole."""
    real, calls = administration.create_service, 0

    async def create_service(owner: Connection, **given: Any) -> Service:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise asyncpg.InterfaceError("connection is closed")
        return await real(owner, **given)

    monkeypatch.setattr(administration, "create_service", create_service)
    data = tmp_path / "data"
    settings = await asyncio.to_thread(load_settings, data_dir=data)
    made = await _create(settings, "Bank", "service-1", "sandbox", [], [], LIMITS)
    assert calls == 2
    assert await _institutions(data) == [made["institution_id"]]


async def test_a_commit_whose_answer_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, though it reported an error: what was made is told with its key, and nothing is made twice."""
    real, calls = Database.owner, 0

    @asynccontextmanager
    async def owner(database: Database) -> AsyncIterator[Connection]:
        nonlocal calls
        calls += 1
        async with real(database) as connection:
            yield connection
        if calls == committing:
            raise asyncpg.InterfaceError("connection is closed")

    data = tmp_path / "data"
    settings = await asyncio.to_thread(load_settings, data_dir=data)
    # The first run is for how often the command connects as the owner: its commit is in the last one.
    committing = -1
    monkeypatch.setattr(Database, "owner", owner)
    first = await _create(settings, "Bank", "service-1", "sandbox", [], [], LIMITS)
    committing, calls = calls, 0
    second = await _create(settings, "Bank", "service-2", "sandbox", [], [], LIMITS)
    assert calls > committing
    assert sorted(await _institutions(data)) == sorted(one["institution_id"] for one in (first, second))


async def _institutions(data: Path) -> list[str]:
    server = EmbeddedPostgres(data)
    await server.ensure()
    try:
        address = await server.address(SUPERUSER, DATABASE)
        connection = await asyncpg.connect(**address.arguments())
        found = [str(row[0]) for row in await connection.fetch("SELECT institution_id FROM institution")]
        await connection.close()
    finally:
        await server.stop()
    return found
