"""Starting: migrations, settings, keys; refused with one sentence or done the same way twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509

from platform_api.config import Settings, load_settings
from platform_api.db.database import Database
from platform_api.db.migrate import Migration, migrate, migrations
from platform_api.db.roles import ensure_database
from platform_api.faults import DatabaseFailed, SetupRefused
from platform_api.institutions.administration import create_api_key, create_institution, create_service
from platform_api.institutions.api_keys import ApiKey
from platform_api.institutions.model import Mode
from platform_api.key_set import open_keys
from tests.base.postgres import MADE_AT, TestDatabase, TestInstitution

FILES = migrations()
NEXT = len(FILES) + 1


def _migration(sql: str) -> Migration:
    return Migration(NEXT, f"{NEXT:04d}_test", sql, bytes(32))


async def test_migrating_again_changes_nothing(database: TestDatabase) -> None:
    """The second run applies nothing."""
    async with database.owner() as owner:
        assert await migrate(owner, now=MADE_AT, files=FILES) == 0


async def test_two_migrators_at_once_do_it_once(database: TestDatabase) -> None:
    """An empty database, two migrators: one applies each file, the other waits and finds it done."""
    async with database.superuser("postgres") as superuser:
        await ensure_database(superuser, f"{database.name}_empty")
    empty = Database({"jpki_owner": database.owner_address.with_database(f"{database.name}_empty")}, None)
    try:
        async with empty.owner() as one, empty.owner() as two:
            applied = await asyncio.gather(
                *(migrate(owner, now=MADE_AT, files=FILES) for owner in (one, two))
            )
            assert sum(applied) == len(FILES)
            assert await one.fetchval("SELECT count(*) FROM schema_version") == len(FILES)
    finally:
        async with database.superuser("postgres") as superuser:
            await superuser.execute(f'DROP DATABASE "{database.name}_empty" WITH (FORCE)')


async def test_a_migration_that_fails_leaves_nothing(database: TestDatabase) -> None:
    """Half a file is no file: its first statement is undone with its second."""
    broken = _migration("CREATE TABLE half (a int); SELECT 1/0")
    async with database.owner() as owner:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(owner, now=MADE_AT, files=(*FILES, broken))
        assert await owner.fetchval("SELECT to_regclass('half')") is None
        assert await owner.fetchval("SELECT max(version) FROM schema_version") == len(FILES)


async def test_a_migration_without_row_security_is_refused(database: TestDatabase) -> None:
    """A table that forgets FORCE ROW LEVEL SECURITY stops the start, by name."""
    async with database.owner() as owner:
        with pytest.raises(DatabaseFailed, match=r"ROW_SECURITY_MISSING.*forgotten"):
            await migrate(owner, now=MADE_AT, files=(*FILES, _migration("CREATE TABLE forgotten (a int)")))


async def test_an_edited_or_unknown_schema_is_refused(database: TestDatabase) -> None:
    """A file that changed after it was applied, or a version from the future: not served."""
    async with database.owner() as owner:
        edited = (*FILES[:-1], replace(FILES[-1], sha256=bytes(32)))
        for files in (edited, FILES[:-1]):
            with pytest.raises(DatabaseFailed, match="SCHEMA_UNKNOWN"):
                await migrate(owner, now=MADE_AT, files=files)


async def test_administration_refuses_what_makes_no_sense(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """Unknown purposes, kinds, scopes and institutions, taken or malformed service codes: one sentence
    each.
    """
    async with database.owner() as owner:
        for purposes, kinds in ((["everything"], []), ([], ["passport"])):
            with pytest.raises(SetupRefused, match="INSTITUTION_REFUSED"):
                await create_institution(
                    owner,
                    database.sealer,
                    name="x",
                    mode=Mode.TEST,
                    legal_basis="y",
                    purposes=purposes,
                    kinds=kinds,
                    now=MADE_AT,
                )
        for code in (institution.service_code, "a b", ""):
            with pytest.raises(SetupRefused, match="service code"):
                await create_service(
                    owner, institution_id=institution.institution_id, service_code=code, name="x", now=MADE_AT
                )
        with pytest.raises(SetupRefused, match="scope"):
            await create_api_key(
                owner,
                database.hasher,
                institution_id=institution.institution_id,
                label="x",
                scopes=["all"],
                now=MADE_AT,
            )
        with pytest.raises(SetupRefused, match="id of an institution"):
            await create_api_key(
                owner,
                database.hasher,
                institution_id=institution.service_id,
                label="x",
                scopes=[],
                now=MADE_AT,
            )


def test_api_keys_carry_256_bits_and_a_checksum() -> None:
    """A key parses only whole and unchanged; its repr hides it; two are never equal."""
    key = ApiKey.generate(Mode.TEST)
    assert ApiKey.parse(key.text) == key
    assert key.text.startswith("jpk_test_")
    assert key.text not in repr(key)
    assert len({ApiKey.generate(Mode.LIVE).text for _ in range(100)}) == 100
    for position in range(len(key.text)):
        other = "0" if key.text[position] != "0" else "1"
        assert ApiKey.parse(key.text[:position] + other + key.text[position + 1 :]) is None
    assert ApiKey.parse(key.text.replace("test", "live")) is None


def test_settings_come_from_arguments_environment_file_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of command line, environment, jpki.toml and default wins."""
    (tmp_path / "jpki.toml").write_text('port = 1001\nhost = "::1"\npool_size = 5\n')
    monkeypatch.setenv("JPKI_PORT", "1002")
    monkeypatch.setenv("JPKI_HOST", "127.0.0.2")
    settings = load_settings(data_dir=tmp_path, port=1003, host=None)
    assert (settings.port, settings.host, settings.pool_size, settings.mode) == (
        1003,
        "127.0.0.2",
        5,
        "sandbox",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "sesame"),
        ("mode", "sesame"),
        ("jlis_url", "ftp://sesame"),
        ("pool_size", "0"),
        ("body_timeout_s", "-1"),
        ("owner_dsn", "sesame"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Refused at the start with its name and remedy; its value may be a password."""
    monkeypatch.setenv(f"JPKI_{name.upper()}", value)
    with pytest.raises(SetupRefused) as refused:
        load_settings(data_dir=tmp_path)
    assert name in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_an_unknown_setting_or_broken_file_is_refused(tmp_path: Path) -> None:
    """A misspelt name in jpki.toml does not pass silently; nor does a file that is no TOML."""
    for text in ("prot = 8080\n", "port = \n"):
        (tmp_path / "jpki.toml").write_text(text)
        with pytest.raises(SetupRefused):
            load_settings(data_dir=tmp_path)


def test_live_mode_takes_no_sandbox_clock(tmp_path: Path) -> None:
    """Live and sandbox are separate deployments."""
    with pytest.raises(SetupRefused, match="sandbox"):
        load_settings(data_dir=tmp_path, mode="live", sandbox_url="http://127.0.0.1:1")


def test_every_setting_is_documented() -> None:
    """Each field says what it does, where it is declared."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_keys_are_made_once_and_kept(tmp_path: Path) -> None:
    """The second start finds the same keys; the responder's certificate is public, pinned and back-dated."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    first = open_keys(tmp_path / "keys", now=now)
    second = open_keys(tmp_path / "keys", now=now + timedelta(days=9))
    assert first.publisher.private_bytes_raw() == second.publisher.private_bytes_raw()
    certificate = first.responder_certificate
    assert certificate == second.responder_certificate
    assert certificate.not_valid_before_utc < now - timedelta(days=365)
    assert (
        x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING
        in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    )
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert modes.pop("responder.crt") == 0o644
    assert set(modes.values()) == {0o600}


def test_a_broken_key_file_is_refused_and_not_replaced(tmp_path: Path) -> None:
    """Half a key is no reason to make a new one: what it sealed or signed would be lost."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    open_keys(tmp_path, now=now)
    for name in ("publisher.pem", "kek.json", "tag.key", "api_key.key", "responder.crt"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SetupRefused, match="KEY_FILE_BROKEN"):
            open_keys(tmp_path, now=now)
        assert path.read_bytes() == whole[: len(whole) // 2]
        path.write_bytes(whole)
