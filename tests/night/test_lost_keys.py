"""A lost or foreign key file stops the night before it can lose an event, and says which one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from platform_api.key_set import FILES, open_keys
from revocation.exits import Exit
from tests.night.live import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("keys")) as made:
        yield made


@pytest.fixture
def keys(world: World, tmp_path: Path) -> Iterator[Path]:
    """The world's keys folder, restored after the test."""
    folder = world.data / "keys"
    shutil.copytree(folder, tmp_path / "backup")
    yield folder
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)


@pytest.mark.parametrize("name", FILES)
def test_a_lost_key_stops_the_night_and_its_return_loses_nothing(world: World, keys: Path, name: str) -> None:
    """Without the file: exit 5 naming it, nothing published; with it back, the day's event arrives once."""
    resident = next(
        r for r in world.residents() if all(r["resident_id"] != e["registration_ref"] for e in world.events())
    )
    registration = world.register(resident, resident["resident_id"])
    world.act(resident["resident_id"], "move", reissue="never")
    world.publish()
    kept = (keys / name).read_bytes()
    (keys / name).unlink()
    exit_code, refused = world.night()
    assert exit_code == Exit.REFUSED
    assert refused["error"] == "KEY_FILE_MISSING"
    assert name in refused["got"]
    assert not (keys / name).exists()

    (keys / name).write_bytes(kept)
    (keys / name).chmod(0o600)
    assert world.night()[0] == Exit.DONE
    assert [change for _, change in world.changes_of(registration)] == ["REVOKED"]


@pytest.mark.parametrize("name", ["tag.key", "kek.json", "api_key.key"])
def test_a_foreign_key_is_refused(world: World, keys: Path, tmp_path: Path, name: str) -> None:
    """Another installation's key under the same name: exit 5, and no event is skipped over."""
    open_keys(tmp_path / "other", now=datetime.now(UTC))
    shutil.copy(tmp_path / "other" / name, keys / name)
    exit_code, refused = world.night()
    assert exit_code == Exit.REFUSED
    assert refused["error"] == "KEY_FILE_FOREIGN"
    assert name in refused["got"]


def test_the_whole_folder_lost_is_not_a_first_start(world: World, keys: Path) -> None:
    """keys/ gone while a set is published: refused, never a new set of keys."""
    shutil.rmtree(keys)
    exit_code, refused = world.night()
    assert exit_code == Exit.REFUSED
    assert refused["error"] == "KEY_FILE_MISSING"
