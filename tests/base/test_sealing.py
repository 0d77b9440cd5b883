"""T56, T57: a sealed value opens in its own place only, and not at all without its keys."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from platform_api.db.transactions import tenant
from platform_api.faults import SetupRefused
from platform_api.key_files import read_secret, write_secret_once
from platform_api.sealing import FileKeyProvider, Sealer
from platform_api.tagging import Tagger
from revocation.errors import OwnFault
from revocation.identity import CertificateIdentity
from tests.base.postgres import TestDatabase, TestInstitution

SECRET = b"00bfcd"
COLUMN = "watched_certificate.identity"


async def test_a_value_opens_where_it_was_sealed(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """Round trip; the same plaintext never gives the same octets, and they hold nothing of it."""
    row, mine = uuid4(), institution.institution_id
    async with tenant(database.app_pool, mine) as connection:
        sealed = [await database.sealer.seal(connection, mine, COLUMN, row, SECRET) for _ in range(50)]
        opened = await database.sealer.unseal(connection, mine, COLUMN, row, sealed[0].data)
    assert opened == SECRET
    assert len({one.data for one in sealed}) == 50
    assert all(SECRET not in one.data and one.epoch == 1 for one in sealed)


async def test_a_value_moved_elsewhere_does_not_open(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Another row, another column, another institution, a cut or a changed octet: refused, never wrong
    plaintext.
    """
    row, mine, other = uuid4(), institution.institution_id, other_institution.institution_id
    async with tenant(database.app_pool, mine) as connection:
        data = (await database.sealer.seal(connection, mine, COLUMN, row, SECRET)).data
        for column, row_id, octets in (
            ("consent.ref", row, data),
            (COLUMN, uuid4(), data),
            (COLUMN, row, data[:-1]),
            (COLUMN, row, data[:20]),
            (COLUMN, row, b""),
            (COLUMN, row, bytes([2]) + data[1:]),
            (COLUMN, row, data[:1] + b"\x00\x00\x00\x09" + data[5:]),
            *((COLUMN, row, data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :]) for n in range(len(data))),
        ):
            with pytest.raises(OwnFault):
                await database.sealer.unseal(connection, mine, column, row_id, octets)
    async with tenant(database.app_pool, other) as connection:
        with pytest.raises(OwnFault):
            await database.sealer.unseal(connection, other, COLUMN, row, data)


async def test_another_tenants_data_key_cannot_be_had(
    database: TestDatabase, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Inside one tenant's transaction the other's data key does not exist, so nothing of it can be opened."""
    fresh = Sealer(FileKeyProvider({"kek-1": bytes(range(32))}, "kek-1"))
    async with tenant(database.app_pool, institution.institution_id) as connection:
        with pytest.raises(OwnFault, match="DATA_KEY_MISSING"):
            await fresh.seal(connection, other_institution.institution_id, COLUMN, uuid4(), SECRET)


async def test_without_the_right_key_encryption_key_nothing_opens(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """Another kek.json, or one without the key that wrapped: refused."""
    row, mine = uuid4(), institution.institution_id
    async with tenant(database.app_pool, mine) as connection:
        data = (await database.sealer.seal(connection, mine, COLUMN, row, SECRET)).data
        for keys, current in (({"kek-1": bytes(32)}, "kek-1"), ({"kek-2": bytes(range(32))}, "kek-2")):
            with pytest.raises(OwnFault, match="SEAL_BROKEN"):
                await Sealer(FileKeyProvider(keys, current)).unseal(connection, mine, COLUMN, row, data)


async def test_a_new_epoch_seals_and_the_old_still_opens(
    database: TestDatabase, institution: TestInstitution
) -> None:
    """After a rotation new values carry the new epoch; old ones open until their key is deleted, then
    never.
    """
    row, mine = uuid4(), institution.institution_id
    async with tenant(database.app_pool, mine) as connection:
        old = await database.sealer.seal(connection, mine, COLUMN, row, SECRET)
    async with database.owner() as owner, owner.transaction():
        await owner.execute("SELECT set_config('app.institution_id', $1, true)", str(mine))
        await database.sealer.create_data_key(owner, mine, 2)

    def restarted() -> Sealer:
        return Sealer(FileKeyProvider({"kek-1": bytes(range(32)), "kek-2": bytes(32)}, "kek-2"))

    async with tenant(database.app_pool, mine) as connection:
        new = await restarted().seal(connection, mine, COLUMN, row, SECRET)
        assert (old.epoch, new.epoch) == (1, 2)
        assert await restarted().unseal(connection, mine, COLUMN, row, old.data) == SECRET
    async with database.superuser() as superuser:
        await superuser.execute("DELETE FROM institution_key WHERE epoch = 1")
    async with tenant(database.app_pool, mine) as connection:
        with pytest.raises(OwnFault, match="DATA_KEY_MISSING"):
            await restarted().unseal(connection, mine, COLUMN, row, old.data)
        assert await restarted().unseal(connection, mine, COLUMN, row, new.data) == SECRET


def test_tags_tell_certificates_apart_and_hide_them() -> None:
    """CA, issuer key and serial octets each change the tag; FF is not 00FF; the key decides everything."""
    tagger = Tagger({1: bytes(32)}, 1)
    identities = [
        CertificateIdentity("card-sign", bytes(32), b"\x01"),
        CertificateIdentity("card-sign", bytes(32), b"\x00\xff"),
        CertificateIdentity("card-sign", bytes(32), b"\xff"),
        CertificateIdentity("card-sign", bytes([1] * 32), b"\x01"),
        CertificateIdentity("card-auth", bytes(32), b"\x01"),
    ]
    tags = [tagger.tag(identity) for identity in identities]
    assert len(set(tags)) == len(tags)
    assert all(tag.key_id == 1 and len(tag.value) == 16 for tag in tags)
    assert tagger.tag(identities[0]) == tags[0]
    assert Tagger({1: bytes([1] * 32)}, 1).tag(identities[0]) != tags[0]


def test_during_a_rotation_both_tags_are_looked_for() -> None:
    """Two live keys: the current one tags, both are searched, the current first."""
    identity = CertificateIdentity("card-sign", bytes(32), b"\x01")
    old, new = Tagger({1: bytes(32)}, 1), Tagger({1: bytes(32), 2: bytes([2] * 32)}, 2)
    assert new.tags(identity) == (new.tag(identity), old.tag(identity))
    assert new.tag(identity).key_id == 2


def test_secret_files_are_private_whole_and_written_once(tmp_path: Path) -> None:
    """Mode 0600 in 0700; a second writer changes nothing; a readable file is refused with its remedy."""
    path = tmp_path / "keys" / "a.key"
    assert write_secret_once(path, b"first") is True
    assert write_secret_once(path, b"second") is False
    assert read_secret(path) == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["a.key"]
    path.chmod(0o640)
    with pytest.raises(SetupRefused, match="chmod 600"):
        read_secret(path)
    with pytest.raises(SetupRefused, match="KEY_FILE_MISSING"):
        read_secret(path.parent / "none.key")
