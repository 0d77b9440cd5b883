"""Fixtures of the features' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.base.postgres import TestDatabase
from tests.features.world import World, make_world


@pytest.fixture
def world(database: TestDatabase, tmp_path: Path) -> World:
    """One CA with two generations and two partitions, nothing published yet."""
    return make_world(database, tmp_path / "snapshots")
