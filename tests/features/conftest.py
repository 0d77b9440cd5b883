"""Fixtures of the features' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.base.postgres import TestDatabase
from tests.features.gateways import FakeJlis
from tests.features.service import Service, serving
from tests.features.world import World, make_world


@pytest.fixture
def world(database: TestDatabase, tmp_path: Path) -> World:
    """One CA with two generations and two partitions, nothing published yet."""
    return make_world(database, tmp_path / "snapshots")


@pytest.fixture
async def jlis(world: World) -> FakeJlis:
    """J-LIS on the world's clock."""
    return FakeJlis(world.clock)


@pytest.fixture
async def service(world: World, jlis: FakeJlis) -> AsyncIterator[Service]:
    """A service after its first night."""
    await world.day()
    async with serving(world, jlis) as running:
        yield running
