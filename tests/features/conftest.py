"""Fixtures of the features' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.delivering import put_key
from tests.features.gateways import FakeJlis
from tests.features.inviting import FakeApp, letters
from tests.features.service import Service, serving
from tests.features.visiting import Visitor
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


@pytest.fixture
def app() -> FakeApp:
    """Plays card and phone for who signs a letter."""
    return FakeApp()


@pytest.fixture
async def letter_service(
    world: World, jlis: FakeJlis, institution: TestInstitution, app: FakeApp
) -> AsyncIterator[Service]:
    """A service that customers reach, after its first night; the institution has a delivery key."""
    await world.day()
    async with letters(world, jlis, app=app) as running:
        await put_key(running, institution)
        yield running


@pytest.fixture
def visitor(letter_service: Service, app: FakeApp) -> Visitor:
    """A customer with a letter and a browser."""
    return Visitor(letter_service, app)
