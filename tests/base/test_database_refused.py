"""A database that cannot be had, or must not be served with: one sentence, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_api.db.addresses import from_dsn
from platform_api.db.database import open_database
from platform_api.db.embedded import EmbeddedPostgres
from platform_api.faults import DatabaseFailed, SetupRefused
from revocation.clock import SystemClock
from tests.base.postgres import TestDatabase


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A data folder under a file, or of nobody: refused with the remedy, nothing made."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "data", Path("/proc/jpki")):
        with pytest.raises(SetupRefused, match=r"DATA_DIR_NOT_WRITABLE.*JPKI_DATA_DIR"):
            await EmbeddedPostgres(folder).ensure()


async def test_an_unreachable_dsn_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    """Nobody at the address, or an address of another form: the remedy, never the password."""
    for dsn in (
        "postgresql://jpki_app:sesame@127.0.0.1:1/jpki",
        "mysql://jpki_app:sesame@host/x",
        "sesame",
        "postgresql://jpki_app:sesame@host:port/jpki",
    ):
        with pytest.raises((DatabaseFailed, SetupRefused)) as refused:
            async with open_database(data_dir=tmp_path, clock=SystemClock(), dsn=SecretStr(dsn)):
                pass
        assert "sesame" not in str(refused.value)
        assert "JPKI_DSN" in str(refused.value)
    assert "sesame" not in repr(from_dsn("postgresql://a:sesame@h/d"))


async def test_serving_as_a_powerful_role_is_refused(database: TestDatabase, tmp_path: Path) -> None:
    """A DSN of the owner instead of jpki_app does not start."""
    with pytest.raises(DatabaseFailed, match="ROLE_TOO_POWERFUL"):
        async with open_database(data_dir=tmp_path, clock=SystemClock(), dsn=SecretStr(database.owner_dsn)):
            pass
